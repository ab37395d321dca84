// SPDX-License-Identifier: MIT
/* An input is a file, a saved stream or not. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "records/saved_stream.h"

/* What was read, written again, must be the file up to the first error, but for the padding. */
static void check_again(const uint8_t *data, size_t len, const char *again, size_t again_len)
{
	struct rl_rec rec;
	size_t at = sizeof(struct saved_stream_header);

	assert(again_len <= len && again_len % 8 == 0);
	assert(memcmp(again, data, at) == 0);
	for (; at < again_len; at += (rec.len + 7) & ~7u) {
		memcpy(&rec, again + at, sizeof(rec));
		assert(memcmp(again + at, data + at, rec.len) == 0);
	}
	assert(at == again_len);
}

static void read_all(FILE *file, const uint8_t *data, size_t len)
{
	void *buffer = mem_alloc(SAVED_STREAM_RECORD_MAX);
	char *again = NULL;
	size_t again_len = 0;
	FILE *out = open_memstream(&again, &again_len);
	long size;

	assert(out && saved_stream_begin(out) == 0);
	while ((size = saved_stream_read(file, buffer)) > 0) {
		assert((size_t)size >= sizeof(struct rl_rec) && size <= SAVED_STREAM_RECORD_MAX);
		assert(((const struct rl_rec *)buffer)->len == size);
		assert(saved_stream_write(out, buffer, size) == 0);
	}
	assert(size == 0 || size == -EINVAL || size == -ENODATA);
	fclose(out);
	check_again(data, len, again, again_len);
	if (size == 0)
		assert(again_len == len);
	free(again);
	free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	FILE *file;
	int ret;

	if (!len)
		return 0;
	file = fmemopen((void *)data, len, "r");
	assert(file);
	ret = saved_stream_check(file);
	assert(ret == 0 || ret == -EINVAL || ret == -ENOTSUP);
	if (ret == 0)
		read_all(file, data, len);
	fclose(file);
	return 0;
}
