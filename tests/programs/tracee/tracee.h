/* SPDX-License-Identifier: MIT */
/*
 * A mail process for the tests of the kernel side. Real Dovecot can't be made
 * to do each kind of input and output, so this plays one: it does the real
 * handshake of a login, drops to the user's ids, then runs a scenario on the
 * client's socket, and writes down what should have been recorded.
 *
 * One program with two names, as with Dovecot: `dovecot` is the master, which
 * executes `imap`, the mail process. Login process, auth and client are played
 * by a child of the mail process (far.c).
 */
#ifndef TRACEE_H
#define TRACEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { IN = 0, OUT = 1 };

#define GROUPS_MAX   2048
#define SESSIONS_MAX 1024
#define BUFFER_SIZE  (8 * 1024 * 1024)

/* The command line. The master hands it on as it is. */
struct setup {
	char **argv;
	const char *base;   /* base_dir */
	const char *reply;  /* what auth answers behind "USER <id> " */
	const char *expect; /* the directory for what should have been recorded */
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	size_t groups_count;
	bool unix_socket;   /* the client's socket is a socketpair, else TCP */
	bool drop_first;    /* take the ids before the handshake, as no Dovecot does */
	size_t input;	    /* bytes that come with the login request */
	unsigned int times; /* how often the master executes the mail process */
	bool kill_blocked;  /* the master kills it once it is blocked in a read() */
	const char *scenario;
};

/* One login, as the mail process sees it. */
struct session {
	struct mail *mail;
	uint32_t number;
	int fd;
	FILE *expect[2]; /* the bytes */
	FILE *sizes[2];	 /* how many each operation moved, a line each */
};

struct mail {
	const struct setup *setup;
	int control; /* commands to the far end */
	int listener, auth;
	bool dropped;
	uint32_t sessions_count;
	unsigned char *buffer; /* BUFFER_SIZE, for whatever is sent or received */
};

/* util.c */
void die(const char *what) __attribute__((noreturn)); /* with errno */
void check(bool ok, const char *what);		      /* dies unless ok */
void fill(void *buffer, size_t size, uint32_t seed); /* bytes as if at random; controls: LF alone */
void write_all(int fd, const void *data, size_t size);
int unix_listen(const char *dir, const char *name);
int unix_connect(const char *dir, const char *name);

/* far.c: the login process, auth and the clients. */
int far_start(const struct setup *setup, int auth_listener);
int far_main(const struct setup *setup);
void far_open(const struct mail *mail, uint32_t session);
/* The client sends, or takes, this many bytes; meanwhile everything goes on. */
void far_send(const struct session *session, uint64_t size);
void far_drain(const struct session *session, uint64_t size);
/* The client sends end-of-file. */
void far_shut(const struct session *session);

/* login.c: the structure that a login process sends. */
void login_send(int fd, uint32_t session, int client, size_t input);

/* mail.c */
int mail_main(const struct setup *setup);
struct session *session_open(struct mail *mail); /* the client takes all it is sent */
struct session *session_open_stalled(struct mail *mail);
void session_close(struct session **session);
/* One operation moved these bytes. */
void told(struct session *session, int dir, const void *data, size_t size);
void told_iov(struct session *session, int dir, const struct iovec *iov, size_t size);
/* Prints "WORD PID"; the test's answer, a line, valid until the next call. */
const char *ask_test(const char *word);

/* What most scenarios need. */
void wait_readable(const struct session *session, size_t size);
void take_exactly(struct session *session, size_t size);
void give(struct session *session, size_t size);

/* scenario_*.c */
struct scenario {
	const char *name;
	void (*run)(struct mail *mail, const char *argument);
};
extern const struct scenario scenarios_size[], scenarios_call[], scenarios_life[];

#endif
