// SPDX-License-Identifier: MIT
#include "commands/ask_users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dovecot/service.h"
#include "host/dovecot_master.h"
#include "host/procfs.h"

#define LOOKUPS_AT_ONCE 500

/* A line of `doveadm -f tab who -1`. Each member points into it. */
struct who {
	const char *pid, *ip, *name;
	const struct service *service;
	size_t fields; /* of userdb: where they are in who_list.fields; 0: none are known */
};

struct who_list {
	struct who *all; /* sorted: compare() */
	size_t count;
	struct str fields; /* texts with NUL, as auth-master has fields: "\tNAME=VALUE..." */
};

static void add_pair(const char *name, const char *value, struct str *text)
{
	str_append(text, name, strlen(name) + 1);
	str_append(text, value, strlen(value) + 1);
}

/* `why` can have several lines, of which the first one tells. */
static void add_error(const char *what, const char *why, struct str *text)
{
	struct str error = {0};

	str_printf(&error, "%s: %.*s", what, (int)strcspn(why, "\n"), why);
	add_pair("error", str_text(&error), text);
	str_free(&error);
}

static void add_port(void *context, uint16_t port)
{
	char value[8];

	snprintf(value, sizeof(value), "%u", port);
	add_pair("listen", value, context);
}

/* The next line, whose end is replaced by NUL; NULL: there is none. */
static char *next_line(char **text)
{
	char *line = *text, *end = line ? strchr(line, '\n') : NULL;

	if (!line || !*line)
		return NULL;
	*text = end ? end + 1 : NULL;
	if (end)
		*end = '\0';
	return line;
}

/* Splits it at its tabs. How many fields there are; of more than `most` the rest is dropped. */
static size_t split(char *line, char *fields_r[], size_t most)
{
	size_t count = 0;
	char *field;

	while (count < most && (field = strsep(&line, "\t")) != NULL)
		fields_r[count++] = field;
	return count;
}

#define COLUMNS_MAX 16

/* The column of this name in the first line, or of the other one; -1: there is none. */
static int find_column(char *const columns[], size_t count, const char *name, const char *other)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(columns[i], name) == 0 || strcmp(columns[i], other) == 0)
			return (int)i;
	return -1;
}

/* 2.4 calls "service" what 2.3 calls "proto". 0; -EINVAL: the first line does not name what is needed. */
static int read_who(char *text, struct who_list *list)
{
	char *line = next_line(&text), *fields[COLUMNS_MAX];
	size_t count = line ? split(line, fields, COLUMNS_MAX) : 0;
	int name = find_column(fields, count, "username", "");
	int service = find_column(fields, count, "proto", "service");
	int pid = find_column(fields, count, "pid", ""), ip = find_column(fields, count, "ip", "");
	size_t wanted = count;
	struct who who;

	if (name < 0 || service < 0 || pid < 0 || ip < 0)
		return -EINVAL;
	while ((line = next_line(&text)) != NULL) {
		count = split(line, fields, COLUMNS_MAX);
		if (count < wanted)
			continue;
		who = (struct who){
			.pid = fields[pid],
			.ip = fields[ip],
			.name = fields[name],
			.service = service_find(fields[service]),
		};
		if (!*who.name || !who.service || who.service->role != RL_ROLE_MAIL)
			continue;
		list->all = mem_resize(list->all, (list->count + 1) * sizeof(*list->all));
		list->all[list->count++] = who;
	}
	return 0;
}

/* By service and name. */
static int compare(const void *a_p, const void *b_p)
{
	const struct who *a = a_p, *b = b_p;

	if (a->service != b->service)
		return a->service < b->service ? -1 : 1;
	return strcmp(a->name, b->name);
}

static const struct who *find_who(const struct who_list *list, const struct service *service,
				  const char *name)
{
	const struct who key = {.service = service, .name = name};

	return bsearch(&key, list->all, list->count, sizeof(*list->all), compare);
}

/* Of all sessions of this user. Any of several entries was found. */
static void set_fields(struct who_list *list, const struct who *found, const struct str *fields)
{
	struct who *who = list->all + (found - list->all);
	size_t at = list->fields.len;

	str_append(&list->fields, fields->data, fields->len + 1);
	while (who > list->all && compare(who - 1, found) == 0)
		who--;
	for (; who < list->all + list->count && compare(who, found) == 0; who++)
		who->fields = at;
}

static void append_escaped(struct str *text, const char *value)
{
	for (; *value; value++)
		if (*value == '\001' || *value == '\t')
			str_append_text(text, *value == '\t' ? "\001t" : "\0011");
		else
			str_append(text, value, 1);
}

/* "  NAME      : VALUE", or "  NAME": what follows the user's own name becomes a field. */
static void add_field(struct str *fields, const char *line)
{
	size_t len = strcspn(line, " ");
	const char *value = strstr(line + len, ": ");

	if (len == 4 && strncmp(line, "user", len) == 0)
		return; /* it need not be the one that the mail process has */
	str_append(fields, "\t", 1);
	str_append(fields, line, len);
	if (value) {
		str_append(fields, "=", 1);
		append_escaped(fields, value + 2);
	}
}

/*
 * Reads what `doveadm user -u` says (its doveadm-auth.c, 2.3.19.1 and 2.4.1): "userdb: NAME",
 * then its fields, each in a line after two blanks.
 */
static void read_users(char *text, const struct service *service, struct who_list *list)
{
	static const char head[] = "userdb: ";
	const struct who *who = NULL;
	struct str fields = {0};
	char *line;

	do {
		line = next_line(&text);
		if (line && strncmp(line, "  ", 2) == 0) {
			add_field(&fields, line + 2);
			continue;
		}
		if (who && fields.len)
			set_fields(list, who, &fields);
		str_clear(&fields);
		who = line && strncmp(line, head, sizeof(head) - 1) == 0 ?
			      find_who(list, service, line + sizeof(head) - 1) :
			      NULL;
	} while (line);
	str_free(&fields);
}

/* Names that `doveadm user` would take for a mask, or that are escaped, can't be asked about. */
static bool can_be_asked(const char *name)
{
	return !strpbrk(name, "*?\001");
}

/* Looks up users of one service, from `at` on, as far as they go at once. How many entries those are. */
static size_t look_up(const struct rl_master *fact, struct who_list *list, size_t at,
		      struct str *text)
{
	const struct service *service = list->all[at].service;
	const char *names[LOOKUPS_AT_ONCE];
	struct str out = {0};
	size_t count = 0, i;
	int ret = 0;

	for (i = at; i < list->count && list->all[i].service == service; i++) {
		if ((i > at && compare(&list->all[i - 1], &list->all[i]) == 0) ||
		    !can_be_asked(list->all[i].name))
			continue;
		if (count == LOOKUPS_AT_ONCE)
			break;
		names[count++] = list->all[i].name;
	}
	if (count)
		ret = dovecot_master_users(fact, service->protocol, names, count, &out);
	if (ret && ret != -EIO) /* that is a user who is not known: sessions without fields */
		add_error("doveadm user", strerror(-ret), text);
	if (out.len)
		read_users(out.data, service, list);
	str_free(&out);
	return i - at;
}

static void add_users(const struct who_list *list, struct str *text)
{
	struct str value = {0};
	const struct who *who;

	for (who = list->all; who < list->all + list->count; who++) {
		str_clear(&value);
		str_printf(&value, "%s\t%s\t%s%s", who->pid, who->ip, who->name,
			   who->fields ? list->fields.data + who->fields : "");
		add_pair("user", str_text(&value), text);
	}
	str_free(&value);
}

void ask_users(pid_t pid, const struct rl_master *fact, struct str *text)
{
	struct who_list list = {0};
	struct str out = {0};
	size_t at;
	int ret;

	procfs_listening_ports(pid, add_port, text);
	ret = dovecot_master_who(fact, &out);
	if (ret == -EIO && out.len)
		add_error("doveadm who", out.data, text);
	else if (ret)
		add_error("doveadm who", strerror(-ret), text);
	else if (!out.len || read_who(out.data, &list))
		add_error("doveadm who", "its answer makes no sense", text);
	str_append(&list.fields, "", 1);
	qsort(list.all, list.count, sizeof(*list.all), compare);
	for (at = 0; at < list.count;)
		at += look_up(fact, &list, at, text);
	add_users(&list, text);
	free(list.all);
	str_free(&list.fields);
	str_free(&out);
}
