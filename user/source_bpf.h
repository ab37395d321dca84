/* SPDX-License-Identifier: MIT */
/*
 * Records from the running kernel: the ring, and what only a look can tell
 * (processes that were there before, sockets that are gone, the counters).
 */
#ifndef SOURCE_BPF_H
#define SOURCE_BPF_H

#include <stdbool.h>

#include "bpf_load.h"

struct source_bpf;

/* Takes one record, each in stream order. */
typedef void source_record_fn(void *context, const void *data, size_t size);

struct source_bpf *source_bpf_new(struct bpf_side *side, source_record_fn *record, void *context);
void source_bpf_free(struct source_bpf **source);

int source_bpf_fd(const struct source_bpf *source); /* readable: records wait */

/* Tells of the processes that were running before. */
int source_bpf_scan(struct source_bpf *source); /* 0 or -errno */
/* Takes what is in the ring, a bounded number of records. How many; -errno. */
int source_bpf_consume(struct source_bpf *source);
/* Finds out which of the sockets that were told of are gone, and tells. 0 or -errno. */
int source_bpf_sweep(struct source_bpf *source);
/* After detaching: the rest of the ring, where each socket stood, the counters. 0 or -errno. */
int source_bpf_finish(struct source_bpf *source);

/* What user space has decided. */
void source_bpf_verdict(struct source_bpf *source, __u64 cookie, bool record);
void source_bpf_forget(struct source_bpf *source, __u32 tgid);

#endif
