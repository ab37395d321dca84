/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The records that travel from the kernel to a file.
 *
 * A record in the ring, in a saved stream (--save) and in a test is the same
 * bytes: a struct rl_rec, then the payload that its type names. Fixed-width
 * fields, explicit padding, host byte order. Types, classes and reasons are
 * numbered explicitly and append-only: a retired number stays a hole.
 */
#ifndef RL_ABI_H
#define RL_ABI_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define RL_ABI_VERSION 1

/* X(name, number, payload struct). */
#define RL_RECORD_TYPES(X)                                                                         \
	X(CLOCK, 1, rl_clock)	     /* realtime of a monotonic instant */                         \
	X(SETTING, 2, rl_setting)    /* the rules that the recorder ran with */                    \
	X(PROC_EXEC, 3, rl_proc)     /* a Dovecot process: executed, or found running */           \
	X(PROC_EXIT, 4, rl_none)     /* a Dovecot process ended */                                 \
	X(SOCK_OPEN, 5, rl_open)     /* first operation on a socket of interest */                 \
	X(DATA, 6, rl_data)	     /* bytes moved */                                             \
	X(GAP, 7, rl_gap)	     /* bytes moved that the kernel side could not copy */         \
	X(SOCK_CLOSE, 8, rl_close)   /* the socket is gone; its final offsets */                   \
	X(FACT_MASTER, 9, rl_master) /* what is known of a Dovecot master process */               \
	X(FACT_LOG, 10, rl_log)	     /* how the opening of a log went */                           \
	X(FACT_WRITE, 11, rl_write)  /* a log was given up: why */                                 \
	X(STATS, 12, rl_stats)	     /* the kernel side's counters at the end */                   \
	X(TLS_BEGIN, 13, rl_tls) /* the socket carries TLS; the text inside comes with RL_F_TLS */ \
	X(FACT_SETTINGS, 14, rl_setting) /* those of a master that directories depend on */        \
	X(GROUPS, 15, rl_groups) /* the process has supplementary groups; before a SOCK_OPEN */

enum rl_type {
#define X(name, number, payload) RL_##name = number,
	RL_RECORD_TYPES(X)
#undef X
};

/* Direction as seen by the Dovecot process. */
enum rl_dir { RL_IN = 0, RL_OUT = 1 };

/* What a socket of a tracked process is; decided once, at its first operation. */
enum rl_class {
	RL_CLASS_NONE = 0,
	RL_CLASS_CLIENT = 1,	/* accepted inet stream, lmtp's unix stream, or a socketpair end */
	RL_CLASS_LOGIN = 2,	/* .../login/<service>: login requests, at either end */
	RL_CLASS_AUTH = 3,	/* connected to .../auth-master: user lookups */
	RL_CLASS_POSTLOGIN = 4, /* connected to a post-login service */
	RL_CLASS_OTHER = 5,	/* of no interest */
	RL_CLASS_RELAY = 6,	/* inet stream that the process itself connected: the next server */
};
#define RL_CLASS_MAX RL_CLASS_RELAY

/* Address families, as in <sys/socket.h>, which the kernel side has not. */
enum rl_family { RL_AF_UNIX = 1, RL_AF_INET = 2, RL_AF_INET6 = 10 };

/* What a process is to the kernel side. */
enum rl_role {
	RL_ROLE_NONE = 0,
	RL_ROLE_MASTER = 1,   /* parent of the others; its sockets are not read */
	RL_ROLE_MAIL = 2,     /* serves logged-in users */
	RL_ROLE_STRANGER = 3, /* called as a master is, and not run by root */
	RL_ROLE_LOGIN = 4,    /* serves clients until they are logged in */
	RL_ROLE_DELIVERY = 5, /* takes mail without a login: lmtp */
};

enum rl_flag {
	RL_F_MORE = 1 << 0, /* DATA: the same system call's bytes go on in the next record */
	RL_F_EOF = 1 << 1,  /* DATA: a read returned 0 */
	/* PROC_EXEC, SOCK_OPEN of others than mail processes: was there when rawtap started */
	RL_F_FOUND = 1 << 2,
	RL_F_CONT = 1 << 3, /* DATA: the same system call's bytes began in an earlier record */
	RL_F_LIVE = 1 << 4, /* SOCK_CLOSE: the socket is still there, the recorder stops */
	RL_F_TLS = 1 << 5,  /* DATA, GAP: the text inside TLS, with offsets of its own */
	/* DATA, GAP: this may be TLS already: the next record of the process tells (TLS_BEGIN) */
	RL_F_UNDECIDED = 1 << 6,
};

/* Why bytes are missing. X(name, number, text) */
#define RL_GAP_REASONS(X)                                                                          \
	X(RING, 1, "the ring was full")                                                            \
	X(FAULT, 2, "the buffer could not be read")                                                \
	X(SENDFILE, 3, "sent by sendfile or splice")                                               \
	X(CALL, 4, "moved by a system call that is not known")                                     \
	X(BACKLOG, 5, "held back for too long")                                                    \
	X(UNSEEN, 6, "passed where no hook is")

enum rl_gap_reason {
#define X(name, number, text) RL_GAP_##name = number,
	RL_GAP_REASONS(X)
#undef X
};

/* Times are CLOCK_MONOTONIC nanoseconds. uid and gid are the real ones. */
struct rl_rec {
	__u32 len; /* this header and the payload, bytes */
	__u16 type;
	__u16 flags;
	__u64 time_ns;
	__u32 tgid;
	__u32 uid;
	__u32 gid;
	__u32 pad;
	__u64 cookie; /* of the socket (SO_COOKIE), 0: none */
};

struct rl_none {
	__u8 none[0];
};

struct rl_clock {
	__s64 realtime_ns; /* CLOCK_REALTIME at rl_rec.time_ns */
	__s32 utc_offset;  /* seconds east of UTC, for the names of files */
	__u32 pad;
};

#define RL_COMM_LEN 16
#define RL_PATH_LEN 128 /* of an AF_UNIX address: 108 and NUL; a power of two, to index safely */

struct rl_proc {
	__u32 parent_tgid;
	__u16 role;
	__u16 pad;
	char comm[RL_COMM_LEN];
};

/* The addresses of an inet socket: ports in host order, zeroes behind an IPv4 address. */
struct rl_inet {
	__u8 local[16];
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
};

#define RL_GROUPS_MAX 32 /* a process with more of them is not told of */

struct rl_groups {
	__u32 count;
	__u32 pad;
	__u32 gids[RL_GROUPS_MAX];
};

struct rl_open {
	__u64 ino; /* of the socket, as fstat() shows it */
	__u16 class;
	__u16 family; /* enum rl_family */
	__u16 role;   /* enum rl_role of the process that it belongs to now */
	__u16 pad;
	union {
		char path[RL_PATH_LEN]; /* AF_UNIX: own or the peer's address, NUL-terminated */
		struct rl_inet inet;	/* AF_INET, AF_INET6 */
	};
};

struct rl_data {
	__u64 offset;	  /* of the first byte in this direction of the socket */
	__u64 passed_ino; /* inode of the socket that was passed along (SCM_RIGHTS), 0: none */
	__u32 size;	  /* bytes that follow */
	__u8 dir;
	__u8 class;
	__u8 pad[2];
	__u8 bytes[];
};

struct rl_gap {
	__u64 offset;
	__u64 size;
	__u8 dir;
	__u8 class;
	__u8 reason; /* enum rl_gap_reason */
	__u8 pad[5];
};

struct rl_close {
	__u64 end[2]; /* bytes that passed in each direction */
};

enum rl_master_status {
	RL_MASTER_OK = 0,
	RL_MASTER_GONE = 1,	 /* ended before it could be looked at */
	RL_MASTER_UNTRUSTED = 2, /* not a root-owned dovecot run by root */
	RL_MASTER_VERSION = 3,	 /* a version that is not known */
	RL_MASTER_EXCLUDED = 4,	 /* another instance than --base-dir */
	RL_MASTER_CONTAINER = 5, /* in another pid or user namespace than rawtap */
};

#define RL_VERSION_LEN	64
#define RL_BASE_DIR_LEN 256

/* rl_rec.tgid is the master's. */
struct rl_master {
	__u32 status; /* enum rl_master_status */
	__u32 pad;
	char version[RL_VERSION_LEN];
	char base_dir[RL_BASE_DIR_LEN];
};

/*
 * The text inside TLS is numbered from 0, in both directions. Without a cookie: a process was ready
 * for TLS, and gave up before the other side answered.
 */
struct rl_tls {
	__u64 offset;  /* of the socket's RL_IN direction, where TLS begins */
	__u64 out_end; /* of its RL_OUT direction, what came before; 0: not known */
};

enum rl_log_status {
	RL_LOG_OPENED = 0,
	RL_LOG_MISSING = 1,	  /* the directory doesn't exist */
	RL_LOG_NOT_DIR = 2,	  /* it is not a directory (a symbolic link is not) */
	RL_LOG_LSTAT_FAILED = 3,  /* error says why */
	RL_LOG_CREATE_FAILED = 4, /* error says why */
};

/* `session` counts the login requests in the stream from 1; `way` the ways of the rules from 0. */
struct rl_log {
	__u32 session;
	__u32 way;
	__u32 status; /* enum rl_log_status */
	__u32 error;  /* errno */
	__u32 serial; /* 1: the name as documented; N > 1: with -N behind it */
	__u32 pad;
};

struct rl_write {
	__u32 session;
	__u32 way;
	__u32 error; /* errno */
	__u32 pad;
	__u64 size[2]; /* what the files hold, bytes */
};

/*
 * SETTING: the recorder's own rules, NUL-terminated words. FACT_SETTINGS: names and values by turns,
 * each NUL-terminated; rl_rec.tgid is the master's; it follows its FACT_MASTER.
 */
struct rl_setting {
	__u32 size;
	__u32 pad;
	char text[];
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
	X(missed, "program runs that the kernel left out")                                         \
	X(tls_unknown, "TLS bytes whose connection is not known")

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
_Static_assert(sizeof(struct rl_groups) == 136, "struct rl_groups");
_Static_assert(sizeof(struct rl_master) == 328, "struct rl_master");

#endif
