/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The records that travel from the kernel to a file.
 *
 * A record in the ring buffer, in a saved stream (--save) and in a test is the
 * same bytes: a struct rl_rec, then the payload that its type names. Fields
 * have a fixed width, padding is explicit and zero, byte order is the host's.
 * Types, classes and reasons are numbered explicitly. New numbers are added at
 * the end; a number that is no longer used is not given away again.
 *
 * "Kernel" below is a program in bpf/, "recorder" is user space beside it. What
 * the recorder finds out about the host (FACT_*, CLOCK) is a record, too: the
 * engine knows the world from records only, so a saved stream replays to the
 * same files elsewhere.
 */
#ifndef RL_ABI_H
#define RL_ABI_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define RL_ABI_VERSION 2

/* X(name, number, payload struct). */
#define RL_RECORD_TYPES(X)                                                                         \
	X(CLOCK, 1, rl_clock)		 /* the wall clock's time */                               \
	X(SETTING, 2, rl_setting)	 /* the recorder's rules */                                \
	X(PROC_EXEC, 3, rl_proc)	 /* a Dovecot process began, or was found running */       \
	X(PROC_EXIT, 4, rl_none)	 /* a Dovecot process ended */                             \
	X(SOCK_OPEN, 5, rl_open)	 /* first operation on a socket of interest */             \
	X(DATA, 6, rl_data)		 /* bytes that were sent or received */                    \
	X(GAP, 7, rl_gap)		 /* bytes that were sent or received and not copied */     \
	X(SOCK_CLOSE, 8, rl_close)	 /* a socket's end, or its handover */                     \
	X(FACT_MASTER, 9, rl_master)	 /* answer: what a master process is */                    \
	X(FACT_LOG, 10, rl_log)		 /* answer: could a log be created? */                     \
	X(FACT_WRITE, 11, rl_write)	 /* what has come of writing a log */                      \
	X(STATS, 12, rl_stats)		 /* the kernel side's counters, at the end */              \
	X(TLS_BEGIN, 13, rl_tls)	 /* a socket's bytes are TLS from here on */               \
	X(FACT_SETTINGS, 14, rl_setting) /* answer: settings of a master's configuration */        \
	X(GROUPS, 15, rl_groups)	 /* supplementary groups of a process */                   \
	X(LINK, 16, rl_link)		 /* whose text a login process passes on */                \
	X(FACT_USERS, 17, rl_setting)	 /* answer: whose sessions were open before */

enum rl_type {
#define X(name, number, payload) RL_##name = number,
	RL_RECORD_TYPES(X)
#undef X
};

/* Direction, as seen by the Dovecot process. */
enum rl_dir { RL_IN = 0, RL_OUT = 1 };

/*
 * What a socket is used for. Decided at its first operation (bpf/classify.bpf.h),
 * and again, unless it is OTHER, when a process of another role takes it over.
 * CLIENT and RELAY are traffic, which is recorded; LOGIN, AUTH and POSTLOGIN are
 * control sockets, which tell whose session it is.
 */
enum rl_class {
	RL_CLASS_NONE = 0,	/* not decided yet; in no record */
	RL_CLASS_CLIENT = 1,	/* accepted inet stream, lmtp's unix stream, or a socketpair end */
	RL_CLASS_LOGIN = 2,	/* .../login/<service>: login requests, at either end */
	RL_CLASS_AUTH = 3,	/* connected to .../auth-master: user lookups */
	RL_CLASS_POSTLOGIN = 4, /* connected to a post-login service */
	RL_CLASS_OTHER = 5,	/* of no interest; in no record */
	RL_CLASS_RELAY = 6,	/* inet stream that the process itself connected: the next server */
};
#define RL_CLASS_MAX RL_CLASS_RELAY

/* Address families: the numbers of <sys/socket.h>, which BPF programs can't include. */
enum rl_family { RL_AF_UNIX = 1, RL_AF_INET = 2, RL_AF_INET6 = 10 };

/* What kind of program a process runs. Which program has which role: services[] in user space. */
enum rl_role {
	RL_ROLE_NONE = 0,
	RL_ROLE_MASTER = 1, /* dovecot run by root: parent of the others; sockets not looked at */
	RL_ROLE_MAIL = 2,   /* serves users who have logged in */
	/* not recorded. PROC_EXEC: of a dovecot that root does not run, or its child; no PROC_EXIT
	 * follows. In map `procs`: user space wants no more of the process than its end */
	RL_ROLE_STRANGER = 3,
	RL_ROLE_LOGIN = 4,    /* serves clients until they have logged in */
	RL_ROLE_DELIVERY = 5, /* accepts mail without a login: lmtp */
};

/* rl_rec.flags; each is followed by the record types that have it. */
enum rl_flag {
	RL_F_MORE = 1 << 0, /* DATA: the next record of the socket continues the same operation */
	RL_F_EOF = 1 << 1,  /* DATA: a receive returned 0, end of file; `size` is 0 */
	/* PROC_EXEC: the process ran before the recorder started. SOCK_OPEN: the socket was open
	 * then; a mail process's client is told of at the start, with no operation on it. */
	RL_F_FOUND = 1 << 2,
	RL_F_CONT = 1 << 3, /* DATA: an earlier record has the beginning of the same operation */
	RL_F_LIVE = 1 << 4, /* SOCK_CLOSE: the socket is still open, the recorder stops */
	RL_F_TLS = 1 << 5,  /* DATA, GAP: plaintext of TLS, with offsets of its own from 0 on */
	/* DATA, GAP: plaintext or TLS ciphertext. The next record of the process decides: it was
	 * ciphertext if that is TLS_BEGIN (user space: tls.c). */
	RL_F_UNDECIDED = 1 << 6,
};

/* Why bytes are missing. X(name, number, text) */
#define RL_GAP_REASONS(X)                                                                          \
	X(RING, 1, "the ring was full")                                                            \
	X(FAULT, 2, "the buffer could not be read")                                                \
	X(SENDFILE, 3, "sent by sendfile or splice")                                               \
	X(CALL, 4, "moved by a system call that is not known")                                     \
	X(BACKLOG, 5, "the file system did not keep up")                                           \
	X(UNSEEN, 6, "passed where no hook is")                                                    \
	X(DOUBT, 7, "they may have come after the login")                                          \
	X(CIPHER, 8, "as TLS, whose text could not be read")                                       \
	X(AWAITED, 9, "too many came before it was known whose they are")                          \
	X(DEFLATE, 10, "compressed, and could not be inflated")

/*
 * The kernel sends FAULT, SENDFILE, CALL and UNSEEN. RING is in no record: a
 * full ring shows as a step in the offsets, and the engine gives it this reason.
 * The engine makes DOUBT (it is not certain that a client had not logged in yet,
 * and its pre-login log ends with the login), CIPHER (whose size is that of the
 * ciphertext), BACKLOG, AWAITED (while the master was being examined), and
 * DEFLATE (whose size is that of the compressed bytes).
 */
enum rl_gap_reason {
#define X(name, number, text) RL_GAP_##name = number,
	RL_GAP_REASONS(X)
#undef X
};

/* The header of every record. */
struct rl_rec {
	__u32 len;   /* of header and payload, bytes; the space that it takes may be larger */
	__u16 type;  /* enum rl_type */
	__u16 flags; /* enum rl_flag */
	/* CLOCK_MONOTONIC, nanoseconds; an answer has that of the record it is due to, but FACT_MASTER and
	 * FACT_SETTINGS, which come late, have their own */
	__u64 time_ns;
	__u32 tgid; /* the process that it is about, as the host numbers it; 0: none */
	__u32 uid;  /* real user id of that process, as the host has it; 0 from the recorder */
	__u32 gid;  /* its real group id, likewise */
	__u32 pad;
	__u64 cookie; /* the socket that it is about (SO_COOKIE); 0: none */
};

/*
 * PROC_EXIT. Kernel, when the main thread of a tracked process exits, or the process executes a
 * program that has no role.
 */
struct rl_none {
	__u8 none[0];
};

/*
 * CLOCK. Recorder: at the start, and when it sees, looking once a second, that
 * the wall clock was set (by 1 ms or more) or the time zone changed.
 */
struct rl_clock {
	__s64 realtime_ns; /* CLOCK_REALTIME at rl_rec.time_ns, nanoseconds since 1970 */
	__s32 utc_offset;  /* seconds east of UTC, for the names of files */
	__u32 pad;
};

#define RL_COMM_LEN 16	/* TASK_COMM_LEN of the kernel, with NUL */
#define RL_PATH_LEN 128 /* of an AF_UNIX address: 108 and NUL; a power of two, to index safely */

/*
 * PROC_EXEC. Kernel: a process executed a program that has a role, as a master
 * or as the child of one. Recorder, with RL_F_FOUND: it was running before.
 * Its PROC_EXIT follows, unless it is a STRANGER.
 */
struct rl_proc {
	__u32 parent_tgid;
	__u16 role; /* enum rl_role */
	__u16 pad;
	char comm[RL_COMM_LEN]; /* the program's name, cut to 15 bytes, NUL-terminated */
};

/* The addresses of an inet socket. Ports are in host byte order; zeroes follow an IPv4 address. */
struct rl_inet {
	__u8 local[16];
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
};

#define RL_GROUPS_MAX 1024 /* the most that a GROUPS record has */

/*
 * GROUPS. Kernel, before a SOCK_OPEN of traffic: the supplementary groups that
 * the process has, if it has some.
 */
struct rl_groups {
	__u32 count; /* that the process has, from 1 on; more than RL_GROUPS_MAX: the others are left out */
	__u32 pad;
	__u32 gids[]; /* as the host numbers them; anything can follow the last one */
};

/*
 * SOCK_OPEN. Kernel, at the first operation on a socket by a process of one
 * role; repeated at the next operation if the ring was full.
 */
struct rl_open {
	__u64 ino;    /* inode number of the socket, as fstat() shows it */
	__u16 class;  /* enum rl_class */
	__u16 family; /* enum rl_family */
	__u16 role;   /* enum rl_role of the process that has the socket now */
	__u16 pad;
	union {
		char path[RL_PATH_LEN]; /* AF_UNIX: own or peer's address, NUL-terminated */
		struct rl_inet inet;	/* AF_INET, AF_INET6 */
	};
};

/*
 * DATA. Kernel: after an operation on a socket, or, with RL_F_TLS, after
 * SSL_read() or SSL_write(). A large operation is several records.
 */
struct rl_data {
	__u64 offset;	  /* of the first byte, counted from 0 in this direction of the socket */
	__u64 passed_ino; /* control sockets: inode of the socket passed along (SCM_RIGHTS); 0: none */
	__u32 size;	  /* bytes that follow; 0 with RL_F_EOF only */
	__u8 dir;	  /* enum rl_dir */
	__u8 class;	  /* enum rl_class */
	__u8 pad[2];
	__u8 bytes[];
};

/* GAP. Kernel: in the place of DATA, for bytes that it could not copy. Without a cookie: text of TLS, and
 * it is not known on which socket; the offset is 0. */
struct rl_gap {
	__u64 offset; /* of the first byte that is missing, as in rl_data */
	__u64 size;   /* bytes */
	__u8 dir;     /* enum rl_dir */
	__u8 class;   /* enum rl_class */
	__u8 reason;  /* enum rl_gap_reason */
	__u8 pad[5];
};

/*
 * SOCK_CLOSE. Kernel: the socket was handed over to a process of another role
 * (rl_rec.tgid). Recorder: the socket is gone (tgid 0), or, with RL_F_LIVE, the
 * recorder stops. If bytes were lost after the last DATA, `end` is beyond it; an
 * end that is not known is 0.
 */
struct rl_close {
	__u64 end[2]; /* by enum rl_dir: bytes that passed */
};

enum rl_master_status {
	RL_MASTER_OK = 0,
	RL_MASTER_GONE = 1,	 /* the same as MISSED, and it was not the instance of --base-dir */
	RL_MASTER_UNTRUSTED = 2, /* not a root-owned dovecot run by root */
	RL_MASTER_VERSION = 3,	 /* a Dovecot version that is not supported */
	RL_MASTER_EXCLUDED = 4,	 /* another instance than --base-dir */
	RL_MASTER_CONTAINER = 5, /* in another pid or user namespace than rawtap */
	RL_MASTER_SILENT = 6,	 /* whoever examines it has no answer */
	RL_MASTER_MISSED = 7,	 /* it ended before it could be examined */
	RL_MASTER_WHOSE = 8,	 /* the same; names of its sockets may tell which it was */
};

#define RL_VERSION_LEN	64
#define RL_BASE_DIR_LEN 256

/* FACT_MASTER. Recorder: answers what the engine asks about the master process rl_rec.tgid. After WHOSE
 * another one follows, if the engine knows names of its sockets. */
struct rl_master {
	__u32 status; /* enum rl_master_status */
	__u32 pad;
	char version[RL_VERSION_LEN];	/* what `dovecot --version` prints; "": not known */
	char base_dir[RL_BASE_DIR_LEN]; /* its working directory; "": not known */
};

/*
 * TLS_BEGIN. Kernel, when Dovecot hands received bytes to OpenSSL for the first
 * time. The plaintext is numbered from 0 in both directions from here on.
 * Without a cookie: a process made an SSL object, and freed it before it was
 * known whose socket it is on; the fields are 0.
 */
struct rl_tls {
	__u64 offset;  /* where TLS begins in the socket's RL_IN direction */
	__u64 out_end; /* where the plaintext before it ends in RL_OUT; 0: not known */
};

/*
 * LINK. Kernel: the client that a mail process was asked to take over is the one
 * on the socket rl_rec.cookie.
 *
 * Of a login process that does TLS, when it passes on bytes from the mail
 * process; the cookie is 0 if it is not known. Some of the first times only, not
 * necessarily once. `end` counts the text: what it says can have come after the
 * login.
 *
 * Of a client whose own socket is passed along: before the login request, and
 * only if records of the client's were lost.
 */
struct rl_link {
	__u64 ino;    /* of the socket that was passed: the client's, or one end of a socketpair */
	__u64 end[2]; /* by enum rl_dir: bytes that had passed when records were lost last, or 0 */
};

enum rl_log_status {
	RL_LOG_OPENED = 0,
	RL_LOG_MISSING = 1,	  /* the directory doesn't exist */
	RL_LOG_NOT_DIR = 2,	  /* it is not one (for --rawlog, a symbolic link is not) */
	RL_LOG_LSTAT_FAILED = 3,  /* it could not be examined: see `error` */
	RL_LOG_CREATE_FAILED = 4, /* the files could not be created: see `error` */
	RL_LOG_LATE = 5,	  /* no answer yet; one of the others follows */
};

/* Why a log fails or ends, beside the errno of its file: no errno is that large. X(name, number, text) */
#define RL_ERRORS(X)                                                                               \
	X(LATE, 10001, "the file system did not answer in time")                                   \
	X(BEHIND, 10002, "too much waits for file systems that do not keep up")                    \
	X(WRITER, 10003, "the process that writes logs has ended")

enum rl_error {
#define X(name, number, text) RL_ERROR_##name = number,
	RL_ERRORS(X)
#undef X
};

/* FACT_LOG. Recorder: whether the files that the engine asked for could be created. */
struct rl_log {
	__u32 session; /* number of the session in this stream, from 1 */
	__u32 rule;    /* which of the rules in SETTING the log is for, from 0 */
	__u32 status;  /* enum rl_log_status */
	__u32 error;   /* errno, or enum rl_error */
	__u32 serial;  /* 1: the documented name; N > 1: that was taken, -N is appended */
	__u32 pad;
};

enum rl_write_status {
	RL_WRITE_ENDED = 0,   /* the log ends at these sizes; `error` 0: all is in the files */
	RL_WRITE_BEHIND = 1,  /* too much waits to be written: what comes now has to be dropped */
	RL_WRITE_GOES_ON = 2, /* that is over */
};

/* FACT_WRITE. Recorder: what has come of writing a log. */
struct rl_write {
	__u32 session; /* as in rl_log */
	__u32 rule;    /* as in rl_log */
	__u32 error;   /* errno, or enum rl_error; ENDED */
	__u16 status;  /* enum rl_write_status */
	__u16 turn; /* 0: the session's first log for this rule; 1: the next one, after TLS began */
	__u64 size[2]; /* by file: bytes that have been written */
};

/*
 * SETTING. Recorder, the first record of a stream: its own rules, as words.
 * FACT_SETTINGS. Recorder, before the FACT_MASTER of the same rl_rec.tgid:
 * settings that directories and names of logs depend on; a name, its value, and
 * so on. PROTOCOL:NAME is what protocol { } says otherwise. Besides Dovecot's:
 * `system_hostname`, this host's; `unread`, the names of those that could not be
 * read; and `zone`, not empty if import_environment sets a TZ. Its offset from
 * UTC in seconds, and each change: "3600 1774746000=7200 ...", with
 * the time, in seconds since 1970, from which on it counts.
 * FACT_USERS. Recorder, of the master rl_rec.tgid, once it has looked: who uses mail
 * processes that were found running. Names and values, too: `listen`, a TCP port
 * that somebody listens on, in the master's network namespace; `user`, a session:
 * "PID TAB IP TAB ", then name and fields as auth-master's answer has them after
 * "USER ID TAB"; `error`, why this may not be all.
 */
struct rl_setting {
	__u32 size; /* of `text`, bytes */
	__u32 pad;
	char text[]; /* each word ends with NUL */
};

/* X(field, text) */
#define RL_COUNTERS(X)                                                                             \
	X(operations, "socket operations of Dovecot processes seen")                               \
	X(muted, "of them skipped by a verdict")                                                   \
	X(verdicts, "sockets given the verdict 'not recorded'")                                    \
	X(records, "records written to the ring")                                                  \
	X(lost_records, "records lost: the ring was full")                                         \
	X(lost_bytes, "bytes lost: the ring was full")                                             \
	X(lost_control, "handshake and process records lost")                                      \
	X(faults, "buffers that could not be read")                                                \
	X(map_full, "map updates refused")                                                         \
	X(missed, "operations that may be missing: all programs for them were busy")               \
	X(tls_unknown, "TLS bytes whose connection is not known")

/*
 * STATS. Recorder, at the end: the sums over all CPUs.
 */
struct rl_stats {
#define X(field, text) __u64 field;
	RL_COUNTERS(X)
#undef X
};

_Static_assert(sizeof(struct rl_rec) == 40, "struct rl_rec");
_Static_assert(sizeof(struct rl_data) == 24, "struct rl_data");
_Static_assert(sizeof(struct rl_gap) == 24, "struct rl_gap");
_Static_assert(sizeof(struct rl_open) == 144, "struct rl_open");
_Static_assert(sizeof(struct rl_proc) == 24, "struct rl_proc");
_Static_assert(sizeof(struct rl_groups) == 8, "struct rl_groups");
_Static_assert(sizeof(struct rl_master) == 328, "struct rl_master");

#endif
