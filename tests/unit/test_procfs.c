// SPDX-License-Identifier: MIT
/* What /proc shows of real processes, and which files are trusted. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "built.h"
#include "host/clock.h"
#include "host/procfs.h"
#include "host/trusted_file.h"

/* A child that has called `prepare` and waits to be killed. */
static pid_t start_child(int (*prepare)(void))
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (prepare() || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		pid = -1; /* `prepare` is not allowed here */
	}
	close(ready[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int be_renamed(void)
{
	return prctl(PR_SET_NAME, "a (b)\tUid: 7");
}

static int have_groups(void)
{
	const gid_t groups[] = {7, 0, 4294967294u};

	return setgroups(3, groups);
}

static int have_many_groups(void)
{
	static gid_t groups[PROCFS_GROUPS_MAX + 1];
	unsigned int i;

	for (i = 0; i < PROCFS_GROUPS_MAX + 1; i++)
		groups[i] = 4000000000u + i;
	return setgroups(PROCFS_GROUPS_MAX + 1, groups);
}

static int have_own_users(void)
{
	return unshare(CLONE_NEWUSER);
}

static pid_t ended_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

static void test_status(void **state)
{
	struct procfs_status status;
	pid_t pid = start_child(be_renamed);

	assert_true(pid > 0);
	assert_int_equal(procfs_status(pid, &status), 0);
	assert_string_equal(status.comm, "a (b)\tUid: 7");
	assert_int_equal(status.parent, getpid());
	assert_int_equal(status.uid, getuid());
	end_child(pid);
	assert_int_equal(procfs_status(ended_process(), &status), -ENOENT);
}

static void test_groups(void **state)
{
	struct procfs_status status;
	pid_t pid = start_child(have_groups);

	if (pid < 0)
		skip();
	assert_int_equal(procfs_status(pid, &status), 0);
	assert_int_equal(status.groups_count, 3);
	assert_int_equal(status.groups[0], 0); /* the kernel sorts them */
	assert_int_equal(status.groups[1], 7);
	assert_int_equal(status.groups[2], 4294967294u);
	end_child(pid);
	pid = start_child(have_many_groups);
	assert_int_equal(procfs_status(pid, &status), 0);
	assert_int_equal(status.groups_count, PROCFS_GROUPS_MAX);
	assert_int_equal(status.groups[PROCFS_GROUPS_MAX - 1], 4000000000u + PROCFS_GROUPS_MAX - 1);
	end_child(pid);
}

struct seen {
	pid_t wanted[2], last;
	unsigned int found;
};

static void see(void *context, pid_t pid, const struct procfs_status *status)
{
	struct seen *seen = context;

	assert_true(pid > seen->last);
	seen->last = pid;
	if (pid == seen->wanted[0] || pid == seen->wanted[1])
		seen->found++;
	if (pid == seen->wanted[1])
		assert_string_equal(status->comm, "a (b)\tUid: 7");
}

static void test_each_process(void **state)
{
	struct seen seen = {.wanted = {getpid(), start_child(be_renamed)}};

	assert_int_equal(procfs_each_process(see, &seen), 0);
	assert_int_equal(seen.found, 2);
	end_child(seen.wanted[1]);
}

static pid_t start_program(const char *path)
{
	pid_t pid = vfork(); /* returns here once the program runs */

	if (pid == 0) {
		execl(path, path, "60", NULL);
		_exit(1);
	}
	return pid;
}

/* The program's path and handle, also if the file was deleted, or replaced. */
static void test_program(void **state)
{
	char path[PATH_MAX], expect[PATH_MAX];
	struct stat st, program;
	pid_t pid;
	int fd;

	built_run("cp /bin/sleep dovecot");
	snprintf(expect, sizeof(expect), "%s/dovecot", built_root);
	assert_int_equal(stat("dovecot", &program), 0);
	pid = start_program(expect);
	assert_int_equal(procfs_program(pid, path, sizeof(path)), 0);
	assert_string_equal(path, expect);
	assert_int_equal(procfs_program(pid, path, strlen(expect) + 1), 0);
	assert_int_equal(procfs_program(pid, path, strlen(expect)), -ENAMETOOLONG);
	built_run("cp /bin/sleep new && mv new dovecot");
	assert_int_equal(procfs_program(pid, path, sizeof(path)), 0);
	assert_string_equal(path, expect);
	fd = procfs_open_program(pid);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, program.st_ino);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	end_child(pid);
	assert_int_equal(procfs_program(pid, path, sizeof(path)), -ENOENT);
	assert_int_equal(procfs_open_program(pid), -ENOENT);
}

static void test_working_dir(void **state)
{
	char path[PATH_MAX];

	assert_int_equal(procfs_working_dir(getpid(), path, sizeof(path)), 0);
	assert_string_equal(path, built_root);
	assert_int_equal(procfs_working_dir(ended_process(), path, sizeof(path)), -ENOENT);
}

static void test_contained(void **state)
{
	pid_t pid = start_child(be_renamed);

	assert_int_equal(procfs_is_contained(pid), 0);
	end_child(pid);
	assert_int_equal(procfs_is_contained(ended_process()), -ENOENT);
	pid = start_child(have_own_users);
	if (pid < 0)
		skip();
	assert_int_equal(procfs_is_contained(pid), 1);
	end_child(pid);
}

static int first_mapping(void *context, const struct procfs_mapping *mapping)
{
	snprintf(context, PATH_MAX, "%s", mapping->path);
	return -EMLINK;
}

static int no_mapping(void *context, const struct procfs_mapping *mapping)
{
	return 0;
}

static void test_mappings(void **state)
{
	char path[PATH_MAX] = "";

	assert_int_equal(procfs_each_mapping(getpid(), "libc.", first_mapping, path), -EMLINK);
	assert_non_null(strstr(path, "/libc."));
	assert_int_equal(procfs_each_mapping(getpid(), "libc.", no_mapping, NULL), 0);
	assert_int_equal(procfs_each_mapping(getpid(), "none", first_mapping, path), 0);
	assert_int_equal(procfs_each_mapping(ended_process(), "libc.", first_mapping, path), 0);
}

static void test_fd_path(void **state)
{
	char path[PROCFS_FD_PATH_LEN], text[8] = "";
	int fd, again;

	built_write("file", BYTES("text"));
	fd = open("file", O_PATH | O_CLOEXEC);
	assert_int_equal(unlink("file"), 0);
	procfs_fd_path(fd, path);
	again = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(again, text, sizeof(text)), 4);
	assert_string_equal(text, "text");
	close(again);
	close(fd);
	procfs_fd_path(INT_MAX, path);
	assert_string_equal(path, "/proc/self/fd/2147483647");
}

static void test_trusted_file(void **state)
{
	static const struct {
		mode_t mode;
		uid_t owner;
		bool expect;
	} examples[] = {
		{S_IFREG | 0644, 0, true},	{S_IFREG | 0755, 0, true},
		{S_IFREG | 04711, 0, true},	{S_IFREG | 0664, 0, false},
		{S_IFREG | 0646, 0, false},	{S_IFREG | 0644, 1000, false},
		{S_IFREG | 0644, 65534, false}, {S_IFDIR | 0755, 0, false},
		{S_IFIFO | 0644, 0, false},	{S_IFLNK | 0777, 0, false},
	};
	unsigned int i;

	for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct stat st = {
			.st_mode = examples[i].mode,
			.st_uid = examples[i].owner,
		};

		assert_int_equal(is_trusted_file(&st), examples[i].expect);
	}
}

/* Whatever its name is: not before it was started, nor long after. */
static void test_start(void **state)
{
	int64_t before = clock_boot_ns(), start;
	pid_t pid = start_child(be_renamed);

	assert_int_equal(procfs_start_ns(pid, &start), 0);
	assert_true(start > before - CLOCK_NS_PER_S / 50 && start <= clock_boot_ns());
	end_child(pid);
	assert_int_equal(procfs_start_ns(pid, &start), -ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, built_setup, built_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_status),   TEST(test_groups),	     TEST(test_each_process),
		TEST(test_program),  TEST(test_working_dir), TEST(test_contained),
		TEST(test_mappings), TEST(test_fd_path),     TEST(test_trusted_file),
		TEST(test_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
