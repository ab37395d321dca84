// SPDX-License-Identifier: MIT
/* The variables of 2.4, and the arguments of filters. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "dovecot/environment.h"
#include "dovecot/expand_2_4.h"
#include "dovecot/expand_parts.h"

#define VAR(member) offsetof(struct expand_vars, member)

/* lib-storage/mail-user.c: mail_user_var_expand_params() */
static const struct variable {
	const char *name;
	size_t offset;
	enum {
		TEXT,
		KNOWN, /* never empty: if it is NULL, it is not known here */
		PORT,
		HOME,	/* not to have one is an error */
		USERDB, /* the field NAME */
	} kind;
	bool is_later; /* than mail_home is expanded */
	const char *field;
} variables[] = {
	{"user", .offset = VAR(user)},
	{"service", .offset = VAR(service)},
	{"protocol", .offset = VAR(service)},
	{"local_ip", .offset = VAR(local_ip)},
	{"remote_ip", .offset = VAR(remote_ip)},
	{"local_port", .kind = PORT, .offset = VAR(local_port)},
	{"remote_port", .kind = PORT, .offset = VAR(remote_port)},
	{"session", .offset = VAR(session)},
	{"auth_user", .offset = VAR(auth_user)},
	{"hostname", .kind = KNOWN, .offset = VAR(hostname)},
	{"local_name", .kind = USERDB, .field = "local_name", .is_later = true},
	{"master_user", .kind = USERDB, .field = "master", .is_later = true},
	{"owner_user", .offset = VAR(user), .is_later = true},
	{"home", .kind = HOME, .offset = VAR(home), .is_later = true},
	{"owner_home", .kind = HOME, .offset = VAR(home), .is_later = true},
};

static int not_known(struct run *run, const char *name)
{
	return run_fail(run, -ENOTSUP, "%%{%s} is not known here", name);
}

/* The first field of that name counts: mail_storage_service_fields_var_expand(). Not to have it is no
 * error. */
static void append_field(const struct str *fields, const char *name, size_t len, struct str *out)
{
	const char *field = fields ? str_text(fields) : "", *end;

	for (end = fields ? field + fields->len : field; field < end; field += strlen(field) + 1)
		if (!strncmp(field, name, len) && field[len] == '=') {
			str_append_text(out, field + len + 1);
			return;
		}
}

static int get_text(struct run *run, const struct variable *variable, struct str *out)
{
	const char *text = *(const char *const *)((const char *)run->vars + variable->offset);

	if (!text && variable->offset == VAR(auth_user))
		text = run->vars->user;
	if (!text && variable->kind == KNOWN)
		return not_known(run, variable->name);
	if (!text && variable->kind == HOME)
		return run_fail(run, -EINVAL, "there is no home directory");
	str_append_text(out, text ? text : "");
	return 0;
}

static int get_variable(struct run *run, const struct variable *variable, struct str *out)
{
	uint16_t port;

	switch (variable->kind) {
	case TEXT:
	case KNOWN:
	case HOME:
		return get_text(run, variable, out);
	case PORT:
		port = *(const uint16_t *)((const char *)run->vars + variable->offset);
		if (port)
			str_printf(out, "%u", port);
		return 0;
	case USERDB:
		append_field(run->vars->userdb, variable->field, strlen(variable->field), out);
		return 0;
	}
	return 0;
}

static int get_process(struct run *run, const char *field, struct str *out)
{
	const struct expand_vars *vars = run->vars;
	intmax_t number;

	if (strcmp(field, "pid") != 0 && strcmp(field, "uid") != 0 && strcmp(field, "gid") != 0)
		return run_fail(run, -EINVAL, "process: Unsupported field '%s'", field);
	if (!vars)
		return VARIES;
	number = field[0] == 'u' ? (intmax_t)vars->uid : (intmax_t)vars->gid;
	if (field[0] == 'p')
		number = vars->pid;
	/* while mail_home is expanded, the process is root, or a user before */
	if (field[0] != 'p' && vars->is_mail_home)
		return run_fail(run, -ENOTSUP, "%%{process:%s} is not known here", field);
	str_printf(out, "%jd", number);
	return 0;
}

static int get_system(struct run *run, const char *field, struct str *out)
{
	static const char *const others[] = {"cpu_count", "os", "os-version"};
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!strcmp(field, others[i]))
			return run_fail(run, -ENOTSUP, "%%{system:%s} is not known here", field);
	if (strcmp(field, "hostname") != 0)
		return run_fail(run, -EINVAL, "system: Unsupported field '%s'", field);
	if (!run->vars)
		return VARIES;
	if (!run->vars->system_hostname)
		return not_known(run, "system:hostname");
	str_append_text(out, run->vars->system_hostname);
	return 0;
}

static int get_userdb(struct run *run, const char *field, struct str *out)
{
	size_t len = strcspn(field, ":");

	if (!expand_may_show(field, len))
		return run_fail(run, -ENOTSUP,
				"%%{userdb:%.*s} may be a secret, which no path gets", (int)len,
				field);
	if (!run->vars)
		return VARIES;
	append_field(run->vars->userdb, field, len, out);
	return 0;
}

static int get_env(struct run *run, const char *field, struct str *out)
{
	struct str value = {0};
	int ret;

	if (!*field)
		return run_fail(run, -EINVAL, "env: Missing field");
	if (!run->vars && !environment_is_own(field))
		return VARIES;
	ret = environment_get(run->vars ? run->vars->import_environment : "", field, &value);
	str_append(out, str_text(&value), value.len);
	str_free(&value);
	return ret < 0 ? run_fail(run, -ENOTSUP, "%%{env:%s} is not known here", field) : 0;
}

/* lib-var-expand/var-expand.c: internal_providers[]. `get` NULL: not known here. */
static const struct provider {
	const char *name;
	int (*get)(struct run *run, const char *field, struct str *out);
} providers[] = {
	{"process", get_process}, {"system", get_system}, {"userdb", get_userdb},
	{"dovecot", NULL},	  {"env", get_env},	  {"event", NULL},
	{"date", NULL},		  {"time", NULL},	  {"generate", NULL},
};

static int get_provided(struct run *run, const char *name, size_t len, struct str *out)
{
	size_t i;

	for (i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
		if (len != strlen(providers[i].name) || strncmp(name, providers[i].name, len) != 0)
			continue;
		return providers[i].get ? providers[i].get(run, name + len + 1, out) :
					  not_known(run, name);
	}
	return run_fail(run, -EINVAL, "Unsupported prefix '%.*s'", (int)len, name);
}

int variable_get(struct run *run, const char *name, struct str *out)
{
	const char *colon = strchr(name, ':');
	size_t i;

	if (colon)
		return get_provided(run, name, colon - name, out);
	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		if (strcmp(name, variables[i].name) != 0)
			continue;
		if (!run->vars)
			return VARIES;
		if (!run->vars->is_mail_home || !variables[i].is_later)
			return get_variable(run, &variables[i], out);
	}
	return run_fail(run, -EINVAL, "Unknown variable '%s'", name);
}

int variable_check(struct run *run, const char *name)
{
	const struct expand_vars *vars = run->vars;
	struct str none = {0};
	int ret;

	run->vars = NULL;
	ret = variable_get(run, name, &none);
	run->vars = vars;
	str_free(&none);
	return ret == -ENOTSUP ? ret : 0;
}

int arg_eval(struct run *run, struct arg *arg, char kind)
{
	int ret = 0;

	str_clear(&arg->value);
	if (arg->type == ARG_NUMBER) {
		if (kind == 's')
			return run_fail(run, -EINVAL, "%jd is not a string", arg->number);
		str_printf(&arg->value, "%jd", arg->number);
		return 0;
	}
	if (arg->type == ARG_VARIABLE)
		ret = variable_get(run, arg->text, &arg->value);
	else
		str_append_text(&arg->value, arg->text);
	if (ret || kind != 'n')
		return ret;
	if (arg->type == ARG_TEXT || !number_parse(str_text(&arg->value), &arg->number))
		return run_fail(run, -EINVAL, "'%s' is not a number", arg->text);
	return 0;
}

struct arg *arg_at(struct call *call, unsigned int position)
{
	unsigned int i;

	for (i = 0; i < call->count; i++)
		if (!call->args[i].name && position-- == 0)
			return &call->args[i];
	return NULL;
}

/* The first of several counts, as they are sorted from the last to the first in Dovecot. */
struct arg *arg_named(struct call *call, const char *name)
{
	unsigned int i;

	for (i = 0; i < call->count; i++)
		if (call->args[i].name && !strcmp(call->args[i].name, name))
			return &call->args[i];
	return NULL;
}
