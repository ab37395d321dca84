// SPDX-License-Identifier: MIT
#include "rawlog.h"

#include "rl_abi.h"

/* Beyond this, bytes are handed to the sink before the batch ends. */
#define PENDING_MAX (256 * 1024)

bool rawlog_is_open(const struct rawlog *rawlog)
{
	return rawlog->sink != NULL;
}

int rawlog_open(struct rawlog *rawlog, struct sink *sink, const struct way *way,
		const struct log_place *place, uint32_t serial)
{
	int handle = sink->ops->open(sink, place, serial);

	if (handle < 0)
		return handle;
	*rawlog = (struct rawlog){
		.way = way,
		.format = place->tcp ? &format_stream : way->mode->format,
		.sink = sink,
		.handle = handle,
	};
	format_init(&rawlog->state[RL_IN]);
	format_init(&rawlog->state[RL_OUT]);
	return 0;
}

/* Which state and which pending bytes: where both directions go into one stream, the first. */
static int slot(const struct rawlog *rawlog, int dir)
{
	return rawlog->format->one_stream ? RL_IN : dir;
}

static bool wants(const struct rawlog *rawlog, int dir)
{
	return rawlog_is_open(rawlog) && log_flags_has(&rawlog->way->flags, dir);
}

static int flush_slot(struct rawlog *rawlog, int dir)
{
	struct str *pending = &rawlog->pending[dir];
	int ret;

	if (!pending->len)
		return 0;
	ret = rawlog->sink->ops->write(rawlog->sink, rawlog->handle, dir, pending->data,
				       pending->len);
	str_clear(pending);
	return ret;
}

int rawlog_flush(struct rawlog *rawlog)
{
	int in, out;

	if (!rawlog_is_open(rawlog))
		return 0;
	in = flush_slot(rawlog, RL_IN);
	out = flush_slot(rawlog, RL_OUT);
	return in ? in : out;
}

static int flush_if_large(struct rawlog *rawlog, int dir)
{
	return rawlog->pending[dir].len > PENDING_MAX ? flush_slot(rawlog, dir) : 0;
}

int rawlog_write(struct rawlog *rawlog, const struct chunk *chunk)
{
	int at;

	if (!wants(rawlog, chunk->dir))
		return 0;
	at = slot(rawlog, chunk->dir);
	rawlog->format->write(&rawlog->state[at], &rawlog->way->flags, chunk, &rawlog->pending[at]);
	return flush_if_large(rawlog, at);
}

int rawlog_gap(struct rawlog *rawlog, const struct chunk_gap *gap)
{
	int at;

	if (!wants(rawlog, gap->dir))
		return 0;
	at = slot(rawlog, gap->dir);
	rawlog->format->gap(&rawlog->state[at], &rawlog->way->flags, gap, &rawlog->pending[at]);
	return flush_if_large(rawlog, at);
}

static void release(struct rawlog *rawlog)
{
	int dir;

	rawlog->sink->ops->close(rawlog->sink, rawlog->handle);
	for (dir = RL_IN; dir <= RL_OUT; dir++) {
		format_free(&rawlog->state[dir]);
		str_free(&rawlog->pending[dir]);
	}
	*rawlog = (struct rawlog){0};
}

int rawlog_close(struct rawlog *rawlog)
{
	int ret, dir;

	if (!rawlog_is_open(rawlog))
		return 0;
	for (dir = RL_IN; dir <= RL_OUT; dir++)
		if (slot(rawlog, dir) == dir)
			rawlog->format->end(&rawlog->state[dir], &rawlog->way->flags,
					    &rawlog->pending[dir]);
	ret = rawlog_flush(rawlog);
	release(rawlog);
	return ret;
}

void rawlog_abandon(struct rawlog *rawlog, const __u64 sizes[2])
{
	if (!rawlog_is_open(rawlog))
		return;
	rawlog->sink->ops->cut(rawlog->sink, rawlog->handle, sizes);
	release(rawlog);
}
