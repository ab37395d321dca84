// SPDX-License-Identifier: MIT
#include "output/blocks.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"

/* So much is kept at any rate. */
#define TRIM_SIZE (16 * 1024 * 1024)

int blocks_map(struct blocks *blocks, size_t size)
{
	uint32_t count = size / BLOCK_SIZE;
	size_t links = count * sizeof(*blocks->next);
	char *data = mmap(NULL, (size_t)count * BLOCK_SIZE + links, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (data == MAP_FAILED)
		return -errno;
	*blocks = (struct blocks){
		.data = data,
		.next = (uint32_t *)(void *)(data + (size_t)count * BLOCK_SIZE),
		.first_free = BLOCK_NONE,
		.count = count,
	};
	return 0;
}

void blocks_unmap(struct blocks *blocks)
{
	if (blocks->data)
		munmap(blocks->data, (size_t)blocks->count * (BLOCK_SIZE + sizeof(*blocks->next)));
	*blocks = (struct blocks){0};
}

uint64_t blocks_free(const struct blocks *blocks)
{
	return (uint64_t)(blocks->count - blocks->used) * BLOCK_SIZE;
}

void blocks_trim(struct blocks *blocks)
{
	size_t size = (size_t)blocks->untouched * BLOCK_SIZE;

	if (blocks->used || size < TRIM_SIZE)
		return;
	if (madvise(blocks->data, size, MADV_REMOVE))
		return; /* it stays, for the next ones */
	blocks->untouched = 0;
	blocks->first_free = BLOCK_NONE;
}

/* The one that was freed last: its memory is still in the caches. */
static uint32_t take(struct blocks *blocks)
{
	uint32_t block = blocks->first_free;

	blocks->used++;
	if (block == BLOCK_NONE)
		return blocks->untouched++;
	blocks->first_free = blocks->next[block];
	return block;
}

static void give_back(struct blocks *blocks, uint32_t block)
{
	blocks->used--;
	blocks->next[block] = blocks->first_free;
	blocks->first_free = block;
}

static uint32_t end_of(const struct chain *chain)
{
	return chain->size ? (chain->begin + chain->size - 1) % BLOCK_SIZE + 1 : BLOCK_SIZE;
}

int blocks_append(struct blocks *blocks, struct chain *chain, const void *data, size_t size)
{
	uint32_t end = end_of(chain), part, block;
	const char *at = data;

	if (size > BLOCK_SIZE - end + blocks_free(blocks))
		return -ENOBUFS;
	for (; size; size -= part, at += part, chain->size += part, end += part) {
		if (end == BLOCK_SIZE) {
			block = take(blocks);
			if (chain->size)
				blocks->next[chain->last] = block;
			else
				chain->first = block;
			chain->begin = chain->size ? chain->begin : 0;
			chain->last = block;
			end = 0;
		}
		part = size < BLOCK_SIZE - end ? size : BLOCK_SIZE - end;
		memcpy(blocks->data + (size_t)chain->last * BLOCK_SIZE + end, at, part);
	}
	return 0;
}

static void drop(struct blocks *blocks, uint32_t block)
{
	mem_wipe(blocks->data + (size_t)block * BLOCK_SIZE, BLOCK_SIZE);
	give_back(blocks, block);
}

void blocks_truncate(struct blocks *blocks, struct chain *chain, uint64_t size)
{
	uint64_t count = (chain->begin + size + BLOCK_SIZE - 1) / BLOCK_SIZE;
	uint32_t block = chain->first, last = chain->last, next;

	if (size >= chain->size)
		return;
	if (!size) {
		blocks_consume(blocks, chain, chain->size);
		return;
	}
	while (--count)
		block = blocks->next[block];
	chain->size = size;
	chain->last = block;
	for (next = blocks->next[block]; block != last; drop(blocks, block)) {
		block = next;
		next = blocks->next[block];
	}
}

void blocks_consume(struct blocks *blocks, struct chain *chain, uint64_t size)
{
	uint64_t part;
	uint32_t block;

	for (; size; size -= part) {
		block = chain->first;
		part = BLOCK_SIZE - chain->begin;
		part = part < chain->size ? part : chain->size;
		part = part < size ? part : size;
		chain->begin += part;
		chain->size -= part;
		if (chain->size && chain->begin < BLOCK_SIZE)
			continue;
		chain->begin = 0;
		chain->first = blocks->next[block];
		drop(blocks, block);
	}
}

struct span blocks_span(const struct chain *chain, uint64_t max)
{
	return (struct span){
		.block = chain->first,
		.begin = chain->begin,
		.size = chain->size < max ? chain->size : max,
	};
}

int span_vectors(const struct blocks *blocks, struct span *span, struct iovec *vectors_r, int count)
{
	uint64_t part;
	int i;

	for (i = 0; i < count && span->size; i++) {
		part = BLOCK_SIZE - span->begin;
		part = part < span->size ? part : span->size;
		vectors_r[i].iov_base =
			blocks->data + (size_t)span->block * BLOCK_SIZE + span->begin;
		vectors_r[i].iov_len = part;
		span->size -= part;
		span->begin = 0;
		if (span->size)
			span->block = blocks->next[span->block];
	}
	return i;
}
