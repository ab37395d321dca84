// SPDX-License-Identifier: MIT
#include "output/writer_threads.h"

#include "base/mem.h" /* before uthash: its allocations */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "host/clock.h"
#include "output/file_pair.h"
#include "output/log_create.h"
#include "output/mounts.h"
#include "output/place_pack.h"

#define THREADS_MAX 4096
#define MORE_MAX    32 /* that begin at a tick, besides those that are awake */
#define STACK_SIZE  (128 * 1024)
#define AWAKE	    3  /* at work at once, if none hangs */
#define STUCK_MS    10 /* who has been at the same work for so long is not counted */
#define VECTORS	    64 /* for one writev(2): 256 kB */

/* A file system, as far as the text of paths tells. It gets a part of the threads only, so that others
 * have some when it hangs. */
struct mount {
	char *point;
	unsigned int busy;	   /* threads that are at work on it */
	unsigned int directories;  /* that are on it */
	struct directory *ready;   /* these wait for a thread */
	struct mount *prev, *next; /* among those that have some ready */
	UT_hash_handle hh;
};

struct directory {
	char *path;
	struct mount *mount;
	struct written_log *waiting;   /* logs with a request, in order */
	bool busy;		       /* a thread is at work on it */
	unsigned int logs;	       /* that are in it, or are about to be */
	struct directory *prev, *next; /* among the ready ones */
	UT_hash_handle hh;
};

struct written_log {
	struct file_pair files;
	struct directory *directory; /* NULL: the log is not in use */
	void *place;		     /* packed; until the log is created */
	size_t place_size;
	struct written_log *prev, *next; /* among those that wait */
};

struct worker {
	int64_t since_ms; /* it has been at this work; 0: it is idle */
	bool stuck;
};

struct writer_threads {
	struct writer_shared *shared;
	struct blocks *blocks;
	void (*wake)(void *context);
	void *context;
	struct mounts mounts; /* for the thread that adds, alone */

	pthread_mutex_t lock; /* for all below */
	pthread_cond_t work;
	struct worker workers[THREADS_MAX];
	unsigned int count, idle, called, busy, stuck; /* called: of the idle, to begin */
	struct mount *mounts_known, *mounts_ready;
	struct directory *directories;
	struct written_log logs[WRITER_LOGS_MAX];
};

/* What one directory's text is made of. */
static void directory_path(const struct log_place *place, struct str *path)
{
	if (place->chroot)
		str_append_text(path, place->chroot);
	if (!place->iostream || place->dir[0] != '/')
		str_printf(path, "%s/", place->base);
	str_append_text(path, place->dir);
}

static struct mount *mount_get(struct writer_threads *threads, const char *path)
{
	const char *point = mounts_point(&threads->mounts, path);
	struct mount *mount;

	HASH_FIND_STR(threads->mounts_known, point, mount);
	if (mount)
		return mount;
	mount = mem_alloc(sizeof(*mount));
	mount->point = mem_strdup(point);
	HASH_ADD_KEYPTR(hh, threads->mounts_known, mount->point, strlen(mount->point), mount);
	return mount;
}

static struct directory *directory_get(struct writer_threads *threads, const char *path)
{
	struct directory *directory;

	HASH_FIND_STR(threads->directories, path, directory);
	if (directory)
		return directory;
	directory = mem_alloc(sizeof(*directory));
	directory->path = mem_strdup(path);
	directory->mount = mount_get(threads, path);
	directory->mount->directories++;
	HASH_ADD_KEYPTR(hh, threads->directories, directory->path, strlen(directory->path),
			directory);
	return directory;
}

static void directory_release(struct writer_threads *threads, struct directory *directory)
{
	struct mount *mount = directory->mount;

	if (--directory->logs)
		return;
	HASH_DELETE(hh, threads->directories, directory);
	free(directory->path);
	free(directory);
	if (--mount->directories || mount->busy)
		return;
	HASH_DELETE(hh, threads->mounts_known, mount);
	free(mount->point);
	free(mount);
}

static bool has_share(const struct writer_threads *threads, const struct mount *mount)
{
	return mount->busy < (THREADS_MAX - threads->busy + 1) / 2;
}

/* Of the mounts that have a directory ready the first one that may have another thread. */
static struct mount *mount_ready(const struct writer_threads *threads)
{
	struct mount *mount;

	DL_FOREACH(threads->mounts_ready, mount) {
		if (has_share(threads, mount))
			break;
	}
	return mount;
}

static void make_ready(struct writer_threads *threads, struct directory *directory)
{
	struct mount *mount = directory->mount;

	if (!mount->ready)
		DL_APPEND(threads->mounts_ready, mount);
	DL_APPEND(mount->ready, directory);
}

/* Takes turns among file systems, and in each among directories. NULL: there is nothing to do. */
static struct directory *take_ready(struct writer_threads *threads)
{
	struct mount *mount = mount_ready(threads);
	struct directory *directory;

	if (!mount)
		return NULL;
	directory = mount->ready;
	DL_DELETE(mount->ready, directory);
	DL_DELETE(threads->mounts_ready, mount);
	if (mount->ready)
		DL_APPEND(threads->mounts_ready, mount);
	return directory;
}

static void create(struct written_log *log, struct writer_answer *answer)
{
	struct rl_log fact = {0};
	struct log_place place;

	if (place_unpack(log->place, log->place_size, &place)) {
		log_create(&place, &log->files, &fact);
	} else {
		fact.status = RL_LOG_CREATE_FAILED;
		fact.error = EINVAL;
	}
	answer->status = fact.status;
	answer->serial = fact.serial;
	answer->error = fact.error;
	free(log->place);
	log->place = NULL;
}

static int write_span(struct written_log *log, const struct blocks *blocks, int file,
		      struct span span, _Atomic uint64_t *written_r)
{
	const uint64_t before = log->files.sizes[file];
	struct iovec vectors[VECTORS];
	int ret = 0, count;

	while (!ret && (count = span_vectors(blocks, &span, vectors, VECTORS)) != 0) {
		ret = file_pair_write(&log->files, file, vectors, count);
		atomic_store(written_r, log->files.sizes[file] - before);
	}
	return ret;
}

static void write_spans(struct written_log *log, const struct blocks *blocks,
			const struct writer_request *request, struct writer_answer *answer)
{
	int file, ret = 0;

	for (file = RL_IN; file <= RL_OUT && !ret; file++)
		ret = write_span(log, blocks, file, request->spans[file], &answer->written[file]);
	answer->error = -ret;
}

/* May hang. */
static void carry_out(const struct writer_threads *threads, uint32_t number,
		      struct written_log *log)
{
	const struct writer_request *request = &threads->shared->logs[number].request;
	struct writer_answer *answer = &threads->shared->logs[number].answer;

	switch (request->operation) {
	case WRITER_CREATE:
		create(log, answer);
		break;
	case WRITER_WRITE:
		write_spans(log, threads->blocks, request, answer);
		break;
	case WRITER_CLOSE:
		answer->error = -file_pair_close(&log->files);
		break;
	}
}

/* The log is not there, or not any more. */
static bool is_over(const struct writer_threads *threads, uint32_t number)
{
	switch (threads->shared->logs[number].request.operation) {
	case WRITER_CREATE:
		return threads->shared->logs[number].answer.status != RL_LOG_OPENED;
	case WRITER_WRITE:
		return false;
	case WRITER_CLOSE:
		return true;
	}
	return false;
}

static void log_free(struct written_log *log)
{
	free(log->place);
	*log = (struct written_log){0};
}

/* One request of this directory's. The lock is held, but for the work itself. */
static void work(struct writer_threads *threads, struct worker *worker, struct directory *directory)
{
	struct written_log *log = directory->waiting;
	uint32_t number = log - threads->logs;

	DL_DELETE(directory->waiting, log);
	directory->busy = true;
	directory->mount->busy++;
	threads->busy++;
	worker->since_ms = clock_now_ms();
	pthread_mutex_unlock(&threads->lock);
	carry_out(threads, number, log);
	pthread_mutex_lock(&threads->lock);
	threads->stuck -= worker->stuck;
	*worker = (struct worker){0};
	threads->busy--;
	directory->mount->busy--;
	directory->busy = false;
	if (directory->waiting)
		make_ready(threads, directory);
	if (is_over(threads, number)) {
		log_free(log);
		directory_release(threads, directory);
	}
	if (log_queue_put(&threads->shared->answers, number))
		threads->wake(threads->context);
}

struct start {
	struct writer_threads *threads;
	struct worker *worker;
};

static void *work_for_ever(void *context)
{
	struct start start = *(struct start *)context;
	struct writer_threads *threads = start.threads;
	struct directory *directory;

	free(context);
	pthread_mutex_lock(&threads->lock);
	for (;;) {
		directory = take_ready(threads);
		if (directory) {
			work(threads, start.worker, directory);
			continue;
		}
		threads->idle++;
		while (!threads->called)
			pthread_cond_wait(&threads->work, &threads->lock);
		threads->called--;
		threads->idle--;
	}
	return NULL;
}

static int begin_thread(struct writer_threads *threads)
{
	struct start *start;
	pthread_attr_t attributes;
	pthread_t thread;
	int ret;

	if (threads->count == THREADS_MAX)
		return -EAGAIN;
	start = mem_alloc(sizeof(*start));
	*start = (struct start){threads, &threads->workers[threads->count]};
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	ret = pthread_create(&thread, &attributes, work_for_ever, start);
	pthread_attr_destroy(&attributes);
	if (ret)
		free(start);
	else
		threads->count++;
	return -ret;
}

/* One more, if there is one. */
static bool call_one(struct writer_threads *threads)
{
	if (threads->called < threads->idle) {
		threads->called++;
		pthread_cond_signal(&threads->work);
		return true;
	}
	return begin_thread(threads) == 0;
}

static unsigned int awake(const struct writer_threads *threads)
{
	return threads->count - threads->idle + threads->called - threads->stuck;
}

void writer_threads_add(struct writer_threads *threads, uint32_t number)
{
	struct written_log *log = &threads->logs[number];
	const struct writer_request *request = &threads->shared->logs[number].request;
	struct str packed = {0}, path = {0};
	struct iovec vectors[VECTORS];
	struct span span = request->spans[RL_IN];
	struct log_place place;
	int i, count;

	pthread_mutex_lock(&threads->lock);
	if (request->operation == WRITER_CREATE) {
		while ((count = span_vectors(threads->blocks, &span, vectors, VECTORS)) != 0)
			for (i = 0; i < count; i++)
				str_append(&packed, vectors[i].iov_base, vectors[i].iov_len);
		log->files = FILE_PAIR_NONE;
		log->place = packed.data;
		log->place_size = packed.len;
		if (place_unpack(packed.data, packed.len, &place))
			directory_path(&place, &path);
		log->directory = directory_get(threads, str_text(&path));
		log->directory->logs++;
		str_free(&path);
	}
	if (!log->directory->busy && !log->directory->waiting)
		make_ready(threads, log->directory);
	DL_APPEND(log->directory->waiting, log);
	if (mount_ready(threads) && awake(threads) < AWAKE)
		call_one(threads);
	pthread_mutex_unlock(&threads->lock);
}

void writer_threads_adopt(struct writer_threads *threads, uint32_t number, int fd, const char *path)
{
	struct written_log *log = &threads->logs[number];

	log->files = FILE_PAIR_NONE;
	log->files.fds[RL_IN] = fd;
	log->directory = directory_get(threads, path);
	log->directory->logs++;
}

static void read_mounts_if_changed(struct writer_threads *threads)
{
	struct pollfd poll_fd = {.fd = threads->mounts.fd, .events = POLLPRI};

	if (poll(&poll_fd, 1, 0) > 0)
		mounts_read(&threads->mounts);
}

static void find_stuck(struct writer_threads *threads)
{
	int64_t since_ms, long_ago_ms = clock_now_ms() - STUCK_MS;
	unsigned int i;

	for (i = 0; i < threads->count; i++) {
		since_ms = threads->workers[i].since_ms;
		if (threads->workers[i].stuck || !since_ms || since_ms > long_ago_ms)
			continue;
		threads->workers[i].stuck = true;
		threads->stuck++;
	}
}

bool writer_threads_tick(struct writer_threads *threads)
{
	unsigned int more;
	bool left;

	read_mounts_if_changed(threads);
	pthread_mutex_lock(&threads->lock);
	find_stuck(threads);
	/* where one hangs, others soon may */
	more = threads->stuck < MORE_MAX ? threads->stuck : MORE_MAX;
	while (mount_ready(threads) && awake(threads) < AWAKE + more && call_one(threads))
		;
	left = threads->busy || threads->mounts_ready;
	pthread_mutex_unlock(&threads->lock);
	return left;
}

struct writer_threads *writer_threads_new(struct writer_shared *shared, struct blocks *blocks,
					  void (*wake)(void *context), void *context)
{
	struct writer_threads *threads = mem_alloc(sizeof(*threads));
	int ret = mounts_open(&threads->mounts);

	if (!ret) {
		threads->shared = shared;
		threads->blocks = blocks;
		threads->wake = wake;
		threads->context = context;
		pthread_mutex_init(&threads->lock, NULL);
		pthread_cond_init(&threads->work, NULL);
		return threads;
	}
	free(threads);
	errno = -ret;
	return NULL;
}
