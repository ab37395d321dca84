// SPDX-License-Identifier: MIT
#include "unit.h"

#include <string.h>

#include "base/timestamp.h"
#include "rawlog/format.h"
#include "rl_abi.h"
#include "base/str.h"

#define TEXT_MAX 6

struct call { /* one read() or write() */
	const char *data;
	size_t len;
	int64_t ns;
};

/* The format in other words, for whole system calls, from rawlog's manual and source. */
static void write_plainly(const struct log_flags *flags, const struct call *calls, size_t count,
			  struct str *out)
{
	bool line_begins = true;
	char stamp[TIMESTAMP_STAMP_LEN];
	size_t i;

	for (; count--; calls++) {
		if (!calls->len)
			continue;
		if (flags->boundaries)
			str_append_text(out, "<<<\n");
		for (i = 0; i < calls->len; i++) {
			if (flags->timestamps && line_begins)
				str_append(out, stamp, timestamp_stamp(calls->ns, stamp));
			str_append(out, &calls->data[i], 1);
			line_begins = calls->data[i] == '\n';
		}
		if (flags->boundaries)
			str_append_text(out, ">>>\n");
	}
}

static void feed(struct format_state *state, const struct log_flags *flags, const struct call *call,
		 size_t from, size_t to, struct str *out)
{
	const struct chunk chunk = {
		.data = (const unsigned char *)call->data + from,
		.len = to - from,
		.realtime_ns = call->ns,
		.continues = from > 0,
		.more = to < call->len,
	};

	format_pair.write(state, flags, &chunk, out);
}

/* Writes the calls in records that end at `cut`, and in records of one byte, and compares. */
static void check(const struct log_flags *flags, const struct call calls[2], size_t cut)
{
	struct str expect = {0}, out = {0}, single = {0};
	struct format_state state, state_single;
	size_t i, at, here;

	write_plainly(flags, calls, 2, &expect);
	format_init(&state);
	format_init(&state_single);
	for (i = 0, at = 0; i < 2; at += calls[i++].len) {
		here = cut > at && cut < at + calls[i].len ? cut - at : calls[i].len;
		feed(&state, flags, &calls[i], 0, here, &out);
		if (here < calls[i].len)
			feed(&state, flags, &calls[i], here, calls[i].len, &out);
		for (here = 0; here < calls[i].len; here++)
			feed(&state_single, flags, &calls[i], here, here + 1, &single);
	}
	format_pair.end(&state, flags, &out);
	format_pair.end(&state_single, flags, &single);
	assert_string_equal(str_text(&out), str_text(&expect));
	assert_string_equal(str_text(&single), str_text(&expect));
	str_free(&expect);
	str_free(&out);
	str_free(&single);
}

/* Every text of a few bytes, in two system calls, with every combination of flags. */
static void as_documented(void **state)
{
	unsigned int bits, letters;
	size_t len, call, cut, i;
	char text[TEXT_MAX];

	for (len = 0; len <= TEXT_MAX; len++) {
		for (letters = 0; letters < 1u << len; letters++) {
			for (i = 0; i < len; i++)
				text[i] = letters & 1u << i ? '\n' : "abcdef"[i];
			for (bits = 0; bits < 4; bits++)
				for (call = 0; call <= len; call++)
					for (cut = 0; cut <= len; cut++)
						check(&(struct log_flags){.boundaries = bits & 1,
									  .timestamps = bits & 2},
						      (struct call[]){{text, call, 1000000000},
								      {text + call, len - call,
								       2500000000}},
						      cut);
		}
	}
}

static void any_bytes(void **state)
{
	const struct log_flags flags = {.timestamps = true};
	const struct call call = {"\0\r\xff\n\n\x80", 6, 1560948120000042000};
	struct format_state format;
	struct str out = {0};

	format_init(&format);
	feed(&format, &flags, &call, 0, call.len, &out);
	assert_int_equal(out.len, 6 + 3 * 18);
	assert_memory_equal(out.data,
			    "1560948120.000042 \0\r\xff\n"
			    "1560948120.000042 \n"
			    "1560948120.000042 \x80",
			    out.len);
	str_free(&out);
}

struct gap_case {
	struct log_flags flags;
	const char *before;
	bool more, continues;
	const char *expect;
};

/* A gap is a line of its own, wherever it is; a block continues after it if the call does. */
static void gaps(void **state)
{
	static const struct gap_case cases[] = {
		{{0}, "", false, false, "[G]\nx"},
		{{0}, "ab", false, false, "ab\n[G]\nx"},
		{{0}, "ab\n", false, false, "ab\n[G]\nx"},
		{{.boundaries = true}, "ab", false, false, "<<<\nab>>>\n[G]\n<<<\nx>>>\n"},
		{{.boundaries = true}, "ab", true, true, "<<<\nab\n[G]\nx>>>\n"},
		{{.boundaries = true}, "ab", true, false, "<<<\nab\n[G]\n>>>\n<<<\nx>>>\n"},
		{{.boundaries = true}, "", false, true, "[G]\n<<<\nx>>>\n"},
		{{.timestamps = true}, "ab", false, false, "5.000000 ab\n5.000000 [G]\n5.000000 x"},
		{{.boundaries = true, .timestamps = true},
		 "ab\n",
		 true,
		 true,
		 "<<<\n5.000000 ab\n5.000000 [G]\n5.000000 x>>>\n"},
	};
	static const char text[] = "[rawtap: 7 bytes lost at offset 9: why]";
	static const struct note gap = {5000000000, "7 bytes lost at offset 9: why", RL_IN};
	struct format_state format;
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct gap_case *c = &cases[i];
		struct chunk chunk = {(const unsigned char *)c->before,
				      strlen(c->before),
				      5000000000,
				      false,
				      c->more,
				      RL_IN};
		struct str out = {0}, expect = {0};
		const char *mark = strstr(c->expect, "[G]");

		format_init(&format);
		format_pair.write(&format, &c->flags, &chunk, &out);
		format_pair.note(&format, &c->flags, &gap, &out);
		chunk = (struct chunk){
			(const unsigned char *)"x", 1, 5000000000, c->continues, false, RL_IN};
		format_pair.write(&format, &c->flags, &chunk, &out);
		format_pair.end(&format, &c->flags, &out);
		str_append(&expect, c->expect, mark - c->expect);
		str_append_text(&expect, text);
		str_append_text(&expect, mark + 3);
		assert_string_equal(str_text(&out), str_text(&expect));
		str_free(&out);
		str_free(&expect);
	}
}

/* The end of the log closes a block that is open, once. */
static void end(void **state)
{
	const struct log_flags flags = {.boundaries = true};
	const struct chunk chunk = {(const unsigned char *)"x", 1, 0, false, true, RL_IN};
	struct format_state format;
	struct str out = {0};

	format_init(&format);
	format_pair.end(&format, &flags, &out);
	assert_string_equal(str_text(&out), "");
	format_pair.write(&format, &flags, &chunk, &out);
	format_pair.end(&format, &flags, &out);
	format_pair.end(&format, &flags, &out);
	assert_string_equal(str_text(&out), "<<<\nx>>>\n");
	str_free(&out);
}

/* A block was to go on, and does not. */
static void closed(void **state_p)
{
	const struct log_flags flags = {.boundaries = true};
	struct chunk chunk = {.data = (const unsigned char *)"a", .len = 1, .more = true};
	struct format_state state;
	struct str out = {0};

	format_init(&state);
	format_pair.write(&state, &flags, &chunk, &out);
	chunk = (struct chunk){.continues = true, .more = true};
	format_pair.write(&state, &flags, &chunk, &out);
	assert_string_equal(str_text(&out), "<<<\na");
	chunk.more = false;
	format_pair.write(&state, &flags, &chunk, &out);
	format_pair.write(&state, &flags, &chunk, &out);
	assert_string_equal(str_text(&out), "<<<\na>>>\n");
	str_free(&out);
	format_free(&state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed),    cmocka_unit_test(as_documented),
		cmocka_unit_test(any_bytes), cmocka_unit_test(gaps),
		cmocka_unit_test(end),
	};

	return cmocka_run_group_tests_name("format_pair", tests, NULL, NULL);
}
