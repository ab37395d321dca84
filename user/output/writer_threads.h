/* SPDX-License-Identifier: MIT */
/*
 * The threads that do what the recorder asks for its logs. A directory has one
 * thread at a time; where that hangs in a file system, others do the rest. They
 * never wait for the recorder.
 */
#ifndef WRITER_THREADS_H
#define WRITER_THREADS_H

#include <stdbool.h>

#include "output/writer_shared.h"

struct writer_threads;

/* `wake`: called, by any thread, when the recorder must be woken to take answers. What it is given
 * must outlive the threads, which are never freed: some may hang. NULL: errno says why. */
struct writer_threads *writer_threads_new(struct writer_shared *shared, struct blocks *blocks,
					  void (*wake)(void *context), void *context);
/* A log that is open already, below a directory of this path. */
void writer_threads_adopt(struct writer_threads *threads, uint32_t log, int fd, const char *path);
/* Does what the log's request says. */
void writer_threads_add(struct writer_threads *threads, uint32_t log);

/* While some are at work, this is called every WRITER_TICK_MS: more threads begin, if need be. False:
 * no work is left. */
#define WRITER_TICK_MS 10
bool writer_threads_tick(struct writer_threads *threads);

#endif
