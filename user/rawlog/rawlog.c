// SPDX-License-Identifier: MIT
#include "rawlog/rawlog.h"

#include <inttypes.h>

#include "rl_abi.h"

/* With more bytes than this, a file's are handed to the sink before rawlog_flush(). */
#define PENDING_MAX (256 * 1024)

bool rawlog_is_open(const struct rawlog *rawlog)
{
	return rawlog->sink != NULL;
}

int rawlog_open(struct rawlog *rawlog, struct sink *sink, const struct log_place *place,
		const struct log_flags *flags, uint32_t serial)
{
	int handle = sink->ops->claim(sink, place, serial);

	if (handle < 0)
		return handle;
	*rawlog = (struct rawlog){
		.format = place->format,
		.flags = flags,
		.sink = sink,
		.handle = handle,
	};
	format_init(&rawlog->state[RL_IN]);
	format_init(&rawlog->state[RL_OUT]);
	return 0;
}

bool rawlog_wants(const struct rawlog *rawlog, int dir)
{
	return rawlog_is_open(rawlog) && log_flags_has(rawlog->flags, dir);
}

static int flush_file(struct rawlog *rawlog, int file)
{
	struct str *pending = &rawlog->pending[file];
	int ret;

	if (!pending->len)
		return 0;
	ret = rawlog->sink->ops->write(rawlog->sink, rawlog->handle, file, pending->data,
				       pending->len);
	str_clear(pending);
	return ret;
}

int rawlog_flush(struct rawlog *rawlog)
{
	int in, out;

	if (!rawlog_is_open(rawlog))
		return 0;
	in = flush_file(rawlog, RL_IN);
	out = flush_file(rawlog, RL_OUT);
	return in ? in : out;
}

static int flush_if_large(struct rawlog *rawlog, int file)
{
	return rawlog->pending[file].len > PENDING_MAX ? flush_file(rawlog, file) : 0;
}

int rawlog_write(struct rawlog *rawlog, const struct chunk *chunk)
{
	size_t before;
	int file;

	if (!rawlog_wants(rawlog, chunk->dir))
		return 0;
	rawlog->passed[chunk->dir] += chunk->len;
	if (rawlog->behind) {
		rawlog->dropped[chunk->dir] += chunk->len;
		rawlog->dropped_bytes += chunk->len;
		return 0;
	}
	file = format_file(rawlog->format, chunk->dir);
	before = rawlog->pending[file].len;
	rawlog->format->write(&rawlog->state[file], rawlog->flags, chunk, &rawlog->pending[file]);
	rawlog->formatted[file] += rawlog->pending[file].len - before;
	rawlog->taken[chunk->dir] += chunk->len;
	return flush_if_large(rawlog, file);
}

static int format_note(struct rawlog *rawlog, const struct note *note)
{
	int file = format_file(rawlog->format, note->dir);
	size_t before = rawlog->pending[file].len;

	rawlog->format->note(&rawlog->state[file], rawlog->flags, note, &rawlog->pending[file]);
	rawlog->formatted[file] += rawlog->pending[file].len - before;
	return flush_if_large(rawlog, file);
}

/* The gap's bytes have been counted in `passed`, and nothing after them. */
static int format_gap(struct rawlog *rawlog, const struct chunk_gap *gap)
{
	struct note note = {.realtime_ns = gap->realtime_ns, .dir = gap->dir};
	struct str text = {0};
	int ret;

	str_printf(&text, "%" PRIu64 " bytes lost at offset %" PRIu64 ": %s", gap->size,
		   rawlog->passed[gap->dir] - gap->size, gap->reason);
	note.text = str_text(&text);
	ret = format_note(rawlog, &note);
	str_free(&text);
	return ret;
}

int rawlog_note(struct rawlog *rawlog, int64_t realtime_ns, const char *text)
{
	struct note note = {.realtime_ns = realtime_ns, .text = text};
	int ret = 0;

	for (note.dir = RL_IN; note.dir <= RL_OUT && !ret; note.dir++)
		if (rawlog_wants(rawlog, note.dir) && rawlog->format->extension[note.dir])
			ret = format_note(rawlog, &note);
	return ret;
}

int rawlog_gap(struct rawlog *rawlog, const struct chunk_gap *gap)
{
	if (!rawlog_wants(rawlog, gap->dir))
		return 0;
	rawlog->passed[gap->dir] += gap->size;
	if (!rawlog->behind)
		return format_gap(rawlog, gap);
	rawlog->dropped[gap->dir] += gap->size;
	return 0;
}

void rawlog_fall_behind(struct rawlog *rawlog)
{
	rawlog->behind = true;
}

int rawlog_go_on(struct rawlog *rawlog, int64_t realtime_ns, const char *reason,
		 uint64_t *dropped_r)
{
	struct chunk_gap gap = {.realtime_ns = realtime_ns, .reason = reason};
	int ret = 0;

	*dropped_r = rawlog->dropped_bytes;
	rawlog->dropped_bytes = 0;
	rawlog->behind = false;
	for (gap.dir = RL_IN; gap.dir <= RL_OUT && !ret; gap.dir++) {
		gap.size = rawlog->dropped[gap.dir];
		rawlog->dropped[gap.dir] = 0;
		if (gap.size)
			ret = format_gap(rawlog, &gap);
	}
	return ret;
}

int rawlog_end(struct rawlog *rawlog)
{
	int ret, file;

	for (file = RL_IN; file <= RL_OUT; file++)
		if (rawlog->format->extension[file])
			rawlog->format->end(&rawlog->state[file], rawlog->flags,
					    &rawlog->pending[file]);
	ret = rawlog_flush(rawlog);
	return ret ? ret : rawlog->sink->ops->end(rawlog->sink, rawlog->handle);
}

/* Where a file has both directions it is not known whose the last bytes were, which it lacks: first
 * the server's. */
void rawlog_count_lost(const struct rawlog *rawlog, const __u64 sizes[2], uint64_t lost_r[2])
{
	uint64_t missing[2];
	int dir, file;

	for (file = RL_IN; file <= RL_OUT; file++)
		missing[file] = rawlog->formatted[file] > sizes[file] ?
					rawlog->formatted[file] - sizes[file] :
					0;
	for (dir = RL_OUT; dir >= RL_IN; dir--) {
		file = format_file(rawlog->format, dir);
		lost_r[dir] =
			missing[file] < rawlog->taken[dir] ? missing[file] : rawlog->taken[dir];
		missing[file] -= lost_r[dir];
	}
}

void rawlog_release(struct rawlog *rawlog, const __u64 sizes[2])
{
	int file;

	if (!rawlog_is_open(rawlog))
		return;
	rawlog->sink->ops->release(rawlog->sink, rawlog->handle, sizes);
	for (file = RL_IN; file <= RL_OUT; file++) {
		format_free(&rawlog->state[file]);
		str_free(&rawlog->pending[file]);
	}
	*rawlog = (struct rawlog){0};
}
