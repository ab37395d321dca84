/* SPDX-License-Identifier: MIT */
/* Whose session it is: the login, the addresses, the user and its ids; and whether these allow it
 * to be recorded. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "engine/model.h"

/* At first nobody is known. identity_free() at the end. */
void identity_init(struct session *session);
/* A mail session's login request and the session id in it (an array of SESSION_ID_LEN bytes); both
 * are copied. */
void identity_set_login(struct session *session, const struct login_request *login,
			const char *session_id);
/* For other sessions, which have no login request: from the socket, or from a PROXY header. */
void identity_set_addresses(struct session *session, const struct endpoints *addresses);
/* Takes what `user` owns, which is USERDB_USER_NONE afterwards; `rec` has the process's ids. */
void identity_set_user(struct session *session, struct userdb_user *user, const struct rl_rec *rec);
/* The ids of the session's process, which `rec` has. */
void identity_set_process_ids(struct session *session, const struct rl_rec *rec);
/* Frees what userdb returned besides, unless a directory can need it. */
void identity_drop_fields(const struct engine *engine, const struct session *session,
			  struct userdb_user *user);
/* A connection without a user: its files belong to the process, whose ids `rec` has. */
void identity_set_process(struct session *session, const struct rl_rec *rec);
/* A relay's connection belongs to the newest login in its process: copies its identity, and takes
 * ids that are missing there from `rec`. REASON_NONE, or why the owner is not known. */
enum reason identity_set_owner(struct session *session, const struct rl_rec *rec);

/*
 * Are the user's uid and gid known? userdb need not return them. Then mail_uid
 * and mail_gid count, and the process has switched to them before it writes its
 * first byte to the client: they are taken from such a record, `rec`. NULL:
 * there is none.
 */
bool identity_complete(struct session *session, const struct rl_rec *rec);

/* May the session be recorded, by its user and by what userdb returned? REASON_NONE: yes. */
enum reason identity_check(const struct engine *engine, const struct session *session);

/* Frees what the identity owns; the session stays. */
void identity_free(struct session *session);

#endif
