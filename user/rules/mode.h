/* SPDX-License-Identifier: MIT */
/* The modes: what the manual documents as ways to record. A new one is a row in mode.c: options,
 * the configuration, saved rules and the engine read what they need to know from it. */
#ifndef MODE_H
#define MODE_H

#include <stdbool.h>

#include "rawlog/format.h"
#include "dovecot/service.h"
#include "base/str.h"

/* Where a relative directory begins. */
enum mode_base {
	BASE_HOME,  /* the user's home, in its chroot: a mail process's current directory */
	BASE_LOGIN, /* $base_dir/login, a login process's root directory */
	BASE_RUN,   /* $base_dir: lmtp's current directory */
};

/* What becomes of the files when TLS begins on the connection. */
enum mode_tls {
	TLS_NONE,	 /* it never does: the login process does TLS */
	TLS_GOES_ON,	 /* the same files go on with the text inside */
	TLS_RENEWS_USED, /* new files, if some bytes have passed: after STARTTLS */
	TLS_RENEWS,	 /* new files, always */
};

/* What in Dovecot's configuration switches it on. */
enum mode_block {
	BLOCK_POSTLOGIN, /* service imap { executable = imap postlogin }: what that service runs */
	BLOCK_SETTING,	 /* protocol imap { SETTING = DIR } */
	BLOCK_LOGIN,	 /* service imap-login { executable = imap-login -R DIR } */
};

struct mode {
	const char *name; /* as in saved rules */
	enum traffic traffic;
	enum mode_block block;
	const char *setting;  /* BLOCK_SETTING */
	const char *home_dir; /* a name below the home; NULL: the rule has a directory of its own */
	enum mode_base base;
	/* Directory, name and lines are as in lib/iostream-rawlog.c, not as in util/rawlog.c
	 * (2.3.19.1). */
	bool iostream;
	bool takes_flags; /* false: each log is as with -t alone */
	bool variables;	  /* in the directory */
	bool root_files;  /* the files belong to root, as lmtp runs as root */
	bool tilde;	  /* a leading "~/" is the home */
	bool main_channel; /* of output in channels (dovecot/multiplex.h), it logs the client's alone */
	enum mode_tls tls;
	const struct format *format;
	/* Where the directory is tcp:HOST:PORT, and the service takes that; and with release.tcp_lines.
	 * NULL: never. */
	const struct format *tcp_format, *tcp_lines_format;
};

extern const struct mode mode_home;	  /* the rawlog binary's: HOME/dovecot.rawlog/ */
extern const struct mode mode_rawlog_dir; /* rawlog_dir */
extern const struct mode mode_login;	  /* -R of the login processes */
extern const struct mode mode_lmtp;	  /* lmtp_rawlog_dir */
extern const struct mode mode_lmtp_proxy; /* lmtp_proxy_rawlog_dir */
extern const struct mode mode_relay;	  /* submission_relay_rawlog_dir */

extern const struct mode *const modes[];
extern const unsigned int modes_count;

/* By name; NULL: there is none. */
const struct mode *mode_find(const char *name);
/* Does it record connections of this service? */
bool mode_has_service(const struct mode *mode, const struct service *service);
/* Does it record this protocol? */
bool mode_has_protocol(const struct mode *mode, const char *protocol);
/* How many protocols it records; "imap, pop3, submission" is appended to `names`, which can be
 * NULL. */
unsigned int mode_protocols(const struct mode *mode, struct str *names);

#endif
