/* SPDX-License-Identifier: MIT */
/* What a recorder is made of: record.c starts it, record_loop.c runs it. */
#ifndef RECORDER_H
#define RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "commands/answers.h"
#include "commands/pipeline.h"
#include "config/opts.h"
#include "host/notify_socket.h"
#include "kernel/bpf_load.h"
#include "rules/rules.h"

struct master_questions;
struct sink;
struct source;
struct tcp_conns;

struct recorder {
	const struct opts *opts;
	char *base_dir; /* canonical; NULL: any */
	struct rules rules;
	struct bpf_side bpf;
	struct source *source;
	struct sink *sink;
	struct tcp_conns *connections; /* the sink's */
	struct pipeline pipeline;
	struct answers answers;
	struct master_questions *questions;
	struct notify_socket manager;
	bool ready; /* told */
	int epoll, signals;
	int64_t now_ms, busy_until_ms, sweep_at_ms, clock_at_ms;
	int64_t sweep_ended_at_ms; /* 0: no process has ended */
	int64_t trimmed_ms;	   /* when memory was given back last */
	int64_t clock_offset_ns;
	int32_t utc_offset;
};

/* When it looks for sockets that are gone. */
#define RECORDER_SWEEP_MS 2000

/* Adds the wall clock to the stream, if it was set, or the time zone has changed. */
void recorder_tell_clock(struct recorder *recorder);
/* Until a signal asks to stop, or it can't go on; then writes all, and prints the summary. Returns the
 * exit status. */
int recorder_run(struct recorder *recorder);
/* Writes the rest of the saved stream, which may fail: that is told. Doing so again does nothing. */
void recorder_close_save(struct recorder *recorder);

#endif
