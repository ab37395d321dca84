/* SPDX-License-Identifier: MIT */
/*
 * A saved stream of records: a header, then the records as they were, each
 * padded to 8 bytes. Written by --save, read by replay.
 */
#ifndef SAVED_STREAM_H
#define SAVED_STREAM_H

#include <stddef.h>
#include <stdio.h>

#include "rl_abi.h"

/* The size of a buffer for the largest record that is read from a file, bytes. */
#define SAVED_STREAM_RECORD_MAX (1024 * 1024)

struct saved_stream_header {
	char magic[8]; /* "RAWTAP\0\n" */
	__u32 version; /* RL_ABI_VERSION */
	__u32 endian;  /* 0x01020304 in the byte order of the records */
};

/* `file` stays the caller's everywhere here. Writes the header. 0 or -errno. */
int saved_stream_begin(FILE *file);
/* Writes one record; `data` begins with a struct rl_rec whose len is `size`. 0 or -errno. */
int saved_stream_write(FILE *file, const void *data, size_t size);

/* Reads the header. 0; -EINVAL: not a saved stream; -ENOTSUP: of another version or byte order. */
int saved_stream_check(FILE *file);
/* Reads the next record into `buffer` (8-byte aligned, SAVED_STREAM_RECORD_MAX bytes). Only its
 * length is checked: see event_parse(). Returns its size without padding, bytes; 0: the end; -EINVAL:
 * its length is impossible; -ENODATA: cut off in the middle; -errno of the file. */
long saved_stream_read(FILE *file, void *buffer);

#endif
