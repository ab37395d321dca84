// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "records/saved_stream.h"

struct saved {
	char *data;
	size_t len;
};

static const size_t sizes[] = {40, 41, 47, 48, 49, 1000, SAVED_STREAM_RECORD_MAX - 8};
#define SIZES_COUNT (sizeof(sizes) / sizeof(sizes[0]))

static struct rl_rec *make(size_t size)
{
	struct rl_rec *rec = mem_alloc(size);

	memset(rec, 0xa5, size);
	rec->len = size;
	return rec;
}

static void save(struct saved *saved, unsigned int count)
{
	FILE *file = open_memstream(&saved->data, &saved->len);
	unsigned int i;

	assert_int_equal(saved_stream_begin(file), 0);
	for (i = 0; i < count; i++) {
		struct rl_rec *rec = make(sizes[i]);

		assert_int_equal(saved_stream_write(file, rec, sizes[i]), 0);
		free(rec);
	}
	fclose(file);
}

static void round_trip(void **state)
{
	void *buffer = mem_alloc(SAVED_STREAM_RECORD_MAX);
	struct saved saved;
	unsigned int i;
	FILE *file;

	save(&saved, SIZES_COUNT);
	assert_int_equal(saved.len % 8, 0);
	file = fmemopen(saved.data, saved.len, "r");
	assert_int_equal(saved_stream_check(file), 0);
	for (i = 0; i < SIZES_COUNT; i++) {
		struct rl_rec *rec = make(sizes[i]);

		assert_int_equal(saved_stream_read(file, buffer), sizes[i]);
		assert_memory_equal(buffer, rec, sizes[i]);
		free(rec);
	}
	assert_int_equal(saved_stream_read(file, buffer), 0);
	assert_int_equal(saved_stream_read(file, buffer), 0);
	fclose(file);
	free(saved.data);
	free(buffer);
}

/* A recorder was killed while it wrote: complete records are read, then -ENODATA is returned. */
static void cut_off(void **state)
{
	const size_t header = sizeof(struct saved_stream_header), first = header + 40,
		     second = first + 48;
	void *buffer = mem_alloc(SAVED_STREAM_RECORD_MAX);
	struct saved saved;
	size_t len;

	save(&saved, 2);
	assert_int_equal(saved.len, second);
	for (len = 1; len < saved.len; len++) {
		FILE *file = fmemopen(saved.data, len, "r");

		assert_int_equal(saved_stream_check(file), len < header ? -EINVAL : 0);
		if (len >= first)
			assert_int_equal(saved_stream_read(file, buffer), 40);
		if (len >= header)
			assert_int_equal(saved_stream_read(file, buffer),
					 len == header || len == first ? 0 : -ENODATA);
		fclose(file);
	}
	free(saved.data);
	free(buffer);
}

static int check(const void *data, size_t size)
{
	FILE *file = fmemopen((void *)data, size, "r");
	int ret = saved_stream_check(file);

	fclose(file);
	return ret;
}

static void other_files(void **state)
{
	struct saved_stream_header header;
	struct saved saved;

	assert_int_equal(check("x", 1), -EINVAL);
	assert_int_equal(check("#!/usr/bin/python3\n12345678", 27), -EINVAL);
	save(&saved, 0);
	memcpy(&header, saved.data, sizeof(header));
	assert_int_equal(check(&header, sizeof(header)), 0);
	header.version++;
	assert_int_equal(check(&header, sizeof(header)), -ENOTSUP);
	header.version--;
	header.endian = 0x04030201;
	assert_int_equal(check(&header, sizeof(header)), -ENOTSUP);
	free(saved.data);
}

static void wrong_len(void **state)
{
	static const uint32_t lens[] = {
		0, 1, 39, SAVED_STREAM_RECORD_MAX - 7, SAVED_STREAM_RECORD_MAX, UINT32_MAX};
	void *buffer = mem_alloc(SAVED_STREAM_RECORD_MAX);
	unsigned int i;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct rl_rec rec = {.len = lens[i]};
		FILE *file = fmemopen(&rec, sizeof(rec), "r");

		assert_int_equal(saved_stream_read(file, buffer), -EINVAL);
		fclose(file);
	}
	free(buffer);
}

static void no_space(void **state)
{
	FILE *file = fopen("/dev/full", "w");
	struct rl_rec *rec = make(1000);

	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(saved_stream_begin(file), -ENOSPC);
	assert_int_equal(saved_stream_write(file, rec, 1000), -ENOSPC);
	fclose(file);
	free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),  cmocka_unit_test(cut_off),
		cmocka_unit_test(other_files), cmocka_unit_test(wrong_len),
		cmocka_unit_test(no_space),
	};

	return cmocka_run_group_tests_name("saved_stream", tests, NULL, NULL);
}
