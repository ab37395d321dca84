// SPDX-License-Identifier: MIT
/*
 * A byte says whose bytes follow, how many, and whether they are sent as they
 * are, as deflate, or are missing. In whatever pieces they arrive, the same comes
 * out, unless bytes are missing: then the pieces' looks count. Nothing is counted
 * as lost that was not fed.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "compress/compress.h"
#include "rl_abi.h"

struct came {
	struct str text[2];
	uint64_t lost[2];
};

static void on_text(const struct chunk *chunk, void *context)
{
	struct came *came = context;

	assert(chunk->len || (chunk->continues && !chunk->more));
	str_append(&came->text[chunk->dir], chunk->data, chunk->len);
}

static void on_lost(int dir, uint64_t size, int64_t realtime_ns, void *context)
{
	struct came *came = context;

	assert(size);
	came->lost[dir] += size;
}

/* A stored block, and a flush: what can come out of deflate() at any time. */
static void append_deflated(struct str *bytes, const uint8_t *data, size_t len)
{
	const uint8_t head[] = {0, len, 0, ~len, 0xff};

	str_append(bytes, head, sizeof(head));
	str_append(bytes, data, len);
	str_append(bytes, "\0\0\0\xff\xff", 5);
}

/* In pieces of `size` bytes, each in memory of its own. */
static void feed(struct compress *compress, const struct compress_out *out, int dir,
		 const struct str *bytes, size_t size)
{
	size_t at, len;

	for (at = 0; at < bytes->len; at += len) {
		struct chunk chunk = {.continues = at > 0, .dir = dir};
		void *copy;

		len = size < bytes->len - at ? size : bytes->len - at;
		copy = mem_dup(bytes->data + at, len);
		chunk.data = copy;
		chunk.len = len;
		chunk.more = at + len < bytes->len;
		compress_feed(compress, &chunk, out);
		free(copy);
	}
}

/* Returns whether bytes are missing. */
static bool run(const uint8_t *data, size_t len, size_t size, struct came *came)
{
	struct compress *compress = compress_new(true);
	const struct compress_out out = {on_text, on_lost, came};
	uint64_t fed[2] = {0};
	bool gap = false;

	while (len) {
		unsigned int op = *data++, dir = op & 1;
		struct str bytes = {0};
		size_t count = op >> 3;

		len--;
		if ((op & 6) == 6) {
			compress_gap(compress, dir, count, 0, &out);
			gap |= count > 0;
			continue;
		}
		count = count < len ? count : len;
		if (op & 2)
			append_deflated(&bytes, data, count);
		else
			str_append(&bytes, data, count);
		fed[dir] += bytes.len;
		feed(compress, &out, dir, &bytes, size);
		str_free(&bytes);
		data += count;
		len -= count;
	}
	compress_end(compress, 0, &out);
	compress_free(&compress);
	assert(came->lost[RL_IN] <= fed[RL_IN] && came->lost[RL_OUT] <= fed[RL_OUT]);
	return gap;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const size_t sizes[] = {1, 2, 3, 7};
	struct came whole = {0};
	unsigned int i;
	int dir;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct came pieces = {0};
		bool gap = run(data, len, sizes[i], &pieces);

		if (i == 0)
			run(data, len, SIZE_MAX, &whole);
		for (dir = RL_IN; dir <= RL_OUT; dir++) {
			assert(gap || (pieces.lost[dir] == whole.lost[dir] &&
				       pieces.text[dir].len == whole.text[dir].len));
			assert(gap || !whole.text[dir].len ||
			       memcmp(pieces.text[dir].data, whole.text[dir].data,
				      whole.text[dir].len) == 0);
			str_free(&pieces.text[dir]);
		}
	}
	str_free(&whole.text[RL_IN]);
	str_free(&whole.text[RL_OUT]);
	return 0;
}
