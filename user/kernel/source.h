/* SPDX-License-Identifier: MIT */
/*
 * Records from the running kernel: the ring, and what only a look can tell
 * (processes that were there before, sockets that are gone, the counters).
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>

#include "kernel/bpf_load.h"

struct source;

/* Takes one record, each in stream order. */
typedef void source_record_fn(void *context, const void *data, size_t size);

struct source *source_new(struct bpf_side *side, source_record_fn *record, void *context);
void source_free(struct source **source);

int source_fd(const struct source *source); /* readable: records wait */

/* Tells of the processes that were running before. */
int source_scan(struct source *source); /* 0 or -errno */
/* Takes what is in the ring, a bounded number of records. How many; -errno. */
int source_consume(struct source *source);
/* Finds out which of the sockets that were told of are gone, and tells. 0 or -errno. */
int source_sweep(struct source *source);
/* After detaching: the rest of the ring, where each socket stood, the counters. 0 or -errno. */
int source_finish(struct source *source);

/* What user space has decided. */
void source_verdict(struct source *source, __u64 cookie, bool record);
void source_forget(struct source *source, __u32 tgid);

#endif
