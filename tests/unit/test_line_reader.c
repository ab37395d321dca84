// SPDX-License-Identifier: MIT
/* struct line_reader of auth_lines.h, which cuts a stream of bytes into lines. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "guard.h"
#include "dovecot/auth_lines.h"

struct collected {
	struct str text; /* each line, followed by "|" */
	unsigned int skipped;
};

static void collect(char *text, size_t len, void *context)
{
	struct collected *collected = context;

	assert_int_equal(text[len], '\0');
	str_append(&collected->text, text, len);
	str_append_text(&collected->text, "|");
	memset(text, 'x', len); /* the callback may change it */
}

/* Feeds bytes that end at unmapped memory. */
static void feed(struct line_reader *lines, const char *data, size_t len,
		 struct collected *collected)
{
	char *guarded = guard_dup(data, len);

	collected->skipped += line_reader_feed(lines, guarded, len, collect, collected);
	guard_free(guarded, len);
}

static void expect_lines(struct collected *collected, const char *text, size_t len)
{
	assert_int_equal(collected->text.len, len);
	assert_memory_equal(str_text(&collected->text), text, len);
	str_free(&collected->text);
}

static const char stream[] = "VERSION\t1\t1\nSPID\t77\n\nwith\0nul\nlast\npart";
static const char stream_lines[] = "VERSION\t1\t1|SPID\t77||with\0nul|last|";

static void whole(void **state)
{
	struct line_reader lines = {0};
	struct collected collected = {0};

	feed(&lines, "", 0, &collected);
	feed(&lines, BYTES(stream), &collected);
	expect_lines(&collected, BYTES(stream_lines));
	feed(&lines, BYTES("\n"), &collected);
	expect_lines(&collected, BYTES("part|"));
	assert_int_equal(collected.skipped, 0);
	assert_int_equal(line_reader_feed(&lines, NULL, 0, collect, &collected), 0);
	line_reader_free(&lines);
}

static void split(void **state)
{
	const size_t len = sizeof(stream) - 1;
	size_t first, second;

	for (first = 0; first <= len; first++)
		for (second = first; second <= len; second++) {
			struct line_reader lines = {0};
			struct collected collected = {0};

			feed(&lines, stream, first, &collected);
			feed(&lines, stream + first, second - first, &collected);
			feed(&lines, stream + second, len - second, &collected);
			expect_lines(&collected, BYTES(stream_lines));
			line_reader_free(&lines);
		}
}

static void byte_by_byte(void **state)
{
	struct line_reader lines = {0};
	struct collected collected = {0};
	size_t i;

	for (i = 0; i < sizeof(stream) - 1; i++)
		feed(&lines, stream + i, 1, &collected);
	expect_lines(&collected, BYTES(stream_lines));
	line_reader_free(&lines);
}

/* Lines of lengths around the limit, in one piece and in two, and a good line after them. */
static void too_long(void **state)
{
	static char data[AUTH_LINE_MAX + 16];
	const size_t cuts[] = {0, 1, AUTH_LINE_MAX - 1, AUTH_LINE_MAX, AUTH_LINE_MAX + 1};
	size_t len, i;

	for (len = AUTH_LINE_MAX - 1; len <= AUTH_LINE_MAX + 2; len++)
		for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
			const bool fits = len <= AUTH_LINE_MAX;
			struct line_reader lines = {0};
			struct collected collected = {0};

			memset(data, 'y', len);
			memcpy(data + len, "\nok\n", 4);
			feed(&lines, data, cuts[i], &collected);
			feed(&lines, data + cuts[i], len + 4 - cuts[i], &collected);
			assert_int_equal(collected.skipped, fits ? 0 : 1);
			assert_int_equal(collected.text.len, (fits ? len + 1 : 0) + 3);
			assert_string_equal(collected.text.data + collected.text.len - 3, "ok|");
			str_free(&collected.text);
			line_reader_free(&lines);
		}
}

static void endless(void **state)
{
	static const char data[10000] = {'z'};
	struct line_reader lines = {0};
	struct collected collected = {0};
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		feed(&lines, data, sizeof(data), &collected);
		assert_true(lines.partial.len <= AUTH_LINE_MAX);
	}
	feed(&lines, BYTES("\nok\n"), &collected);
	assert_int_equal(collected.skipped, 1);
	expect_lines(&collected, BYTES("ok|"));
	line_reader_free(&lines);
}

static void resync(void **state)
{
	struct line_reader lines = {0};
	struct collected collected = {0};

	feed(&lines, BYTES("one\ntw"), &collected);
	line_reader_resync(&lines);
	line_reader_resync(&lines);
	feed(&lines, BYTES("hree"), &collected);
	feed(&lines, BYTES("\nfour\n"), &collected);
	assert_int_equal(collected.skipped, 0);
	expect_lines(&collected, BYTES("one|four|"));
	line_reader_free(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),	cmocka_unit_test(split),
		cmocka_unit_test(byte_by_byte), cmocka_unit_test(too_long),
		cmocka_unit_test(endless),	cmocka_unit_test(resync),
	};

	return cmocka_run_group_tests_name("line_reader", tests, NULL, NULL);
}
