/* SPDX-License-Identifier: MIT */
/*
 * The variables of rawlog_dir and submission_relay_rawlog_dir, as Dovecot
 * 2.3.19.1 expands them in a mail process: lib/var-expand.c with the table of
 * lib-storage/mail-user.c, mail_user_var_expand_table(). The mail processes
 * call it without that file's functions, so %{userdb:...} is unknown there.
 *
 * Nothing is escaped, as in Dovecot: a '/' or ".." in a value (session ids
 * often have a '/') changes which directories the path names. Whoever opens it
 * must not trust it.
 */
#ifndef EXPAND_H
#define EXPAND_H

#include <sys/types.h>

#include "base/str.h"

/* The values, borrowed while expand() runs; NULL is the empty string, unless it says otherwise.
 * %{username} and %{domain} come from `user`, %{auth_username} and %{auth_domain} from `auth_user`.
 */
struct expand_vars {
	const char *user;
	const char *home;    /* inside its chroot; mail_home, if userdb returned none */
	const char *service; /* "imap", "pop3", "submission" */
	const char *local_ip, *remote_ip; /* as inet_ntop() writes them */
	const char *session;		  /* the session id */
	const char *auth_user;		  /* NULL: `user` */
	const char *hostname;	/* the setting; if that is empty, see dovecot_hostname() */
	const char *const *env; /* the mail process's, "NAME=VALUE", ends with NULL; NULL: none */
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/* Can `text` be expanded, whatever the values? 0. -EINVAL, with one line in `error`: it has an
 * unknown variable (in Dovecot every login would fail), a mistake, a function that is not supported
 * here, or an unclosed brace (Dovecot reads past the end of the text then). */
int expand_check(const char *text, struct str *error);

/* Appends the expanded text to `out`. 0; -EINVAL: Dovecot would refuse this login, and `out` is
 * unchanged. A text that expand_check() accepted fails only in %{if}: if a value is compared as a
 * number but is none, or if it is used as operator or regular expression. */
int expand(const char *text, const struct expand_vars *vars, struct str *out);

/* Appends the path to `out`; "~" or "~/..." becomes `home`, as in mail_user_home_expand(), which
 * Dovecot calls for the expanded submission_relay_rawlog_dir. `home` NULL: the path as it is.
 * "~name" is not looked up. */
void expand_home(const char *path, const char *home, struct str *out);

#endif
