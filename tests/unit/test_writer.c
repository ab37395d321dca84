// SPDX-License-Identifier: MIT
/* The process that writes logs, with real files. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "output/writer.h"

#define MB (1024 * 1024)

struct owner {
	struct rl_log fact;
	bool created, closed, dropped;
	unsigned int written, failed;
	int error;
};

static char root[] = "/tmp/rawtap-unit-XXXXXX";
static struct writer *writer;
static struct owner adopted;
static char *block;

static void on_created(void *owner_p, struct rl_log *fact)
{
	struct owner *owner = owner_p;

	owner->fact = *fact;
	owner->created = true;
}

static void on_written(void *owner_p)
{
	((struct owner *)owner_p)->written++;
}

static void on_failed(void *owner_p, int error)
{
	struct owner *owner = owner_p;

	owner->failed++;
	owner->error = error;
}

static void on_dropped(void *owner_p)
{
	((struct owner *)owner_p)->dropped = true;
}

static void on_closed(void *owner_p, int error)
{
	struct owner *owner = owner_p;

	assert_false(owner->closed);
	owner->closed = true;
	owner->error = owner->error ? owner->error : error;
}

static const struct writer_events events = {on_created, on_written, on_failed, on_dropped,
					    on_closed};

static int setup(void **state)
{
	int fd;

	memcpy(root + strlen(root) - 6, "XXXXXX", 6);
	umask(022);
	if (!mkdtemp(root) || chdir(root) || mkdir("logs", 0700))
		return -1;
	fd = open("adopted", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	block = mem_alloc(MB);
	adopted = (struct owner){0};
	return fd < 0 ? -1 : writer_start(&events, 0, fd, root, &adopted, &writer);
}

static int teardown(void **state)
{
	char command[64];

	writer_free(&writer);
	free(block);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return chdir("/") || system(command);
}

static int create(const char *name, struct owner *owner)
{
	const struct log_place place = {
		.base = root,
		.dir = "logs",
		.name = name,
		.format = &format_pair,
		.files = {true, true},
		.uid = getuid(),
		.gid = getgid(),
	};

	*owner = (struct owner){0};
	return writer_create(writer, &place, owner);
}

static int round_of(void)
{
	writer_submit(writer);
	writer_wait(writer, 1000);
	return writer_take(writer);
}

static void wait_until(const bool *done)
{
	while (!*done)
		assert_int_equal(round_of(), 0);
}

static int opened(const char *name, struct owner *owner)
{
	int log = create(name, owner);

	assert_true(log >= 0);
	wait_until(&owner->created);
	assert_int_equal(owner->fact.status, RL_LOG_OPENED);
	return log;
}

static off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* Many logs at once, whose bytes come in any pieces. */
static void many(void **state)
{
	enum { LOGS = 100, TURNS = 50 };
	static struct owner owners[LOGS];
	int logs[LOGS], i, turn, fd;
	char name[32], text[TURNS], expect[TURNS];

	for (i = 0; i < LOGS; i++) {
		snprintf(name, sizeof(name), "log%d", i);
		logs[i] = create(name, &owners[i]);
	}
	for (i = 0; i < LOGS; i++)
		wait_until(&owners[i].created);
	for (turn = 0; turn < TURNS; turn++) {
		for (i = 0; i < LOGS; i++) {
			text[0] = 'a' + (turn + i) % 26;
			assert_int_equal(writer_append(writer, logs[i], turn % 2, text, 1), 0);
		}
		if (turn % 3 == 0)
			assert_int_equal(round_of(), 0);
	}
	for (i = 0; i < LOGS; i++)
		writer_close(writer, logs[i]);
	for (i = 0; i < LOGS; i++)
		wait_until(&owners[i].closed);
	for (i = 0; i < LOGS; i++) {
		assert_int_equal(owners[i].error, 0);
		for (turn = 0; turn < TURNS; turn += 2)
			expect[turn / 2] = 'a' + (turn + i) % 26;
		snprintf(name, sizeof(name), "logs/log%d.in", i);
		fd = open(name, O_RDONLY);
		assert_int_equal(read(fd, text, sizeof(text)), TURNS / 2);
		assert_memory_equal(text, expect, TURNS / 2);
		close(fd);
	}
}

/* Closed before it was created: it is there, and empty. */
static void closed_at_once(void **state)
{
	struct owner owner;
	int log = create("empty", &owner);

	writer_close(writer, log);
	wait_until(&owner.closed);
	assert_true(owner.created);
	assert_int_equal(size_of("logs/empty.in"), 0);
	assert_int_equal(size_of("logs/empty.out"), 0);
}

/* What nobody wants to know of is closed, and its number is used again. */
static void disowned(void **state)
{
	struct owner owner, next;
	int log = create("one", &owner);

	writer_disown(writer, log);
	do
		assert_int_equal(round_of(), 0);
	while (create("two", &next) != log && (writer_close(writer, log + 1), true));
	wait_until(&next.created);
	assert_false(owner.created || owner.closed);
	assert_int_equal(size_of("logs/one.in"), 0);
}

static void missing(void **state)
{
	struct owner owner;

	assert_int_equal(rmdir("logs"), 0);
	assert_true(create("log", &owner) >= 0);
	wait_until(&owner.created);
	assert_int_equal(owner.fact.status, RL_LOG_MISSING);
	assert_int_equal(owner.fact.error, ENOENT);
}

/* More than one request can have, in both files. */
static void much(void **state)
{
	struct owner owner;
	int log = opened("much", &owner), i;

	for (i = 0; i < 20; i++) {
		assert_int_equal(writer_append(writer, log, RL_IN, block, MB), 0);
		assert_int_equal(writer_append(writer, log, RL_OUT, block, MB / 2 + 1), 0);
	}
	writer_close(writer, log);
	wait_until(&owner.closed);
	assert_int_equal(size_of("logs/much.in"), 20 * MB);
	assert_int_equal(size_of("logs/much.out"), 20 * (MB / 2 + 1));
	writer_trim(writer);
}

/* Nothing is handed over: it piles up, to its limit; beyond that of all the one that has most loses
 * it, and what comes for it later is dropped, too. */
static void piles_up(void **state)
{
	struct owner owner, other;
	int log = opened("piles", &owner), beside = opened("beside", &other);
	unsigned int count = 0;
	__u64 sizes[2];

	while (!writer_has_more_than(writer, log, 100)) {
		assert_int_equal(writer_append(writer, log, RL_OUT, block, MB), 0);
		count++;
	}
	assert_int_in_range(count, 60, 65);
	assert_false(writer_has_more_than(writer, beside, 100));
	for (; count < WRITER_ALL_MAX / MB; count++)
		assert_int_equal(writer_append(writer, log, RL_OUT, block, MB), 0);
	assert_false(writer_has_more_than(writer, beside, 0));
	assert_int_equal(writer_append(writer, beside, RL_IN, block, MB), 0);
	assert_true(owner.dropped);
	assert_false(other.dropped);
	assert_int_equal(writer_append(writer, log, RL_OUT, "x", 1), 0);
	wait_until(&owner.closed);
	assert_int_equal(size_of("logs/piles.out"), 0);
	writer_trim(writer);
	writer_close(writer, beside);
	wait_until(&other.closed);
	assert_int_equal(size_of("logs/beside.in"), MB);
	writer_sizes(writer, WRITER_ADOPTED, sizes);
	assert_int_equal(sizes[RL_IN], 0);
}

/* What the process is at is written: no byte is missing before another. */
static void dropped_at_work(void **state)
{
	enum { ROUNDS = 600 };
	struct owner owner;
	int log = opened("work", &owner);
	unsigned int count;
	__u64 sizes[2];

	for (count = 0; count < ROUNDS && !owner.dropped; count++) {
		memset(block, 'a' + count % 26, MB);
		assert_int_equal(writer_append(writer, log, RL_IN, block, MB), 0);
		if (count == 8)
			writer_submit(writer);
	}
	assert_true(owner.dropped);
	writer_sizes(writer, log, sizes);
	wait_until(&owner.closed);
	assert_int_equal(size_of("logs/work.in"), MB / 2);
	assert_true(sizes[RL_IN] <= MB / 2);
}

/* Where nothing has been answered for a while, others' room counts. */
static void hangs(void **state)
{
	struct owner owner, other;
	int log = opened("hangs", &owner), beside = opened("beside", &other), i;

	assert_int_equal(kill(writer_pid(writer), SIGSTOP), 0);
	for (i = 0; i < 60; i++)
		assert_int_equal(writer_append(writer, log, RL_IN, block, MB), 0);
	for (i = 0; i < 400; i++)
		assert_int_equal(writer_append(writer, beside, RL_IN, block, MB), 0);
	assert_false(writer_has_more_than(writer, log, 100));
	writer_submit(writer); /* what is not asked for can't hang */
	usleep(1200 * 1000);
	assert_true(writer_has_more_than(writer, log, 100));
	assert_false(owner.dropped || other.dropped);
	assert_int_equal(kill(writer_pid(writer), SIGCONT), 0);
}

/* After an error nothing is written, and its bytes don't wait. */
static void fails(void **state)
{
	const struct rlimit limit = {MB, RLIM_INFINITY};
	struct owner owner;
	__u64 sizes[2];
	int log = opened("fails", &owner), i;
	pid_t pid = writer_pid(writer);

	assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &limit, NULL), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(writer_append(writer, log, RL_IN, block, MB - 1), 0);
	while (!owner.failed)
		assert_int_equal(round_of(), 0);
	assert_int_equal(owner.error, EFBIG);
	writer_sizes(writer, log, sizes);
	assert_int_equal(sizes[RL_IN], MB);
	assert_int_equal(size_of("logs/fails.in"), MB);
	assert_int_equal(writer_append(writer, log, RL_OUT, "x", 1), 0);
	writer_close(writer, log);
	wait_until(&owner.closed);
	assert_int_equal(owner.failed, 1);
	assert_int_equal(size_of("logs/fails.out"), 0);
}

static void adopts(void **state)
{
	assert_int_equal(writer_append(writer, WRITER_ADOPTED, RL_IN, "text", 4), 0);
	writer_close(writer, WRITER_ADOPTED);
	wait_until(&adopted.closed);
	assert_int_equal(size_of("adopted"), 4);
}

/* When it has been killed it is said, and nothing waits for it. */
static void killed(void **state)
{
	struct owner owner;
	int log = opened("log", &owner), ret;

	assert_int_equal(kill(writer_pid(writer), SIGKILL), 0);
	assert_int_equal(writer_append(writer, log, RL_IN, "text", 4), 0);
	do
		ret = round_of();
	while (!ret);
	assert_int_equal(ret, -EPIPE);
	assert_int_equal(writer_append(writer, log, RL_IN, "text", 4), 0);
	assert_int_equal(round_of(), -EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many),  TEST(closed_at_once), TEST(disowned),	  TEST(missing),
		TEST(much),  TEST(piles_up),	   TEST(dropped_at_work), TEST(hangs),
		TEST(fails), TEST(adopts),	   TEST(killed),
	};

	return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
