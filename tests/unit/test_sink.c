// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "rl_abi.h"
#include "rawlog/sink.h"

static void serials(void **state)
{
	char text[SINK_SERIAL_LEN];

	assert_string_equal(sink_serial_text(0, text), "");
	assert_string_equal(sink_serial_text(1, text), "");
	assert_string_equal(sink_serial_text(2, text), "-2");
	assert_string_equal(sink_serial_text(SINK_SERIAL_MAX, text), "-1000");
	assert_string_equal(sink_serial_text(UINT32_MAX, text), "-4294967295");
}

static void file_names(void **state)
{
	const struct log_place place = {.name = "20190619-124200-502", .format = &format_pair};
	const struct log_place stream = {.name = place.name, .format = &format_single};
	char name[NAME_MAX + 1];

	assert_int_equal(sink_file_name(&place, 1, RL_IN, name, sizeof(name)), 0);
	assert_string_equal(name, "20190619-124200-502.in");
	assert_int_equal(sink_file_name(&place, 1, RL_OUT, name, sizeof(name)), 0);
	assert_string_equal(name, "20190619-124200-502.out");
	assert_int_equal(sink_file_name(&place, 2, RL_OUT, name, sizeof(name)), 0);
	assert_string_equal(name, "20190619-124200-502-2.out");
	assert_int_equal(sink_file_name(&stream, 1, RL_IN, name, sizeof(name)), 0);
	assert_string_equal(name, "20190619-124200-502.rawlog");
}

static void too_long(void **state)
{
	char name[8], long_name[] = "12345";
	const struct log_place place = {.name = long_name, .format = &format_pair};

	assert_int_equal(sink_file_name(&place, 1, RL_IN, name, sizeof(name)), -ENAMETOOLONG);
	assert_int_equal(sink_file_name(&place, 1, RL_IN, name, 0), -ENAMETOOLONG);
	long_name[4] = '\0';
	assert_int_equal(sink_file_name(&place, 1, RL_IN, name, sizeof(name)), 0);
	assert_string_equal(name, "1234.in");
	assert_int_equal(sink_file_name(&place, 1, RL_OUT, name, sizeof(name)), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serials),
		cmocka_unit_test(file_names),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests_name("sink", tests, NULL, NULL);
}
