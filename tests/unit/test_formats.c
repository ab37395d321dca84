// SPDX-License-Identifier: MIT
/* What must hold for each row of formats[]: a new format is tested by being one. */
#include "unit.h"

#include <string.h>

#include "rawlog/format.h"
#include "rl_abi.h"

#define NS INT64_C(1560948120000042000)

struct log {
	const struct format *format;
	struct log_flags flags;
	struct format_state state[2];
	struct str files[2];
};

static void begin(struct log *log, const struct format *format, bool stamps)
{
	*log = (struct log){.format = format, .flags = {.timestamps = stamps}};
	format_init(&log->state[RL_IN]);
	format_init(&log->state[RL_OUT]);
}

static void put(struct log *log, int dir, const char *data, size_t size, bool continues, bool more)
{
	const struct chunk chunk = {
		.data = (const unsigned char *)data,
		.len = size,
		.realtime_ns = NS,
		.continues = continues,
		.more = more,
		.dir = dir,
	};
	int file = format_file(log->format, dir);

	log->format->write(&log->state[file], &log->flags, &chunk, &log->files[file]);
}

static void end(struct log *log)
{
	int file;

	for (file = RL_IN; file <= RL_OUT; file++)
		if (log->format->extension[file])
			log->format->end(&log->state[file], &log->flags, &log->files[file]);
}

static void release(struct log *log)
{
	int file;

	for (file = RL_IN; file <= RL_OUT; file++) {
		format_free(&log->state[file]);
		str_free(&log->files[file]);
	}
}

static void names_and_files(void **state)
{
	const struct log_flags both = {0}, in = {.only = {true, false}};
	unsigned int i, k;

	for (i = 0; i < formats_count; i++) {
		const struct format *format = formats[i];

		assert_true(format->name && *format->name);
		for (k = 0; k < i; k++)
			assert_string_not_equal(formats[k]->name, format->name);
		assert_non_null(format->extension[RL_IN]); /* also where it is the only file */
		assert_int_equal(format_file(format, RL_IN), RL_IN);
		assert_true(format_has_file(format, &both, RL_IN));
		assert_int_equal(format_has_file(format, &both, RL_OUT),
				 format->extension[RL_OUT] != NULL);
		assert_false(format_has_file(format, &in, RL_OUT));
	}
}

/* One system call's bytes look the same, however many chunks they come in. */
static void chunks_do_not_show(void **state)
{
	static const char text[] = "a1 NOOP\r\na2 LIST \"\" *\r\nhalf";
	const size_t size = sizeof(text) - 1;
	struct log whole, cut;
	unsigned int i;
	size_t at;
	int stamps;

	for (i = 0; i < formats_count; i++) {
		for (stamps = 0; stamps <= 1; stamps++) {
			for (at = 1; at < size; at++) {
				begin(&whole, formats[i], stamps);
				put(&whole, RL_IN, text, size, false, false);
				put(&whole, RL_OUT, "ok\r\n", 4, false, false);
				end(&whole);
				begin(&cut, formats[i], stamps);
				put(&cut, RL_IN, text, at, false, true);
				put(&cut, RL_IN, text + at, size - at, true, false);
				put(&cut, RL_OUT, "ok\r\n", 4, false, false);
				end(&cut);
				assert_string_equal(str_text(&whole.files[RL_IN]),
						    str_text(&cut.files[RL_IN]));
				assert_string_equal(str_text(&whole.files[RL_OUT]),
						    str_text(&cut.files[RL_OUT]));
				release(&whole);
				release(&cut);
			}
		}
	}
}

/* Every byte of both directions is there, and so is what is missing, with its reason. */
static void nothing_is_left_out(void **state)
{
	const struct note gap = {.realtime_ns = NS,
				 .text = "8192 bytes lost at offset 70001: the ring was full"};
	struct log log;
	unsigned int i;

	for (i = 0; i < formats_count; i++) {
		begin(&log, formats[i], false);
		put(&log, RL_IN, "first half", 10, false, false);
		formats[i]->note(&log.state[RL_IN], &log.flags, &gap, &log.files[RL_IN]);
		put(&log, RL_IN, "after\n", 6, false, false);
		put(&log, RL_OUT, "answer without an end", 21, false, false);
		end(&log);
		assert_non_null(strstr(str_text(&log.files[RL_IN]), "first half"));
		assert_non_null(strstr(str_text(&log.files[RL_IN]), "8192"));
		assert_non_null(strstr(str_text(&log.files[RL_IN]), "70001"));
		assert_non_null(strstr(str_text(&log.files[RL_IN]), "the ring was full"));
		assert_non_null(strstr(str_text(&log.files[RL_IN]), "after"));
		assert_non_null(strstr(str_text(&log.files[format_file(formats[i], RL_OUT)]),
				       "answer without an end"));
		release(&log);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_files),
		cmocka_unit_test(chunks_do_not_show),
		cmocka_unit_test(nothing_is_left_out),
	};

	return cmocka_run_group_tests_name("formats", tests, NULL, NULL);
}
