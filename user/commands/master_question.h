/* SPDX-License-Identifier: MIT */
/*
 * "Who is this master?": the answer takes programs that run, and the DNS, each of
 * which may take long. So each question has a thread of its own (host/workers.h).
 */
#ifndef MASTER_QUESTION_H
#define MASTER_QUESTION_H

#include <stdbool.h>

#include "base/str.h"
#include "host/workers.h"
#include "rl_abi.h"
#include "rules/rules.h"

struct master_question {
	struct job job; /* run() answers it, free() frees it */
	uint32_t tgid;
	int64_t asked_ns; /* on the clock of clock_boot_ns() */
	char *base_dir;	  /* of the only instance that counts; NULL: any */
	bool wants_home, wants_hostname, wants_environment;

	/* the answer */
	struct rl_master fact;
	/* if the status is OK; what is not wanted or not there is empty */
	struct str home, hostname, environment;
};

/* Copies what it needs. */
struct master_question *master_question_new(uint32_t tgid, const char *base_dir,
					    const struct rules *rules);

#endif
