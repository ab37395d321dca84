// SPDX-License-Identifier: MIT
#include "sink_host_test.h"

static void as_rawlog_program(void **state)
{
	struct log_place place;

	need_root();
	place = program_place();
	check_log(&place);
	assert_int_equal(fact.serial, 1);
	check_file("home/logs/log.in", "in", UID, GID);
	check_file("home/logs/log.out", "out", UID, GID);
	check_log(&place);
	assert_int_equal(fact.serial, 2);
	check_file("home/logs/log-2.out", "out", UID, GID);
	check_file("home/logs/log.out", "out", UID, GID);
}

/* A symbolic link is no directory; the fact says what is there instead. */
static void rawlog_program_refuses(void **state)
{
	struct log_place place;

	need_root();
	place = program_place();
	make_link("logs", "home/link");
	make_file("home/file", "", UID);
	make_dir("home/roots", 0755, 0);
	place.dir = "link";
	ask(&place, RL_LOG_NOT_DIR, 0);
	place.dir = "file";
	ask(&place, RL_LOG_NOT_DIR, 0);
	place.dir = "missing";
	ask(&place, RL_LOG_MISSING, ENOENT);
	place.dir = "roots";
	ask(&place, RL_LOG_CREATE_FAILED, EACCES);
	place.base = below(0, "nohome");
	ask(&place, RL_LOG_MISSING, ENOENT);
	assert_int_equal(chmod("home", 0000), 0);
	place = program_place();
	ask(&place, RL_LOG_LSTAT_FAILED, EACCES);
}

static void as_iostream(void **state)
{
	struct log_place place;

	need_root();
	place = iostream_place("logs");
	check_log(&place);
	check_file("home/logs/log.in", "in", UID, GID);
	check_file("home/logs/log.out", "out", UID, GID);
	make_dir("home/write-only", 0300, UID);
	place = iostream_place(below(1, "home/write-only"));
	check_log(&place);
	check_file("home/write-only/log.in", "in", UID, GID);
	place = iostream_place("./../home/write-only/../logs/");
	place.name = "again";
	check_log(&place);
	check_file("home/logs/again.out", "out", UID, GID);
	/* as Dovecot, whose working directory is "/" if it could not enter the home */
	place = iostream_place(below(1, "home/logs") + 1);
	place.base = below(0, "nohome");
	place.name = "slash";
	check_log(&place);
	check_file("home/logs/slash.out", "out", UID, GID);
}

/* native-rawlog.md 1.1: each of these was tried with Dovecot 2.3.19.1. */
static void iostream_refuses(void **state)
{
	static const struct {
		const char *dir;
		enum rl_log_status status;
		int error;
	} cases[] = {
		{"missing", RL_LOG_MISSING, ENOENT},
		{"", RL_LOG_MISSING, ENOENT},
		{"dangling", RL_LOG_MISSING, ENOENT},
		{"closed/logs", RL_LOG_MISSING, EACCES},
		{"to-closed", RL_LOG_MISSING, EACCES},
		{"roots", RL_LOG_CREATE_FAILED, EACCES},
		{"to-roots", RL_LOG_CREATE_FAILED, EACCES},
		{"file", RL_LOG_CREATE_FAILED, ENOTDIR},
		{"fifo", RL_LOG_CREATE_FAILED, ENOTDIR},
		{"loop", RL_LOG_LSTAT_FAILED, ELOOP},
		{"file/logs", RL_LOG_LSTAT_FAILED, ENOTDIR},
		{"/proc/self/cwd/home/logs", RL_LOG_LSTAT_FAILED, ELOOP},
	};
	struct log_place place;
	unsigned int i;

	need_root();
	make_link("nowhere", "home/dangling");
	make_dir("home/closed", 0700, 0);
	make_dir("home/closed/logs", 0700, UID);
	make_link("closed/logs", "home/to-closed");
	make_dir("home/roots", 0755, 0);
	make_link("../outside", "home/to-roots");
	make_file("home/file", "", UID);
	assert_int_equal(mkfifo("home/fifo", 0666), 0);
	make_link("loop", "home/loop");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		place = iostream_place(cases[i].dir);
		ask(&place, cases[i].status, cases[i].error);
	}
	assert_false(exists("home/roots/log.in") || exists("outside/log.in"));
}

static void iostream_follows_links(void **state)
{
	struct log_place place;

	need_root();
	make_link("again", "home/link");
	make_link(below(1, "home/logs"), "home/again");
	place = iostream_place("link");
	check_log(&place);
	check_file("home/logs/log.in", "in", UID, GID);
}

static void chroots(void **state)
{
	struct log_place place;
	const char *dirs[] = {"logs",	     "../logs", "../../../logs", "/logs",
			      "/../../logs", "inner",	"/home/inner"};
	unsigned int i;

	need_root();
	make_dir("jail", 0700, 0); /* only root can enter it */
	assert_int_equal(chmod("jail", 0711), 0);
	make_dir("closed", 0700, 0);
	assert_int_equal(rename("jail", "closed/jail"), 0);
	make_dir("closed/jail/home", 0700, UID);
	make_dir("closed/jail/home/logs", 0700, UID);
	make_dir("closed/jail/logs", 0700, UID);
	make_dir("logs", 0777, UID);
	make_link("/logs", "closed/jail/home/inner");
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		place = iostream_place(dirs[i]);
		place.chroot = below(1, "closed/jail");
		place.base = i ? "/home" : "/nohome"; /* the latter is missing: "/" instead */
		check_log(&place);
		check_file("closed/jail/logs/log.in", "in", UID, GID);
		assert_int_equal(unlink("closed/jail/logs/log.in"), 0);
		assert_int_equal(unlink("closed/jail/logs/log.out"), 0);
	}
	place = iostream_place(below(0, "logs")); /* not in the chroot */
	place.chroot = below(1, "closed/jail");
	ask(&place, RL_LOG_MISSING, ENOENT);
	place.chroot = below(1, "closed/nojail");
	ask(&place, RL_LOG_MISSING, ENOENT);
	assert_false(exists("logs/log.in"));
}

/* Dovecot may be writing the very same names. */
static void old_files_stay(void **state)
{
	struct log_place place;

	need_root();
	place = iostream_place("logs");
	make_file("home/logs/log.in", "old", UID);
	check_log(&place);
	assert_int_equal(fact.serial, 2);
	check_file("home/logs/log.in", "old", UID, GID);
	assert_false(exists("home/logs/log.out"));
	check_file("home/logs/log-2.in", "in", UID, GID);
	check_file("home/logs/log-2.out", "out", UID, GID);
	make_file("home/logs/log-3.out", "old", UID);
	check_log(&place);
	assert_int_equal(fact.serial, 4);
	check_file("home/logs/log-3.out", "old", UID, GID);
	assert_false(exists("home/logs/log-3.in"));
	check_file("home/logs/log-4.out", "out", UID, GID);
}

/* With both ways to look for the directory. */
static void every_name_is_taken(void **state)
{
	struct log_place place;
	char name[64];
	unsigned int i, lib;

	need_root();
	make_file("home/logs/log.out", "old", UID);
	for (i = 2; i <= SINK_SERIAL_MAX; i++) {
		snprintf(name, sizeof(name), "home/logs/log-%u.out", i);
		make_file(name, "", UID);
	}
	for (lib = 0; lib <= 1; lib++) {
		place = lib ? iostream_place("logs") : program_place();
		ask(&place, RL_LOG_CREATE_FAILED, EEXIST);
		assert_false(exists("home/logs/log.in"));
		snprintf(name, sizeof(name), "home/logs/log-%u.in", SINK_SERIAL_MAX);
		assert_false(exists(name));
	}
	check_file("home/logs/log.out", "old", UID, GID);
}

/* LMTP runs as root, and after a delivery with the recipient's group. */
static void owned_by_root(void **state)
{
	struct log_place place;

	need_root();
	make_dir("roots", 0700, 0);
	place = iostream_place(below(1, "roots"));
	place.uid = 0;
	check_log(&place);
	check_file("roots/log.in", "in", 0, GID);
}

/* There is no adopted file (any more), and a log has its number. */
static void nothing_is_adopted(void **state)
{
	struct log_place place;
	int handle;

	need_root();
	place = program_place();
	handle = ask(&place, RL_LOG_OPENED, 0);
	assert_int_equal(sink_host_append(sink, "everybody's", 11), -RL_ERROR_BEHIND);
	end_log(handle);
	check_file("home/logs/log.in", "", UID, GID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(as_rawlog_program),  TEST(rawlog_program_refuses), TEST(as_iostream),
		TEST(iostream_refuses),	  TEST(iostream_follows_links), TEST(chroots),
		TEST(old_files_stay),	  TEST(every_name_is_taken),	TEST(owned_by_root),
		TEST(nothing_is_adopted),
	};

	return cmocka_run_group_tests_name("sink_host", tests, NULL, NULL);
}
