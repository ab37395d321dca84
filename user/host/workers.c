// SPDX-License-Identifier: MIT
#include "host/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

#include <utlist.h>

/* Freed by the last who has it: the owner, or a thread that still runs when that one is gone. */
struct workers {
	pthread_mutex_t lock;
	int event;
	bool abandoned;	      /* by its owner: nobody takes what is done */
	unsigned int running; /* threads */
	unsigned int untaken; /* jobs. The owner's alone */
	struct job *waiting;  /* the owner's alone */
	struct job *done;
};

/* What a thread is given; it frees it. */
struct assignment {
	struct workers *workers;
	struct job *job;
};

struct workers *workers_new(void)
{
	struct workers *workers = mem_alloc(sizeof(*workers));

	workers->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (workers->event < 0) {
		free(workers);
		return NULL;
	}
	pthread_mutex_init(&workers->lock, NULL);
	return workers;
}

int workers_fd(const struct workers *workers)
{
	return workers->event;
}

static void destroy(struct workers *workers)
{
	pthread_mutex_destroy(&workers->lock);
	close(workers->event);
	free(workers);
}

static void *run(void *context)
{
	struct assignment *assignment = context;
	struct workers *workers = assignment->workers;
	struct job *job = assignment->job;
	bool abandoned, last;

	free(assignment);
	job->run(job);
	pthread_mutex_lock(&workers->lock);
	abandoned = workers->abandoned;
	if (!abandoned) {
		DL_APPEND(workers->done, job);
		eventfd_write(workers->event, 1);
	}
	last = --workers->running == 0;
	pthread_mutex_unlock(&workers->lock);
	if (abandoned) {
		job->free(job);
		if (last)
			destroy(workers);
	}
	return NULL;
}

/* 0 or -errno. */
static int start_thread(struct workers *workers, struct job *job)
{
	struct assignment *assignment = mem_alloc(sizeof(*assignment));
	sigset_t all, before;
	pthread_t thread;
	int ret;

	*assignment = (struct assignment){workers, job};
	sigfillset(&all); /* signals are for the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&thread, NULL, run, assignment);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret)
		free(assignment);
	else
		pthread_detach(thread);
	return -ret;
}

static void start_waiting(struct workers *workers)
{
	struct job *job;

	pthread_mutex_lock(&workers->lock);
	while ((job = workers->waiting) != NULL && workers->running < WORKERS_MAX) {
		DL_DELETE(workers->waiting, job);
		if (start_thread(workers, job)) {
			DL_PREPEND(workers->waiting, job);
			break;
		}
		workers->running++;
	}
	pthread_mutex_unlock(&workers->lock);
}

void workers_add(struct workers *workers, struct job *job)
{
	DL_APPEND(workers->waiting, job);
	workers->untaken++;
	start_waiting(workers);
}

struct job *workers_take(struct workers *workers)
{
	struct job *job;
	eventfd_t count;

	eventfd_read(workers->event, &count);
	start_waiting(workers);
	pthread_mutex_lock(&workers->lock);
	job = workers->done;
	if (job)
		DL_DELETE(workers->done, job);
	pthread_mutex_unlock(&workers->lock);
	workers->untaken -= job != NULL;
	return job;
}

bool workers_busy(const struct workers *workers)
{
	return workers->untaken > 0;
}

static void free_jobs(struct job **jobs)
{
	struct job *job, *next;

	DL_FOREACH_SAFE(*jobs, job, next) {
		DL_DELETE(*jobs, job);
		job->free(job);
	}
}

void workers_free(struct workers **workers_p)
{
	struct workers *workers = *workers_p;
	bool last;

	*workers_p = NULL;
	if (!workers)
		return;
	free_jobs(&workers->waiting);
	pthread_mutex_lock(&workers->lock);
	free_jobs(&workers->done);
	workers->abandoned = true;
	last = workers->running == 0;
	pthread_mutex_unlock(&workers->lock);
	if (last)
		destroy(workers);
}
