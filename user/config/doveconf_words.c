// SPDX-License-Identifier: MIT
#include "config/doveconf_words.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rawlog/format.h"

#define WORDS_MAX 32

/* What the programs take (2.3.19.1): imap/main.c, login-common/main.c; and each of them besides:
 * lib-master/master-service.c. No '+': options may follow other words. */
#define MAIL_OPTIONS	"a:Dt:u:"
#define LOGIN_OPTIONS	"Dl:R:S"
#define SERVICE_OPTIONS "c:i:ko:OL"

/* Splits at blanks, in place. */
static int split(char *text, char *words_r[WORDS_MAX])
{
	char *save = NULL, *word;
	int count = 0;

	for (word = strtok_r(text, " \t", &save); word && count < WORDS_MAX - 1;
	     word = strtok_r(NULL, " \t", &save))
		words_r[count++] = word;
	words_r[count] = NULL;
	return count;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int doveconf_script_flags(const char *executable, struct log_flags *flags_r)
{
	char *copy = mem_strdup(executable), *words[WORDS_MAX];
	int count = split(copy, words), at = 1, letter, ret = 0;
	struct str letters = {0};

	*flags_r = (struct log_flags){0};
	while (at < count && words[at][0] == '-') /* script-login's own: -d */
		at++;
	if (count && strcmp(base_name(words[0]), "script-login") == 0 && at < count &&
	    strcmp(base_name(words[at]), "rawlog") == 0) {
		ret = 1;
		optind = 0; /* GNU's getopt() starts again */
		opterr = 0;
		str_append_text(&letters, "+"); /* its options come before the next program */
		log_flags_getopt(&letters);
		while ((letter = getopt(count - at, words + at, letters.data)) != -1)
			if (log_flags_set(flags_r, letter, optarg))
				ret = -EINVAL;
		if (flags_r->only[0] && flags_r->only[1])
			ret = -EINVAL;
	}
	str_free(&letters);
	free(copy);
	return ret;
}

bool doveconf_postlogin_name(const char *executable, struct str *name_r)
{
	char *copy = mem_strdup(executable), *words[WORDS_MAX];
	int count = split(copy, words);
	bool found;

	optind = 0;
	opterr = 0;
	while (getopt(count, words, MAIL_OPTIONS SERVICE_OPTIONS) != -1)
		;
	found = count > 0 && optind < count;
	if (found)
		str_append_text(name_r, words[optind]);
	free(copy);
	return found;
}

int doveconf_login_dir(const char *executable, const char *program, struct str *dir_r)
{
	char *copy = mem_strdup(executable), *words[WORDS_MAX];
	int count = split(copy, words), letter, ret = 0;
	const char *dir = NULL;

	optind = 0;
	opterr = 0;
	while (count && strcmp(base_name(words[0]), program) == 0 && ret == 0 &&
	       (letter = getopt(count, words, LOGIN_OPTIONS SERVICE_OPTIONS)) != -1) {
		if (letter == '?')
			ret = -EINVAL;
		else if (letter == 'R')
			dir = optarg;
	}
	if (ret == 0 && dir) {
		str_append_text(dir_r, dir);
		ret = 1;
	}
	free(copy);
	return ret;
}
