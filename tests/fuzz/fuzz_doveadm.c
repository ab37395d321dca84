// SPDX-License-Identifier: MIT
/* An input is what `doveadm who` says, and what `doveadm user` says behind the first NUL. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dovecot/auth_lines.h"
#include "dovecot/doveadm.h"

/* The engine must be able to read it, and the name must be the one that `doveadm who` said. */
static void check_session(const struct doveadm_list *list, const struct doveadm_session *session)
{
	struct userdb_user user;
	struct str text = {0};
	const char *name;

	doveadm_session_text(list, session, &text);
	assert(!strchr(text.data, '\n'));
	name = strchr(strchr(text.data, '\t') + 1, '\t') + 1;
	assert(strncmp(name, session->name, strlen(session->name)) == 0);
	if (!postlogin_line_parse(text.data + (name - text.data), strlen(name), &user))
		userdb_user_free(&user);
	str_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct doveadm_list list = {0};
	char *who = mem_alloc(len + 2), *users;
	size_t i;

	memcpy(who, data, len);
	users = who + strlen(who) + 1;
	if (!doveadm_who_parse(who, &list))
		doveadm_user_parse(users, service_find("imap"), &list);
	for (i = 0; i < list.count; i++)
		check_session(&list, &list.all[i]);
	doveadm_list_free(&list);
	free(who);
	return 0;
}
