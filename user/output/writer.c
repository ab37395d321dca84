// SPDX-License-Identifier: MIT
#include "output/writer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/str.h"
#include "host/clock.h"
#include "output/place_pack.h"
#include "output/writer_process.h"
#include "output/writer_shared.h"

/* In one request, of each file. If it hangs, nobody else gets this room. */
#define REQUEST_MAX (512 * 1024)

/* A request that is not answered after this time hangs. */
#define HANGS_MS 1000

/* For the process to end, once it is told to. */
#define END_MS 100

/* A log on its way to the process. */
struct outgoing {
	bool adopted;
	bool asked;	  /* a request is with the process */
	int64_t asked_ms; /* when it was asked */
	bool created;	  /* the first request was answered */
	bool failed;	  /* nothing more is written */
	bool overflown;	  /* nothing more is taken */
	bool closing;
	bool dirty;  /* it is in the list writer->dirty: there may be something to ask for */
	void *owner; /* NULL: nobody */
	struct chain chains[2];	      /* by file; until it is created, the first one is its place */
	__u64 sizes[2];		      /* written */
	struct outgoing *prev, *next; /* dirty, or free */
};

struct writer {
	const struct writer_events *events;
	struct writer_shared *shared;
	struct blocks blocks;
	pid_t pid;
	int fd;
	bool ended;
	struct outgoing *dirty, *unused;
	uint32_t logs_used; /* numbers that were ever in use */
	struct outgoing logs[WRITER_LOGS_MAX];
};

static uint32_t number_of(const struct writer *writer, const struct outgoing *log)
{
	return log - writer->logs;
}

static void mark_dirty(struct writer *writer, struct outgoing *log)
{
	if (log->dirty || log->asked)
		return;
	log->dirty = true;
	DL_APPEND(writer->dirty, log);
}

static void drop_chains(struct writer *writer, struct outgoing *log)
{
	int file;

	for (file = RL_IN; file <= RL_OUT; file++)
		blocks_consume(&writer->blocks, &log->chains[file], log->chains[file].size);
}

static uint64_t waiting(const struct outgoing *log)
{
	return log->chains[RL_IN].size + log->chains[RL_OUT].size;
}

/* Its file system has not answered for a while. */
static bool hangs(const struct outgoing *log, int64_t now_ms)
{
	return log->asked && now_ms - log->asked_ms > HANGS_MS;
}

/* Is it rather this one that has to lose what it has? */
static bool is_worse(const struct outgoing *log, const struct outgoing *than, int64_t now_ms)
{
	if (hangs(log, now_ms) != hangs(than, now_ms))
		return hangs(log, now_ms);
	return waiting(log) > waiting(than);
}

/* A log loses what it has, but for what the process is at. False: none has any. */
static bool make_room(struct writer *writer)
{
	struct outgoing *log, *most = NULL;
	const struct writer_request *request;
	int64_t now_ms = clock_now_ms();
	int file;

	for (log = writer->logs; log < writer->logs + writer->logs_used; log++)
		if (log->created && !log->overflown && waiting(log) &&
		    (!most || is_worse(log, most, now_ms)))
			most = log;
	if (!most)
		return false;
	request = &writer->shared->logs[number_of(writer, most)].request;
	for (file = RL_IN; file <= RL_OUT; file++)
		blocks_truncate(&writer->blocks, &most->chains[file],
				most->asked ? request->spans[file].size : 0);
	most->overflown = true;
	writer_close(writer, number_of(writer, most));
	if (most->owner)
		writer->events->dropped(most->owner);
	return true;
}

/* 0, also if the log itself had to lose what it had; -ENOBUFS. */
static int append(struct writer *writer, struct outgoing *log, int file, const void *data,
		  size_t size)
{
	int ret;

	do
		ret = blocks_append(&writer->blocks, &log->chains[file], data, size);
	while (ret && make_room(writer) && !log->overflown);
	return log->overflown ? 0 : ret;
}

static struct outgoing *log_new(struct writer *writer, void *owner)
{
	struct outgoing *log = writer->unused;

	if (log)
		DL_DELETE(writer->unused, log);
	else if (writer->logs_used < WRITER_LOGS_MAX)
		log = &writer->logs[writer->logs_used++];
	else
		return NULL;
	*log = (struct outgoing){.owner = owner};
	return log;
}

static void log_free(struct writer *writer, struct outgoing *log)
{
	drop_chains(writer, log);
	if (log->dirty)
		DL_DELETE(writer->dirty, log);
	*log = (struct outgoing){0};
	DL_PREPEND(writer->unused, log);
}

pid_t writer_pid(const struct writer *writer)
{
	return writer->pid;
}

int writer_fd(const struct writer *writer)
{
	return writer->fd;
}

int writer_create(struct writer *writer, const struct log_place *place, void *owner)
{
	struct outgoing *log = log_new(writer, owner);
	struct str packed = {0};
	int ret;

	if (!log)
		return -EMFILE;
	place_pack(place, &packed);
	ret = append(writer, log, RL_IN, packed.data, packed.len);
	str_free(&packed);
	if (ret) {
		log_free(writer, log);
		return ret;
	}
	mark_dirty(writer, log);
	return number_of(writer, log);
}

int writer_append(struct writer *writer, uint32_t number, int file, const void *data, size_t size)
{
	struct outgoing *log = &writer->logs[number];
	int ret;

	if (log->failed || log->overflown || writer->ended)
		return 0; /* its event has said so */
	ret = append(writer, log, file, data, size);
	if (!ret)
		mark_dirty(writer, log);
	return ret;
}

void writer_close(struct writer *writer, uint32_t number)
{
	struct outgoing *log = &writer->logs[number];

	log->closing = true;
	mark_dirty(writer, log);
}

void writer_disown(struct writer *writer, uint32_t number)
{
	writer->logs[number].owner = NULL;
}

void writer_sizes(const struct writer *writer, uint32_t number, __u64 sizes_r[2])
{
	const struct outgoing *log = &writer->logs[number];
	int file;

	for (file = RL_IN; file <= RL_OUT; file++) {
		sizes_r[file] = log->sizes[file];
		if (log->asked && log->created)
			sizes_r[file] +=
				atomic_load(&writer->shared->logs[number].answer.written[file]);
	}
}

bool writer_has_more_than(const struct writer *writer, uint32_t number, unsigned int share)
{
	const struct outgoing *log = &writer->logs[number];
	uint64_t most = log->adopted ? WRITER_ADOPTED_MAX : WRITER_LOG_MAX;
	uint64_t quarter = (blocks_free(&writer->blocks) + waiting(log)) / 4;

	if (hangs(log, clock_now_ms())) {
		most = most < quarter ? most : quarter;
		most = most > WRITER_LOG_MIN ? most : WRITER_LOG_MIN;
	}
	return waiting(log) > most / 100 * share;
}

/* What is next for it; false: nothing. */
static bool next_request(const struct outgoing *log, struct writer_request *request_r)
{
	int file;

	*request_r = (struct writer_request){.operation = WRITER_WRITE};
	for (file = RL_IN; file <= RL_OUT; file++)
		request_r->spans[file] = blocks_span(&log->chains[file], REQUEST_MAX);
	if (!log->created)
		request_r->operation = WRITER_CREATE;
	else if (!request_r->spans[RL_IN].size && !request_r->spans[RL_OUT].size)
		request_r->operation = WRITER_CLOSE;
	return request_r->operation != WRITER_CLOSE || log->closing;
}

static void submit(struct writer *writer, struct outgoing *log)
{
	uint32_t number = number_of(writer, log);
	struct writer_answer *answer = &writer->shared->logs[number].answer;

	if (!next_request(log, &writer->shared->logs[number].request))
		return;
	atomic_store(&answer->written[RL_IN], 0);
	atomic_store(&answer->written[RL_OUT], 0);
	answer->error = answer->status = answer->serial = 0;
	log->asked = true;
	log->asked_ms = clock_now_ms();
	if (log_queue_put(&writer->shared->requests, number))
		writer_wake(writer->fd);
}

void writer_submit(struct writer *writer)
{
	struct outgoing *log;

	while ((log = writer->dirty) != NULL) {
		DL_DELETE(writer->dirty, log);
		log->dirty = false;
		submit(writer, log);
	}
}

static void on_created(struct writer *writer, struct outgoing *log,
		       const struct writer_answer *answer)
{
	struct rl_log fact = {
		.status = answer->status,
		.error = answer->error,
		.serial = answer->serial,
	};
	void *owner = log->owner;

	log->created = true;
	blocks_consume(&writer->blocks, &log->chains[RL_IN], log->chains[RL_IN].size);
	if (fact.status != RL_LOG_OPENED)
		log_free(writer, log);
	else if (owner)
		mark_dirty(writer, log);
	else
		writer_close(writer, number_of(writer, log));
	if (owner)
		writer->events->created(owner, &fact);
}

static void on_written(struct writer *writer, struct outgoing *log,
		       const struct writer_answer *answer)
{
	int file;

	for (file = RL_IN; file <= RL_OUT; file++) {
		blocks_consume(&writer->blocks, &log->chains[file], answer->written[file]);
		log->sizes[file] += answer->written[file];
	}
	if (answer->error) {
		log->failed = true;
		drop_chains(writer, log);
	}
	mark_dirty(writer, log);
	if (!log->owner)
		return;
	if (answer->error)
		writer->events->failed(log->owner, answer->error);
	else
		writer->events->written(log->owner);
}

static void on_closed(struct writer *writer, struct outgoing *log,
		      const struct writer_answer *answer)
{
	void *owner = log->owner;

	if (owner)
		writer->events->closed(owner, answer->error);
	log_free(writer, log);
}

int writer_take(struct writer *writer)
{
	const struct writer_answer *answer;
	struct outgoing *log;
	uint32_t number;

	if (!writer->ended && !writer_woken(writer->fd))
		writer->ended = true;
	while (log_queue_take(&writer->shared->answers, &number)) {
		log = &writer->logs[number];
		answer = &writer->shared->logs[number].answer;
		log->asked = false;
		switch (writer->shared->logs[number].request.operation) {
		case WRITER_CREATE:
			on_created(writer, log, answer);
			break;
		case WRITER_WRITE:
			on_written(writer, log, answer);
			break;
		case WRITER_CLOSE:
			on_closed(writer, log, answer);
			break;
		}
	}
	return writer->ended ? -EPIPE : 0;
}

bool writer_sleep(struct writer *writer)
{
	return log_queue_sleep(&writer->shared->answers);
}

void writer_wait(struct writer *writer, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = writer->fd, .events = POLLIN};

	if (writer_sleep(writer))
		poll(&poll_fd, 1, timeout_ms);
}

void writer_trim(struct writer *writer)
{
	blocks_trim(&writer->blocks);
}

static int share(struct writer *writer)
{
	void *shared = mmap(NULL, sizeof(*writer->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (shared == MAP_FAILED)
		return -errno;
	writer->shared = shared;
	return blocks_map(&writer->blocks, WRITER_ALL_MAX);
}

/* The first byte from the process, or its end. */
static int wait_begun(struct writer *writer)
{
	char byte;
	ssize_t ret;

	do {
		ret = recv(writer->fd, &byte, 1, 0);
	} while (ret < 0 && errno == EINTR);
	return ret == 1 ? 0 : ret ? -errno : -EPIPE;
}

int writer_start(const struct writer_events *events, unsigned int kept, int adopted_fd,
		 const char *adopted_path, void *adopted_owner, struct writer **writer_r)
{
	struct writer *writer = mem_alloc(sizeof(*writer));
	int fds[2], ret = share(writer);
	struct outgoing *log;

	writer->events = events;
	writer->fd = -1;
	*writer_r = writer;
	if (!ret && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		ret = -errno;
	if (ret)
		return ret;
	writer->fd = fds[0];
	writer->pid = fork();
	if (writer->pid == 0) {
		close(fds[0]);
		writer_process(writer->shared, &writer->blocks, fds[1], adopted_fd, adopted_path,
			       kept);
	}
	ret = writer->pid < 0 ? -errno : 0;
	close(fds[1]);
	if (adopted_fd >= 0) {
		log = log_new(writer, adopted_owner);
		log->adopted = log->created = true;
		close(adopted_fd);
	}
	return ret ? ret : wait_begun(writer);
}

static bool has_ended(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) != 0;
}

void writer_free(struct writer **writer_p)
{
	struct writer *writer = *writer_p;
	int64_t until_ms = clock_now_ms() + END_MS;

	*writer_p = NULL;
	if (!writer)
		return;
	if (writer->shared)
		atomic_store(&writer->shared->stop, true);
	if (writer->fd >= 0)
		close(writer->fd);
	while (writer->pid > 0 && !has_ended(writer->pid)) {
		if (clock_now_ms() >= until_ms) {
			kill(writer->pid, SIGKILL); /* if it hangs, it ends when that does */
			break;
		}
		poll(NULL, 0, 1);
	}
	blocks_unmap(&writer->blocks);
	if (writer->shared)
		munmap(writer->shared, sizeof(*writer->shared));
	free(writer);
}
