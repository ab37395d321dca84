/* SPDX-License-Identifier: MIT */
/*
 * What the recorder and the process that writes its logs share: a request and
 * an answer for each log, and a queue in each direction with the logs' numbers.
 * A log has one request at a time, so that no queue is ever full, and neither
 * process waits for the other.
 */
#ifndef WRITER_SHARED_H
#define WRITER_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "output/blocks.h"
#include "rl_abi.h"

#define WRITER_LOGS_MAX 65536 /* at once; a power of two */

enum writer_operation {
	WRITER_CREATE, /* the first span is a place: see place_pack() */
	WRITER_WRITE,
	WRITER_CLOSE,
};

struct writer_request {
	enum writer_operation operation;
	struct span spans[2]; /* by file */
};

struct writer_answer {
	uint32_t status; /* enum rl_log_status; CREATE */
	uint32_t serial; /* CREATE */
	uint32_t error;	 /* errno; 0: it succeeded */
	/* of the spans, bytes, by file; after an error too, and so far, while it is at work */
	_Atomic uint64_t written[2];
};

/* Numbers of logs, from one thread at a time to one thread. Zero-initialise. */
struct log_queue {
	_Atomic uint32_t begin, end;
	_Atomic bool asleep; /* the one that takes waits, and must be woken */
	uint32_t logs[WRITER_LOGS_MAX];
};

struct writer_shared {
	struct log_queue requests, answers;
	_Atomic bool stop; /* what is not written now is not wanted any more */
	struct {
		struct writer_request request;
		struct writer_answer answer;
	} logs[WRITER_LOGS_MAX];
};

/* Returns whether the other side must be woken. */
static inline bool log_queue_put(struct log_queue *queue, uint32_t log)
{
	uint32_t end = atomic_load_explicit(&queue->end, memory_order_relaxed);

	queue->logs[end % WRITER_LOGS_MAX] = log;
	atomic_store(&queue->end, end + 1);
	return atomic_exchange(&queue->asleep, false);
}

/* False: it is empty. */
static inline bool log_queue_take(struct log_queue *queue, uint32_t *log_r)
{
	uint32_t begin = atomic_load_explicit(&queue->begin, memory_order_relaxed);

	if (begin == atomic_load(&queue->end))
		return false;
	*log_r = queue->logs[begin % WRITER_LOGS_MAX];
	atomic_store_explicit(&queue->begin, begin + 1, memory_order_release);
	return true;
}

/* The one that takes is about to wait. False: it must not, something has come. */
static inline bool log_queue_sleep(struct log_queue *queue)
{
	atomic_store(&queue->asleep, true);
	if (atomic_load_explicit(&queue->begin, memory_order_relaxed) == atomic_load(&queue->end))
		return true;
	atomic_store(&queue->asleep, false);
	return false;
}

#endif
