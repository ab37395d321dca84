// SPDX-License-Identifier: MIT
#include "conf.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "command.h"
#include "mem.h"

#define WORDS_MAX 32

/* The settings of ways that are documented and that this version has not: never skipped silently. */
static const struct {
	const char *protocol; /* for -f protocol=; NULL: none */
	const char *setting;
	const char *value_part; /* it matters only if the value has this; NULL: any value */
} unsupported[] = {
	{"imap", "rawlog_dir", NULL},
	{"pop3", "rawlog_dir", NULL},
	{"submission", "rawlog_dir", NULL},
	{NULL, "lmtp_rawlog_dir", NULL},
	{NULL, "lmtp_proxy_rawlog_dir", NULL},
	{NULL, "submission_relay_rawlog_dir", NULL},
	{NULL, "service/imap-login/executable", " -R"},
	{NULL, "service/pop3-login/executable", " -R"},
	{NULL, "service/submission-login/executable", " -R"},
};

static const char *const protocols[] = {"imap", "pop3"};

/* A configuration that doveconf can read: the running one, or with FILE laid over it. */
struct layer {
	int fd; /* memfd; doveconf gets it as /proc/self/fd/N */
	char path[64];
};

static int layer_open(struct layer *layer, const char *text)
{
	layer->fd = memfd_create("rawtap-overlay", 0);
	if (layer->fd < 0)
		return -errno;
	snprintf(layer->path, sizeof(layer->path), "/proc/self/fd/%d", layer->fd);
	return dprintf(layer->fd, "%s", text) < 0 ? -errno : 0;
}

static void layer_close(struct layer *layer)
{
	if (layer->fd >= 0)
		close(layer->fd);
	layer->fd = -1;
}

/* One setting's value. 0; else what doveconf says is in `value`. */
static int ask(const struct layer *layer, const char *protocol, const char *setting,
	       struct str *value)
{
	char filter[64], *argv[8], path[64];
	int argc = 0, ret;

	snprintf(filter, sizeof(filter), "protocol=%s", protocol ? protocol : "");
	snprintf(path, sizeof(path), "%s", layer->path);
	argv[argc++] = (char *)"doveconf";
	argv[argc++] = (char *)"-c";
	argv[argc++] = path;
	if (protocol) {
		argv[argc++] = (char *)"-f";
		argv[argc++] = filter;
	}
	argv[argc++] = (char *)"-h";
	argv[argc++] = (char *)setting;
	argv[argc] = NULL;
	str_clear(value);
	ret = command_run(argv, value);
	while (value->len && value->data[value->len - 1] == '\n')
		value->data[--value->len] = '\0';
	return ret;
}

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

int conf_script_flags(const char *executable, struct log_flags *flags_r)
{
	char *copy = mem_strdup(executable), *words[WORDS_MAX];
	int count = split(copy, words), at = 1, letter, ret = 0;

	*flags_r = (struct log_flags){0};
	while (at < count && words[at][0] == '-') /* script-login's own: -d */
		at++;
	if (count && strcmp(base_name(words[0]), "script-login") == 0 && at < count &&
	    strcmp(base_name(words[at]), "rawlog") == 0) {
		ret = 1;
		optind = 0; /* begin anew, GNU's way */
		opterr = 0;
		while ((letter = getopt(count - at, words + at, "+f:bItio")) != -1)
			if (log_flags_set(flags_r, letter, optarg))
				ret = -EINVAL;
		if (flags_r->only[0] && flags_r->only[1])
			ret = -EINVAL;
	}
	free(copy);
	return ret;
}

bool conf_postlogin_name(const char *executable, struct str *name_r)
{
	char *copy = mem_strdup(executable), *words[WORDS_MAX];
	int count = split(copy, words), letter;
	bool found;

	optind = 0;
	opterr = 0;
	while ((letter = getopt(count, words, "+a:Dt:u:")) !=
	       -1) /* imap/main.c, pop3/main.c, 2.3 */
		;
	found = count > 0 && optind < count;
	if (found)
		str_append_text(name_r, words[optind]);
	free(copy);
	return found;
}

/* What the manual's post-login block switches on for one protocol. 0 or -EINVAL. */
static int read_postlogin(const char *protocol, const struct layer *base,
			  const struct layer *overlay, struct rules *rules, struct str *error)
{
	struct str with = {0}, without = {0}, name = {0}, setting = {0};
	struct log_flags flags;
	bool differs;
	int ret = 0;

	str_printf(&setting, "service/%s/executable", protocol);
	if (ask(overlay, NULL, setting.data, &with) || ask(base, NULL, setting.data, &without))
		str_clear(&with); /* this protocol is not installed */
	differs = strcmp(str_text(&with), str_text(&without)) != 0;
	if (!with.len || !conf_postlogin_name(with.data, &name))
		goto out;
	str_clear(&setting);
	str_printf(&setting, "service/%s/executable", name.data);
	if (ask(overlay, NULL, setting.data, &with) || !with.len) {
		str_printf(error, "service %s runs '%s', and there is no such service", protocol,
			   name.data);
		ret = -EINVAL;
		goto out;
	}
	if (ask(base, NULL, setting.data, &without))
		str_clear(&without);
	differs = differs || strcmp(str_text(&with), str_text(&without)) != 0;
	if (!differs)
		goto out;
	ret = conf_script_flags(str_text(&with), &flags);
	if (ret < 0)
		str_printf(error, "service %s: rawlog does not take what stands behind it: %s",
			   name.data, with.data);
	else if (ret > 0)
		ret = rules_add(rules, &mode_home, protocol, &flags, NULL) ? 0 : -EINVAL;
out:
	str_free(&with);
	str_free(&without);
	str_free(&name);
	str_free(&setting);
	return ret;
}

static int refuse_unsupported(const struct layer *base, const struct layer *overlay,
			      struct str *error)
{
	struct str with = {0}, without = {0};
	const char *part;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]) && !ret; i++) {
		part = unsupported[i].value_part;
		if (ask(overlay, unsupported[i].protocol, unsupported[i].setting, &with) ||
		    ask(base, unsupported[i].protocol, unsupported[i].setting, &without))
			continue; /* not installed: doveconf does not know it */
		if (!with.len || strcmp(str_text(&with), str_text(&without)) == 0 ||
		    (part && !strstr(with.data, part)))
			continue;
		str_printf(error, "%s = %s: this version of rawtap can't record that way",
			   unsupported[i].setting, with.data);
		ret = -EINVAL;
	}
	str_free(&with);
	str_free(&without);
	return ret;
}

/* import_environment, as in `$import_environment DEBUG=1`. */
static bool sets_debug(const char *import_environment)
{
	char *copy = mem_strdup(import_environment), *save = NULL, *word;
	bool found = false;

	for (word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save))
		found = found || strncmp(word, "DEBUG=", 6) == 0;
	free(copy);
	return found;
}

static int read_layers(const struct layer *base, const struct layer *overlay, struct rules *rules,
		       bool *debug_r, struct str *error)
{
	struct str with = {0}, without = {0};
	unsigned int i, before = rules->ways_count;
	int ret;

	/* the first question: does doveconf understand it at all? */
	if (ask(base, NULL, "import_environment", &without) ||
	    ask(overlay, NULL, "import_environment", &with)) {
		str_append_text(error, str_text(with.len ? &with : &without));
		ret = -EINVAL;
	} else {
		*debug_r = sets_debug(str_text(&with)) && !sets_debug(str_text(&without));
		ret = refuse_unsupported(base, overlay, error);
	}
	str_free(&with);
	str_free(&without);
	for (i = 0; i < sizeof(protocols) / sizeof(protocols[0]) && !ret; i++)
		ret = read_postlogin(protocols[i], base, overlay, rules, error);
	if (!ret && rules->ways_count == before) {
		str_append_text(error, "it switches on nothing that the running Dovecot does not "
				       "do by itself");
		ret = -EINVAL;
	}
	return ret;
}

int conf_read(const char *file, const char *running, struct rules *rules, bool *debug_r,
	      struct str *error)
{
	struct layer base = {.fd = -1}, overlay = {.fd = -1};
	char *path = realpath(file, NULL);
	struct str text = {0};
	int ret = -EINVAL;

	if (!path) {
		str_append_text(error, strerror(errno));
		return ret;
	}
	if (running)
		str_printf(&text, "!include %s\n", running);
	if (layer_open(&base, str_text(&text)) == 0) {
		str_printf(&text, "!include %s\n", path);
		if (layer_open(&overlay, text.data) == 0)
			ret = read_layers(&base, &overlay, rules, debug_r, error);
	}
	if (ret && !error->len)
		str_append_text(error, "no memory for it");
	layer_close(&base);
	layer_close(&overlay);
	str_free(&text);
	free(path);
	return ret;
}
