/* SPDX-License-Identifier: MIT */
/*
 * Writable bytes that end where the mapped memory ends: reading one too many
 * crashes, even without a sanitizer.
 */
#ifndef GUARD_H
#define GUARD_H

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static inline size_t guard_map_len(size_t len)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (len + page - 1) / page * page;
}

/* A copy of the bytes; guard_free() it with the same len. */
static inline void *guard_dup(const void *data, size_t len)
{
	size_t map_len = guard_map_len(len), page = sysconf(_SC_PAGESIZE);
	unsigned char *map = mmap(NULL, map_len + page, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert(map != MAP_FAILED);
	assert(mprotect(map + map_len, page, PROT_NONE) == 0);
	if (len)
		memcpy(map + map_len - len, data, len);
	return map + map_len - len;
}

static inline void guard_free(void *data, size_t len)
{
	size_t map_len = guard_map_len(len), page = sysconf(_SC_PAGESIZE);

	assert(munmap((unsigned char *)data + len - map_len, map_len + page) == 0);
}

#endif
