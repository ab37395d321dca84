/* SPDX-License-Identifier: MIT */
/*
 * The order of the stream: a record is saved, then the engine takes it, then
 * the records that answer the engine's questions follow in the same way.
 */
#ifndef PIPELINE_H
#define PIPELINE_H

#include <stdio.h>

#include "engine/engine.h"
#include "base/str.h"

/* Zero-initialise, and set the engine and `save`. */
struct pipeline {
	struct engine *engine; /* owned */
	FILE *save;	       /* NULL: not saved. The caller closes it */
	int save_error;	       /* why saving stopped, errno; it was logged */
	struct str queue;      /* records that answer, each padded to 8 bytes */
	uint64_t now_ns;       /* the time of the record that is being taken: answers carry it */
};

/* Takes one record (8-byte aligned, valid during the call), and all answers that follow from it. */
void pipeline_feed(struct pipeline *pipeline, const void *data, size_t size);
/* Queues a record of this header and payload (both are copied), to be taken after the current one.
 * For the engine's questions, while it takes a record or flushes. Sets head.len, and head.time_ns
 * to the time of the record that is answered. */
void pipeline_answer(struct pipeline *pipeline, struct rl_rec head, const void *payload,
		     size_t size);
/* Makes a record of this header and payload, and takes it now. For what answers no question: sets
 * head.len only. Must not be called while the engine takes a record. */
void pipeline_tell(struct pipeline *pipeline, struct rl_rec head, const void *payload, size_t size);
/* Nothing more is saved (errno). Logged once. */
void pipeline_save_failed(struct pipeline *pipeline, int error);
/* The end of a batch: writes what was taken so far to the logs and to the saved stream. */
void pipeline_flush(struct pipeline *pipeline);
/* Frees what it owns, the engine too. */
void pipeline_free(struct pipeline *pipeline);

#endif
