/* SPDX-License-Identifier: MIT */
/*
 * What the engine knows: masters, processes, sockets, sessions. Owned by the
 * engine, seen by its parts (engine.c, process.c, handshake.c, tls.c,
 * front.c, session.c, logs.c, files.c, delivery.c) alone.
 *
 * A connection is keyed by its socket (inode, cookie), never by descriptor or
 * pid: one process may serve many, one after another or at once.
 */
#ifndef MODEL_H
#define MODEL_H

#include "mem.h" /* before uthash: its allocations */

#include <uthash.h>
#include <utlist.h>

#include "engine.h"
#include "hs_auth.h"
#include "hs_login.h"
#include "rawlog.h"
#include "redact.h"
#include "service.h"

struct master {
	uint32_t tgid;
	enum rl_master_status status;
	const struct hs_login_layout *layout; /* NULL: a version that is not known */
	char base_dir[RL_BASE_DIR_LEN];
	struct str settings; /* as FACT_SETTINGS has them */
	UT_hash_handle hh;
};

struct proc {
	uint32_t tgid;
	uint32_t master_tgid;
	const struct service *service;
	bool found;	    /* was running before rawtap started */
	bool lost_login;    /* a login request that came to it was not understood */
	bool ignored;	    /* it was said that its master is not recorded */
	bool found_clients; /* a login process has some from before rawtap started: no sessions */
	uint32_t rawlogs;   /* logs with a number in their name, so far (lib/iostream-rawlog.c) */
	struct rl_groups groups; /* supplementary, while it ran as groups_uid; none: not known */
	uint32_t groups_uid;
	struct session *sessions;
	struct sock *undecided; /* its last record is data that can be TLS: the next one tells */
	UT_hash_handle hh;
};

/*
 * Of a mail session; others begin with ASKED.
 *
 *  LOGIN -REQUEST-> LOOKUP -USER-> READY <-> SCRIPT     what comes for the client
 *                                    |                  meanwhile is held
 *           first byte, or the end   v
 *                                  ASKED -FACT_LOG-> RECORDING
 *                                                 -> REFUSED     reached from any
 */
enum session_state {
	SESSION_LOGIN,	   /* the login request came */
	SESSION_LOOKUP,	   /* the mail process asks who it is */
	SESSION_SCRIPT,	   /* the post-login service has the say */
	SESSION_READY,	   /* the user is known */
	SESSION_ASKED,	   /* the rules say yes; is the directory there? */
	SESSION_RECORDING, /* logs are open */
	SESSION_REFUSED,   /* `reason` says why */
};

#define STARTTLS_LEN 10 /* "STARTTLS\r\n" */

struct held {
	struct held *next;
	struct rl_rec rec; /* the payload follows */
};

/* What passes one connection. A mail session: one login and what follows. */
struct session {
	uint32_t id; /* counts from 1 */
	enum traffic traffic;
	struct proc *proc; /* NULL once that ended */
	struct session *prev, *next;
	uint32_t tgid;
	const struct service *service;
	uint64_t ino;	       /* of the client's socket */
	struct hs_login login; /* of others than mail sessions: the addresses alone */
	char session_id[HS_SESSION_LEN];
	struct str input; /* that came with the login request */
	uint64_t input_time_ns;
	bool input_delivered;

	enum session_state state;
	enum reason reason;
	uint32_t lookup_id;
	struct hs_user user;
	uint32_t proc_uid, proc_gid; /* of the mail process when the user was looked up */
	char *base;		     /* where relative directories begin; NULL: not known */
	bool base_failed;	     /* mail_home says it, and could not be expanded */
	char *names[RULES_WAYS_MAX]; /* of the files, by way */
	char *dirs[RULES_WAYS_MAX];  /* the expanded directories, by way */
	uint32_t rawlogs;	     /* proc->rawlogs, once that ended */
	bool counted;		     /* in the summary */

	bool tls;	       /* records of the text inside TLS count */
	bool parting;	       /* pre-login: the mail process was asked to take over; all is held */
	uint32_t part_tag;     /* of that request */
	struct held **part_at; /* the link behind what came before it */

	struct sock *sock;     /* NULL: no operation yet, or closed */
	struct redact *redact; /* NULL: all is written as it came */
	uint64_t passed[2];    /* the offset that is expected next */
	uint64_t front;	       /* bytes of it (RL_IN) that are no part of the log: see front.c */
	struct held *held, **held_end;
	uint64_t held_size;
	struct rawlog logs[RULES_WAYS_MAX];
	uint32_t asked; /* ways whose answer is not there yet, a bit each */
	uint32_t way;	/* the last one that was refused, and why */
	enum reason way_reason;
	int way_errno;
	bool ended; /* while it was asked */
	struct rl_close end;
	bool end_live;
	bool dirty;
	struct session *next_dirty;
	UT_hash_handle by_id, by_ino;
};

/* The login requests that come in on one socket. */
struct login_reader {
	struct str bytes;
	bool has_head;
	struct hs_login head;
	struct str reply; /* a login process's */
};

struct sock {
	uint64_t cookie, ino;
	uint32_t tgid;
	enum rl_class class;
	struct rl_inet inet; /* CLIENT, RELAY; zeroes for RL_AF_UNIX */
	uint16_t family;
	bool tls;
	bool tls_given_up; /* no byte of the text inside came: the offsets are those before it */
	char last[STARTTLS_LEN];		 /* the client's last bytes that were no TLS */
	struct held *undecided, **undecided_end; /* see tls.c */
	bool fronted;				 /* what comes is the session's own */
	struct str front;	   /* the bytes in front, as far as they came: see front.c */
	uint64_t next[2];	   /* AUTH, LOGIN, POSTLOGIN: the offset that is expected next */
	struct session *session;   /* CLIENT: the one that it belongs to */
	uint32_t script_session;   /* POSTLOGIN: the id of the one that it decides */
	struct login_reader login; /* LOGIN */
	struct hs_lines lines[2];  /* AUTH, POSTLOGIN */
	UT_hash_handle hh;
};

struct engine {
	const struct rules *rules;
	struct sink *sink;
	struct engine_world world;
	struct engine_summary summary;
	int64_t realtime_offset_ns; /* realtime minus monotonic */
	int32_t utc_offset;
	uint32_t sessions_seen;
	struct master *masters;
	struct proc *procs;
	struct sock *socks;
	struct session *sessions_by_id, *sessions_by_ino;
	struct session *dirty;
	unsigned int undecided; /* processes with an undecided socket */
};

/* process.c: records about processes. */
void process_exec(struct engine *engine, const struct event *event);
void process_exit(struct engine *engine, const struct event *event);
void process_groups(struct engine *engine, const struct event *event);
void process_master(struct engine *engine, const struct event *event);
void process_settings(struct engine *engine, const struct event *event);
/* Its sessions go on; with `rec`, those without a socket end. */
void process_free(struct engine *engine, struct proc **proc, const struct rl_rec *rec);
void master_free(struct engine *engine, struct master **master);
/* A setting of the process's master, as FACT_SETTINGS told it; NULL: not told. */
const char *engine_setting(const struct engine *engine, const struct proc *proc, const char *name);
/* NULL: not known. */
const struct master *engine_master(const struct engine *engine, const struct proc *proc);
struct proc *engine_proc(struct engine *engine, uint32_t tgid);
const struct hs_login_layout *engine_layout(struct engine *engine, const struct proc *proc);

/* engine.c */
int64_t engine_realtime(const struct engine *engine, uint64_t time_ns); /* nanoseconds */
void engine_malformed(struct engine *engine, const char *what, uint32_t tgid);

/* handshake.c: the bytes of a socket that is not the client's. */
void handshake_data(struct engine *engine, struct sock *sock, const struct event *event);
/* Bytes of one direction are missing. */
void handshake_lost(struct engine *engine, struct sock *sock, int dir);
/* The socket has ended. */
void handshake_end(struct engine *engine, struct sock *sock, const struct rl_rec *rec);

/* tls.c: which of a socket's bytes are TLS. */
/* DATA or GAP of a socket with traffic. */
void tls_bytes(struct engine *engine, struct sock *sock, const struct event *event);
void tls_begin(struct engine *engine, struct sock *sock, const struct event *event);
/* A process was ready for TLS on one of its connections, and nothing came of it. */
void tls_given_up(struct engine *engine, struct proc *proc, const struct rl_rec *rec);
/* A record came that decides what the process's undecided bytes are. */
void tls_settle(struct engine *engine, const struct event *event);
/* The socket has ended; what is undecided is what it looks like. */
void tls_end(struct engine *engine, struct sock *sock, const struct rl_rec *rec);
/* Forgets what is undecided. */
void tls_drop(struct engine *engine, struct sock *sock);

/* front.c: what stands in front of a session's own bytes. */
/* DATA or GAP of the session of this socket, which must have one. */
void front_bytes(struct engine *engine, struct sock *sock, const struct event *event);
/* What comes next is the session's own, and what came so far is as well. */
void front_end(struct engine *engine, struct sock *sock);

/* session.c */
struct session *session_new(struct engine *engine, struct proc *proc, enum traffic traffic);
/* A connection that has no login begins with its socket. */
void session_begin(struct engine *engine, struct session *session, const struct rl_rec *rec);
/* The text inside TLS begins. `where`: zeroes if it is not known. */
void session_tls(struct engine *engine, struct session *session, const struct rl_rec *rec,
		 const struct rl_tls *where);
/* Pre-login: a mail process was asked to take over, and answered. */
void session_part(struct session *session, uint32_t tag);
void session_parted(struct engine *engine, struct session *session, const struct rl_rec *rec,
		    bool ok);
/* "imap(u1@example.org)<4711,AbCdEf>", as Dovecot's own log prefixes it; the client's address
 * where there is no user. Valid until the next. */
const char *session_label(const struct session *session);
/* Says why it is not recorded; a warning where somebody should look. */
void session_explain(const struct engine *engine, const struct session *session,
		     enum reason reason);
struct session *session_by_ino(struct engine *engine, uint64_t ino);
struct session *session_by_id(struct engine *engine, uint32_t id);
void session_set_ino(struct engine *engine, struct session *session, uint64_t ino);
/* DATA or GAP of the client's socket. */
void session_client(struct engine *engine, struct session *session, const struct event *event);
void session_answer(struct engine *engine, struct session *session, const struct event *event);
void session_refuse(struct engine *engine, struct session *session, enum reason reason);
/* The connection has ended; `close` is NULL where nothing is known of offsets. Frees it, now or
 * when what was asked is answered. */
void session_end(struct engine *engine, struct session *session, const struct rl_rec *rec,
		 const struct rl_close *close);
void session_free(struct engine *engine, struct session **session);

/* logs.c: one log for each way that applies to a session. */
/* Names the files of each way and asks whether they can be; refuses the session if none can. */
void logs_ask(struct engine *engine, struct session *session, uint64_t time_ns);
/* FACT_LOG: opens the log, or notes why not. True: nothing is asked any more. */
bool logs_answer(struct engine *engine, struct session *session, const struct rl_log *fact);
/* Is there one? */
bool logs_open(const struct engine *engine, const struct session *session);
/* The text inside TLS begins: new files, for the ways that begin them. */
void logs_renew(struct engine *engine, struct session *session, const struct rl_rec *rec,
		const struct rl_tls *where);
/* FACT_WRITE: the log ends there. */
void logs_write_failed(struct engine *engine, struct session *session, const struct event *event);
/* All of them. */
void logs_close(struct engine *engine, struct session *session);

/* files.c: what a session's files are called, and where. */
/* Settles where relative directories begin. */
void files_base(const struct engine *engine, struct session *session);
/* Settles name and directory of one way. REASON_NONE, or why that can't be. */
enum reason files_name(struct engine *engine, struct session *session, uint32_t way,
		       uint64_t time_ns);
void files_place(const struct engine *engine, const struct session *session, uint32_t way,
		 struct log_place *place_r);
/* "HOST:PORT", where this way goes over TCP; NULL: to files. */
const char *files_tcp(const struct engine *engine, const struct session *session, uint32_t way);
/* The log directory as the host has it. */
void files_dir_text(const struct engine *engine, const struct session *session, uint32_t way,
		    struct str *text);
/* A log was opened, or could not be: its number is used up (lib/iostream-rawlog.c). */
void files_count(const struct engine *engine, struct session *session, uint32_t way);

/* delivery.c */
/* Keeps a copy of DATA, GAP or TLS_BEGIN until it can be delivered; false: that is too much. */
bool delivery_hold(struct session *session, const struct rl_rec *rec);
void delivery_drop_held(struct session *session);
/* Drops what is held behind this link. */
void delivery_drop_behind(struct session *session, struct held **end);
/* To the logs: what was held back, as far as it goes without another answer. */
void delivery_held(struct engine *engine, struct session *session);
/* To the logs: one DATA or GAP, with what is missing before it. */
void delivery_event(struct engine *engine, struct session *session, const struct event *event);
/* What is missing in this direction before the offset `end`. */
void delivery_up_to(struct engine *engine, struct session *session, int dir, uint64_t end,
		    uint64_t time_ns);
/* What was lost behind the last byte that came. */
void delivery_tail(struct engine *engine, struct session *session, const struct rl_rec *rec);
/* The logs are to be closed. */
void delivery_end(struct engine *engine, struct session *session);
/* Hands what was formatted to the sink. */
void delivery_flush(struct engine *engine, struct session *session);

#endif
