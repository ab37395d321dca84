// SPDX-License-Identifier: MIT
/*
 * expander TEMPLATE [NAME=VALUE...]: what user/dovecot/expand.c makes of a
 * template, between '[' and ']'; status 1 and nothing: it fails with these values;
 * status 2 and why: it is refused at the start. env=NAME=VALUE may come often.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dovecot/expand.h"

#define ENV_MAX 10

static const char *env[ENV_MAX + 1];

static void set(struct expand_vars *vars, char *word)
{
	const struct {
		const char *name;
		const char **value;
	} texts[] = {
		{"user", &vars->user},		 {"home", &vars->home},
		{"service", &vars->service},	 {"local_ip", &vars->local_ip},
		{"remote_ip", &vars->remote_ip}, {"session", &vars->session},
		{"auth_user", &vars->auth_user}, {"hostname", &vars->hostname},
	};
	char *value = strchr(word, '=');
	bool known = true;
	size_t i;

	assert(value);
	*value++ = '\0';
	if (!strcmp(word, "env")) {
		for (i = 0; env[i]; i++)
			;
		assert(i < ENV_MAX);
		env[i] = value;
	} else if (!strcmp(word, "pid")) {
		vars->pid = strtoul(value, NULL, 10);
	} else if (!strcmp(word, "uid")) {
		vars->uid = strtoul(value, NULL, 10);
	} else if (!strcmp(word, "gid")) {
		vars->gid = strtoul(value, NULL, 10);
	} else {
		known = false;
	}
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!strcmp(word, texts[i].name)) {
			*texts[i].value = value;
			known = true;
		}
	}
	assert(known);
}

int main(int argc, char **argv)
{
	struct expand_vars vars = {.env = env};
	struct str text = {0};
	int i, status = 0;

	assert(argc > 1);
	for (i = 2; i < argc; i++)
		set(&vars, argv[i]);
	if (expand_check(argv[1], &text)) {
		fprintf(stderr, "%s\n", str_text(&text));
		status = 2;
	} else if (expand(argv[1], &vars, &text)) {
		status = 1;
	} else {
		printf("[%s]", str_text(&text));
	}
	str_free(&text);
	return status;
}
