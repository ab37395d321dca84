// SPDX-License-Identifier: MIT
#include "dovecot/doveadm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* By service and name. */
static int compare(const void *a_p, const void *b_p)
{
	const struct doveadm_session *a = a_p, *b = b_p;

	if (a->service != b->service)
		return a->service < b->service ? -1 : 1;
	return strcmp(a->name, b->name);
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

/* The column in the first line that has one of these names; -1: there is none. */
static int find_column(char *const columns[], size_t count, const char *name, const char *other)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(columns[i], name) == 0 || strcmp(columns[i], other) == 0)
			return (int)i;
	return -1;
}

/* 2.4 calls "service" what 2.3 calls "proto". */
int doveadm_who_parse(char *text, struct doveadm_list *list)
{
	char *line = next_line(&text), *fields[COLUMNS_MAX];
	size_t count = line ? split(line, fields, COLUMNS_MAX) : 0;
	int name = find_column(fields, count, "username", "username");
	int service = find_column(fields, count, "proto", "service");
	int pid = find_column(fields, count, "pid", "pid"),
	    ip = find_column(fields, count, "ip", "ip");
	size_t wanted = count;
	struct doveadm_session who;

	if (name < 0 || service < 0 || pid < 0 || ip < 0)
		return -EINVAL;
	while ((line = next_line(&text)) != NULL) {
		count = split(line, fields, COLUMNS_MAX);
		if (count < wanted)
			continue;
		who = (struct doveadm_session){
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
	if (list->count)
		qsort(list->all, list->count, sizeof(*list->all), compare);
	return 0;
}

static const struct doveadm_session *find_who(const struct doveadm_list *list,
					      const struct service *service, const char *name)
{
	const struct doveadm_session key = {.service = service, .name = name};

	if (!list->count) /* bsearch() takes no NULL */
		return NULL;
	return bsearch(&key, list->all, list->count, sizeof(*list->all), compare);
}

/* Of all sessions of this user. Any of several entries was found. */
static void set_fields(struct doveadm_list *list, const struct doveadm_session *found,
		       const struct str *fields)
{
	struct doveadm_session *who = list->all + (found - list->all);
	size_t at;

	if (!list->fields.len)
		str_append(&list->fields, "", 1); /* 0 is no place */
	at = list->fields.len;
	str_append(&list->fields, str_text(fields), fields->len + 1);
	while (who > list->all && compare(who - 1, found) == 0)
		who--;
	for (; who < list->all + list->count && compare(who, found) == 0; who++) {
		who->twice = who->twice || who->fields;
		who->fields = at;
	}
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

void doveadm_user_parse(char *text, const struct service *service, struct doveadm_list *list)
{
	static const char head[] = "userdb: ";
	const struct doveadm_session *who = NULL;
	struct str fields = {0};
	char *line;

	do {
		line = next_line(&text);
		if (line && strncmp(line, "  ", 2) == 0) {
			add_field(&fields, line + 2);
			continue;
		}
		if (who)
			set_fields(list, who, &fields);
		str_clear(&fields);
		who = line && strncmp(line, head, sizeof(head) - 1) == 0 ?
			      find_who(list, service, line + sizeof(head) - 1) :
			      NULL;
	} while (line);
	str_free(&fields);
}

bool doveadm_same_user(const struct doveadm_session *a, const struct doveadm_session *b)
{
	return compare(a, b) == 0;
}

void doveadm_session_text(const struct doveadm_list *list, const struct doveadm_session *session,
			  struct str *text)
{
	str_printf(text, "%s\t%s\t%s%s", session->pid, session->ip, session->name,
		   session->fields && !session->twice ? list->fields.data + session->fields : "");
}

void doveadm_list_free(struct doveadm_list *list)
{
	free(list->all);
	str_free(&list->fields);
	*list = (struct doveadm_list){0};
}
