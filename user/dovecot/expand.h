/* SPDX-License-Identifier: MIT */
/*
 * The variables of rawlog_dir and submission_relay_rawlog_dir, as Dovecot
 * 2.3.19.1 expands them in a mail process: lib/var-expand.c with the table of
 * lib-storage/mail-user.c, mail_user_var_expand_table(). The mail processes
 * call it without that file's functions, so %{userdb:...} is unknown there.
 *
 * Nothing is escaped, as in Dovecot: a value with '/' or ".." in it (a session
 * id often has a '/') makes other directories of the path. Who opens the path
 * must not trust it.
 */
#ifndef EXPAND_H
#define EXPAND_H

#include <sys/types.h>

#include "base/str.h"

/* Borrowed, for as long as expand() runs; NULL is the empty string. username and domain are made
 * of `user`, auth_username and auth_domain of `auth_user`. */
struct expand_vars {
	const char *user;
	const char *home;    /* as the process sees it: below its chroot, mail_home where userdb has
			     none */
	const char *service; /* "imap", "pop3", "submission" */
	const char *local_ip, *remote_ip; /* as inet_ntop() writes them */
	const char *session;
	const char *auth_user;	/* NULL: `user` */
	const char *hostname;	/* the setting; if that is empty, the host's
						  name, as gethostbyname() has it */
	const char *const *env; /* "NAME=VALUE"..., NULL; the mail process's */
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/* Can `text` be expanded, whatever the values? 0; -EINVAL and one line in `error`: an unknown
 * variable, which would break every login in Dovecot; a mistake; a function that is not offered
 * here; braces that are not closed, behind which Dovecot reads on in other memory. */
int expand_check(const char *text, struct str *error);

/* Adds the expanded text to `out`. 0; -EINVAL: Dovecot would refuse this login, `out` is as it
 * was. What expand_check() took fails only where %{if} compares values as numbers that are none,
 * or takes an operator or a regular expression from them. */
int expand(const char *text, const struct expand_vars *vars, struct str *out);

/* Adds the path to `out`, with the home for a "~" that is all of it or stands before a '/', as
 * mail_user_home_expand() does with submission_relay_rawlog_dir once it is expanded. `home` NULL:
 * the path as it is. "~name" is not looked up. */
void expand_home(const char *path, const char *home, struct str *out);

#endif
