// SPDX-License-Identifier: MIT
#include "commands/answers.h"

#include <poll.h>

#include "kernel/bpf_load.h"
#include "host/clock.h"
#include "base/log.h"
#include "commands/master_questions.h"
#include "commands/pipeline.h"
#include "kernel/source.h"
#include "base/str.h"

/* Records that answer a question of long ago. */
static void tell(struct answers *answers, enum rl_type type, uint32_t tgid, const void *payload,
		 size_t size)
{
	pipeline_tell(
		answers->pipeline,
		(struct rl_rec){.type = type, .tgid = tgid, .time_ns = (uint64_t)clock_now_ns()},
		payload, size);
}

/* FACT_SETTINGS or FACT_USERS; nothing, if there is no text. */
static void tell_text(struct answers *answers, enum rl_type type,
		      const struct master_answer *answer)
{
	struct rl_setting head = {.size = answer->text.len};
	struct str payload = {0};

	if (!answer->text.len)
		return;
	str_append(&payload, &head, sizeof(head));
	str_append(&payload, answer->text.data, answer->text.len);
	tell(answers, type, answer->tgid, payload.data, payload.len);
	str_free(&payload);
}

/* It decides whose each socket is: what has come of these, and their ends, come first. */
static void tell_users(struct answers *answers, struct master_answer *answer)
{
	static const char error[] = "error\0the kernel does not tell which are still open";

	if (source_sweep(answers->source)) {
		str_clear(&answer->text);
		str_append(&answer->text, error, sizeof(error));
	}
	tell_text(answers, RL_FACT_USERS, answer);
}

/* The settings come first: with the master, what waits for it is taken. */
void answers_tell(struct answers *answers)
{
	struct master_answer answer;

	while (master_questions_take(answers->questions, &answer)) {
		if (answer.of_users) {
			tell_users(answers, &answer);
		} else {
			tell_text(answers, RL_FACT_SETTINGS, &answer);
			tell(answers, RL_FACT_MASTER, answer.tgid, &answer.fact,
			     sizeof(answer.fact));
		}
		str_free(&answer.text);
	}
}

void answers_finish(struct answers *answers)
{
	struct pollfd poll_fd = {.fd = master_questions_fd(answers->questions), .events = POLLIN};
	int64_t deadline = clock_now_ms() + ANSWERS_END_MS, left;

	answers_tell(answers);
	while (master_questions_busy(answers->questions) &&
	       (left = deadline - clock_now_ms()) > 0) {
		poll(&poll_fd, 1, (int)left);
		answers_tell(answers);
	}
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

static void ask_master(void *context, uint32_t tgid, const struct str *base_dirs)
{
	struct answers *answers = context;

	master_questions_ask(answers->questions, tgid, base_dirs);
}

static void ask_users(void *context, uint32_t tgid)
{
	struct answers *answers = context;

	master_questions_ask_users(answers->questions, tgid);
}

static void verdict(void *context, uint64_t cookie, uint16_t role, bool record)
{
	struct answers *answers = context;

	source_verdict(answers->source, cookie, role, record);
}

static void forget(void *context, uint32_t tgid, uint64_t time_ns)
{
	struct answers *answers = context;

	source_forget(answers->source, tgid, time_ns);
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
		.ask_users = ask_users,
		.new_process = new_process,
		.verdict = verdict,
		.forget = forget,
		.write_failed = tell_write,
	};
}
