// SPDX-License-Identifier: MIT
#include "config/config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/doveconf.h"
#include "host/dovecot_master.h"
#include "host/run_program.h"
#include "dovecot/release.h"
#include "base/log.h"
#include "dovecot/service.h"

#define RELEASES_MAX 8

/* Looks for the running Dovecot's configuration file. For -c FILE there must be only one. */
struct config_search {
	const char *base_dir;
	char path[PATH_MAX];
	unsigned int different;
};

static void on_master(void *context, const struct found_process *process)
{
	struct config_search *search = context;
	struct rl_master fact;
	char path[PATH_MAX];

	if (process->service->role != RL_ROLE_MASTER)
		return;
	dovecot_master_look(process->pid, search->base_dir, &fact);
	if (fact.status != RL_MASTER_OK || dovecot_master_config(&fact, path, sizeof(path)) ||
	    strcmp(path, search->path) == 0)
		return;
	search->different++;
	memcpy(search->path, path, sizeof(path));
}

static int find_config(const struct opts *opts, const char *base_dir, struct config_search *search)
{
	static const char usual[] = "/etc/dovecot/dovecot.conf";

	*search = (struct config_search){.base_dir = base_dir};
	if (opts->dovecot_config) {
		snprintf(search->path, sizeof(search->path), "%s", opts->dovecot_config);
		return 0;
	}
	dovecot_scan(on_master, search);
	if (search->different > 1)
		return -ENOTUNIQ;
	if (!search->different && access(usual, R_OK) == 0)
		memcpy(search->path, usual, sizeof(usual));
	return 0;
}

/* The releases of Dovecot that the directories are for. */
struct releases {
	const char *base_dir;
	struct {
		const struct release *release;
		char version[RL_VERSION_LEN]; /* of one that has it */
	} all[RELEASES_MAX];
	unsigned int count;
};

static void add_release(struct releases *releases, const char *version)
{
	bool known;
	const struct release *release = release_find(version, &known);
	unsigned int i;

	for (i = 0; i < releases->count; i++)
		if (releases->all[i].release == release)
			return;
	if (!release || releases->count == RELEASES_MAX)
		return;
	releases->all[i].release = release;
	snprintf(releases->all[i].version, sizeof(releases->all[i].version), "%s", version);
	releases->count++;
}

static void on_release(void *context, const struct found_process *process)
{
	struct releases *releases = context;
	struct rl_master fact;

	if (process->service->role != RL_ROLE_MASTER)
		return;
	dovecot_master_look(process->pid, releases->base_dir, &fact);
	if (fact.status == RL_MASTER_OK)
		add_release(releases, fact.version);
}

/* Those that run; if none does, the installed one. None is found: later ones are warned of. */
static void find_releases(const char *base_dir, struct releases *releases)
{
	char *argv[] = {(char *)"dovecot", (char *)"--version", NULL};
	struct str version = {0};

	*releases = (struct releases){.base_dir = base_dir};
	dovecot_scan(on_release, releases);
	if (!releases->count && !run_program(argv, &version) && version.len) {
		version.data[strcspn(str_text(&version), "\n")] = '\0';
		add_release(releases, version.data);
	}
	str_free(&version);
}

static int check_dir(const struct releases *releases, const char *dir, struct str *error)
{
	struct str why = {0};
	unsigned int i;
	int ret = 0;

	for (i = 0; i < releases->count && !ret; i++) {
		ret = expand_check_dir(releases->all[i].release->expander, dir, &why);
		if (ret)
			str_printf(error, "%s: %s (Dovecot %s)", dir, str_text(&why),
				   releases->all[i].version);
	}
	str_free(&why);
	return ret;
}

static bool has_variables(const struct rule *rule)
{
	return rule->mode->variables && strchr(rule->dir, '%');
}

/* Can the directories be expanded? 0; -EINVAL, with one line in `error`. */
static int check_dirs(const struct rules *rules, const char *base_dir, struct str *error)
{
	struct releases releases = {.base_dir = NULL};
	const struct rule *rule;
	bool found = false;
	int ret = 0;

	for (rule = rules->all; rule < rules->all + rules->count && !ret; rule++) {
		if (!has_variables(rule))
			continue;
		if (!found)
			find_releases(base_dir, &releases);
		found = true;
		ret = check_dir(&releases, rule->dir, error);
	}
	return ret;
}

static int read_config(const struct opts *opts, const char *base_dir, struct rules *rules)
{
	struct config_search search;
	struct str error = {0};
	bool debug = false;
	int ret;

	if (opts->dovecot_config && access(opts->dovecot_config, R_OK)) {
		log_error("--dovecot-config %s: %s", opts->dovecot_config, strerror(errno));
		return -EINVAL;
	}
	if (find_config(opts, base_dir, &search)) {
		log_error("-c %s: several Dovecot instances run with different configurations; "
			  "choose one with --base-dir or --dovecot-config",
			  opts->config);
		return -EINVAL;
	}
	ret = doveconf_read(opts->config, search.path[0] ? search.path : NULL, rules, &debug,
			    &error);
	if (!ret)
		ret = check_dirs(rules, base_dir, &error);
	if (ret)
		log_error("-c %s: %s", opts->config, str_text(&error));
	str_free(&error);
	if (debug)
		log_set_debug(true);
	return ret;
}

/* --rawlog, for the protocols that -c FILE has no such rule for: nobody is recorded twice. */
static void add_home_rule(struct rules *rules)
{
	const struct log_flags none = {0};
	const struct service *service;

	if (!rules->count) {
		rules_add(rules, &mode_home, NULL, &none, NULL);
		return;
	}
	for (service = services; service < services + services_count; service++)
		if (service->role == RL_ROLE_MAIL &&
		    !rules_have(rules, &mode_home, service->protocol))
			rules_add(rules, &mode_home, service->protocol, &none, NULL);
}

/* The options that say how logs look, for the rules that take them. */
static int set_options(struct rules *rules, const struct opts *opts)
{
	struct str error = {0};
	int ret = rules_set_options(rules, &opts->log, false, &error);

	if (ret)
		log_error("%s", str_text(&error));
	str_free(&error);
	return ret;
}

/* For -u: do the connections have users? 0 or -EINVAL. */
static int check_masks(const struct rules *rules)
{
	const struct rule *rule;

	if (!rules->masks_count)
		return 0;
	for (rule = rules->all; rule < rules->all + rules->count; rule++) {
		if (traffic_has_user(rule->mode->traffic))
			continue;
		log_error("-u can't be used together with the directory %s: it is for "
			  "connections that have no user",
			  rule->dir);
		return -EINVAL;
	}
	return 0;
}

/* The command line's own rules, and its options for all rules. */
static int add_options(const struct opts *opts, const char *base_dir, struct rules *rules)
{
	struct str error = {0};
	int ret = check_dirs(&opts->rules, base_dir, &error);

	if (ret)
		log_error("%s", str_text(&error));
	str_free(&error);
	if (ret)
		return ret;
	if (rules_merge(rules, &opts->rules)) {
		log_error("too many directories: at most %d are possible", RULES_MAX);
		return -EINVAL;
	}
	if (opts->rawlog || !rules->count)
		add_home_rule(rules);
	ret = set_options(rules, opts);
	return ret ? ret : check_masks(rules);
}

int config_rules(const struct opts *opts, const char *base_dir, struct rules *rules)
{
	if (opts->config && read_config(opts, base_dir, rules))
		return 1;
	return add_options(opts, base_dir, rules) ? 2 : 0;
}
