/* SPDX-License-Identifier: MIT */
/*
 * What the engine asks of the world, answered from this host. A fact goes into
 * the pipeline as a record, so that a replay finds the answer in the stream; a
 * decision goes to the kernel side. What takes time is found out by other processes,
 * and fed when it is there.
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <stdbool.h>

#include "engine/engine.h"
#include "output/sink_host.h"
#include "rl_abi.h"

struct bpf_side;
struct master_questions;
struct pipeline;
struct source;

/* Owns nothing. What it points to must outlive the engine that asks. */
struct answers {
	const struct rules *rules;
	struct bpf_side *bpf;
	struct source *source;
	struct pipeline *pipeline;
	struct master_questions *questions; /* that take time */
};

/* For engine_new(). Its context is `answers`, which must stay where it is. */
struct engine_world answers_world(struct answers *answers);

/* For sink_host_new(), likewise: what it tells becomes records. */
struct sink_host_answers answers_sink(struct answers *answers);

/* Feeds the answers that have come by now to the pipeline. */
void answers_tell(struct answers *answers);

/* At the end: waits for the questions that are still open, but no longer than ANSWERS_END_MS, and feeds
 * their answers. */
#define ANSWERS_END_MS 500
void answers_finish(struct answers *answers);

#endif
