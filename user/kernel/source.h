/* SPDX-License-Identifier: MIT */
/*
 * Records from the running kernel: those in the ring, and those that only a
 * look can make (processes that were running before, sockets that are gone, the
 * kernel side's counters).
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>

#include "kernel/bpf_load.h"

struct source;

/* Takes one record, in the order of the stream. The bytes are valid during the call. It may call
 * source_verdict() and source_forget(), and no other function here. */
typedef void source_record_fn(void *context, const void *data, size_t size);

/* `side` is started, stays the caller's and must outlive the source, as `context` must. NULL: errno
 * says why. */
struct source *source_new(struct bpf_side *side, source_record_fn *record, void *context);
/* Before bpf_side_stop(). */
void source_free(struct source **source);

/* Readable when the ring has much to take; a few records wake nobody. Stays the source's. */
int source_fd(const struct source *source);

/* These call `record`; 0 or -errno. */

/* A record for each process that is running already. Once, at the start. */
int source_scan(struct source *source);
/* Takes what is in the ring, a bounded number of records. Returns how many, or -errno. */
int source_consume(struct source *source);
/* Takes what is in the ring, and a SOCK_CLOSE for each socket that was opened in the stream and is
 * gone by now. */
int source_sweep(struct source *source);
/* After bpf_side_detach(): the rest of the ring, a SOCK_CLOSE for each socket that is still open
 * (RL_F_LIVE), the counters. The last call but for source_free(). */
int source_finish(struct source *source);

/* What user space has decided, for the kernel side: this socket is recorded, or is of no interest;
 * this process is of no interest. If the kernel side's map is full its records go on to come. */
void source_verdict(struct source *source, __u64 cookie, bool record);
void source_forget(struct source *source, __u32 tgid);

#endif
