// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "output/blocks.h"

#define COUNT 64
#define ALL   (COUNT * BLOCK_SIZE)

static struct blocks blocks;
static char data[ALL];

static int setup(void **state)
{
	unsigned int i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = i % 251;
	return blocks_map(&blocks, ALL);
}

static int teardown(void **state)
{
	blocks_unmap(&blocks);
	return 0;
}

/* What a span says, `count` vectors at a time, is the data from `at` on. */
static void check_span(struct span span, size_t at, int count)
{
	struct iovec vectors[8];
	uint64_t size = span.size;
	int got, i;

	while ((got = span_vectors(&blocks, &span, vectors, count)) != 0) {
		for (i = 0; i < got; i++) {
			assert_memory_equal(vectors[i].iov_base, data + at, vectors[i].iov_len);
			at += vectors[i].iov_len;
			size -= vectors[i].iov_len;
		}
	}
	assert_int_equal(size, 0);
	assert_int_equal(span.size, 0);
}

/* Appended and consumed in pieces of any sizes: each byte comes once, in order. */
static void in_order(void **state)
{
	static const size_t in[] = {
		1, 0, BLOCK_SIZE - 1, BLOCK_SIZE, 1, BLOCK_SIZE + 1, 3 * BLOCK_SIZE, 7};
	static const size_t out[] = {BLOCK_SIZE, 1, 2, BLOCK_SIZE - 3, 5 * BLOCK_SIZE};
	struct chain chain = {0};
	size_t begin = 0, end = 0, part;
	unsigned int i;

	for (i = 0; end < ALL - 16 * BLOCK_SIZE; i++) {
		part = in[i % 8];
		assert_int_equal(blocks_append(&blocks, &chain, data + end, part), 0);
		end += part;
		assert_int_equal(chain.size, end - begin);
		check_span(blocks_span(&chain, UINT64_MAX), begin, 1 + i % 8);
		check_span(blocks_span(&chain, 3), begin, 1);
		part = out[i % 5] < chain.size ? out[i % 5] : chain.size;
		blocks_consume(&blocks, &chain, part);
		begin += part;
	}
	blocks_consume(&blocks, &chain, chain.size);
	assert_int_equal(blocks_free(&blocks), ALL);
	check_span(blocks_span(&chain, UINT64_MAX), 0, 1);
}

/* All or nothing; several chains share what there is. */
static void full(void **state)
{
	struct chain one = {0}, other = {0};

	assert_int_equal(blocks_append(&blocks, &one, data, ALL - BLOCK_SIZE), 0);
	assert_int_equal(blocks_append(&blocks, &other, data, BLOCK_SIZE + 1), -ENOBUFS);
	assert_int_equal(other.size, 0);
	assert_int_equal(blocks_append(&blocks, &other, data, 1), 0);
	assert_int_equal(blocks_free(&blocks), 0);
	assert_int_equal(blocks_append(&blocks, &one, data, 1), -ENOBUFS);
	assert_int_equal(blocks_append(&blocks, &other, data + 1, BLOCK_SIZE), -ENOBUFS);
	assert_int_equal(blocks_append(&blocks, &other, data + 1, BLOCK_SIZE - 1), 0);
	check_span(blocks_span(&one, UINT64_MAX), 0, 8);
	check_span(blocks_span(&other, UINT64_MAX), 0, 8);
	blocks_consume(&blocks, &one, BLOCK_SIZE + 1);
	assert_int_equal(blocks_free(&blocks), BLOCK_SIZE);
	assert_int_equal(blocks_append(&blocks, &other, data + BLOCK_SIZE, BLOCK_SIZE), 0);
	check_span(blocks_span(&other, UINT64_MAX), 0, 8);
	check_span(blocks_span(&one, UINT64_MAX), BLOCK_SIZE + 1, 8);
	blocks_consume(&blocks, &one, one.size);
	blocks_consume(&blocks, &other, other.size);
}

/* The last bytes go, wherever the rest ends, and others can come. */
static void truncated(void **state)
{
	static const size_t kept[] = {
		0, 1, BLOCK_SIZE - 100, BLOCK_SIZE, BLOCK_SIZE + 1, 3 * BLOCK_SIZE, 5 * BLOCK_SIZE};
	struct chain chain = {0};
	unsigned int i;

	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		assert_int_equal(blocks_append(&blocks, &chain, data, 100 + 4 * BLOCK_SIZE), 0);
		blocks_consume(&blocks, &chain, 100);
		blocks_truncate(&blocks, &chain, kept[i]);
		assert_int_equal(chain.size, kept[i] < 4 * BLOCK_SIZE ? kept[i] : 4 * BLOCK_SIZE);
		check_span(blocks_span(&chain, UINT64_MAX), 100, 2);
		assert_int_equal(
			blocks_append(&blocks, &chain, data + 100 + chain.size, BLOCK_SIZE), 0);
		check_span(blocks_span(&chain, UINT64_MAX), 100, 2);
		blocks_consume(&blocks, &chain, chain.size);
		assert_int_equal(blocks_free(&blocks), ALL);
	}
}

/* No session's bytes stay in memory that is not used any more. */
static void wiped(void **state)
{
	static const char zeroes[BLOCK_SIZE];
	struct chain chain = {0};
	char *block;

	assert_int_equal(blocks_append(&blocks, &chain, data, BLOCK_SIZE / 2), 0);
	block = blocks.data + (size_t)chain.first * BLOCK_SIZE;
	assert_memory_equal(block, data, BLOCK_SIZE / 2);
	blocks_consume(&blocks, &chain, BLOCK_SIZE / 2);
	assert_memory_equal(block, zeroes, BLOCK_SIZE);
}

/* Another process sees what is appended after it began. */
static void shared(void **state)
{
	struct chain chain = {0};
	int fds[2], status;
	struct span span;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		if (read(fds[0], &span, sizeof(span)) != sizeof(span))
			_exit(1);
		check_span(span, 0, 3);
		_exit(0);
	}
	assert_int_equal(blocks_append(&blocks, &chain, data, 10 * BLOCK_SIZE + 5), 0);
	span = blocks_span(&chain, UINT64_MAX);
	assert_int_equal(write(fds[1], &span, sizeof(span)), sizeof(span));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fds[0]);
	close(fds[1]);
	blocks_consume(&blocks, &chain, chain.size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(full, setup, teardown),
		cmocka_unit_test_setup_teardown(truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(wiped, setup, teardown),
		cmocka_unit_test_setup_teardown(shared, setup, teardown),
	};

	return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
