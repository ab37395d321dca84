/* SPDX-License-Identifier: MIT */
/*
 * Allocation that aborts when there is no memory: the kernel then removes
 * rawtap's programs, and Dovecot does not notice. Freed with free().
 */
#ifndef MEM_H
#define MEM_H

#include <stddef.h>
#include <stdlib.h>

void *mem_alloc(size_t size);		  /* zeroed */
void *mem_resize(void *old, size_t size); /* `old` may be NULL */
char *mem_strdup(const char *text);	  /* NULL stays NULL */
void *mem_dup(const void *data, size_t size);
/* Zeroes what may be private, before it is freed: a compiler does not remove it. */
void mem_wipe(void *data, size_t size);

/* The same for uthash: include this header before uthash.h. */
#define uthash_malloc(size)  mem_alloc(size)
#define uthash_fatal(reason) abort()

#endif
