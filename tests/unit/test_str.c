// SPDX-License-Identifier: MIT
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "base/str.h"

static void empty(void **state)
{
	struct str str = {0};

	assert_string_equal(str_text(&str), "");
	str_clear(&str);
	str_consume(&str, 0);
	str_free(&str);
	assert_null(str.data);

	str_append(&str, NULL, 0);
	assert_non_null(str.data);
	assert_string_equal(str_text(&str), "");
	str_free(&str);
}

static void append(void **state)
{
	struct str str = {0};

	str_append_text(&str, "one");
	str_append(&str, BYTES("\0two"));
	assert_int_equal(str.len, 7);
	assert_memory_equal(str.data, "one\0two", 8);
	str_append(&str, NULL, 0);
	str_append_text(&str, "");
	assert_int_equal(str.len, 7);
	str_free(&str);
}

/* Wherever bytes are cut in two, appending both pieces gives the same string. */
static void append_in_two(void **state)
{
	const char text[] = "0123456789abcdef\0ghijklmnopqrstuvwxyz";
	size_t cut, len = sizeof(text) - 1;
	char *data = guard_dup(text, len);

	for (cut = 0; cut <= len; cut++) {
		struct str str = {0};

		str_append(&str, data, cut);
		assert_int_equal(str.data[cut], '\0');
		str_append(&str, data + cut, len - cut);
		assert_int_equal(str.len, len);
		assert_memory_equal(str.data, text, sizeof(text));
		str_free(&str);
	}
	guard_free(data, len);
}

static void grow(void **state)
{
	struct str str = {0};
	size_t i;

	for (i = 0; i < 10000; i++) {
		str_append(&str, &"abcdefghij"[i % 10], 1);
		assert_int_equal(str.len, i + 1);
		assert_int_equal(str.data[i + 1], '\0');
		assert_true(str.cap > str.len);
	}
	for (i = 0; i < 10000; i++)
		assert_int_equal(str.data[i], 'a' + i % 10);
	str_free(&str);
}

static void print(void **state)
{
	struct str str = {0};
	int i;

	str_printf(&str, "%s", "");
	assert_string_equal(str_text(&str), "");
	for (i = 0; i < 1000; i++)
		str_printf(&str, "%03d,", i);
	assert_int_equal(str.len, 4000);
	assert_memory_equal(str.data, "000,001,002,", 12);
	assert_string_equal(str.data + 3988, "997,998,999,");
	str_free(&str);
}

static void consume(void **state)
{
	const char text[] = "abc\0def";
	size_t size;

	for (size = 0; size < sizeof(text); size++) {
		struct str str = {0};

		str_append(&str, BYTES(text));
		str_consume(&str, size);
		assert_int_equal(str.len, sizeof(text) - 1 - size);
		assert_memory_equal(str.data, text + size, sizeof(text) - size);
		str_append_text(&str, "!");
		assert_int_equal(str.data[str.len - 1], '!');
		str_free(&str);
	}
}

static void clear_keeps_memory(void **state)
{
	struct str str = {0};
	size_t cap;

	str_append_text(&str, "something");
	cap = str.cap;
	str_clear(&str);
	assert_int_equal(str.len, 0);
	assert_int_equal(str.cap, cap);
	assert_string_equal(str_text(&str), "");
	str_append_text(&str, "else");
	assert_string_equal(str_text(&str), "else");
	str_free(&str);
	assert_int_equal(str.len + str.cap, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(append),
		cmocka_unit_test(append_in_two),
		cmocka_unit_test(grow),
		cmocka_unit_test(print),
		cmocka_unit_test(consume),
		cmocka_unit_test(clear_keeps_memory),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
