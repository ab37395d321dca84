// SPDX-License-Identifier: MIT
/* Threads that run jobs: all are run, not too many at once, nobody waits for those that hang. */
#include "unit.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "host/workers.h"

#define MANY 100

static atomic_uint running, most, freed, unblocked;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

struct numbered {
	struct job job;
	unsigned int number;
};

/* Waits at the gate. */
static void run(struct job *job)
{
	unsigned int now = atomic_fetch_add(&running, 1) + 1, before = atomic_load(&most);
	sigset_t blocked;

	while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
		;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	if (!sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGINT))
		atomic_fetch_add(&unblocked, 1);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	((struct numbered *)job)->number += 1000;
	atomic_fetch_sub(&running, 1);
}

static void free_job(struct job *job)
{
	free(job);
	atomic_fetch_add(&freed, 1);
}

static void add(struct workers *workers, unsigned int number)
{
	struct numbered *numbered = mem_alloc(sizeof(*numbered));

	numbered->job.run = run;
	numbered->job.free = free_job;
	numbered->number = number;
	workers_add(workers, &numbered->job);
}

static struct workers *begin(void)
{
	struct workers *workers = workers_new();

	assert_non_null(workers);
	atomic_store(&most, 0);
	atomic_store(&freed, 0);
	return workers;
}

/* For at most ten seconds. */
static void wait_until(atomic_uint *value, unsigned int wanted)
{
	unsigned int i;

	for (i = 0; i < 10000 && atomic_load(value) != wanted; i++)
		usleep(1000);
	assert_int_equal(atomic_load(value), wanted);
}

static void test_all_are_run(void **state)
{
	struct workers *workers = begin();
	struct pollfd poll_fd = {.fd = workers_fd(workers), .events = POLLIN};
	unsigned int i, done = 0;
	bool seen[MANY] = {false};
	struct numbered *numbered;

	assert_false(workers_busy(workers));
	assert_null(workers_take(workers));
	pthread_mutex_lock(&gate);
	for (i = 0; i < MANY; i++)
		add(workers, i);
	wait_until(&running, WORKERS_MAX);
	assert_null(workers_take(workers));
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	pthread_mutex_unlock(&gate);
	while (workers_busy(workers)) {
		assert_int_equal(poll(&poll_fd, 1, 10000), 1);
		while ((numbered = (struct numbered *)workers_take(workers)) != NULL) {
			assert_in_range(numbered->number, 1000, 1000 + MANY - 1);
			assert_false(seen[numbered->number - 1000]);
			seen[numbered->number - 1000] = true;
			numbered->job.free(&numbered->job);
			done++;
		}
	}
	assert_int_equal(done, MANY);
	assert_true(atomic_load(&most) <= WORKERS_MAX);
	assert_int_equal(atomic_load(&unblocked), 0);
	workers_free(&workers);
	assert_null(workers);
}

/* Their threads free what they have when they end at last. */
static void test_nobody_waits(void **state)
{
	struct workers *workers = begin();
	unsigned int i;

	pthread_mutex_lock(&gate);
	for (i = 0; i < WORKERS_MAX + 3; i++)
		add(workers, i);
	wait_until(&running, WORKERS_MAX);
	workers_free(&workers);
	assert_int_equal(atomic_load(&freed), 3);
	pthread_mutex_unlock(&gate);
	wait_until(&freed, WORKERS_MAX + 3);
	workers_free(&workers);
}

/* What is done and was not taken is freed. */
static void test_untaken(void **state)
{
	struct workers *workers = begin();
	struct pollfd poll_fd = {.fd = workers_fd(workers), .events = POLLIN};

	add(workers, 1);
	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
	assert_true(workers_busy(workers));
	workers_free(&workers);
	wait_until(&freed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_are_run),
		cmocka_unit_test(test_nobody_waits),
		cmocka_unit_test(test_untaken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
