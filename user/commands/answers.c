// SPDX-License-Identifier: MIT
#include "commands/answers.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/bpf_load.h"
#include "host/clock.h"
#include "base/log.h"
#include "commands/master_question.h"
#include "base/mem.h"
#include "commands/pipeline.h"
#include "host/run_program.h"
#include "kernel/source.h"
#include "base/str.h"

static void add_setting(struct str *text, const char *name, const char *value)
{
	str_append(text, name, strlen(name) + 1);
	str_append(text, value, strlen(value) + 1);
}

/* The zone that import_environment gives its processes, if it does: "TZ=Europe/Paris". What the master
 * itself was started with can't be known: Dovecot writes over it (lib/process-title.c, 2.3.19.1). */
static void add_zone(const struct str *environment, struct str *text)
{
	char *copy = mem_strdup(str_text(environment)), *save = NULL, *word;
	struct str zone = {0};

	for (word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (strncmp(word, "TZ=", 3) != 0)
			continue;
		str_clear(&zone);
		clock_zone(word + 3, clock_realtime_ns(), &zone);
	}
	if (zone.len)
		add_setting(text, "zone", zone.data);
	str_free(&zone);
	free(copy);
}

/* Records that answer a question of long ago. */
static void tell(struct answers *answers, enum rl_type type, uint32_t tgid, const void *payload,
		 size_t size)
{
	pipeline_tell(
		answers->pipeline,
		(struct rl_rec){.type = type, .tgid = tgid, .time_ns = (uint64_t)clock_now_ns()},
		payload, size);
}

static void tell_settings(struct answers *answers, const struct master_question *question)
{
	struct str text = {0}, payload = {0};
	struct rl_setting head = {0};

	if (question->home.len)
		add_setting(&text, "mail_home", question->home.data);
	if (question->hostname.len)
		add_setting(&text, "hostname", question->hostname.data);
	if (question->environment.len && rules_have_variable(answers->rules, "env"))
		add_setting(&text, "import_environment", question->environment.data);
	if (rules_need_zone(answers->rules))
		add_zone(&question->environment, &text);
	head.size = text.len;
	str_append(&payload, &head, sizeof(head));
	str_append(&payload, str_text(&text), text.len);
	if (text.len)
		tell(answers, RL_FACT_SETTINGS, question->tgid, payload.data, payload.len);
	str_free(&text);
	str_free(&payload);
}

/* The settings come first: with the master, what waits for it is taken. */
void answers_tell(struct answers *answers)
{
	struct master_question *question;
	struct job *job;

	while ((job = workers_take(answers->workers)) != NULL) {
		question = (struct master_question *)job;
		tell_settings(answers, question);
		tell(answers, RL_FACT_MASTER, question->tgid, &question->fact,
		     sizeof(question->fact));
		job->free(job);
	}
}

/* For at most so long. */
static void wait_for_answers(struct answers *answers, int ms)
{
	struct pollfd poll_fd = {.fd = workers_fd(answers->workers), .events = POLLIN};
	int64_t deadline = clock_now_ms() + ms, left;

	while (workers_busy(answers->workers) && (left = deadline - clock_now_ms()) > 0) {
		poll(&poll_fd, 1, (int)left);
		answers_tell(answers);
	}
}

void answers_finish(struct answers *answers)
{
	struct job *job;

	wait_for_answers(answers, ANSWERS_END_MS);
	if (!workers_busy(answers->workers))
		return;
	/* of what is killed nothing is told: it would not be true */
	run_program_end();
	usleep(2 * RUN_PROGRAM_LOOK_MS * 1000);
	while ((job = workers_take(answers->workers)) != NULL)
		job->free(job);
}

/* A process has begun: it may map a module that an upgrade has brought. */
static void look_for_new_tls(struct answers *answers)
{
	struct str text = {0};

	bpf_side_new_tls(answers->bpf, &text);
	if (text.len)
		log_warn("%s", str_text(&text));
	str_free(&text);
}

static void new_process(void *context, const struct service *service)
{
	struct answers *answers = context;

	if (bpf_side_wants(answers->bpf, service))
		look_for_new_tls(answers);
}

static void ask_master(void *context, uint32_t tgid)
{
	struct answers *answers = context;
	struct master_question *question =
		master_question_new(tgid, answers->base_dir, answers->rules);

	workers_add(answers->workers, &question->job);
}

static void verdict(void *context, uint64_t cookie, uint16_t role, bool record)
{
	struct answers *answers = context;

	source_verdict(answers->source, cookie, role, record);
}

static void forget(void *context, uint32_t tgid)
{
	struct answers *answers = context;

	source_forget(answers->source, tgid);
}

static void tell_write(void *context, const struct rl_write *write)
{
	struct answers *answers = context;

	pipeline_answer(answers->pipeline, (struct rl_rec){.type = RL_FACT_WRITE}, write,
			sizeof(*write));
}

static void tell_log(void *context, const struct rl_log *fact)
{
	struct answers *answers = context;

	pipeline_answer(answers->pipeline, (struct rl_rec){.type = RL_FACT_LOG}, fact,
			sizeof(*fact));
}

static void adopted_failed(void *context, int error)
{
	struct answers *answers = context;

	pipeline_save_failed(answers->pipeline, error);
}

struct sink_host_answers answers_sink(struct answers *answers)
{
	return (struct sink_host_answers){
		.context = answers,
		.log = tell_log,
		.write = tell_write,
		.adopted_failed = adopted_failed,
	};
}

struct engine_world answers_world(struct answers *answers)
{
	return (struct engine_world){
		.context = answers,
		.ask_master = ask_master,
		.new_process = new_process,
		.verdict = verdict,
		.forget = forget,
		.write_failed = tell_write,
	};
}
