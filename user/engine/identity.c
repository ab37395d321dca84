// SPDX-License-Identifier: MIT
#include "engine/identity.h"

#include <string.h>

void identity_init(struct session *session)
{
	session->who.user = USERDB_USER_NONE;
}

void identity_set_login(struct session *session, const struct login_request *login,
			const char *session_id)
{
	session->who.login = *login;
	memcpy(session->who.session_id, session_id, sizeof(session->who.session_id));
}

void identity_set_addresses(struct session *session, const struct endpoints *addresses)
{
	session->who.login.addresses = *addresses;
}

void identity_set_user(struct session *session, struct userdb_user *user, const struct rl_rec *rec)
{
	userdb_user_free(&session->who.user);
	session->who.user = *user;
	*user = USERDB_USER_NONE;
	identity_set_process_ids(session, rec);
}

void identity_set_process_ids(struct session *session, const struct rl_rec *rec)
{
	session->who.proc_uid = rec->uid;
	session->who.proc_gid = rec->gid;
}

void identity_drop_fields(const struct engine *engine, const struct session *session,
			  struct userdb_user *user)
{
	static const char *const needing[] = {"userdb:", "local_name", "master_user"};
	const char *mail_home = proc_setting(session->proc, "mail_home");
	bool needed = false;
	size_t i;

	for (i = 0; i < sizeof(needing) / sizeof(needing[0]); i++)
		needed = needed || rules_have_variable(engine->rules, needing[i]) ||
			 (mail_home && strstr(mail_home, needing[i]));
	if (!needed)
		userdb_user_drop_fields(user);
}

void identity_set_process(struct session *session, const struct rl_rec *rec)
{
	session->who.user.uid = rec->uid;
	session->who.user.gid = rec->gid;
}

/* The newest login in the process, as that connects to the relay when a client has logged in
 * (submission/submission-client.c). With client_limit > 1 it can be another client's. */
static const struct session *relay_owner(const struct session *session)
{
	const struct session *owner = NULL, *other;

	if (!session->proc)
		return NULL;
	DL_FOREACH(session->proc->sessions, other) {
		if (other->traffic == TRAFFIC_MAIL && other->who.user.name)
			owner = other;
	}
	return owner;
}

static void take_ids(struct userdb_user *user, const struct rl_rec *rec)
{
	if (user->uid == (uid_t)-1)
		user->uid = rec->uid;
	if (user->gid == (gid_t)-1)
		user->gid = rec->gid;
}

enum reason identity_set_owner(struct session *session, const struct rl_rec *rec)
{
	const struct session *owner = relay_owner(session);
	struct identity *who = &session->who;

	if (!owner)
		return session->proc && session->proc->found ? REASON_OPEN_BEFORE : REASON_NO_LOGIN;
	userdb_user_free(&who->user);
	*who = owner->who;
	userdb_user_copy(&who->user, &owner->who.user);
	take_ids(&who->user, rec);
	return REASON_NONE;
}

bool identity_complete(struct session *session, const struct rl_rec *rec)
{
	struct userdb_user *user = &session->who.user;

	if (user->uid != (uid_t)-1 && user->gid != (gid_t)-1)
		return true;
	if (!rec || rec->uid == 0)
		return false;
	take_ids(user, rec);
	return true;
}

enum reason identity_check(const struct engine *engine, const struct session *session)
{
	const struct identity *who = &session->who;
	const struct userdb_user *user = &who->user;
	bool has_ids = user->uid != (uid_t)-1 && user->gid != (gid_t)-1;

	if (!rules_want_user(engine->rules, user->name ? user->name : ""))
		return REASON_NOT_WANTED;
	if (!traffic_has_user(session->traffic))
		return has_ids ? REASON_NONE : REASON_NO_IDS; /* the files are the process's */
	if ((user->home && user->home[0] != '/') || (user->chroot && user->chroot[0] != '/'))
		return REASON_RELATIVE_HOME;
	if (!has_ids)
		return REASON_NO_IDS;
	if (user->uid == 0)
		return REASON_ROOT;
	/* a process that runs as one user can't log in another: the login is forged */
	if (who->proc_uid != 0 && (who->proc_uid != user->uid || who->proc_gid != user->gid))
		return REASON_FORGED_IDS;
	return REASON_NONE;
}

void identity_free(struct session *session)
{
	userdb_user_free(&session->who.user);
}
