// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rl_abi.h"
#include "output/sink_tree.h"

/* The temporary directory that each test runs in. */
static char root[] = "/tmp/rawtap-unit-XXXXXX";
static struct sink *sink;

static const struct log_place place = {
	.base = "/home/u1",
	.dir = "dovecot.rawlog",
	.name = "log",
	.format = &format_pair,
	.files = {true, true},
};

static int setup(void **state)
{
	memcpy(root + strlen(root) - 6, "XXXXXX", 6);
	umask(077);
	if (!mkdtemp(root) || chdir(root) || mkdir("tree", 0700) || mkdir("outside", 0700))
		return -1;
	sink = sink_tree_new("tree");
	return sink ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	sink_tree_free(&sink);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return chdir("/") || system(command);
}

static int open_at(const char *chroot, const char *home, uint32_t serial)
{
	struct log_place at = place;

	at.chroot = chroot;
	at.base = home;
	return sink->ops->claim(sink, &at, serial);
}

static void check_file(const char *path, const char *expect)
{
	char text[100];
	struct stat st;
	ssize_t len;
	int fd = open(path, O_RDONLY | O_NOFOLLOW);

	assert_true(fd >= 0);
	len = read(fd, text, sizeof(text));
	assert_int_equal(len, strlen(expect));
	assert_memory_equal(text, expect, len);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	close(fd);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void write_and_cut(void **state)
{
	int handle = open_at(NULL, "/home/u1", 1);
	__u64 sizes[2];

	assert_true(handle >= 0);
	assert_int_equal(sink->ops->write(sink, handle, RL_IN, "abc", 3), 0);
	assert_int_equal(sink->ops->write(sink, handle, RL_OUT, "12345", 5), 0);
	assert_int_equal(sink->ops->write(sink, handle, RL_IN, "def", 3), 0);
	sink->ops->sizes(sink, handle, sizes);
	assert_int_equal(sizes[RL_IN], 6);
	assert_int_equal(sizes[RL_OUT], 5);
	/* 100: a file never becomes longer */
	sink->ops->release(sink, handle, (const __u64[2]){4, 100});
	check_file("tree/home/u1/dovecot.rawlog/log.in", "abcd");
	check_file("tree/home/u1/dovecot.rawlog/log.out", "12345");
}

static void one_direction(void **state)
{
	struct log_place at = place;
	int handle;

	at.files[RL_IN] = false;
	handle = sink->ops->claim(sink, &at, 1);
	assert_true(handle >= 0);
	assert_int_equal(sink->ops->write(sink, handle, RL_OUT, "x", 1), 0);
	sink->ops->release(sink, handle, (const __u64[2]){0, 0});
	check_file("tree/home/u1/dovecot.rawlog/log.out", "");
	assert_false(exists("tree/home/u1/dovecot.rawlog/log.in"));
}

static void below_the_root(void **state)
{
	struct stat st;

	assert_true(open_at("/srv/jail", "/u1", 1) >= 0);
	assert_true(exists("tree/srv/jail/u1/dovecot.rawlog/log.in"));
	assert_int_equal(stat("tree/srv", &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_true(open_at(NULL, "//home/.//./u2/", 1) >= 0);
	assert_true(exists("tree/home/u2/dovecot.rawlog/log.out"));
	assert_true(open_at(NULL, "/", 1) >= 0);
	assert_true(exists("tree/dovecot.rawlog/log.in"));
}

static void no_way_out(void **state)
{
	static const char *const homes[] = {"/..", "/../outside", "/home/../..",
					    "..",  "/home/u1/..", "/./..//outside"};
	unsigned int i;

	for (i = 0; i < sizeof(homes) / sizeof(homes[0]); i++)
		assert_int_equal(open_at(NULL, homes[i], 1), -EINVAL);
	assert_int_equal(open_at("/..", "/outside", 1), -EINVAL);
	assert_false(exists("outside/dovecot.rawlog"));
	assert_false(exists("dovecot.rawlog"));
	/* names that only look like ".." */
	assert_true(open_at(NULL, "/.../..x", 1) >= 0);
	assert_true(exists("tree/.../..x/dovecot.rawlog/log.in"));
}

static void links_are_not_followed(void **state)
{
	assert_int_equal(symlink("../outside", "tree/home"), 0);
	assert_int_equal(open_at(NULL, "/home/u1", 1), -ENOTDIR);
	assert_false(exists("outside/u1"));

	assert_int_equal(mkdir("tree/u2", 0700), 0);
	assert_int_equal(symlink("../../outside", "tree/u2/dovecot.rawlog"), 0);
	assert_int_equal(open_at(NULL, "/u2", 1), -ENOTDIR);

	assert_int_equal(mkdir("tree/u3", 0700), 0);
	assert_int_equal(mkdir("tree/u3/dovecot.rawlog", 0700), 0);
	assert_int_equal(symlink("../../../outside/file", "tree/u3/dovecot.rawlog/log.in"), 0);
	assert_int_equal(open_at(NULL, "/u3", 1), -EEXIST);
	assert_false(exists("outside/file"));
}

/* Both files are created or none, and never one that exists. */
static void nothing_is_overwritten(void **state)
{
	int handle = open_at(NULL, "/u1", 1), fd;

	assert_true(handle >= 0);
	assert_int_equal(sink->ops->write(sink, handle, RL_IN, "first", 5), 0);
	sink->ops->release(sink, handle, NULL);
	assert_int_equal(open_at(NULL, "/u1", 1), -EEXIST);
	check_file("tree/u1/dovecot.rawlog/log.in", "first");
	assert_true(open_at(NULL, "/u1", 2) >= 0);
	check_file("tree/u1/dovecot.rawlog/log-2.in", "");

	fd = open("tree/u1/dovecot.rawlog/log-3.out", O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(open_at(NULL, "/u1", 3), -EEXIST);
	assert_false(exists("tree/u1/dovecot.rawlog/log-3.in"));
}

static void handles_are_used_again(void **state)
{
	int first = open_at(NULL, "/u1", 1), second = open_at(NULL, "/u1", 2), third;

	assert_true(first >= 0 && second >= 0 && first != second);
	sink->ops->release(sink, first, NULL);
	third = open_at(NULL, "/u1", 3);
	assert_int_equal(third, first);
	assert_int_equal(sink->ops->write(sink, third, RL_IN, "3", 1), 0);
	assert_int_equal(sink->ops->write(sink, second, RL_IN, "2", 1), 0);
	check_file("tree/u1/dovecot.rawlog/log-3.in", "3");
	check_file("tree/u1/dovecot.rawlog/log-2.in", "2");
	/* freeing the sink closes the files */
}

static int open_lib(const char *chroot, const char *base, const char *dir, const char *name)
{
	struct log_place at = place;

	at.iostream = true;
	at.chroot = chroot;
	at.base = base;
	at.dir = dir;
	at.name = name;
	return sink->ops->claim(sink, &at, 1);
}

/* With `iostream` ".." is resolved, and never leads out of the tree. */
static void iostream_directories(void **state)
{
	assert_true(open_lib(NULL, "/home/u1", "/var/logs", "a") >= 0);
	assert_true(exists("tree/var/logs/a.in"));
	assert_true(open_lib(NULL, "/home/u1", "logs/x/", "b") >= 0);
	assert_true(exists("tree/home/u1/logs/x/b.out"));
	assert_true(open_lib(NULL, "/home/u1", "../u2/./logs", "c") >= 0);
	assert_true(exists("tree/home/u2/logs/c.in"));
	assert_true(open_lib(NULL, "/home/u1", "/../../outside", "d") >= 0);
	assert_true(exists("tree/outside/d.in"));
	assert_true(open_lib("/jail", "/home/u1", "../../../../logs", "e") >= 0);
	assert_true(exists("tree/jail/logs/e.in"));
	assert_true(open_lib("/jail", "/home/u1", "/logs", "f") >= 0);
	assert_true(exists("tree/jail/logs/f.in"));
	assert_true(open_lib(NULL, "/", "/", "g") >= 0);
	assert_true(exists("tree/g.in"));
	assert_int_equal(open_lib("/jail/..", "/", "logs", "h"), -EINVAL);
	assert_false(exists("outside/d.in"));
}

static void lib_files_are_new(void **state)
{
	int handle = open_lib(NULL, "/", "logs", "a");

	assert_true(handle >= 0);
	assert_int_equal(sink->ops->write(sink, handle, RL_IN, "first", 5), 0);
	sink->ops->release(sink, handle, NULL);
	assert_int_equal(open_lib(NULL, "/", "logs", "a"), -EEXIST);
	check_file("tree/logs/a.in", "first");
}

/* Both directions in one file. */
static void streams(void **state)
{
	struct log_place at = place;
	int handle;

	at.tcp = "[::1]:4000";
	at.format = &format_single;
	at.files[RL_OUT] = false;
	handle = sink->ops->claim(sink, &at, 1);
	assert_true(handle >= 0);
	assert_int_equal(sink->ops->write(sink, handle, RL_IN, "I: ab\nO: cd\n", 12), 0);
	sink->ops->release(sink, handle, (const __u64[2]){8, 0});
	check_file("tree/tcp/[::1]:4000/log.rawlog", "I: ab\nO:");
	assert_int_equal(unlink("tree/tcp/[::1]:4000/log.rawlog"), 0);
	assert_int_equal(rmdir("tree/tcp/[::1]:4000"), 0); /* nothing else was there */
}

static void no_root(void **state)
{
	assert_null(sink_tree_new("missing"));
	assert_int_equal(errno, ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(write_and_cut),
		TEST(one_direction),
		TEST(below_the_root),
		TEST(no_way_out),
		TEST(links_are_not_followed),
		TEST(nothing_is_overwritten),
		TEST(handles_are_used_again),
		TEST(iostream_directories),
		TEST(lib_files_are_new),
		TEST(streams),
		TEST(no_root),
	};

	return cmocka_run_group_tests_name("sink_tree", tests, NULL, NULL);
}
