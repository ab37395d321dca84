/* SPDX-License-Identifier: MIT */
/*
 * Records from the running kernel: those in the ring buffer, and those that
 * user space adds (processes that were running before, sockets that are gone,
 * the kernel side's counters).
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>

#include "kernel/bpf_load.h"

struct source;

/* Called for each record, in the order of the stream. The bytes are valid during the call. It may
 * call source_verdict() and source_forget(), and no other function here. */
typedef void source_record_fn(void *context, const void *data, size_t size);

/* `side` is started, stays the caller's and must outlive the source, as `context` must. The caller
 * frees the source. NULL: errno says why. */
struct source *source_new(struct bpf_side *side, source_record_fn *record, void *context);
/* Call it before bpf_side_stop(). NULL afterwards. */
void source_free(struct source **source);

/* A descriptor that is readable when the ring holds control records or is filled to an eighth. A few
 * DATA records do not make it readable: take them from time to time. The source closes it. */
int source_fd(const struct source *source);

/* Is there anything to do for source_sweep_ended()? */
bool source_has_ended(const struct source *source);

/* The next five call `record`. 0 or -errno. */

/* A record for each process that is running already. Call it once, at the start. */
int source_scan(struct source *source);
/* Takes what is in the ring, a bounded number of records. Returns how many, or -errno. */
int source_consume(struct source *source);
/* Takes what is in the ring, and adds a SOCK_CLOSE for each socket whose SOCK_OPEN was in the stream
 * and that is gone by now. It looks at all of them: a fraction of a microsecond for each. */
int source_sweep(struct source *source);
/* The same for those of processes that have ended since the last call, which are likely to be gone;
 * what is not is left to source_sweep(). */
int source_sweep_ended(struct source *source);
/* After bpf_side_detach(): takes the rest of the ring, adds a SOCK_CLOSE for each socket that is gone
 * or still open (RL_F_LIVE), and the counters. Only source_free() may follow. */
int source_finish(struct source *source);

/* Verdicts for the kernel side: record this socket, or leave it alone; leave this process alone. If
 * the kernel side's map is full, records of the socket continue to come. `role`: whose socket it was.
 * If a process of another role has it, which the engine has still to hear of, that is not muted. `time_ns`:
 * when the process had this id; one that has begun later is another one. */
void source_verdict(struct source *source, __u64 cookie, __u16 role, bool record);
void source_forget(struct source *source, __u32 tgid, __u64 time_ns);

#endif
