/* SPDX-License-Identifier: MIT */
/*
 * What the engine asks of the world, answered from this host. A fact goes into
 * the pipeline as a record, so that a replay finds the answer in the stream; a
 * decision goes to the kernel side.
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <stdbool.h>

#include "engine/engine.h"
#include "rl_abi.h"

struct bpf_side;
struct pipeline;
struct source;

/* Owns nothing. What it points to must outlive the engine that asks. */
struct answers {
	const struct rules *rules;
	const char *base_dir; /* canonical: of the only instance that counts; NULL: any */
	struct bpf_side *bpf;
	struct source *source;
	struct pipeline *pipeline;
};

/* For engine_new(). Its context is `answers`, which must stay where it is. */
struct engine_world answers_world(struct answers *answers);

/* For sink_host_new(): queues a FACT_LOG record. `context` is a struct answers. */
void answers_log(void *context, const struct rl_log *fact);

#endif
