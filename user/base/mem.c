// SPDX-License-Identifier: MIT
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void *mem_resize(void *old, size_t size)
{
	void *mem = realloc(old, size ? size : 1);

	if (!mem)
		abort();
	return mem;
}

void *mem_alloc(size_t size)
{
	return memset(mem_resize(NULL, size), 0, size);
}

void *mem_dup(const void *data, size_t size)
{
	void *copy = mem_resize(NULL, size);

	return size ? memcpy(copy, data, size) : copy;
}

char *mem_strdup(const char *text)
{
	return text ? mem_dup(text, strlen(text) + 1) : NULL;
}

void mem_wipe(void *data, size_t size)
{
	if (size)
		explicit_bzero(data, size);
}
