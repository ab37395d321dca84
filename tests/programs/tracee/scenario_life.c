// SPDX-License-Identifier: MIT
/* Who and when: sessions one after another and at once, threads, children, ends. */
#include "tracee.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A line each way. Asks the test before it begins, and before it ends. */
static void run_talk(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);

	ask_test("ready");
	give(session, 20);
	far_send(session, 100);
	take_exactly(session, 100);
	ask_test("talked");
	give(session, 30);
	session_close(&session);
}

/* Nobody asks. */
static void run_brief(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);

	give(session, 20);
	far_send(session, 100);
	take_exactly(session, 100);
	session_close(&session);
}

/* Until the test has had enough: "more" of it, as often as it says so. */
static void talk_on(struct session *session, const char *word)
{
	while (strcmp(ask_test(word), "more") == 0) {
		give(session, 10);
		word = "gave";
	}
}

/* More than the ring holds, both ways. */
static void run_flood(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);
	int i;

	give(session, 20);
	far_send(session, 10);
	take_exactly(session, 10);
	ask_test("begun");
	for (i = 0; i < 50; i++) {
		give(session, 100000);
		far_send(session, 20000);
		take_exactly(session, 20000);
	}
	talk_on(session, "flooded");
	session_close(&session);
}

/* A login while the ring is full. */
static void run_flood_login(struct mail *mail, const char *argument)
{
	struct session *first = session_open(mail), *second;
	int i;

	give(first, 20);
	ask_test("begun");
	for (i = 0; i < 20; i++)
		give(first, 100000);
	second = session_open(mail);
	give(second, 1234);
	session_close(&second);
	ask_test("flooded");
	session_close(&first);
}

static void run_one_after_another(struct mail *mail, const char *argument)
{
	struct session *session;
	int i, count = strtol(argument, NULL, 10);

	for (i = 0; i < count; i++) {
		session = session_open(mail);
		give(session, 50 + i);
		far_send(session, 60 + i);
		take_exactly(session, 60 + i);
		if (i % 3 == 0)
			give(session, 10);
		session_close(&session);
	}
}

static void run_at_once(struct mail *mail, const char *argument)
{
	struct session *sessions[20];
	int i, round;

	for (i = 0; i < 20; i++)
		sessions[i] = session_open(mail);
	for (round = 0; round < 50; round++)
		for (i = 0; i < 20; i++) {
			give(sessions[i], 100 + 13 * i + round);
			far_send(sessions[i], 100 + 17 * i + round);
			take_exactly(sessions[i], 100 + 17 * i + round);
		}
	for (i = 19; i >= 0; i--)
		session_close(&sessions[i]);
}

#define THREADS 8

static void *talk_in_thread(void *context)
{
	struct session *session = context;
	unsigned char buffer[3000];
	size_t size, got;
	ssize_t len;
	int i;

	for (i = 0; i < 1000; i++) {
		size = 1 + i * 37 % sizeof(buffer);
		fill(buffer, size, session->number * 1000 + i);
		check(write(session->fd, buffer, size) == (ssize_t)size, "write");
		told(session, OUT, buffer, size);
		far_send(session, size);
		for (got = 0; got < size; got += len) {
			len = read(session->fd, buffer, size - got);
			check(len > 0, "read");
			told(session, IN, buffer, len);
		}
	}
	return NULL;
}

static void run_threads(struct mail *mail, const char *argument)
{
	struct session *sessions[THREADS];
	pthread_t threads[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		sessions[i] = session_open(mail);
	for (i = 0; i < THREADS; i++)
		check(pthread_create(&threads[i], NULL, talk_in_thread, sessions[i]) == 0,
		      "pthread_create");
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		session_close(&sessions[i]);
	}
}

/* For the master to kill. */
static void run_blocked(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);

	give(session, 300);
	fflush(NULL);
	check(write(STDOUT_FILENO, "b", 1) == 1, "write");
	if (read(session->fd, mail->buffer, 1000) >= 0)
		die("nothing was to come");
}

/* A child goes on with the client. */
static void run_fork(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);
	int status;
	pid_t pid;

	give(session, 20);
	fflush(NULL);
	pid = fork();
	check(pid >= 0, "fork");
	if (pid == 0) {
		give(session, 1000);
		fflush(NULL);
		_exit(0);
	}
	check(waitpid(pid, &status, 0) == pid && status == 0, "child");
	if (strcmp(argument, "both") == 0)
		give(session, 30);
	session_close(&session);
}

/* Another program, which nobody watches, reads from the client and writes to it. */
static void run_other_program(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);
	int status;
	pid_t pid;

	give(session, 20);
	far_send(session, 500);
	wait_readable(session, 500);
	fflush(NULL);
	pid = fork();
	check(pid >= 0, "fork");
	if (pid == 0) {
		dup2(session->fd, STDIN_FILENO);
		dup2(session->fd, STDOUT_FILENO);
		execlp("head", "head", "-c", "500", NULL);
		die("head");
	}
	check(waitpid(pid, &status, 0) == pid && status == 0, "head");
	told(session, IN, mail->buffer, 500);
	told(session, OUT, mail->buffer, 500);
	far_send(session, 100);
	take_exactly(session, 100);
	give(session, 30);
	session_close(&session);
}

const struct scenario scenarios_life[] = {
	{"talk", run_talk},
	{"brief", run_brief},
	{"flood", run_flood},
	{"flood-login", run_flood_login},
	{"one-after-another", run_one_after_another},
	{"at-once", run_at_once},
	{"threads", run_threads},
	{"blocked", run_blocked},
	{"fork", run_fork},
	{"other-program", run_other_program},
	{0},
};
