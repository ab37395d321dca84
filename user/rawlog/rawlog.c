// SPDX-License-Identifier: MIT
#include "rawlog/rawlog.h"

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
	file = format_file(rawlog->format, chunk->dir);
	before = rawlog->pending[file].len;
	rawlog->format->write(&rawlog->state[file], rawlog->flags, chunk, &rawlog->pending[file]);
	rawlog->formatted[file] += rawlog->pending[file].len - before;
	rawlog->taken[chunk->dir] += chunk->len;
	return flush_if_large(rawlog, file);
}

int rawlog_gap(struct rawlog *rawlog, const struct chunk_gap *gap)
{
	size_t before;
	int file;

	if (!rawlog_wants(rawlog, gap->dir))
		return 0;
	file = format_file(rawlog->format, gap->dir);
	before = rawlog->pending[file].len;
	rawlog->format->gap(&rawlog->state[file], rawlog->flags, gap, &rawlog->pending[file]);
	rawlog->formatted[file] += rawlog->pending[file].len - before;
	return flush_if_large(rawlog, file);
}

static int release(struct rawlog *rawlog)
{
	int ret = rawlog->sink->ops->close(rawlog->sink, rawlog->handle), file;

	for (file = RL_IN; file <= RL_OUT; file++) {
		format_free(&rawlog->state[file]);
		str_free(&rawlog->pending[file]);
	}
	*rawlog = (struct rawlog){0};
	return ret;
}

int rawlog_close(struct rawlog *rawlog)
{
	int ret, close_ret, file;

	if (!rawlog_is_open(rawlog))
		return 0;
	for (file = RL_IN; file <= RL_OUT; file++)
		if (rawlog->format->extension[file])
			rawlog->format->end(&rawlog->state[file], rawlog->flags,
					    &rawlog->pending[file]);
	ret = rawlog_flush(rawlog);
	close_ret = release(rawlog);
	return ret ? ret : close_ret;
}

/* A file lacks the last bytes that were formatted for it. Where it has both directions it is not
 * known whose these were: first the server's. */
static void count_lost(const struct rawlog *rawlog, const __u64 sizes[2], uint64_t lost_r[2])
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

void rawlog_abandon(struct rawlog *rawlog, const __u64 sizes[2], uint64_t lost_r[2])
{
	lost_r[RL_IN] = lost_r[RL_OUT] = 0;
	if (!rawlog_is_open(rawlog))
		return;
	count_lost(rawlog, sizes, lost_r);
	rawlog->sink->ops->cut(rawlog->sink, rawlog->handle, sizes);
	release(rawlog);
}
