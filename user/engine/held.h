/* SPDX-License-Identifier: MIT */
/*
 * A queue of records that wait until something is known: whose session it is,
 * whether bytes are TLS, whether a mail process takes a client over.
 * Zero-initialise; held_clear() at the end. The queue owns copies of the records.
 */
#ifndef HELD_H
#define HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "records/event.h"
#include "rl_abi.h"

struct held {
	struct held *next, *prev; /* utlist's: the first one's prev is the last one */
	struct rl_rec rec;	  /* the payload follows */
};

/* A GAP that grows. Zero-initialise; no bytes yet: rec.len is 0. */
struct gap_record {
	struct rl_rec rec;
	struct rl_gap gap;
};

struct held_queue {
	struct held *first; /* NULL: empty */
	uint64_t size;	    /* of all its records, in bytes */
};

/* Appends a copy of a whole record. */
void held_add(struct held_queue *queue, const struct rl_rec *rec);
/* Removes and returns the first one, which the caller frees with held_free(). NULL: it is empty. */
struct held *held_take(struct held_queue *queue);
void held_free(struct held **held); /* wipes it */
/* Moves all records of `tail` to the end of `queue`; `tail` is empty then. */
void held_append(struct held_queue *queue, struct held_queue *tail);
/* Moves the records from before `time_ns` (monotonic) from the beginning of `from` to the end of
 * `queue`. */
void held_move_before(struct held_queue *queue, struct held_queue *from, uint64_t time_ns);
/* Drops all records, and adds a GAP of this reason (enum rl_gap_reason) for each direction of which
 * there were bytes. */
void held_replace_by_gaps(struct held_queue *queue, unsigned int reason);
/* Makes it include what a DATA or GAP stands for; the reason is the caller's. Events without bytes
 * change nothing. */
void gap_record_grow(struct gap_record *record, const struct event *event);
/* Does a DATA or GAP in it stand for at least a byte? */
bool held_has_bytes(const struct held_queue *queue);
/* Frees all records; the queue is empty then. */
void held_clear(struct held_queue *queue);

#endif
