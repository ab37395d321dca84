// SPDX-License-Identifier: MIT
#include "unit.h"

#include <string.h>

#include "base/timestamp.h"

#define S INT64_C(1000000000)

static void check_name(int64_t ns, int32_t offset, const char *expect)
{
	char text[TIMESTAMP_NAME_LEN];

	memset(text, 'x', sizeof(text));
	timestamp_name(ns, offset, text);
	assert_string_equal(text, expect);
}

static void names(void **state)
{
	check_name(0, 0, "19700101-000000");
	check_name(1560948120 * S, 0, "20190619-124200");
	check_name(1560948120 * S + S - 1, 0, "20190619-124200");
	check_name(1560948120 * S, 7200, "20190619-144200");
	check_name(1560948120 * S, -12600, "20190619-091200");
	check_name(1582934399 * S, 0, "20200228-235959");
	check_name(1582934400 * S, 0, "20200229-000000");
	check_name(1577836799 * S, 1, "20200101-000000");
	check_name(4102444800 * S, 0, "21000101-000000");
	check_name(0, -1, "19691231-235959");
}

static void check_stamp(int64_t ns, const char *expect)
{
	char text[TIMESTAMP_STAMP_LEN];

	assert_int_equal(timestamp_stamp(ns, text), strlen(expect));
	assert_string_equal(text, expect);
}

static void stamps(void **state)
{
	check_stamp(0, "0.000000 ");
	check_stamp(999, "0.000000 ");
	check_stamp(1000, "0.000001 ");
	check_stamp(1560948120 * S + 42000, "1560948120.000042 ");
	check_stamp(1560948120 * S + S - 1, "1560948120.999999 ");
}

/* A stream can hold any time: no text is too long, none is cut. */
static void any_instant(void **state)
{
	static const int64_t instants[] = {INT64_MIN, INT64_MIN + 1, -S,	-1,
					   1,	      INT64_MAX - 1, INT64_MAX, INT64_MAX / 2};
	char name[TIMESTAMP_NAME_LEN], stamp[TIMESTAMP_STAMP_LEN];
	unsigned int i;
	size_t len;

	for (i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
		timestamp_name(instants[i], INT32_MAX, name);
		assert_int_equal(strlen(name), 15);
		timestamp_name(instants[i], INT32_MIN, name);
		assert_int_equal(strlen(name), 15);
		len = timestamp_stamp(instants[i], stamp);
		assert_int_equal(len, strlen(stamp));
		assert_int_equal(stamp[strlen(stamp) - 1], ' ');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(stamps),
		cmocka_unit_test(any_instant),
	};

	return cmocka_run_group_tests_name("timestamp", tests, NULL, NULL);
}
