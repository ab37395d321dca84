// SPDX-License-Identifier: MIT
#include "commands/ask_master.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "commands/ask_users.h"
#include "dovecot/environment.h"
#include "dovecot/master_status.h"
#include "dovecot/reference.h"
#include "dovecot/service.h"
#include "host/capabilities.h"
#include "host/clock.h"
#include "host/core_dump.h"
#include "host/dovecot_master.h"
#include "host/procfs.h"
#include "host/run_program.h"
#include "records/event.h"
#include "rules/needs.h"

/* 0 or -errno: nobody wants to know it any more. */
static int say(const void *data, size_t size)
{
	const char *rest = data;
	ssize_t len;

	for (; size; rest += len, size -= len) {
		len = write(STDOUT_FILENO, rest, size);
		if (len < 0)
			return -errno;
	}
	return 0;
}

static int say_setting(const char *name, const struct str *value)
{
	struct str text = {0};
	int ret;

	settings_add(&text, name, str_text(value));
	ret = say(text.data, text.len);
	str_free(&text);
	return ret;
}

/* What the variables of mail_home need, for each protocol. `settings`: a name and a value each. */
static unsigned int needs_of_homes(const struct str *settings)
{
	const char *at = str_text(settings), *end = at + settings->len, *name, *value;
	unsigned int needs = 0;

	while (settings_next(&at, end, &name, &value))
		if (strstr(name, "mail_home"))
			needs |= needs_of_dir(value);
	return needs & ~NEED_HOME;
}

/* Where hostname is not set it is my_hostdomain() of lib/hostpid.c, 2.3.19.1. What stands for something
 * else is not read. */
static int read_value(const struct rl_master *fact, const char *protocol, const char *name,
		      struct str *value)
{
	int ret = dovecot_master_setting(fact, protocol, name, value);
	char own[256];
	size_t len;

	if (!ret && reference_find(str_text(value), &len))
		return -ENODATA;
	if (!ret && !value->len && strcmp(name, "hostname") == 0 &&
	    dovecot_hostname(own, sizeof(own)) == 0)
		str_append_text(value, own);
	return ret;
}

/* A setting, and where protocol { } has another value: that one as PROTOCOL:NAME. 0; -errno: not all of
 * it could be read, and there is nothing in `settings`: ask_master_read() misses it. */
static int read_setting(const struct rl_master *fact, const char *name, struct str *settings)
{
	struct str value = {0}, other = {0}, full = {0};
	const struct service *service;
	int ret = read_value(fact, NULL, name, &value);

	settings_add(settings, name, str_text(&value));
	for (service = services; service < services + services_count && !ret; service++) {
		if (service->role != RL_ROLE_MAIL)
			continue;
		ret = read_value(fact, service->protocol, name, &other);
		str_clear(&full);
		str_printf(&full, "%s:%s", service->protocol, name);
		if (strcmp(str_text(&other), str_text(&value)) != 0)
			settings_add(settings, full.data, str_text(&other));
	}
	if (ret)
		str_clear(settings);
	str_free(&value);
	str_free(&other);
	str_free(&full);
	return ret;
}

static int say_home(const struct rl_master *fact, unsigned int *needs)
{
	struct str settings = {0};
	int ret;

	read_setting(fact, "mail_home", &settings);
	*needs |= needs_of_homes(&settings);
	ret = say(str_text(&settings), settings.len);
	str_free(&settings);
	return ret;
}

/* And my_hostname, for %{system:hostname} of 2.4. */
static int say_hostname(const struct rl_master *fact)
{
	struct str settings = {0}, name = {0};
	char own[256];
	int ret;

	if (!read_setting(fact, "hostname", &settings) && gethostname(own, sizeof(own)) == 0) {
		str_append_text(&name, own);
		settings_add(&settings, "system_hostname", str_text(&name));
	}
	ret = say(str_text(&settings), settings.len);
	str_free(&settings);
	str_free(&name);
	return ret;
}

/* The zone that import_environment gives its processes, if it does. What the master itself was started
 * with can't be known: Dovecot writes over it (lib/process-title.c, 2.3.19.1). */
static int say_zone(const struct str *environment)
{
	struct str value = {0}, zone = {0};
	int ret;

	if (environment_get(str_text(environment), "TZ", &value) == 1)
		clock_zone(str_text(&value), clock_realtime_ns(), &zone);
	ret = say_setting("zone", &zone);
	str_free(&zone);
	str_free(&value);
	return ret;
}

static int say_environment(const struct rl_master *fact, unsigned int needs)
{
	struct str environment = {0};
	int ret = 0;

	if (dovecot_master_lines(fact, "import_environment", &environment))
		return 0;
	if (needs & NEED_ENVIRONMENT)
		ret = say_setting("import_environment", &environment);
	if (!ret && needs & NEED_ZONE)
		ret = say_zone(&environment);
	str_free(&environment);
	return ret;
}

static int say_settings(const struct rl_master *fact, unsigned int needs)
{
	int ret = 0;

	if (needs & NEED_HOME)
		ret = say_home(fact, &needs);
	if (!ret && needs & (NEED_ENVIRONMENT | NEED_ZONE))
		ret = say_environment(fact, needs);
	if (!ret && needs & NEED_HOSTNAME) /* is last: it may wait for the DNS */
		ret = say_hostname(fact);
	return ret;
}

/* The last pair: it has said all. So a text is never empty. */
static const char all_said[] = "whole\0";

static int say_users(pid_t pid, const struct rl_master *fact)
{
	struct str text = {0};
	int ret;

	ask_users(pid, fact, &text);
	str_append(&text, all_said, sizeof(all_said));
	ret = say(text.data, text.len);
	str_free(&text);
	return ret;
}

/* Another process may have its id by now: then that one was looked at. */
static bool is_another(pid_t pid, int64_t asked_ns)
{
	int64_t start_ns;

	return procfs_start_ns(pid, &start_ns) != 0 || start_ns > asked_ns;
}

/* What it must not be able to do any more before it runs a program is dropped. */
static void look(pid_t pid, int64_t asked_ns, const char *base_dir, struct rl_master *fact_r)
{
	int program = dovecot_master_open(pid, base_dir, fact_r);

	if (fact_r->status == RL_MASTER_GONE || is_another(pid, asked_ns))
		*fact_r =
			(struct rl_master){.status = base_dir ? RL_MASTER_WHOSE : RL_MASTER_MISSED};
	else if (program >= 0 && capabilities_drop(CAPABILITIES_READ))
		fact_r->status = RL_MASTER_SILENT;
	else if (program >= 0)
		dovecot_master_version(program, fact_r);
	if (program >= 0)
		close(program);
}

/* The directory's name without links, as far as it is there: its Dovecot may have removed it. False: a link
 * leads nowhere. */
static bool canonical(const char *dir, struct str *path)
{
	char part[RL_BASE_DIR_LEN], none, *real = NULL, *slash;

	snprintf(part, sizeof(part), "%s", dir);
	while (!(real = realpath(part, NULL)) && (slash = strrchr(part, '/')) != NULL) {
		if (readlink(part, &none, 1) >= 0)
			return false;
		*slash = '\0';
	}
	str_append_text(path, real ? real : "");
	str_append_text(path, dir + strlen(part));
	free(real);
	return true;
}

/* It has ended. MISSED: it was the instance in `base_dir`, or may have been; GONE: it was not. */
static enum rl_master_status whose(const char *base_dir, char *const base_dirs[])
{
	enum rl_master_status status = RL_MASTER_GONE;
	struct str path = {0};

	for (; *base_dirs; base_dirs++) {
		str_clear(&path);
		if (!canonical(*base_dirs, &path) || strcmp(str_text(&path), base_dir) == 0 ||
		    strcmp(*base_dirs, base_dir) == 0)
			status = RL_MASTER_MISSED;
	}
	str_free(&path);
	return status;
}

static bool number(const char *text, int64_t most, int64_t *number_r)
{
	char *end;

	errno = 0;
	*number_r = strtoll(text, &end, 10);
	return !errno && end != text && !*end && *number_r >= 0 && *number_r <= most;
}

/* (A configuration may have files that are not root's.) */
int ask_master_run(int argc, char *const argv[])
{
	int64_t pid, asked_ns, needs;
	struct rl_master fact = {0};
	int ret;

	if (argc < 3 || !number(argv[0], INT32_MAX, &pid) ||
	    !number(argv[1], INT64_MAX, &asked_ns) || !number(argv[2], UINT32_MAX, &needs))
		return 2;
	if (core_dump_forbid() || capabilities_drop(CAPABILITIES_PROCESSES | CAPABILITIES_READ))
		return 1;
	prctl(PR_SET_NAME, "rawtap-ask", 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	run_program_for(STDOUT_FILENO);
	if (argc > 4)
		fact.status = whose(argv[3], argv + 4);
	else
		look((pid_t)pid, asked_ns, argc > 3 ? argv[3] : NULL, &fact);
	if (say(&fact, sizeof(fact)))
		return 1;
	if (fact.status != RL_MASTER_OK)
		ret = 0;
	else if (needs & ASK_MASTER_USERS)
		ret = say_users((pid_t)pid, &fact);
	else
		ret = say_settings(&fact, (unsigned int)needs);
	return ret ? 1 : 0;
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* How many of these bytes are whole settings, a name and a value each. */
static size_t whole_settings(const char *text, size_t size)
{
	size_t whole = 0, words = 0, i;

	for (i = 0; i < size; i++)
		if (!text[i] && ++words % 2 == 0)
			whole = i + 1;
	return whole;
}

/* Adds which settings are needed, and could not be read. */
static void add_unread(unsigned int needs, struct str *settings)
{
	struct str unread = {0};
	const char *name;

	needs |= needs_of_homes(settings);
	while ((name = needs_next(&needs)))
		if (!settings_get(str_text(settings), settings->len, name))
			str_printf(&unread, "%s%s", unread.len ? ", " : "", name);
	if (unread.len)
		settings_add(settings, "unread", str_text(&unread));
	str_free(&unread);
}

/* What it says of itself; SILENT: that makes no sense, or is missing. */
static struct rl_master read_fact(const struct str *said)
{
	struct rl_master fact = {.status = RL_MASTER_SILENT};

	if (said->len >= sizeof(fact))
		memcpy(&fact, said->data, sizeof(fact));
	if (fact.status > RL_MASTER_WHOSE || fact.pad ||
	    !ends(fact.version, sizeof(fact.version)) ||
	    !ends(fact.base_dir, sizeof(fact.base_dir)))
		fact = (struct rl_master){.status = RL_MASTER_SILENT};
	return fact;
}

void ask_master_read(const struct str *said, unsigned int needs, struct rl_master *fact_r,
		     struct str *settings)
{
	const char *rest;

	str_clear(settings);
	*fact_r = read_fact(said);
	if (fact_r->status != RL_MASTER_OK)
		return;
	rest = said->data + sizeof(*fact_r);
	str_append(settings, rest, whole_settings(rest, said->len - sizeof(*fact_r)));
	add_unread(needs, settings);
}

void ask_master_read_users(const struct str *said, struct str *text)
{
	const struct rl_master fact = read_fact(said);
	const char *rest = said->data + sizeof(fact);
	struct str why = {0};
	size_t size;

	str_clear(text);
	if (fact.status != RL_MASTER_OK) {
		master_status_text(&fact, &why);
		settings_add(text, "error", str_text(&why));
		str_free(&why);
		return;
	}
	size = whole_settings(rest, said->len - sizeof(fact));
	str_append(text, rest, size);
	if (size < sizeof(all_said) ||
	    memcmp(rest + size - sizeof(all_said), all_said, sizeof(all_said)) != 0)
		settings_add(text, "error", "doveadm did not answer in time");
}
