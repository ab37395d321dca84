// SPDX-License-Identifier: MIT
#include "output/writer_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/capabilities.h"
#include "host/clock.h"
#include "output/writer_threads.h"

/* When the recorder was killed, so long for what it had handed over. */
#define REST_MS 5000

void writer_wake(int fd)
{
	/* if there is no room, there is something to wake the other side already */
	while (send(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

bool writer_woken(int fd)
{
	char bytes[64];
	ssize_t ret;

	do {
		ret = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	} while (ret > 0 || (ret < 0 && errno == EINTR));
	return ret < 0 && errno == EAGAIN;
}

static void wake_recorder(void *context)
{
	writer_wake(*(const int *)context);
}

/* Signals are for the recorder, which says when this ends. Nobody may wait for the end of our
 * standard output: we may hang. */
static int leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd, ret = null < 0 ? -errno : 0;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (fd = 0; fd <= 2 && !ret; fd++)
		if (dup2(null, fd) < 0)
			ret = -errno;
	if (null > 2)
		close(null);
	return ret;
}

/* Whatever rawtap was started with: a lock, the end of a pipe. */
static int close_others(int one, int other)
{
	int low = one < other || other < 0 ? one : other, high = one < other ? other : one;

	if ((low > 3 && close_range(3, low - 1, 0)) ||
	    (high > low + 1 && low >= 3 && close_range(low + 1, high - 1, 0)) ||
	    close_range(high + 1, UINT_MAX, 0))
		return -errno;
	return 0;
}

static void take_requests(struct writer_shared *shared, struct writer_threads *threads)
{
	uint32_t log;

	while (log_queue_take(&shared->requests, &log))
		writer_threads_add(threads, log);
}

/* Until the recorder has ended. */
static void serve(struct writer_shared *shared, struct writer_threads *threads, int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	bool busy;

	do {
		take_requests(shared, threads);
		busy = writer_threads_tick(threads);
		if (log_queue_sleep(&shared->requests))
			poll(&poll_fd, 1, busy ? WRITER_TICK_MS : -1);
	} while (writer_woken(fd));
}

static void serve_rest(struct writer_shared *shared, struct writer_threads *threads)
{
	int64_t until_ms = clock_now_ms() + REST_MS;

	do {
		take_requests(shared, threads);
		poll(NULL, 0, WRITER_TICK_MS);
	} while (writer_threads_tick(threads) && clock_now_ms() < until_ms);
}

void writer_process(struct writer_shared *shared, struct blocks *blocks, int fd, int adopted_fd,
		    const char *adopted_path, unsigned int kept)
{
	struct writer_threads *threads;

	prctl(PR_SET_NAME, "rawtap-writer");
	mallopt(M_ARENA_MAX, 2); /* each of many threads would have its own */
	if (leave_terminal() || close_others(fd, adopted_fd) ||
	    capabilities_drop(CAPABILITIES_USERS_FILES | kept))
		_exit(1);
	threads = writer_threads_new(shared, blocks, wake_recorder, &fd);
	if (!threads)
		_exit(1);
	if (adopted_fd >= 0)
		writer_threads_adopt(threads, 0, adopted_fd, adopted_path);
	writer_wake(fd); /* it has begun */
	serve(shared, threads, fd);
	if (!atomic_load(&shared->stop))
		serve_rest(shared, threads);
	_exit(0);
}
