// SPDX-License-Identifier: MIT
#include "records/saved_stream.h"

#include <errno.h>
#include <string.h>

#define ENDIAN_MARK 0x01020304

static const char magic[] = "RAWTAP\0\n"; /* its own zero is not in the file */

/* Bytes from `size` to the next multiple of 8. */
static size_t padding(size_t size)
{
	return -size & 7;
}

static int put(FILE *file, const void *data, size_t size)
{
	return fwrite(data, 1, size, file) == size ? 0 : errno ? -errno : -EIO;
}

int saved_stream_begin(FILE *file)
{
	struct saved_stream_header header = {.version = RL_ABI_VERSION, .endian = ENDIAN_MARK};

	memcpy(header.magic, magic, sizeof(header.magic));
	return put(file, &header, sizeof(header));
}

int saved_stream_write(FILE *file, const void *data, size_t size)
{
	static const char zeroes[8];
	int ret = put(file, data, size);

	return ret ? ret : put(file, zeroes, padding(size));
}

int saved_stream_check(FILE *file)
{
	struct saved_stream_header header;

	if (fread(&header, 1, sizeof(header), file) != sizeof(header))
		return ferror(file) ? -errno : -EINVAL;
	if (memcmp(header.magic, magic, sizeof(header.magic)) != 0)
		return -EINVAL;
	return header.version == RL_ABI_VERSION && header.endian == ENDIAN_MARK ? 0 : -ENOTSUP;
}

static long short_read(FILE *file)
{
	return ferror(file) ? -errno : -ENODATA;
}

long saved_stream_read(FILE *file, void *buffer)
{
	struct rl_rec *rec = buffer;
	size_t got = fread(rec, 1, sizeof(*rec), file), rest;

	if (got == 0 && feof(file))
		return 0;
	if (got != sizeof(*rec))
		return short_read(file);
	if (rec->len < sizeof(*rec) || rec->len > SAVED_STREAM_RECORD_MAX - 8)
		return -EINVAL;
	rest = rec->len - sizeof(*rec) + padding(rec->len);
	if (fread(rec + 1, 1, rest, file) != rest)
		return short_read(file);
	return rec->len;
}
