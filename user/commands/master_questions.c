// SPDX-License-Identifier: MIT
#include "commands/master_questions.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "commands/ask_master.h"
#include "engine/world.h"
#include "host/clock.h"
#include "host/procfs.h"
#include "host/run_program.h"
#include "rules/needs.h"

#include <utlist.h>

#define END_MS	100 /* for a process to kill the program that it runs */
#define LOOK_MS 5

struct question {
	uint32_t tgid;
	struct str base_dirs;	/* as words */
	unsigned int needs;	/* flags of enum need, or ASK_MASTER_USERS */
	int64_t asked_ns;	/* on the clock of clock_boot_ns() */
	int64_t deadline_ms;	/* 0: its turn has not come */
	struct program process; /* pid 0: not started */
	struct str said;
	struct question *prev, *next;
};

struct master_questions {
	const char *base_dir;
	unsigned int needs; /* flags of enum need */
	int epoll;
	unsigned int asked_count;
	struct question *waiting;
	struct question *asked;
	struct question *ending; /* taken; their processes have not ended */
};

struct master_questions *master_questions_new(const struct rules *rules, const char *base_dir)
{
	struct master_questions *questions = mem_alloc(sizeof(*questions));

	questions->base_dir = base_dir;
	questions->needs = needs_of_rules(rules);
	questions->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (questions->epoll >= 0)
		return questions;
	free(questions);
	return NULL;
}

int master_questions_fd(const struct master_questions *questions)
{
	return questions->epoll;
}

/* 0 or -errno. */
static int start(struct master_questions *questions, struct question *question)
{
	char tgid[16], asked[32], needs[16];
	char *argv[6 + BASE_DIRS_MAX + 1] = {
		(char *)"/proc/self/exe",    (char *)ASK_MASTER_COMMAND, tgid, asked, needs,
		(char *)questions->base_dir,
	};
	const struct str *dirs = &question->base_dirs;
	struct epoll_event event = {.events = EPOLLIN};
	unsigned int count = 6;
	char *dir;
	int ret;

	for (dir = dirs->data; dir && dir < dirs->data + dirs->len; dir += strlen(dir) + 1)
		argv[count++] = dir;
	snprintf(tgid, sizeof(tgid), "%" PRIu32, question->tgid);
	snprintf(asked, sizeof(asked), "%" PRId64, question->asked_ns);
	snprintf(needs, sizeof(needs), "%u", question->needs);
	ret = program_start(argv, &question->process);
	if (!ret) /* if that fails it is looked at from time to time all the same */
		epoll_ctl(questions->epoll, EPOLL_CTL_ADD, question->process.out, &event);
	return ret;
}

/* Users can start what is called dovecot as often as they like: no process is started for that. */
static bool is_a_users(struct question *question)
{
	static const struct rl_master untrusted = {.status = RL_MASTER_UNTRUSTED};
	struct procfs_status status;

	if (question->base_dirs.len || procfs_status((pid_t)question->tgid, &status) ||
	    status.uid == 0)
		return false;
	str_append(&question->said, &untrusted, sizeof(untrusted));
	return true;
}

static void start_waiting(struct master_questions *questions)
{
	struct question *question;

	while ((question = questions->waiting) != NULL &&
	       questions->asked_count < MASTER_QUESTIONS_MAX) {
		if (!question->deadline_ms)
			question->deadline_ms = clock_now_ms() + MASTER_QUESTION_MS;
		if (is_a_users(question))
			question->deadline_ms = clock_now_ms();
		else if (start(questions, question) && clock_now_ms() < question->deadline_ms)
			break; /* it is tried again */
		DL_DELETE(questions->waiting, question);
		DL_APPEND(questions->asked, question);
		questions->asked_count++;
	}
}

static void ask(struct master_questions *questions, uint32_t tgid, unsigned int needs,
		const struct str *base_dirs)
{
	struct question *question = mem_alloc(sizeof(*question));

	if (base_dirs)
		str_append(&question->base_dirs, base_dirs->data, base_dirs->len);
	question->tgid = tgid;
	question->needs = needs;
	question->asked_ns = clock_boot_ns();
	DL_APPEND(questions->waiting, question);
	start_waiting(questions);
}

void master_questions_ask(struct master_questions *questions, uint32_t tgid,
			  const struct str *base_dirs)
{
	ask(questions, tgid, questions->needs, base_dirs);
}

void master_questions_ask_users(struct master_questions *questions, uint32_t tgid)
{
	ask(questions, tgid, ASK_MASTER_USERS, NULL);
}

static void free_question(struct question *question)
{
	str_free(&question->base_dirs);
	str_free(&question->said);
	free(question);
}

/* It need not have, and if it hangs in the kernel it has not for long. */
static bool has_ended(const struct question *question)
{
	return !question->process.pid || waitpid(question->process.pid, NULL, WNOHANG) != 0;
}

static void bury(struct master_questions *questions)
{
	struct question *question, *next;

	DL_FOREACH_SAFE(questions->ending, question, next) {
		if (!has_ended(question))
			continue;
		DL_DELETE(questions->ending, question);
		free_question(question);
	}
}

static bool is_over(struct question *question)
{
	if (question->process.pid && program_read(&question->process, &question->said))
		return true;
	if (clock_now_ms() < question->deadline_ms)
		return false;
	if (question->process.pid)
		program_kill(&question->process);
	return true;
}

/* Nobody listens to it any more. */
static void end(struct master_questions *questions, struct question *question)
{
	if (question->process.pid)
		close(question->process.out);
	DL_DELETE(questions->asked, question);
	DL_APPEND(questions->ending, question);
	questions->asked_count--;
}

bool master_questions_take(struct master_questions *questions, struct master_answer *answer_r)
{
	struct question *question;

	bury(questions);
	start_waiting(questions);
	DL_FOREACH(questions->asked, question) {
		if (!is_over(question))
			continue;
		*answer_r = (struct master_answer){
			.tgid = question->tgid,
			.of_users = question->needs & ASK_MASTER_USERS,
		};
		if (answer_r->of_users)
			ask_master_read_users(&question->said, &answer_r->text);
		else
			ask_master_read(&question->said, question->needs, &answer_r->fact,
					&answer_r->text);
		end(questions, question);
		return true;
	}
	return false;
}

bool master_questions_busy(const struct master_questions *questions)
{
	return questions->waiting || questions->asked;
}

/* A process to whom nobody listens kills what it runs, and ends. */
void master_questions_free(struct master_questions **questions_p)
{
	struct master_questions *questions = *questions_p;
	struct question *question, *next;
	int64_t until_ms = clock_now_ms() + END_MS;
	bool ended;

	*questions_p = NULL;
	if (!questions)
		return;
	DL_FOREACH_SAFE(questions->waiting, question, next)
		free_question(question);
	DL_FOREACH_SAFE(questions->asked, question, next)
		end(questions, question);
	DL_FOREACH_SAFE(questions->ending, question, next) {
		while (!(ended = has_ended(question)) && clock_now_ms() < until_ms)
			usleep(LOOK_MS * 1000);
		if (!ended)
			program_kill(&question->process);
		free_question(question);
	}
	close(questions->epoll);
	free(questions);
}
