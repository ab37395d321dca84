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
	*rawlog = (struct rawlog){.way = way, .sink = sink, .handle = handle};
	format_init(&rawlog->state[RL_IN]);
	format_init(&rawlog->state[RL_OUT]);
	return 0;
}

static bool wants(const struct rawlog *rawlog, int dir)
{
	return rawlog_is_open(rawlog) && log_flags_has(&rawlog->way->flags, dir);
}

static int flush_dir(struct rawlog *rawlog, int dir)
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
	in = flush_dir(rawlog, RL_IN);
	out = flush_dir(rawlog, RL_OUT);
	return in ? in : out;
}

static int flush_if_large(struct rawlog *rawlog, int dir)
{
	return rawlog->pending[dir].len > PENDING_MAX ? flush_dir(rawlog, dir) : 0;
}

int rawlog_write(struct rawlog *rawlog, int dir, const struct chunk *chunk)
{
	if (!wants(rawlog, dir))
		return 0;
	rawlog->way->mode->format->write(&rawlog->state[dir], &rawlog->way->flags, chunk,
					 &rawlog->pending[dir]);
	return flush_if_large(rawlog, dir);
}

int rawlog_gap(struct rawlog *rawlog, int dir, int64_t realtime_ns, uint64_t offset, uint64_t size,
	       const char *reason)
{
	if (!wants(rawlog, dir))
		return 0;
	rawlog->way->mode->format->gap(&rawlog->state[dir], &rawlog->way->flags, realtime_ns,
				       offset, size, reason, &rawlog->pending[dir]);
	return flush_if_large(rawlog, dir);
}

static void release(struct rawlog *rawlog)
{
	rawlog->sink->ops->close(rawlog->sink, rawlog->handle);
	str_free(&rawlog->pending[RL_IN]);
	str_free(&rawlog->pending[RL_OUT]);
	*rawlog = (struct rawlog){0};
}

int rawlog_close(struct rawlog *rawlog)
{
	const struct format *format;
	int ret, dir;

	if (!rawlog_is_open(rawlog))
		return 0;
	format = rawlog->way->mode->format;
	for (dir = RL_IN; dir <= RL_OUT; dir++)
		if (wants(rawlog, dir))
			format->end(&rawlog->state[dir], &rawlog->way->flags,
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
