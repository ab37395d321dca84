// SPDX-License-Identifier: MIT
/*
 * expander RELEASE TEMPLATE [NAME=VALUE...]: what the release's expander makes of a
 * template, between '[' and ']'; status 1 and nothing: it fails with these values;
 * status 2 and why: it is refused at the start. userdb=NAME=VALUE may come often.
 *
 * expander RELEASE - [NAME=VALUE...]: the same of each template of the standard input,
 * which a NUL ends, as "STATUS TEXT" and NUL.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dovecot/release.h"

static struct str userdb;

static void set(struct expand_vars *vars, char *word)
{
	const struct {
		const char *name;
		const char **value;
	} texts[] = {
		{"user", &vars->user},
		{"home", &vars->home},
		{"service", &vars->service},
		{"local_ip", &vars->local_ip},
		{"remote_ip", &vars->remote_ip},
		{"session", &vars->session},
		{"auth_user", &vars->auth_user},
		{"hostname", &vars->hostname},
		{"system_hostname", &vars->system_hostname},
		{"import_environment", &vars->import_environment},
	};
	char *value = strchr(word, '=');
	bool known = true;
	size_t i;

	assert(value);
	*value++ = '\0';
	if (!strcmp(word, "userdb")) {
		str_append(&userdb, value, strlen(value) + 1);
	} else if (!strcmp(word, "local_port")) {
		vars->local_port = strtoul(value, NULL, 10);
	} else if (!strcmp(word, "remote_port")) {
		vars->remote_port = strtoul(value, NULL, 10);
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

/* The status; and the expanded text, or why it is refused. */
static int answer(const struct release *release, const char *template,
		  const struct expand_vars *vars, struct str *text)
{
	str_clear(text);
	if (expand_check(release->expander, template, text))
		return 2;
	return expand(release->expander, template, vars, text) ? 1 : 0;
}

static int answer_all(const struct release *release, const struct expand_vars *vars)
{
	struct str text = {0};
	char *template = NULL;
	size_t size = 0;
	int status;

	while (getdelim(&template, &size, '\0', stdin) > 0) {
		status = answer(release, template, vars, &text);
		printf("%d %s%c", status, str_text(&text), '\0');
	}
	free(template);
	str_free(&text);
	return 0;
}

static int answer_one(const struct release *release, const char *template,
		      const struct expand_vars *vars)
{
	struct str text = {0};
	int status = answer(release, template, vars, &text);

	if (status == 2)
		fprintf(stderr, "%s\n", str_text(&text));
	else if (!status)
		printf("[%s]", str_text(&text));
	str_free(&text);
	return status;
}

int main(int argc, char **argv)
{
	struct expand_vars vars = {.userdb = &userdb};
	const struct release *release;
	int i, status;
	bool known;

	assert(argc > 2);
	release = release_find(argv[1], &known);
	assert(release);
	for (i = 3; i < argc; i++)
		set(&vars, argv[i]);
	if (strcmp(argv[2], "-") == 0)
		status = answer_all(release, &vars);
	else
		status = answer_one(release, argv[2], &vars);
	str_free(&userdb);
	return status;
}
