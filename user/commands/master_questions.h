/* SPDX-License-Identifier: MIT */
/*
 * The questions about masters that are open. Each has a process of its own
 * (commands/ask_master.h), which nobody waits for: one that hangs costs its answer.
 */
#ifndef MASTER_QUESTIONS_H
#define MASTER_QUESTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "rl_abi.h"
#include "rules/rules.h"

/* So many are asked at once; others wait for their turn. */
#define MASTER_QUESTIONS_MAX 16
/* Then what was said until then is the answer. It is more than programs and the DNS take. */
#define MASTER_QUESTION_MS   30000

struct master_answer {
	uint32_t tgid;
	bool of_users;	       /* to the question who its users are */
	struct rl_master fact; /* else */
	struct str text;       /* of a FACT_USERS; else of a FACT_SETTINGS. The caller frees it */
};

struct master_questions;

/* `base_dir`: of the only instance that counts; NULL: any. Both must outlive the questions. NULL: errno
 * says why. */
struct master_questions *master_questions_new(const struct rules *rules, const char *base_dir);
/* A descriptor that is readable when there may be an answer. The questions close it. */
int master_questions_fd(const struct master_questions *questions);
/* As `ask_master` of struct engine_world. */
void master_questions_ask(struct master_questions *questions, uint32_t tgid,
			  const struct str *base_dirs);
/* As `ask_users` of it. */
void master_questions_ask_users(struct master_questions *questions, uint32_t tgid);
/* An answer, if there is one. To be called from time to time, as there are deadlines. */
bool master_questions_take(struct master_questions *questions, struct master_answer *answer_r);
/* Are there questions whose answer was not taken? */
bool master_questions_busy(const struct master_questions *questions);
/* Kills the processes, and leaves those behind that can't be killed. Sets `*questions` to NULL, which
 * it can be. */
void master_questions_free(struct master_questions **questions);

#endif
