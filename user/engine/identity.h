/* SPDX-License-Identifier: MIT */
/* Whose session it is: the login, the addresses, the user and its ids; and whether these allow it
 * to be recorded. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "engine/model.h"

/* Nobody, so far. identity_free() at the end. */
void identity_init(struct session *session);
/* A mail session's login request and the session id in it (of SESSION_ID_LEN bytes). */
void identity_set_login(struct session *session, const struct login_request *login,
			const char *session_id);
void identity_set_addresses(struct session *session, const struct endpoints *addresses);
/* Takes what `user` owns, which is USERDB_USER_NONE afterwards; `rec` has the process's ids. */
void identity_set_user(struct session *session, struct userdb_user *user, const struct rl_rec *rec);
/* Where nobody logs in, the files are the process's. */
void identity_set_process(struct session *session, const struct rl_rec *rec);
/* A relay's session is its owner's, who has logged in in the same process. REASON_NONE, or why
 * that can't be said. */
enum reason identity_set_owner(struct session *session, const struct rl_rec *rec);

/*
 * userdb need not return uid and gid: then mail_uid and mail_gid count, and the
 * process has taken them before it writes its first byte to the client. False:
 * they are not known yet. `rec`: NULL: there is none to learn them from.
 */
bool identity_complete(struct session *session, const struct rl_rec *rec);

/* Do the user and what userdb returned allow it to be recorded? REASON_NONE: yes. */
enum reason identity_check(const struct engine *engine, const struct session *session);

void identity_free(struct session *session);

#endif
