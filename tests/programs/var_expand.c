// SPDX-License-Identifier: MIT
/*
 * var_expand [NAME=VALUE...]: what Dovecot 2.4's own library makes of each template of
 * the standard input, which a NUL ends: "STATUS TEXT" and NUL. Status 1: it fails,
 * TEXT says why; 3: it crashes. The variables and `userdb:` are those of a mail
 * process; userdb=NAME=VALUE may come often.
 *
 * Linked with libdovecot.so. The declarations are those of lib-var-expand/var-expand.h and of
 * lib/, 2.4.1, so that no headers are needed.
 */
#include <assert.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 100

struct var_expand_table {
	const char *key;
	const char *value;
	int (*func)(const char *key, const char **value_r, void *context, const char **error_r);
};

struct var_expand_provider {
	const char *key;
	int (*func)(const char *key, const char **value_r, void *context, const char **error_r);
};

struct var_expand_params {
	const struct var_expand_table *table;
	const struct var_expand_provider *providers;
	const struct var_expand_table *const *tables_arr;
	const struct var_expand_provider *const *providers_arr;
	char *(*escape_func)(const char *str, void *context);
	void *escape_context;
	void *const *contexts;
	void *context;
	void *event;
};

void lib_init(void);
unsigned int t_push(const char *marker);
int t_var_expand(const char *str, const struct var_expand_params *params, const char **result_r,
		 const char **error_r);

static const char *userdb[WORDS_MAX];

/* As in lib-storage/mail-user.c. */
static int no_home(const char *key, const char **value_r, void *context, const char **error_r)
{
	*error_r = "there is no home directory";
	return -1;
}

static int get_userdb(const char *key, const char **value_r, void *context, const char **error_r)
{
	size_t len = strcspn(key, ":");
	int i;

	*value_r = "";
	for (i = 0; userdb[i]; i++)
		if (!strncmp(userdb[i], key, len) && userdb[i][len] == '=') {
			*value_r = userdb[i] + len + 1;
			break;
		}
	return 0;
}

static void expand_one(const char *template, const struct var_expand_params *params, FILE *out)
{
	const char *result = "", *error = "";
	int ret = t_var_expand(template, params, &result, &error);

	fprintf(out, "%d %s%c", ret ? 1 : 0, ret ? error : result, '\0');
	fflush(out);
}

/* In a process of its own, as some crash, or do not come to an end. */
static void answer(const char *template, const struct var_expand_params *params, FILE *out)
{
	struct rlimit seconds = {2, 2}, bytes = {1 << 29, 1 << 29}, none = {0, 0};
	int status;
	pid_t pid = fork();

	assert(pid >= 0);
	if (!pid) {
		setrlimit(RLIMIT_CPU, &seconds);
		setrlimit(RLIMIT_AS, &bytes);
		setrlimit(RLIMIT_CORE, &none);
		expand_one(template, params, out);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (status)
		fprintf(out, "3 %d%c", status, '\0');
	fflush(out);
}

static const struct var_expand_provider providers[] = {
	{"userdb", get_userdb},
	{NULL, NULL},
};

static struct var_expand_table table[WORDS_MAX];

static void set(char *word)
{
	char *value = strchr(word, '=');
	int i = 0;

	assert(value);
	*value++ = '\0';
	if (!strcmp(word, "userdb")) {
		while (userdb[i])
			i++;
		assert(i < WORDS_MAX - 1);
		userdb[i] = value;
		return;
	}
	while (table[i].key && strcmp(table[i].key, word) != 0)
		i++;
	assert(i < WORDS_MAX - 1);
	table[i] = (struct var_expand_table){word, value, NULL};
}

int main(int argc, char **argv)
{
	const struct var_expand_params params = {.table = table, .providers = providers};
	FILE *out = fdopen(dup(STDOUT_FILENO), "w");
	char *template = NULL;
	size_t size = 0;
	int i;

	assert(out && argc < WORDS_MAX);
	/* the library's lexer echoes what it does not know */
	assert(freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr));
	lib_init();
	t_push("main");
	table[0] = (struct var_expand_table){"home", NULL, no_home};
	table[1] = (struct var_expand_table){"owner_home", NULL, no_home};
	for (i = 1; i < argc; i++)
		set(argv[i]);
	while (getdelim(&template, &size, '\0', stdin) > 0)
		answer(template, &params, out);
	free(template);
	fclose(out);
	return 0;
}
