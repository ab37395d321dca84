/* SPDX-License-Identifier: MIT */
/*
 * Threads for what may take long, so that nobody else waits for it. Each runs
 * one job, with all signals blocked, and is gone then: what it gave up, its
 * capabilities for instance, the next one still has.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include <stdbool.h>

/* So many jobs run at once; others wait for their turn. */
#define WORKERS_MAX 16

/* The first member of the caller's struct. */
struct job {
	void (*run)(struct job *job);  /* in its thread: uses nothing but the job */
	void (*free)(struct job *job); /* in any thread: frees the job and what it owns */
	struct job *prev, *next;
};

struct workers;

/* NULL: errno says why. */
struct workers *workers_new(void);
/* A descriptor that is readable when workers_take() has something to do. The workers close it. */
int workers_fd(const struct workers *workers);
/* Has the job run; it is the workers' until it is taken. */
void workers_add(struct workers *workers, struct job *job);
/* A job that is done, which the caller frees, and starts the next ones. NULL: none is done now. To be
 * called from time to time: a thread that could not be started is tried again then. */
struct job *workers_take(struct workers *workers);
/* Are there jobs that were not taken? */
bool workers_busy(const struct workers *workers);
/* Does not wait for jobs that still run: their threads free them. Sets `*workers` to NULL, which it
 * can be. */
void workers_free(struct workers **workers);

#endif
