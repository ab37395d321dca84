// SPDX-License-Identifier: MIT
#include "unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rawlog/format.h"
#include "rl_abi.h"
#include "base/str.h"

#define CALLS_MAX 12
#define CALL_LEN  9000
#define ROUNDS	  400

struct call { /* one read() or write() */
	int dir;
	const char *data;
	size_t len;
	int64_t ns;
};

static const struct log_flags no_flags;

/* iostream_rawlog_write_buffered() of lib/iostream-rawlog.c, 2.3.19.1, in other words. `lines`: of
 * 2.4.1. */
static void write_natively(struct str held[2], const struct call *call, bool lines, struct str *out)
{
	const char *data = call->data, *lf;
	size_t left = call->len, take;

	while (left > 0) {
		lf = memchr(data, '\n', left);
		if (!lf && held[call->dir].len + left < 8192) {
			str_append(&held[call->dir], data, left);
			return;
		}
		take = lf ? (size_t)(lf - data) + 1 : left;
		str_printf(out, "%lld.%06lld %c%c ", (long long)call->ns / 1000000000,
			   (long long)call->ns % 1000000000 / 1000, call->dir == RL_IN ? 'I' : 'O',
			   lf ? ':' : '>');
		str_append(out, str_text(&held[call->dir]), held[call->dir].len);
		str_clear(&held[call->dir]);
		str_append(out, data, take);
		if (lines && !lf)
			str_append_text(out, "\n");
		data += take;
		left -= take;
	}
}

/* Writes the call in records of at most `size` bytes. */
static void feed_to(const struct format *format, struct format_state *state,
		    const struct call *call, size_t size, struct str *out)
{
	struct chunk chunk = {.realtime_ns = call->ns, .dir = call->dir};
	size_t at;

	for (at = 0; at < call->len; at += chunk.len) {
		chunk.data = (const unsigned char *)call->data + at;
		chunk.len = call->len - at < size ? call->len - at : size;
		chunk.continues = at > 0;
		chunk.more = at + chunk.len < call->len;
		format->write(state, &no_flags, &chunk, out);
	}
}

static void feed(struct format_state *state, const struct call *call, size_t size, struct str *out)
{
	feed_to(&format_single, state, call, size, out);
}

/* Random bytes, of which one in `lines` is a line end. */
static void fill(char *data, size_t len, int lines)
{
	size_t i;

	for (i = 0; i < len; i++)
		data[i] = rand() % lines ? '\n' + 1 + rand() % 255 : '\n'; /* any byte but '\n' */
}

static void check(const struct format *format, const struct call *calls, size_t count,
		  size_t record_size)
{
	struct str expect = {0}, out = {0}, held[2] = {{0}, {0}};
	struct format_state state;
	size_t i;

	format_init(&state);
	for (i = 0; i < count; i++) {
		write_natively(held, &calls[i], format == &format_lines, &expect);
		feed_to(format, &state, &calls[i], record_size, &out);
	}
	assert_int_equal(out.len, expect.len);
	if (out.len)
		assert_memory_equal(out.data, expect.data, out.len);
	for (i = 0; i < 2; i++) {
		assert_int_equal(state.held[i].len, held[i].len);
		str_free(&held[i]);
	}
	format_free(&state);
	str_free(&expect);
	str_free(&out);
}

/* Calls of lengths around the limit, in both directions, in records of several sizes. */
static void as_dovecot(void **state)
{
	static const size_t record_sizes[] = {1, 100, 4096, 8191, 8192, 100000};
	static const int lines[] = {3, 100, 20000};
	static char data[CALLS_MAX][CALL_LEN];
	struct call calls[CALLS_MAX];
	unsigned int round, i;

	srand(1);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < CALLS_MAX; i++) {
			calls[i] = (struct call){rand() % 2, data[i], rand() % 3 ? rand() % 10 : 0,
						 INT64_C(1560948120000000000) + rand()};
			if (!calls[i].len)
				calls[i].len = rand() % 2 ? rand() % CALL_LEN : 8185 + rand() % 12;
			fill(data[i], calls[i].len, lines[rand() % 3]);
		}
		check(&format_single, calls, CALLS_MAX, record_sizes[round % 6]);
		check(&format_lines, calls, CALLS_MAX, record_sizes[round % 6]);
	}
}

static struct call text_call(int dir, const char *text, int64_t seconds)
{
	return (struct call){dir, text, strlen(text), seconds * 1000000000};
}

static void session(void **state)
{
	const struct call calls[] = {
		text_call(RL_OUT, "a1 OK in\r\n", 1),	   text_call(RL_IN, "a2 NO", 2),
		text_call(RL_OUT, "* 3 EXISTS\r\n* 4", 3), text_call(RL_IN, "OP\r\na3 X\n\na4", 4),
		text_call(RL_OUT, " EXISTS\r\n", 5),	   text_call(RL_OUT, "* BY", 6),
	};
	struct format_state format;
	struct str out = {0};
	unsigned int i;

	format_init(&format);
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		feed(&format, &calls[i], 100, &out);
	format_single.end(&format, &no_flags, &out);
	/* Dovecot 2.3 would lose the last two lines */
	assert_string_equal(str_text(&out), "1.000000 O: a1 OK in\r\n"
					    "3.000000 O: * 3 EXISTS\r\n"
					    "4.000000 I: a2 NOOP\r\n"
					    "4.000000 I: a3 X\n"
					    "4.000000 I: \n"
					    "5.000000 O: * 4 EXISTS\r\n"
					    "6.000000 I> a4\n"
					    "6.000000 O> * BY\n");
	format_free(&format);
	str_free(&out);
}

static void nothing(void **state)
{
	struct format_state format;
	struct str out = {0};

	format_init(&format);
	format_single.end(&format, &no_flags, &out);
	assert_int_equal(out.len, 0);
	format_free(&format);
}

#define GAP(letter) "7.000000 " letter ": [rawtap: 7 bytes lost at offset 9: why]\n"

/* A gap is a line of its own, after what its direction had before it. */
static void gaps(void **state)
{
	static const struct note gaps[2] = {
		{7000000000, "7 bytes lost at offset 9: why", RL_IN},
		{7000000000, "7 bytes lost at offset 9: why", RL_OUT},
	};
	const struct call held = text_call(RL_IN, "ab", 5), rest = text_call(RL_IN, "c\n", 8);
	struct format_state format;
	struct str out = {0};

	format_init(&format);
	format_single.note(&format, &no_flags, &gaps[RL_IN], &out);
	feed(&format, &held, 1, &out);
	format_single.note(&format, &no_flags, &gaps[RL_OUT], &out);
	format_single.note(&format, &no_flags, &gaps[RL_IN], &out);
	feed(&format, &rest, 1, &out);
	assert_string_equal(str_text(&out), GAP("I") GAP("O") "7.000000 I> ab\n" GAP("I") //
			    "8.000000 I: c\n");
	format_free(&format);
	str_free(&out);
}

/* Each piece of a long line has a line of its own. */
static void lines(void **state)
{
	static const struct note gap = {7000000000, "7 bytes lost at offset 9: why", RL_OUT};
	static char data[8192];
	const struct call call = {RL_IN, data, sizeof(data), 5000000000};
	const struct call rest = text_call(RL_IN, "y\n", 6), held = text_call(RL_OUT, "z", 8);
	struct format_state format;
	struct str out = {0};

	memset(data, 'x', sizeof(data));
	format_init(&format);
	feed_to(&format_lines, &format, &call, 1000, &out);
	format_lines.note(&format, &no_flags, &gap, &out);
	feed_to(&format_lines, &format, &rest, 1, &out);
	feed_to(&format_lines, &format, &held, 1, &out);
	format_lines.end(&format, &no_flags, &out);
	assert_string_equal(out.data + strlen("5.000000 I> ") + sizeof(data),
			    "\n" GAP("O") "6.000000 I: y\n8.000000 O> z\n");
	format_free(&format);
	str_free(&out);
}

static void gap_behind_a_long_line(void **state)
{
	static const struct note gap = {7000000000, "7 bytes lost at offset 9: why", RL_OUT};
	static char data[8192];
	const struct call call = {RL_IN, data, sizeof(data), 5000000000};
	struct format_state format;
	struct str out = {0};

	memset(data, 'x', sizeof(data));
	format_init(&format);
	feed(&format, &call, 1000, &out);
	assert_int_equal(out.len, strlen("5.000000 I> ") + sizeof(data));
	format_single.note(&format, &no_flags, &gap, &out);
	assert_string_equal(out.data + strlen("5.000000 I> ") + sizeof(data), "\n" GAP("O"));
	format_free(&format);
	str_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_dovecot),
		cmocka_unit_test(session),
		cmocka_unit_test(nothing),
		cmocka_unit_test(gaps),
		cmocka_unit_test(gap_behind_a_long_line),
		cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests_name("format_single", tests, NULL, NULL);
}
