/* SPDX-License-Identifier: MIT */
/*
 * What the engine knows: masters, processes, sockets, sessions. Owned by the
 * engine, seen by its files alone. Each struct, and each part of one, names the
 * file that writes it; all may read it.
 *
 * A connection is keyed by its socket (inode, cookie), never by descriptor or
 * pid: one process may serve many, one after another or at once.
 */
#ifndef MODEL_H
#define MODEL_H

#include "base/mem.h" /* before uthash: its allocations */

#include <uthash.h>
#include <utlist.h>

#include "compress/compress.h"
#include "records/event.h"
#include "engine/held.h"
#include "dovecot/auth_lines.h"
#include "dovecot/login_request.h"
#include "dovecot/multiplex.h"
#include "dovecot/release.h"
#include "rawlog/rawlog.h"
#include "redact/redact.h"
#include "rules/rules.h"
#include "dovecot/service.h"
#include "engine/world.h"

/* trial.c: are a master's logins read by the layout of another release, as its own is not known? */
enum trial { TRIAL_NONE, TRIAL_ON, TRIAL_FAILED };

/* found.c: does somebody find out who uses its mail processes? The answer has come: no more is asked. */
enum master_users { USERS_UNKNOWN, USERS_ASKED, USERS_TOLD };

/* process.c */
struct master {
	uint32_t tgid;
	bool known; /* its FACT_MASTER has come; the settings can be there before it */
	enum rl_master_status status;
	const struct release *release; /* NULL: not known */
	enum trial trial;	       /* trial.c */
	bool examined;		       /* else it may have been one that is recorded */
	enum master_users users;       /* found.c */
	char base_dir[RL_BASE_DIR_LEN];
	struct str settings; /* NAME, NUL, VALUE, NUL, ...: as FACT_SETTINGS has them */
	unsigned int procs;  /* that refer to it */
	bool ended;	     /* not in the table any more; kept for these */
	UT_hash_handle hh;
};

/* awaited.c: what has to wait until it is known who a master is. */
struct awaited {
	uint32_t asked; /* this one; 0: the answer has come, and the held records are taken */
	struct held_queue held;
	bool full; /* bytes become gaps */
	struct awaited_id *ids;
	struct awaited *prev, *next;
};

/* awaited.c: a process or a socket that has records in such a queue. What follows has to wait, too. */
struct awaited_id {
	uint64_t id;	 /* a cookie, or what stands for a tgid */
	uint32_t parent; /* of a process, while base_dirs_of() looks through the queue */
	struct awaited *awaited;
	struct held *gaps[2]; /* by enum rl_dir, of a socket: its last record, if that can grow */
	struct awaited_id *prev, *next;
	UT_hash_handle hh;
};

/* process.c; members that name another file: that one. */
struct proc {
	uint32_t tgid;
	struct master *master; /* NULL: nobody knows who it is */
	const struct service *service;
	bool found;	       /* was running before rawtap started */
	uint32_t *groups;      /* supplementary, while it ran as groups_uid; owned */
	uint32_t groups_count; /* 0: not known */
	uint32_t groups_uid;
	struct session *sessions; /* session.c */
	bool lost_login;	  /* handshake.c: a login request to it was not understood */
	bool ignored;		  /* engine.c: reported as not recorded, because of its master */
	struct found_user *users; /* found.c */
	unsigned int left;    /* found.c: mail sessions that ended while somebody found that out */
	struct doubt *doubts; /* handover.c */
	uint32_t rawlogs;     /* log_place.c: logs that had a number in their name, so far */
	struct sock *undecided; /* tls.c: the socket of its last record, if that can be TLS */
	UT_hash_handle hh;
};

/* found.c: a session that a process has had since before the recorder started. */
struct found_user {
	struct userdb_user user;
	struct ip_addr ip; /* as Dovecot has it */
	bool known;	   /* which session that is */
	struct found_user *prev, *next;
};

/* handover.c: a login request, while it is not known which client of the login process it is about. */
struct doubt {
	uint32_t tag;	    /* of the request */
	uint64_t ino;	    /* of the socket that was passed along */
	uint64_t sock;	    /* cookie of the one that the request was made over */
	uint64_t time_ns;   /* of the request, monotonic */
	bool taken;	    /* the mail process has answered that it takes the client over */
	uint32_t *sessions; /* ids: one of these, or a client without a session; owned */
	unsigned int count;
	struct doubt *prev, *next;
};

/*
 * The states of a mail session. Sessions of other traffic begin with READY; one that was open before
 * the recorder started with FOUND, after which ASKED follows.
 *
 *  LOGIN -REQUEST-> LOOKUP -USER-> READY <-> SCRIPT     what comes for the client
 *                                    |                  meanwhile is held
 *           first byte, or the end   v
 *                                  ASKED -FACT_LOG-> RECORDING
 *                                    ^                   |
 *                                    +- TLS: new files --+
 *
 *  REFUSED is reached from any: from RECORDING only where TLS wants new files, and none can be had.
 *  ENDED follows on each when the connection has ended, until FACT_WRITE has told of all logs.
 */
enum session_state {
	SESSION_LOGIN,	   /* the login request came */
	SESSION_FOUND,	   /* it was open before: somebody finds out whose it is */
	SESSION_LOOKUP,	   /* the mail process asks who the user is */
	SESSION_SCRIPT,	   /* the post-login service decides */
	SESSION_READY,	   /* the user is known */
	SESSION_ASKED,	   /* the sink was asked to create the logs */
	SESSION_RECORDING, /* logs are open */
	SESSION_REFUSED,   /* `reason` says why */
	SESSION_ENDED,	   /* the last bytes of its logs are being written */
};

/* identity.c: whose session it is. */
struct identity {
	struct login_request login; /* a session without a login request: only the addresses */
	char session_id[SESSION_ID_LEN];
	struct userdb_user user;
	uint32_t proc_uid, proc_gid; /* of the mail process when the user was looked up */
};

/* log_place.c: what the logs are called, and where they are. */
struct log_names {
	struct {
		char *name; /* of the file or files; NULL: not known yet */
		char *dir;  /* expanded; NULL: not known yet, or the mode's own below the home */
	} log[RULES_MAX];   /* by the number of their rule */
	char *base;	    /* where relative directories begin; NULL: not known */
	bool base_failed;   /* mail_home says where, but could not be expanded */
	uint32_t rawlogs;   /* proc->rawlogs, for when the process has ended */
};

/* session_logs.c: one log. delivery.c writes to it through rawlog.h. */
struct session_log {
	struct rawlog rawlog;
	uint32_t rule;
	uint32_t turn;			 /* as in struct rl_write */
	char *name;			 /* as in struct log_names, when it was opened */
	struct session_log *prev, *next; /* among the ending ones */
};

/* session_logs.c */
struct session_logs {
	struct session_log *open[RULES_MAX]; /* by the number of their rule; NULL: there is none */
	struct session_log *ending;	     /* what has come of them is to be told: FACT_WRITE */
	uint32_t turn;			     /* of those that are asked for now */
	bool whole[2][2]; /* by turn and enum rl_dir: a log that has ended has all of its bytes */
	uint32_t asked;	  /* rules whose FACT_LOG has not come yet, a bit each */
	uint32_t late; /* of these: it takes long, so it is taken for granted that they are there */
	uint32_t refused; /* rules that got no log, a bit each; since the last session_logs_ask() */
	struct {
		enum reason reason;
		int error; /* errno, where the reason has one; 0: none */
	} why[RULES_MAX];  /* by the number of the rule, if `refused` has it */
};

/* delivery.c: how far the bytes have got on their way to the logs. */
struct delivery {
	struct str input; /* pipelined: came with the login request, before the first byte */
	uint64_t input_time_ns;
	bool input_delivered;
	uint64_t next[2];	   /* the offset that is expected next, by direction */
	uint64_t stripped;	   /* the first bytes of RL_IN, which no log gets: a PROXY header */
	struct redact *redact;	   /* NULL: nothing is replaced */
	struct compress *compress; /* NULL: nothing has come yet, or it can't be compressed */
	struct multiplex multiplex; /* of RL_OUT, if login.multiplex */
	bool dirty; /* in the list engine->dirty: the sink does not have all bytes yet */
	struct session *dirty_prev, *dirty_next;
};

/* session.c: a login process has asked a mail process to take its client over, or may have. */
struct handover {
	bool pending;	     /* it has */
	bool linked;	     /* RL_LINK has come: how much was said by then, is in session->end */
	bool taken;	     /* it was taken over; what comes now is not for the log */
	uint32_t tag;	     /* of the request */
	unsigned int doubts; /* so many requests may have been about this client */
	struct held_queue held; /* what came since; it is for the log only if the handover fails */
};

/* One connection as it is recorded; a mail session: from the login on. session.c; parts whose types
 * name another file: that one. */
struct session {
	uint32_t id; /* counts from 1 */
	enum traffic traffic;
	const struct service *service;
	const struct release *release; /* of its Dovecot */
	uint32_t tgid;
	struct proc *proc;	     /* NULL: it has ended */
	struct session *prev, *next; /* of the same process */
	uint64_t ino;		     /* of the client's socket; 0: not known */
	struct sock *sock;	     /* NULL: no operation yet, or closed */
	bool seen;		     /* it had a socket */
	bool found;		     /* it was open before the recorder started */

	enum session_state state;
	enum reason reason;
	bool counted;		     /* in the summary */
	uint32_t lookup_id;	     /* of the question who the user is */
	bool tls;		     /* records of the text inside TLS count */
	struct gap_record unread[2]; /* by enum rl_dir: ciphertext whose text does not come */
	struct held_queue held;
	uint64_t held_for_logs;	   /* FOUND, ASKED: bytes held since, until there was no room; */
	struct gap_record late[2]; /* then, by enum rl_dir: what has come, and was dropped */
	bool put_off;		   /* ASKED: it has not asked yet, as the names depend on others */
	uint64_t asked_ns;	   /* ASKED: when it did, or will have done; monotonic */
	struct handover handover;
	bool ended; /* the connection has ended; in ASKED the session waits for its answers */
	struct rl_close end;	       /* the last offsets, from SOCK_CLOSE or RL_LINK */
	enum rl_gap_reason end_reason; /* why bytes before that are missing, if some are */
	bool end_live;		       /* the connection goes on, the recording does not */

	struct identity who;
	struct log_names names;
	struct session_logs logs;
	struct delivery delivery;
	UT_hash_handle by_id, by_ino;
};

/* handshake.c: the login requests and answers on one socket. */
struct login_reader {
	struct str bytes;
	bool has_head;
	struct login_request head;
	/* of a login process's own: */
	unsigned int unanswered; /* requests, lost ones included */
	struct str reply;	 /* part of an answer */
	bool reply_lost;
};

#define STARTTLS_LEN 10 /* "STARTTLS\r\n" */

/* tls.c: which of the socket's bytes are TLS. */
struct sock_tls {
	bool begun;
	bool given_up; /* TLS had begun, but no text came; SOCK_CLOSE counts the bytes before TLS */
	bool awaited; /* the undecided bytes look like a handshake; the other side's answer tells */
	bool unread;  /* it is TLS, of which the text does not come */
	char last[STARTTLS_LEN]; /* the client's last plaintext bytes */
	struct held_queue undecided;
};

/* proxy_strip.c: the header of the PROXY protocol. */
struct sock_proxy {
	bool done;	   /* what comes now is the session's own */
	struct str header; /* a DATA record that grows, as long as it can be a header */
};

/* engine.c; members that name another file, or whose types do: that one. */
struct sock {
	uint64_t cookie, ino;
	uint32_t tgid;
	enum rl_class class
		;	 /* NONE: its SOCK_OPEN has not come; OTHER: its process is not recorded */
	uint64_t strays; /* NONE: bytes that have come so far */
	struct rl_inet inet;	 /* CLIENT, RELAY; zeroes for RL_AF_UNIX */
	uint16_t family, role;	 /* enum rl_role of its process; 0: its SOCK_OPEN has not come */
	struct session *session; /* session.c; CLIENT, RELAY: the one that it belongs to */
	struct sock_tls tls;
	struct sock_proxy proxy;
	uint64_t next[2];	     /* handshake.c: the offset that is expected next */
	uint32_t script_session;     /* handshake.c; POSTLOGIN: the id of the one that it decides */
	struct login_reader login;   /* LOGIN */
	struct line_reader lines[2]; /* handshake.c; AUTH, POSTLOGIN */
	UT_hash_handle hh;
};

#define UNTRUSTED_TOLD 10

/* engine.c; members that name another file: that one. */
struct engine {
	const struct rules *rules;
	struct sink *sink;
	struct engine_world world;
	struct engine_summary summary; /* each counter: the file that sees the event */
	int64_t realtime_offset_ns;    /* realtime minus monotonic */
	int32_t utc_offset;	       /* seconds east of UTC */
	uint64_t last_ns;	       /* of the last record, monotonic */
	struct master *masters;	       /* process.c, and the next one */
	struct proc *procs;
	struct sock *socks;
	uint32_t sessions_seen; /* session.c, and the next three */
	struct session *sessions_by_id, *sessions_by_ino;
	uint64_t held_for_logs;	  /* of all sessions, bytes */
	struct session *dirty;	  /* delivery.c */
	unsigned int stray_socks; /* sockets of class NONE */
	unsigned int undecided;	  /* tls.c: processes with an undecided socket */
	struct awaited *awaited;  /* awaited.c, and the next three */
	struct awaited_id *awaited_ids;
	uint64_t awaited_size;	      /* of all that is held, in bytes */
	bool awaited_ended;	      /* no answer comes any more */
	unsigned int untrusted_count; /* process.c, and the next one: masters that were warned of */
	uint32_t untrusted[UNTRUSTED_TOLD];
	bool groups_told; /* process.c: that a process has too many of them */
};

/* These three return NULL if it is not known. They stay the engine's. */
struct master *master_find(const struct engine *engine, uint32_t tgid);
struct proc *proc_find(const struct engine *engine, uint32_t tgid);
struct sock *sock_find(const struct engine *engine, uint64_t cookie);
/* The release of its Dovecot; NULL: its master is not recorded. */
const struct release *proc_release(const struct proc *proc);
/* A setting of the process's master, as it is for its protocol, from FACT_SETTINGS; NULL: not in it. `proc`
 * can be NULL. */
const char *proc_setting(const struct proc *proc, const char *name);

/* A record's monotonic time as wall clock time, nanoseconds. */
int64_t engine_realtime(const struct engine *engine, uint64_t time_ns);
/* Counts input that can't be right, and logs the first few: what it is, and of which process (0:
 * none is known). */
void engine_malformed(struct engine *engine, const char *what, uint32_t tgid);
/* Tells the kernel side whether the socket is recorded. Does nothing if `sock` is NULL. */
void engine_verdict(const struct engine *engine, const struct sock *sock, bool record);

#endif
