// SPDX-License-Identifier: MIT
/* Directories that want to lead root astray. */
#include "sink_user_test.h"

#include <signal.h>
#include <sys/wait.h>

/* The races are lost by a careless sink some ten times in as many rounds of each outcome. */
#define EACH	    10000
#define RACE_ROUNDS (1000 * EACH)

/* What is not just the user's own file is not written to, and leaves nothing behind. */
static void refuse_name(const char *file)
{
	const char *other = strcmp(file, "log.in") == 0 ? "home/logs/log.out" : "home/logs/log.in";
	struct log_place place = lib_place("logs");

	ask(&place, RL_LOG_CREATE_FAILED, EEXIST);
	assert_false(exists(other));
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
		refuse_name(name);
		make_link("../../outside/roots", path);
		refuse_name(name);
		make_link("../nowhere", path);
		refuse_name(name);
		make_link(name, path);
		refuse_name(name);
		assert_int_equal(link("home/own", path), 0);
		refuse_name(name);
		assert_int_equal(link("outside/roots", path), 0);
		refuse_name(name);
		make_file(path, "", OTHER);
		refuse_name(name);
		make_file(path, "", 0);
		refuse_name(name);
		make_dir(path, 0700, UID);
		refuse_name(name);
		assert_int_equal(mkfifo(path, 0600), 0);
		assert_int_equal(chown(path, UID, GID), 0);
		refuse_name(name);
		/* somebody listens, so to open it would succeed */
		assert_int_equal(mkfifo(path, 0600), 0);
		assert_int_equal(chown(path, UID, GID), 0);
		fd = open(path, O_RDONLY | O_NONBLOCK);
		assert_true(fd >= 0);
		refuse_name(name);
		close(fd);
	}
	check_file("home/own", "own", UID, GID);
	check_file("outside/roots", "roots", 0, 0);
	assert_false(exists("home/nowhere"));
}

/* A child of ours exchanges two names without end. */
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
	assert_true(WIFSIGNALED(status)); /* it did not give up */
}

/* The directory is the user's in one moment, and a link to root's in the next. */
static void directory_exchanged(void **state)
{
	unsigned int opened = 0, refused = 0, rounds;
	struct log_place place;
	char name[32];
	pid_t pid;

	need_root();
	make_link("../outside", "home/link");
	place = lib_place("logs");
	place.name = name;
	pid = exchange_begin("home/logs", "home/link");
	for (rounds = 0; rounds < RACE_ROUNDS && (opened < 100 || refused < 100); rounds++) {
		snprintf(name, sizeof(name), "%u", rounds);
		sink->ops->ask(sink, &place);
		if (fact.status == RL_LOG_OPENED) {
			sink->ops->close(sink, sink->ops->open(sink, &place, 1));
			opened++;
		} else {
			assert_int_equal(fact.status, RL_LOG_CREATE_FAILED);
			assert_int_equal(fact.error, EACCES);
			refused++;
		}
	}
	exchange_end(pid);
	assert_true(opened >= 100 && refused >= 100);
	assert_int_equal(rmdir("outside"), 0); /* still empty */
}

static void exchange_file(const char *other)
{
	unsigned int opened = 0, refused = 0, rounds;
	struct log_place place = lib_place("logs");
	int handle;
	pid_t pid;

	pid = exchange_begin("home/logs/log.in", other);
	for (rounds = 0; rounds < RACE_ROUNDS && (opened < EACH || refused < EACH); rounds++) {
		sink->ops->ask(sink, &place);
		handle = sink->ops->open(sink, &place, 1);
		if (fact.status == RL_LOG_OPENED) {
			assert_int_equal(sink->ops->write(sink, handle, RL_IN, "x", 1), 0);
			sink->ops->close(sink, handle);
			opened++;
		} else {
			assert_int_equal(fact.status, RL_LOG_CREATE_FAILED);
			assert_true(fact.error == EEXIST || fact.error == ELOOP);
			refused++;
		}
	}
	exchange_end(pid);
	assert_true(opened >= EACH && refused >= 500);
}

/* The file is the user's own in one moment, and leads elsewhere in the next. */
static void file_exchanged(void **state)
{
	need_root();
	make_file("home/secret", "", UID);
	make_file("home/logs/log.in", "", UID);
	make_link("../secret", "home/logs/symbolic");
	exchange_file("home/logs/symbolic");
	assert_int_equal(system("rm -f home/logs/*"), 0);
	make_file("home/logs/log.in", "", UID);
	assert_int_equal(link("home/secret", "home/logs/hard"), 0);
	exchange_file("home/logs/hard");
	check_file("home/secret", "", UID, GID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hostile_names),
		TEST(directory_exchanged),
		TEST(file_exchanged),
	};

	return cmocka_run_group_tests_name("sink_user, hostile", tests, NULL, NULL);
}
