/* SPDX-License-Identifier: MIT */
/*
 * The variables of rawlog_dir, submission_relay_rawlog_dir and mail_home, as a
 * mail process expands them: each release of Dovecot (release.h) by its expander.
 * Pure.
 *
 * 2.3: lib/var-expand.c with the table of lib-storage/mail-user.c,
 * mail_user_var_expand_table(). The mail processes call it without that file's
 * functions, so %{userdb:...} is unknown there. 2.4: lib-var-expand/, with the
 * tables of mail_user_var_expand_params() and, for mail_home,
 * lib-storage/mail-storage-service.c.
 *
 * Nothing is escaped, as in Dovecot: a '/' or ".." in a value (session ids
 * often have a '/') changes which directories the path names. Whoever opens it
 * must not trust it.
 */
#ifndef EXPAND_H
#define EXPAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"

/* The values, borrowed while expand() runs; NULL is the empty string, unless it says otherwise.
 * The parts of `user` and `auth_user` before and after the '@' are made of these. */
struct expand_vars {
	const char *user;
	const char *home;    /* inside its chroot; mail_home, if userdb returned none */
	const char *service; /* "imap", "pop3", "submission" */
	const char *local_ip, *remote_ip; /* as inet_ntop() writes them */
	const char *session;		  /* the session id */
	const char *auth_user;		  /* NULL: `user` */
	const char *hostname;		/* the setting; if that is empty, see dovecot_hostname() */
	const char *import_environment; /* the setting (environment.h); NULL: not known */
	pid_t pid;
	uid_t uid;
	gid_t gid;
	/* Since 2.4. What can't be empty and is not known makes expand() fail: home, hostname, ... */
	uint16_t local_port, remote_port; /* 0: the empty string */
	const char *system_hostname;	  /* gethostname(); NULL: not known */
	const struct str
		*userdb;   /* "NAME=VALUE" and NUL each: what userdb returned; NULL: nothing */
	bool is_mail_home; /* that is what is expanded: neither home nor ids are known yet */
};

/* How a release expands; a row of it is in releases[]. */
struct expander {
	int (*check)(const struct expander *expander, const char *text, struct str *error);
	int (*expand)(const struct expander *expander, const char *text,
		      const struct expand_vars *vars, struct str *out);
	/* Has it variables of an older release, which this one takes as literal text? Then one line in `why`,
	 * with what to write instead. NULL: it has all that the older ones have. */
	bool (*is_old)(const char *text, struct str *why);
	/* Where releases of 2.4 differ. */
	bool loses_y; /* a 'y' alone between two variables: a typing error in Dovecot's lexer */
	bool dies_of_void; /* of %{}, unless that comes first */
	bool perl_regex;   /* `~` and `regexp` are PCRE's; before: POSIX's, extended */
	bool forgives;	   /* the last filter's error, if the value was binary: it is empty then */
	bool has_switch;
	bool signed_divisor;
	bool safe_is_last; /* what comes behind the filter `safe` is an error */
};

extern const struct expander expander_2_3, expander_2_4_0, expander_2_4_1, expander_2_4_2,
	expander_2_4_3, expander_2_4_4, expander_2_4;

/* Can `text` be expanded, whatever the values? 0. -EINVAL, with one line in `error`: it has an
 * unknown variable (in Dovecot every login would fail), a mistake, something of which rawtap can't
 * know what Dovecot would make of it, or what makes Dovecot crash. */
int expand_check(const struct expander *expander, const char *text, struct str *error);

/* The same of a directory that is written for rawtap. Variables of an older release are refused, too:
 * nobody means a directory called "%u". (A setting of Dovecot's own is taken as Dovecot takes it.) */
int expand_check_dir(const struct expander *expander, const char *text, struct str *error);

/* Appends the expanded text to `out`. 0; -EINVAL: Dovecot would refuse this login, or a value is not
 * known; `out` is unchanged. A text that expand_check() accepted fails only if its values do not fit:
 * if one is compared as a number but is none, or is too short, or is not there. */
int expand(const struct expander *expander, const char *text, const struct expand_vars *vars,
	   struct str *out);

/* Appends the path to `out`; "~" or "~/..." becomes `home`, as in mail_user_home_expand(), which
 * Dovecot calls for the expanded submission_relay_rawlog_dir. `home` NULL: the path as it is.
 * "~name" is not looked up. */
void expand_home(const char *path, const char *home, struct str *out);

/* May userdb's field be in a path? No, if its name is a password's or a token's. */
bool expand_may_show(const char *field, size_t len);

#endif
