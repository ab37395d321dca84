/* SPDX-License-Identifier: MIT */
/*
 * What doveadm says of sessions and their users (its doveadm-who.c and doveadm-auth.c,
 * 2.3.19.1 and 2.4.1). Pure.
 */
#ifndef DOVEADM_H
#define DOVEADM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "dovecot/service.h"

/* A session of a mail process. The texts are the caller's, as doveadm says them: tab-escaped. */
struct doveadm_session {
	const char *pid, *ip, *name;
	const struct service *service;
	size_t fields; /* of userdb: where they are in doveadm_list.fields; 0: none are known */
	bool twice;    /* there are several, as a value can hold a line end: none of them counts */
};

/* Zero-initialise; doveadm_list_free() at the end. */
struct doveadm_list {
	struct doveadm_session *all; /* by service and name */
	size_t count;
	struct str fields; /* texts with NUL, as auth-master has fields: "\tNAME=VALUE..." */
};

/* `doveadm -f tab who -1`, into an empty list, which refers to `text` then; that is changed. Lines that make
 * no sense are skipped. 0; -EINVAL: the first line does not name what is needed. */
int doveadm_who_parse(char *text, struct doveadm_list *list);
/* `doveadm user -u NAME...`, for users of this service: "userdb: NAME", then its fields, each in a line
 * after two blanks. `text` is changed, and not needed afterwards. */
void doveadm_user_parse(char *text, const struct service *service, struct doveadm_list *list);
/* Are these sessions of one user, of the same service? */
bool doveadm_same_user(const struct doveadm_session *a, const struct doveadm_session *b);
/* Appends the session as FACT_USERS has it: "PID TAB IP TAB NAME TAB FIELD...". */
void doveadm_session_text(const struct doveadm_list *list, const struct doveadm_session *session,
			  struct str *text);
void doveadm_list_free(struct doveadm_list *list);

#endif
