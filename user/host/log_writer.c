// SPDX-License-Identifier: MIT
#include "host/log_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "host/capabilities.h"
#include "host/clock.h"

#include <utlist.h>

/* Debug messages leave the last eighth to others. */
#define QUEUE_SIZE	 (1 << 20)
#define QUEUE_DEBUG_SIZE (QUEUE_SIZE / 8 * 7)

/* At the end, so long for the old messages; the rest of the time is for the last ones. */
#define OLD_MS 700

struct message {
	struct message *prev, *next;
	bool last; /* came after log_writer_last() */
	size_t size;
	char line[];
};

/* A thread that is stuck at the end still has it: it is never freed. */
static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct message *messages;
	size_t size;	    /* of their lines */
	uint64_t dropped;   /* and not yet told */
	bool last, ended;   /* what the others want */
	bool started, done; /* what the thread says */
	int error;	    /* when it started */
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* Once a debug message was dropped all are, until the queue is empty: one gap, not a thousand. */
static bool fits(enum log_level level, size_t size)
{
	if (queue.last)
		return true;
	if (level == LOG_LEVEL_DEBUG)
		return !queue.dropped && queue.size + size <= QUEUE_DEBUG_SIZE;
	return queue.size + size <= QUEUE_SIZE;
}

static void put(enum log_level level, const char *line, size_t size)
{
	struct message *message;

	pthread_mutex_lock(&queue.lock);
	if (fits(level, size)) {
		message = mem_alloc(sizeof(*message) + size);
		message->last = queue.last;
		message->size = size;
		memcpy(message->line, line, size);
		DL_APPEND(queue.messages, message);
		queue.size += size;
	} else {
		queue.dropped++;
	}
	pthread_cond_signal(&queue.changed);
	pthread_mutex_unlock(&queue.lock);
}

static void remove_first(void)
{
	struct message *message = queue.messages;

	queue.size -= message->size;
	DL_DELETE(queue.messages, message);
	free(message);
}

/* The next line to write; its size, 0 if there is none. That some were dropped is told behind the
 * old messages and before the last ones. */
static size_t take(char line_r[LOG_LINE_SIZE])
{
	const struct message *message = queue.messages;
	size_t size = 0;

	if (queue.dropped && (!message || message->last)) {
		size = log_format(line_r, LOG_LEVEL_WARN,
				  "%" PRIu64 " messages were dropped: standard error took them too "
				  "slowly",
				  queue.dropped);
		queue.dropped = 0;
	} else if (message) {
		size = message->size;
		memcpy(line_r, message->line, size);
		remove_first();
	}
	return size;
}

static void *write_messages(void *unused)
{
	char line[LOG_LINE_SIZE];
	size_t size;

	pthread_mutex_lock(&queue.lock);
	queue.error = capabilities_drop(0);
	queue.started = true;
	pthread_cond_signal(&queue.changed);
	while (!queue.error) {
		size = take(line);
		if (size) {
			pthread_mutex_unlock(&queue.lock);
			log_write(line, size);
			pthread_mutex_lock(&queue.lock);
		} else if (queue.ended) {
			break;
		} else {
			pthread_cond_wait(&queue.changed, &queue.lock);
		}
	}
	queue.done = true;
	pthread_cond_signal(&queue.changed);
	pthread_mutex_unlock(&queue.lock);
	return NULL;
}

int log_writer_start(void)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all); /* signals are for the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&queue.thread, NULL, write_messages, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret)
		return -ret;
	pthread_mutex_lock(&queue.lock);
	while (!queue.started)
		pthread_cond_wait(&queue.changed, &queue.lock);
	pthread_mutex_unlock(&queue.lock);
	if (queue.error)
		pthread_join(queue.thread, NULL);
	else
		log_set_writer(put);
	return queue.error;
}

void log_writer_last(void)
{
	pthread_mutex_lock(&queue.lock);
	queue.last = true;
	pthread_mutex_unlock(&queue.lock);
}

static bool wait_done(int ms)
{
	int64_t until = clock_now_ns() + ms * CLOCK_NS_PER_MS;
	const struct timespec deadline = {
		.tv_sec = until / CLOCK_NS_PER_S,
		.tv_nsec = until % CLOCK_NS_PER_S,
	};
	int ret = 0;

	while (!queue.done && !ret)
		ret = pthread_cond_clockwait(&queue.changed, &queue.lock, CLOCK_MONOTONIC,
					     &deadline);
	return queue.done;
}

static void drop_old(void)
{
	while (queue.last && queue.messages && !queue.messages->last) {
		remove_first();
		queue.dropped++;
	}
}

void log_writer_finish(void)
{
	bool done;

	pthread_mutex_lock(&queue.lock);
	queue.ended = true;
	pthread_cond_signal(&queue.changed);
	if (!wait_done(OLD_MS)) {
		drop_old();
		wait_done(LOG_WRITER_END_MS - OLD_MS);
	}
	done = queue.done;
	pthread_mutex_unlock(&queue.lock);
	if (!done) /* standard error is stuck: the process ends without it */
		return;
	pthread_join(queue.thread, NULL);
	log_set_writer(NULL);
}
