// SPDX-License-Identifier: MIT
/*
 * The format of Dovecot's rawlog program: a file for each direction, with the
 * bytes as they are. -t begins each line with a timestamp. -b puts each system
 * call's bytes between "<<<" LF and ">>>" LF, with no LF added before the
 * latter. With both, a block that continues a line gets no timestamp.
 */
#include "rawlog/format.h"

#include <string.h>

#include "base/timestamp.h"

static void write_stamped(struct format_state *state, const struct chunk *chunk, struct str *out)
{
	const unsigned char *data = chunk->data, *end = data + chunk->len, *next;
	char stamp[TIMESTAMP_STAMP_LEN];
	int len = timestamp_stamp(chunk->realtime_ns, stamp);

	for (; data < end; data = next) {
		next = memchr(data, '\n', end - data);
		next = next ? next + 1 : end;
		if (state->line_ended)
			str_append(out, stamp, len);
		str_append(out, data, next - data);
		state->line_ended = next[-1] == '\n';
	}
}

static void block_close(struct format_state *state, struct str *out)
{
	if (!state->block_open)
		return;
	str_append_text(out, ">>>\n");
	state->block_open = false;
	state->at_line_start = true;
}

static void pair_write(struct format_state *state, const struct log_flags *flags,
		       const struct chunk *chunk, struct str *out)
{
	if (!chunk->len) {
		if (chunk->continues && !chunk->more)
			block_close(state, out);
		return;
	}
	if (!chunk->continues)
		block_close(state, out);
	if (flags->boundaries && !state->block_open) {
		str_append_text(out, "<<<\n");
		state->block_open = true;
	}
	if (flags->timestamps)
		write_stamped(state, chunk, out);
	else
		str_append(out, chunk->data, chunk->len);
	state->at_line_start = chunk->data[chunk->len - 1] == '\n';
	if (!chunk->more)
		block_close(state, out);
}

/* The next byte begins a line. */
static void pair_note(struct format_state *state, const struct log_flags *flags,
		      const struct note *note, struct str *out)
{
	char stamp[TIMESTAMP_STAMP_LEN];
	int len;

	if (!state->at_line_start)
		str_append_text(out, "\n");
	if (flags->timestamps) {
		len = timestamp_stamp(note->realtime_ns, stamp);
		str_append(out, stamp, len);
	}
	str_printf(out, "[rawtap: %s]\n", note->text);
	state->line_ended = true;
	state->at_line_start = true;
}

static void pair_end(struct format_state *state, const struct log_flags *flags, struct str *out)
{
	block_close(state, out);
}

const struct format format_pair = {
	.name = "pair",
	.extension = {"in", "out"},
	.write = pair_write,
	.note = pair_note,
	.end = pair_end,
};
