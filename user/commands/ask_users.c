// SPDX-License-Identifier: MIT
#include "commands/ask_users.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dovecot/doveadm.h"
#include "host/dovecot_master.h"
#include "host/procfs.h"
#include "records/event.h"

#define LOOKUPS_AT_ONCE 500

/* `why` can have several lines, of which the first one tells. */
static void add_error(const char *what, const char *why, struct str *text)
{
	struct str error = {0};

	str_printf(&error, "%s: %.*s", what, (int)strcspn(why, "\n"), why);
	settings_add(text, "error", str_text(&error));
	str_free(&error);
}

static void add_port(void *context, uint16_t port)
{
	char value[8];

	snprintf(value, sizeof(value), "%u", port);
	settings_add(context, "listen", value);
}

/* Names that `doveadm user` would take for a mask, or that are escaped, can't be asked about. */
static bool can_be_asked(const char *name)
{
	return !strpbrk(name, "*?\001");
}

/* Looks up users of one service, from `at` on, as far as they go at once. How many entries those are. */
static size_t look_up(const struct rl_master *fact, struct doveadm_list *list, size_t at,
		      struct str *text)
{
	const struct service *service = list->all[at].service;
	const char *names[LOOKUPS_AT_ONCE];
	struct str out = {0};
	size_t count = 0, i;
	int ret = 0;

	for (i = at; i < list->count && list->all[i].service == service; i++) {
		if ((i > at && doveadm_same_user(&list->all[i - 1], &list->all[i])) ||
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
		doveadm_user_parse(out.data, service, list);
	str_free(&out);
	return i - at;
}

static void add_users(const struct doveadm_list *list, struct str *text)
{
	struct str value = {0};
	size_t i;

	for (i = 0; i < list->count; i++) {
		str_clear(&value);
		doveadm_session_text(list, &list->all[i], &value);
		settings_add(text, "user", str_text(&value));
	}
	str_free(&value);
}

void ask_users(pid_t pid, const struct rl_master *fact, struct str *text)
{
	struct doveadm_list list = {0};
	struct str out = {0};
	size_t at;
	int ret;

	procfs_listening_ports(pid, add_port, text);
	ret = dovecot_master_who(fact, &out);
	if (ret == -EIO && out.len)
		add_error("doveadm who", out.data, text);
	else if (ret)
		add_error("doveadm who", strerror(-ret), text);
	else if (!out.len || doveadm_who_parse(out.data, &list))
		add_error("doveadm who", "its answer makes no sense", text);
	for (at = 0; at < list.count;)
		at += look_up(fact, &list, at, text);
	add_users(&list, text);
	doveadm_list_free(&list);
	str_free(&out);
}
