/* SPDX-License-Identifier: MIT */
/*
 * The line protocols of a mail process around a login: the user lookup on
 * auth-master, and the post-login service. Lines end with LF, fields are
 * separated by TAB, values are tab-escaped (\001 and 0, 1, t, r, n:
 * lib/strescape.c of 2.3.19.1). Pure: bytes in, facts out.
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
	bool skipping; /* the rest of a line that is too long, or whose begin was missed */
};

/* Calls `line` for each complete line, without its LF and NUL-terminated: the callback may
 * change the text, but must not touch `lines`. A line beyond AUTH_LINE_MAX is skipped whole.
 * Returns the number of lines that turned out too long. */
unsigned int line_reader_feed(struct line_reader *lines, const void *data, size_t len,
			      void (*line)(char *text, size_t len, void *context), void *context);
/* Bytes were missed: forgets what it has, and what comes up to the next LF. */
void line_reader_resync(struct line_reader *lines);
void line_reader_free(struct line_reader *lines);

/* What userdb returned, as far as it concerns us. Of a field that is there twice, the last
 * counts. Strings are owned: userdb_user_free(). */
struct userdb_user {
	char *name;	 /* not empty */
	char *home;	 /* NULL: none returned */
	char *chroot;	 /* NULL: none returned */
	char *auth_user; /* who authenticated, where that is another; NULL: none returned */
	uid_t uid;	 /* (uid_t)-1: none returned */
	gid_t gid;	 /* (gid_t)-1: none returned */
};
/* All zero would be root. */
#define USERDB_USER_NONE ((struct userdb_user){.uid = (uid_t)-1, .gid = (gid_t)-1})
/* A copy with strings of its own. */
void userdb_user_copy(struct userdb_user *copy_r, const struct userdb_user *user);
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

/* Parses one line of auth-master; the text is unescaped in place and useless afterwards. 0;
 * -EINVAL: one of the types above, but malformed (a number, cookie or name is missing or out
 * of range, a name or path holds a NUL), or any line with a NUL in it; a uid or gid that is no
 * number counts as not returned. Then there is nothing to
 * free; type and id are as far as they were read. The error must not be followed by the line in
 * a log: it can hold tokens. Only the direction tells an answer "USER id name ..." from lmtp's
 * question. */
int auth_line_parse(char *text, size_t len, struct auth_line *auth_r);

/* Parses the post-login service's answer: "<user>\t<key=value>...", as auth_line_parse() does with
 * what follows "USER id". 0 or -EINVAL. Fields that are missing stay NULL, -1. */
int postlogin_line_parse(char *text, size_t len, struct userdb_user *user_r);

#endif
