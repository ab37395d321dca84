/* SPDX-License-Identifier: MIT */
/*
 * For the tests of sink_host: each test runs in a temporary directory with a
 * home of the user UID in it. As they act as another user they need root, and
 * are skipped without.
 */
#ifndef SINK_HOST_TEST_H
#define SINK_HOST_TEST_H

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/capabilities.h"
#include "output/sink_host.h"

#define UID   ((uid_t)54321)
#define GID   ((gid_t)54322)
#define OTHER ((uid_t)54323)

static char root[] = "/tmp/rawtap-unit-XXXXXX";
static char path_text[3][256];
static struct sink *sink;
static struct rl_log fact;
static struct rl_write write_fact;
static bool fact_told, write_told;

static inline void tell_log(void *context, const struct rl_log *told)
{
	fact = *told;
	fact_told = true;
}

static inline void tell_write(void *context, const struct rl_write *told)
{
	write_fact = *told;
	write_told = true;
}

static inline void adopted_failed(void *context, int error)
{
	assert_false("the adopted file");
}

static const struct sink_host_answers answers = {
	.log = tell_log,
	.write = tell_write,
	.adopted_failed = adopted_failed,
};

/* Until *told; it is false again then. */
static inline void wait_until(bool *told)
{
	while (!*told) {
		sink_host_wait(sink, 1000);
		assert_int_equal(sink_host_take(sink), 0);
	}
	*told = false;
}

/* The path of `name` in the test's directory, in a buffer for each number. */
static inline const char *below(int number, const char *name)
{
	snprintf(path_text[number], sizeof(path_text[number]), "%s/%s", root, name);
	return path_text[number];
}

static inline void make_dir(const char *path, mode_t mode, uid_t uid)
{
	assert_int_equal(mkdir(path, mode), 0);
	assert_int_equal(chown(path, uid, uid ? GID : 0), 0);
}

static inline void make_file(const char *path, const char *text, uid_t uid)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchown(fd, uid, uid ? GID : 0), 0);
	close(fd);
}

static inline void make_link(const char *to, const char *path)
{
	assert_int_equal(symlink(to, path), 0);
}

static inline int setup(void **state)
{
	if (geteuid() != 0)
		return 0;
	memcpy(root + strlen(root) - 6, "XXXXXX", 6);
	umask(022);
	if (!mkdtemp(root) || chmod(root, 0711) || chdir(root))
		return -1;
	make_dir("home", 0700, UID);
	make_dir("home/logs", 0700, UID);
	make_dir("outside", 0755, 0);
	return sink_host_new(&answers, CAPABILITIES_ROOT_FILES, -1, NULL, &sink);
}

static inline int teardown(void **state)
{
	char command[64];

	if (geteuid() != 0)
		return 0;
	sink_host_free(&sink);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return chdir("/") || system(command);
}

static inline void need_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("needs root, to act as another user\n");
	skip();
}

static inline struct log_place iostream_place(const char *dir)
{
	return (struct log_place){
		.session = 7,
		.rule = 3,
		.base = below(0, "home"),
		.dir = dir,
		.name = "log",
		.iostream = true,
		.uid = UID,
		.gid = GID,
		.format = &format_pair,
		.files = {true, true},
	};
}

static inline struct log_place program_place(void)
{
	struct log_place place = iostream_place("logs");

	place.iostream = false;
	return place;
}

/* Creates a log, which must give this status and error. Returns its handle, or -1 if there is none. */
static inline int ask(const struct log_place *place, enum rl_log_status status, int error)
{
	memset(&fact, 0xff, sizeof(fact));
	sink->ops->create(sink, place);
	do {
		wait_until(&fact_told);
	} while (fact.status == RL_LOG_LATE); /* a busy machine */
	assert_int_equal(fact.session, 7);
	assert_int_equal(fact.rule, 3);
	assert_int_equal(fact.status, status);
	assert_int_equal(fact.error, error);
	if (status == RL_LOG_OPENED)
		return sink->ops->claim(sink, place, fact.serial);
	assert_int_equal(sink->ops->claim(sink, place, fact.serial), -ENOENT);
	return -1;
}

/* Ends a log, and waits until it is written. */
static inline void end_log(int handle)
{
	assert_int_equal(sink->ops->end(sink, handle), 0);
	wait_until(&write_told);
	assert_int_equal(write_fact.session, 7);
	assert_int_equal(write_fact.rule, 3);
	assert_int_equal(write_fact.status, RL_WRITE_ENDED);
	sink->ops->release(sink, handle, NULL);
}

static inline void check_log(const struct log_place *place)
{
	int handle = ask(place, RL_LOG_OPENED, 0);

	assert_true(handle >= 0);
	assert_int_equal(sink->ops->write(sink, handle, RL_IN, "in", 2), 0);
	assert_int_equal(sink->ops->write(sink, handle, RL_OUT, "out", 3), 0);
	end_log(handle);
	assert_int_equal(write_fact.error, 0);
	assert_int_equal(write_fact.size[RL_IN], 2);
	assert_int_equal(write_fact.size[RL_OUT], 3);
}

static inline void check_file(const char *path, const char *expect, uid_t uid, gid_t gid)
{
	char text[100];
	struct stat st;
	int fd = open(path, O_RDONLY | O_NOFOLLOW);
	ssize_t len;

	assert_true(fd >= 0);
	len = read(fd, text, sizeof(text));
	assert_int_equal(len, strlen(expect));
	assert_memory_equal(text, expect, len);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
	close(fd);
}

static inline bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
