/* SPDX-License-Identifier: MIT */
/* The documented ways to record. A new one is a row in mode.c. */
#ifndef MODE_H
#define MODE_H

#include <stdbool.h>

#include "format.h"
#include "service.h"

/* Where a relative directory begins. */
enum mode_base {
	BASE_HOME,  /* the user's home, in its chroot: a mail process's current directory */
	BASE_LOGIN, /* $base_dir/login, a login process's root directory */
	BASE_RUN,   /* $base_dir: lmtp's current directory */
};

/* What becomes of the files when TLS begins on the connection. */
enum mode_tls {
	TLS_NONE,	 /* it never does: a login process has taken it off */
	TLS_GOES_ON,	 /* the same files go on with the text inside */
	TLS_RENEWS_USED, /* new files, if some bytes have passed: after STARTTLS */
	TLS_RENEWS,	 /* new files, always */
};

struct mode {
	const char *name; /* as in the saved rules */
	enum traffic traffic;
	const char *home_dir; /* a name below the home; NULL: the way has a directory of its own */
	enum mode_base base;
	/* lib/iostream-rawlog.c's rules for directory, name and lines, not util/rawlog.c's (2.3.19.1) */
	bool lib;
	bool variables; /* in the directory */
	bool tilde;	/* a "~/" in front of it is the home */
	enum mode_tls tls;
	const struct format *format;
};

extern const struct mode mode_home;	  /* the rawlog binary's: HOME/dovecot.rawlog/ */
extern const struct mode mode_rawlog_dir; /* rawlog_dir */
extern const struct mode mode_login;	  /* -R of the login processes */
extern const struct mode mode_lmtp;	  /* lmtp_rawlog_dir */
extern const struct mode mode_lmtp_proxy; /* lmtp_proxy_rawlog_dir */
extern const struct mode mode_relay;	  /* submission_relay_rawlog_dir */

/* By name; NULL: there is none. */
const struct mode *mode_find(const char *name);

#endif
