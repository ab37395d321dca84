// SPDX-License-Identifier: MIT
/*
 * Both directions in one stream, as lib/iostream-rawlog.c writes it to a TCP
 * connection (BUFFERED | TIMESTAMP, 2.3.19.1): "SEC.USEC I: " (or "O: ") and a
 * line, written when the line is complete, with the time of that moment. An
 * incomplete line at the end of a system call is held. Once it is long it is
 * written as "I> " (or "O> "); in 2.4.1 with a line end, in 2.3 without one, and
 * what comes next follows directly. What is held when the log ends is written
 * here, with a line end as in 2.4; 2.3 loses it.
 */
#include "rawlog/format.h"

#include <string.h>

#include "base/timestamp.h"
#include "rl_abi.h"

#define LINE_MAX_LEN 8192 /* RAWLOG_MAX_LINE_LEN */
/* The same while a system call's bytes are still to come: they may have the line's end. */
#define CALL_MAX_LEN (1024 * 1024)

static void put_mark(int dir, char mark, int64_t realtime_ns, struct str *out)
{
	char stamp[TIMESTAMP_STAMP_LEN];
	int len = timestamp_stamp(realtime_ns, stamp);

	str_append(out, stamp, len);
	str_printf(out, "%c%c ", dir == RL_IN ? 'I' : 'O', mark);
}

/* Writes what is held and `data`, which can be empty. */
static void put(struct format_state *state, int dir, int64_t realtime_ns, const unsigned char *data,
		size_t len, struct str *out)
{
	struct str *held = &state->held[dir];

	state->at_line_start = len && data[len - 1] == '\n';
	put_mark(dir, state->at_line_start ? ':' : '>', realtime_ns, out);
	str_append(out, str_text(held), held->len);
	str_append(out, data, len);
	str_clear(held);
}

static void end_line(struct format_state *state, struct str *out)
{
	if (!state->at_line_start)
		str_append_text(out, "\n");
	state->at_line_start = true;
}

/* `lines`: each piece ends its line. */
static void write_pieces(struct format_state *state, const struct chunk *chunk, bool lines,
			 struct str *out)
{
	const unsigned char *data = chunk->data, *end = data + chunk->len, *next;
	struct str *held = &state->held[chunk->dir];
	size_t most = chunk->more ? CALL_MAX_LEN : LINE_MAX_LEN;

	for (; data < end; data = next) {
		next = memchr(data, '\n', end - data);
		next = next ? next + 1 : end;
		if (next[-1] != '\n' && held->len + (next - data) < most)
			str_append(held, data, next - data);
		else
			put(state, chunk->dir, chunk->realtime_ns, data, next - data, out);
		if (lines)
			end_line(state, out);
	}
	state->last_ns = chunk->realtime_ns;
}

static void single_write(struct format_state *state, const struct log_flags *flags,
			 const struct chunk *chunk, struct str *out)
{
	write_pieces(state, chunk, false, out);
}

static void lines_write(struct format_state *state, const struct log_flags *flags,
			const struct chunk *chunk, struct str *out)
{
	write_pieces(state, chunk, true, out);
}

/* Writes what is held as a line of its own. */
static void put_rest(struct format_state *state, int dir, int64_t realtime_ns, struct str *out)
{
	if (!state->held[dir].len)
		return;
	end_line(state, out);
	put(state, dir, realtime_ns, NULL, 0, out);
	end_line(state, out);
}

static void single_note(struct format_state *state, const struct log_flags *flags,
			const struct note *note, struct str *out)
{
	put_rest(state, note->dir, note->realtime_ns, out);
	end_line(state, out);
	put_mark(note->dir, ':', note->realtime_ns, out);
	str_printf(out, "[rawtap: %s]\n", note->text);
}

static void single_end(struct format_state *state, const struct log_flags *flags, struct str *out)
{
	put_rest(state, RL_IN, state->last_ns, out);
	put_rest(state, RL_OUT, state->last_ns, out);
}

const struct format format_single = {
	.name = "single",
	.extension = {"rawlog", NULL},
	.write = single_write,
	.note = single_note,
	.end = single_end,
};

const struct format format_lines = {
	.name = "lines",
	.extension = {"rawlog", NULL},
	.write = lines_write,
	.note = single_note,
	.end = single_end,
};
