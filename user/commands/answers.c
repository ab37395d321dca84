// SPDX-License-Identifier: MIT
#include "commands/answers.h"

#include <string.h>

#include "kernel/bpf_load.h"
#include "host/clock.h"
#include "host/dovecot_master.h"
#include "base/log.h"
#include "commands/pipeline.h"
#include "kernel/source.h"
#include "base/str.h"

static void add_setting(struct str *text, const char *name, const char *value)
{
	str_append(text, name, strlen(name) + 1);
	str_append(text, value, strlen(value) + 1);
}

/* The zone that import_environment gives its processes, if it does: "TZ=Europe/Paris". What the master
 * itself was started with can't be known: Dovecot writes over it (lib/process-title.c, 2.3.19.1). */
static void add_zone(const struct rl_master *fact, struct str *text)
{
	struct str imported = {0}, zone = {0};
	char *save = NULL, *word;

	dovecot_master_setting(fact, "import_environment", &imported);
	for (word = imported.len ? strtok_r(imported.data, " \t", &save) : NULL; word;
	     word = strtok_r(NULL, " \t", &save)) {
		if (strncmp(word, "TZ=", 3) != 0)
			continue;
		str_clear(&zone);
		clock_zone(word + 3, clock_realtime_ns(), &zone);
	}
	if (zone.len)
		add_setting(text, "zone", zone.data);
	str_free(&imported);
	str_free(&zone);
}

/* What directories depend on besides the user: mail_home, where userdb returned no home;
 * %{hostname}, which is my_hostdomain() of lib/hostpid.c, 2.3.19.1, if it is not set; %{env}. */
static void tell_settings(struct answers *answers, uint32_t tgid, const struct rl_master *fact)
{
	/* `variable`: each is asked for only if a directory can depend on it */
	static const struct {
		const char *name, *variable;
	} settings[] = {
		{"mail_home", ""},
		{"hostname", "hostname"},
		{"import_environment", "env"},
	};
	struct str text = {0}, value = {0}, payload = {0};
	struct rl_setting head = {0};
	char own[256];
	unsigned int i;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (!rules_have_variable(answers->rules, settings[i].variable))
			continue;
		if (dovecot_master_setting(fact, settings[i].name, &value) == 0 && value.len)
			add_setting(&text, settings[i].name, value.data);
		else if (strcmp(settings[i].name, "hostname") == 0 &&
			 dovecot_hostname(own, sizeof(own)) == 0)
			add_setting(&text, settings[i].name, own);
	}
	if (rules_need_zone(answers->rules))
		add_zone(fact, &text);
	head.size = text.len;
	str_append(&payload, &head, sizeof(head));
	str_append(&payload, str_text(&text), text.len);
	if (text.len)
		pipeline_answer(answers->pipeline,
				(struct rl_rec){.type = RL_FACT_SETTINGS, .tgid = tgid},
				payload.data, payload.len);
	str_free(&text);
	str_free(&value);
	str_free(&payload);
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
	struct rl_master fact;

	dovecot_master_look(tgid, answers->base_dir, &fact);
	pipeline_answer(answers->pipeline, (struct rl_rec){.type = RL_FACT_MASTER, .tgid = tgid},
			&fact, sizeof(fact));
	if (fact.status == RL_MASTER_OK)
		tell_settings(answers, tgid, &fact);
}

static void verdict(void *context, uint64_t cookie, bool record)
{
	struct answers *answers = context;

	source_verdict(answers->source, cookie, record);
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
