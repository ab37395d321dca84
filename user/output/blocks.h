/* SPDX-License-Identifier: MIT */
/*
 * Memory that two processes share, in blocks, and chains of blocks: bytes on
 * their way from the process that makes them to the one that writes them. Only
 * the first one allocates and frees; the other reads what it was told of.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define BLOCK_SIZE 4096
#define BLOCK_NONE UINT32_MAX

struct blocks {
	char *data;	/* shared, and so is `next` */
	uint32_t *next; /* of a block: the one behind it, in its chain or among the free ones */
	uint32_t first_free;
	uint32_t untouched; /* from here on none was ever used */
	uint32_t count, used;
};

/* Bytes in order. Zero-initialise; blocks_consume() all of it at the end. */
struct chain {
	uint32_t first, last; /* valid if there are bytes */
	uint32_t begin;	      /* where the bytes begin in the first block */
	uint64_t size;	      /* bytes */
};

/* Some of the first bytes of a chain, as the other process is told of them. */
struct span {
	uint32_t block, begin;
	uint64_t size; /* 0: none */
};

/* Maps memory for `size` bytes; before fork(). 0 or -errno. */
int blocks_map(struct blocks *blocks, size_t size);
void blocks_unmap(struct blocks *blocks);
/* Bytes that are in no chain, in whole blocks. */
uint64_t blocks_free(const struct blocks *blocks);

/* Gives much memory back that is not used now. */
void blocks_trim(struct blocks *blocks);

/* Appends all of it; or nothing, -ENOBUFS. */
int blocks_append(struct blocks *blocks, struct chain *chain, const void *data, size_t size);
/* Drops what comes behind the first `size` bytes. */
void blocks_truncate(struct blocks *blocks, struct chain *chain, uint64_t size);
/* Drops the first bytes. */
void blocks_consume(struct blocks *blocks, struct chain *chain, uint64_t size);
/* The first bytes of the chain, at most `max`. */
struct span blocks_span(const struct chain *chain, uint64_t max);

/* For either process. The first bytes of a span, `count` vectors at most; moves the span behind
 * them. Returns how many vectors there are: 0 if the span is empty. */
int span_vectors(const struct blocks *blocks, struct span *span, struct iovec *vectors_r,
		 int count);

#endif
