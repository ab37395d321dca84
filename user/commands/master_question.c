// SPDX-License-Identifier: MIT
#include "commands/master_question.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "host/capabilities.h"
#include "host/clock.h"
#include "host/dovecot_master.h"
#include "host/procfs.h"

/* Another process may have its id by now: then that one was looked at. */
static bool is_another(const struct master_question *question)
{
	int64_t start_ns;

	return procfs_start_ns((pid_t)question->tgid, &start_ns) != 0 ||
	       start_ns > question->asked_ns;
}

static void ask_settings(struct master_question *question)
{
	const struct rl_master *fact = &question->fact;
	char own[256];

	if (question->wants_home)
		dovecot_master_setting(fact, "mail_home", &question->home);
	if (question->wants_environment)
		dovecot_master_setting(fact, "import_environment", &question->environment);
	if (!question->wants_hostname)
		return;
	dovecot_master_setting(fact, "hostname", &question->hostname);
	if (!question->hostname.len && dovecot_hostname(own, sizeof(own)) == 0)
		str_append_text(&question->hostname, own);
}

/* What it must not be able to do any more before it looks, and before it runs a program, is dropped.
 * (A configuration may have files that are not root's.) */
static void answer(struct job *job)
{
	struct master_question *question = (struct master_question *)job;
	struct rl_master *fact = &question->fact;
	int program = -1;

	fact->status = RL_MASTER_UNTRUSTED;
	if (capabilities_drop(CAPABILITIES_PROCESSES | CAPABILITIES_READ) == 0)
		program = dovecot_master_open((pid_t)question->tgid, question->base_dir, fact);
	if (program < 0)
		return;
	if (is_another(question))
		*fact = (struct rl_master){.status = RL_MASTER_GONE};
	else if (capabilities_drop(CAPABILITIES_READ))
		fact->status = RL_MASTER_UNTRUSTED;
	else
		dovecot_master_version(program, fact);
	close(program);
	if (fact->status == RL_MASTER_OK)
		ask_settings(question);
}

static void free_question(struct job *job)
{
	struct master_question *question = (struct master_question *)job;

	str_free(&question->home);
	str_free(&question->hostname);
	str_free(&question->environment);
	free(question->base_dir);
	free(question);
}

/* What directories depend on besides the user: mail_home, where userdb returned no home;
 * %{hostname}, which is my_hostdomain() of lib/hostpid.c, 2.3.19.1, if it is not set; %{env}. And the
 * zone, which import_environment may set. */
struct master_question *master_question_new(uint32_t tgid, const char *base_dir,
					    const struct rules *rules)
{
	struct master_question *question = mem_alloc(sizeof(*question));

	question->job.run = answer;
	question->job.free = free_question;
	question->tgid = tgid;
	question->asked_ns = clock_boot_ns();
	question->base_dir = mem_strdup(base_dir);
	question->wants_home = rules_have_variable(rules, "");
	question->wants_hostname = rules_have_variable(rules, "hostname");
	question->wants_environment = rules_have_variable(rules, "env") || rules_need_zone(rules);
	return question;
}
