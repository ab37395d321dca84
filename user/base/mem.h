/* SPDX-License-Identifier: MIT */
/*
 * Allocation that aborts when there is no memory: rawtap is a bystander, its
 * programs in the kernel go away with it, and Dovecot does not notice.
 */
#ifndef MEM_H
#define MEM_H

#include <stddef.h>
#include <stdlib.h>

void *mem_alloc(size_t size);		  /* zeroed */
void *mem_resize(void *old, size_t size); /* may be NULL before */
char *mem_strdup(const char *text);	  /* NULL stays NULL */
void *mem_dup(const void *data, size_t size);

/* uthash's own allocations, where it is used: include this header before it. */
#define uthash_malloc(size)  mem_alloc(size)
#define uthash_fatal(reason) abort()

#endif
