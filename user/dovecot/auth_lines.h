/* SPDX-License-Identifier: MIT */
/*
 * The line protocols of a mail process around a login: the user lookup on
 * auth-master, and the post-login service. Lines end with LF, fields are
 * separated by TAB, values are tab-escaped (\001 and 0, 1, t, r, n:
 * lib/strescape.c of 2.3.19.1). Pure.
 */
#ifndef AUTH_LINES_H
#define AUTH_LINES_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "dovecot/login_request.h"
#include "base/str.h"

/* Cuts a stream of bytes into lines. Zero-initialise; line_reader_free() at the end. */
#define AUTH_LINE_MAX 65536
struct line_reader {
	struct str partial;
	bool skipping; /* up to the next LF: the line is too long, or its beginning was missed */
};

/* Calls `line` for each complete line, NUL-terminated and without its LF. The text is valid during
 * the call; the callback may change it, but must not touch `lines`. A line of more than
 * AUTH_LINE_MAX bytes is skipped. Returns how many were. */
unsigned int line_reader_feed(struct line_reader *lines, const void *data, size_t len,
			      void (*line)(char *text, size_t len, void *context), void *context);
/* Bytes are missing here: skips what it has of the current line, and what follows up to the next
 * LF. */
void line_reader_resync(struct line_reader *lines);
void line_reader_free(struct line_reader *lines);

/* The fields of userdb's answer that rawtap needs. If a field is there twice, the last one counts.
 * It owns its strings: userdb_user_free(). */
struct userdb_user {
	char *name;	 /* not empty */
	char *home;	 /* NULL: none returned */
	char *chroot;	 /* NULL: none returned */
	char *auth_user; /* who authenticated, if it was another user; NULL: none returned */
	uid_t uid;	 /* (uid_t)-1: none returned */
	gid_t gid;	 /* (gid_t)-1: none returned */
	/* All of them, "NAME=VALUE" and NUL each, in their order, but for what may be a secret and what
	 * holds a NUL. For directories that name some; who does not need them drops them soon. */
	struct str fields;
};
/* Not all zero: that would be root. */
#define USERDB_USER_NONE ((struct userdb_user){.uid = -1, .gid = -1})
/* A copy with strings of its own. */
void userdb_user_copy(struct userdb_user *copy_r, const struct userdb_user *user);
void userdb_user_drop_fields(struct userdb_user *user);
void userdb_user_free(struct userdb_user *user); /* USERDB_USER_NONE afterwards */

enum auth_line_type {
	AUTH_LINE_OTHER,    /* VERSION, SPID, CUID, ...: of no interest */
	AUTH_LINE_REQUEST,  /* mail process: REQUEST id client_pid auth_id cookie ... */
	AUTH_LINE_USER,	    /* auth: USER id name field... */
	AUTH_LINE_NOTFOUND, /* auth: NOTFOUND id */
	AUTH_LINE_FAIL,	    /* auth: FAIL id ... */
};

struct auth_line {
	enum auth_line_type type;
	uint32_t id;
	uint32_t client_pid, auth_id;	  /* REQUEST */
	uint8_t cookie[LOGIN_COOKIE_LEN]; /* REQUEST */
	struct userdb_user user; /* USER, USERDB_USER_NONE otherwise; the caller frees it */
};

/* Parses one line of auth-master; the text is unescaped in place and useless afterwards. 0.
 * -EINVAL: one of the types above, but malformed (a number, cookie or name is missing or out of
 * range, a name or path holds a NUL), or any line with a NUL in it. Then there is nothing to free,
 * and type and id are set if they were read. A uid or gid that is no number counts as not returned.
 *
 * Never log the line itself: it can hold tokens. An answer "USER id name ..." looks like a question
 * of lmtp's; only the direction tells them apart. */
int auth_line_parse(char *text, size_t len, struct auth_line *auth_r);

/* Parses the post-login service's answer, "<user>\t<key=value>...", as auth_line_parse() does what
 * follows "USER id". 0, and the caller frees `user_r`; -EINVAL: there is nothing to free. */
int postlogin_line_parse(char *text, size_t len, struct userdb_user *user_r);

#endif
