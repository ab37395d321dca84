/* SPDX-License-Identifier: MIT */
/*
 * The engine: one ordered stream of records in, log files out. It is a
 * deterministic function of the stream and the rules: what it needs to know of
 * the world it asks for, and the answer is a record of the stream. So a saved
 * stream replays to the same files, anywhere.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "reason.h"
#include "rules.h"
#include "sink.h"

struct engine;

/* What the engine asks of the world. A replay's world does nothing. */
struct engine_world {
	void *context;
	/* Who is this process, a master? Answered by a FACT_MASTER record. */
	void (*ask_master)(void *context, uint32_t tgid);
	/* A process of interest has begun. */
	void (*new_process)(void *context, const struct service *service);
	/* This socket is recorded, or is of no interest any more. */
	void (*verdict)(void *context, uint64_t cookie, bool record);
	/* Nothing of this process is of interest. */
	void (*forget)(void *context, uint32_t tgid);
	/* A log could not be written to: to be told as a FACT_WRITE record. */
	void (*write_failed)(void *context, const struct rl_write *write);
	/* Some sockets have probably ended. */
	void (*sweep)(void *context);
};

/* What came of it. Bytes are of recorded sessions. */
struct engine_summary {
	uint64_t sessions[REASONS_COUNT]; /* by what became of them; [REASON_NONE]: recorded */
	uint64_t sessions_open;		  /* of the recorded: not ended yet */
	uint64_t files;
	uint64_t bytes[2];   /* by enum rl_dir, as they were on the wire */
	uint64_t lost_bytes; /* told in the files as well */
	uint64_t gaps;
	uint64_t malformed; /* records and handshake lines that made no sense */
	uint64_t given_up;  /* logs that could not be written to the end */
	bool has_stats;
	struct rl_stats stats; /* the kernel side's counters, once the stream told them */
};

/* `rules` and `sink` stay the caller's and outlive the engine. */
struct engine *engine_new(const struct rules *rules, struct sink *sink,
			  const struct engine_world *world);
/* Takes one record; what is not valid is counted. */
void engine_feed(struct engine *engine, const void *data, size_t size);
/* Hands what was formatted to the sink. At the end of each batch. */
void engine_flush(struct engine *engine);
/* The stream has ended: what is known of open sessions is written, logs are closed. */
void engine_finish(struct engine *engine);
const struct engine_summary *engine_summary(const struct engine *engine);
/* Were bytes, records or logs lost? Then the exit status is 3. */
bool engine_has_lost(const struct engine *engine);
void engine_free(struct engine **engine);

#endif
