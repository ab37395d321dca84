// SPDX-License-Identifier: MIT
/* Users' attempts to redirect root's writes. */
#include "sink_host_test.h"

#include <signal.h>
#include <sys/wait.h>

#define EACH	    100
#define RACE_ROUNDS (100000 * EACH)

/* The name `file` is taken, and stays as it is: the log is NAME-2. */
static void pass_by(const char *file)
{
	const char *other = strcmp(file, "log.in") == 0 ? "home/logs/log.out" : "home/logs/log.in";
	struct log_place place = iostream_place("logs");

	check_log(&place);
	assert_int_equal(fact.serial, 2);
	assert_false(exists(other));
	check_file("home/logs/log-2.in", "in", UID, GID);
	check_file("home/logs/log-2.out", "out", UID, GID);
	assert_int_equal(rename(below(1, "home/logs"), below(2, "was")), 0);
	assert_int_equal(system("rm -rf was"), 0);
	make_dir("home/logs", 0700, UID);
}

static void hostile_names(void **state)
{
	static const char *const files[] = {"log.in", "log.out"};
	char path[64], *name = path + strlen("home/logs/");
	unsigned int i;
	int fd;

	need_root();
	make_file("home/own", "own", UID);
	make_file("outside/roots", "roots", 0);
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "home/logs/%s", files[i]);
		make_link("../own", path);
		pass_by(name);
		make_link("../../outside/roots", path);
		pass_by(name);
		make_link("../nowhere", path);
		pass_by(name);
		make_link(name, path);
		pass_by(name);
		assert_int_equal(link("home/own", path), 0);
		pass_by(name);
		assert_int_equal(link("outside/roots", path), 0);
		pass_by(name);
		make_file(path, "", OTHER);
		pass_by(name);
		make_file(path, "", 0);
		pass_by(name);
		make_dir(path, 0700, UID);
		pass_by(name);
		assert_int_equal(mkfifo(path, 0600), 0);
		assert_int_equal(chown(path, UID, GID), 0);
		pass_by(name);
		/* somebody reads from it, so opening it would succeed */
		assert_int_equal(mkfifo(path, 0600), 0);
		assert_int_equal(chown(path, UID, GID), 0);
		fd = open(path, O_RDONLY | O_NONBLOCK);
		assert_true(fd >= 0);
		pass_by(name);
		close(fd);
	}
	check_file("home/own", "own", UID, GID);
	check_file("outside/roots", "roots", 0, 0);
	assert_false(exists("home/nowhere"));
}

/* Starts a child process that exchanges two names for ever. */
static pid_t exchange_begin(const char *one, const char *other)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	while (pid == 0)
		if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE))
			_exit(1);
	return pid;
}

static void exchange_end(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* killed by us: it had no error */
}

/* The directory is now the user's, now a link to a directory of root's. */
static void directory_exchanged(void **state)
{
	unsigned int opened = 0, refused = 0, rounds;
	struct log_place place;
	char name[32];
	pid_t pid;

	need_root();
	make_link("../outside", "home/link");
	place = iostream_place("logs");
	place.name = name;
	pid = exchange_begin("home/logs", "home/link");
	for (rounds = 0; rounds < RACE_ROUNDS && (opened < EACH || refused < EACH); rounds++) {
		snprintf(name, sizeof(name), "%u", rounds);
		sink->ops->create(sink, &place);
		wait_until(&fact_told);
		if (fact.status == RL_LOG_OPENED) {
			end_log(sink->ops->claim(sink, &place, 1));
			opened++;
		} else {
			assert_int_equal(fact.status, RL_LOG_CREATE_FAILED);
			assert_int_equal(fact.error, EACCES);
			refused++;
		}
	}
	exchange_end(pid);
	assert_true(opened >= EACH && refused >= EACH);
	assert_int_equal(rmdir("outside"), 0); /* still empty */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hostile_names),
		TEST(directory_exchanged),
	};

	return cmocka_run_group_tests_name("sink_host, hostile", tests, NULL, NULL);
}
