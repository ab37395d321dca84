/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the kernel side and the recorder share besides records: keys and values
 * of maps, and the constants that are set before the programs are loaded. The
 * maps are defined in bpf/maps.bpf.h.
 */
#ifndef RL_MAPS_H
#define RL_MAPS_H

#include "rl_abi.h"

#define RL_MAX_PROCS 65536 /* Dovecot processes at a time */
#ifndef RL_MAX_SOCKETS
#define RL_MAX_SOCKETS 65536 /* their sockets, and their SSL objects */
#endif
#define RL_MAX_SERVICES 32 /* rows of services[] */
#define RL_SUFFIX_LEN	24 /* bytes of a path's end that are compared */

/* Key of map `services`: a program's name, padded with zeroes. */
struct rl_service_key {
	char comm[RL_COMM_LEN];
};

enum rl_service_flag {
	RL_SERVICE_TLS = 1 << 0,   /* its TLS is probed for the plaintext (at_tls.bpf.c) */
	RL_SERVICE_RELAY = 1 << 1, /* TCP connections that it makes are of interest: RELAY */
	RL_SERVICE_FRESH = 1 << 2, /* in `procs`: the process has been seen since its exec */
	RL_SERVICE_SELF = 1 << 3,  /* in `procs`: the recorder, for struct rl_copies */
};

/*
 * The last bytes of a path, aligned to the end of 24 bytes, or which of these
 * bytes count (0xff). Three comparisons of words instead of a loop over bytes,
 * each round of which the verifier would have to walk through.
 */
union rl_suffix {
	char text[RL_SUFFIX_LEN];
	__u64 words[RL_SUFFIX_LEN / 8];
};

/* So many programs each hook has at most, which do the same: bpf/copies.bpf.h. */
#define RL_COPIES 3

/* In which order the kernel runs them. Found out by user space, from what a socket of its own shows. */
struct rl_copies {
	__u16 place[RL_COPIES]; /* by copy, from RL_COPIES down to 1; 0: it does nothing yet */
	__u16 order[RL_COPIES]; /* by copy: 1 the one that has run first for RL_SERVICE_SELF */
	__u16 runs;		/* how many have */
};

/* A process's last operation on a socket: is the next run of a program about it? bpf/copies.bpf.h. */
struct rl_last {
	__u64 sk;      /* the socket's address in the kernel */
	__s32 ret;     /* what the operation returned */
	__u8 dir;      /* enum rl_dir */
	__u8 place;    /* of the copy that ran last */
	__u8 left_out; /* for a test: how many runs in a row were left out */
	__u8 pad;
};

/* Value of map `services` (set by the recorder at the start) and of map `procs` (key: tgid). */
struct rl_service {
	__u16 role;    /* enum rl_role */
	__u16 flags;   /* enum rl_service_flag */
	__u32 exec_id; /* in `procs`: the kernel's number of the process's exec; 0: not seen */
	__u64 begun_ns; /* in `procs`: when it was forked or executed this, CLOCK_MONOTONIC; 0: before */
	struct rl_last last; /* in `procs` */
	/* The end of the path of the socket that login requests pass; mask all 0: there is none. */
	union rl_suffix login, login_mask;
};

/* Whether a socket is recorded. PENDING until the recorder has decided; records are sent then. */
enum rl_verdict {
	RL_VERDICT_PENDING = 0,
	RL_VERDICT_RECORD = 1,
	RL_VERDICT_MUTE = 2, /* no more DATA and GAP records */
};

/* Value of map `verdicts` (key: cookie): a decision that the programs have not seen yet. */
struct rl_decision {
	__u16 verdict; /* enum rl_verdict */
	__u16 role; /* enum rl_role of the process that it is about; of no effect after a handover */
};

/* Value of map `tails` (key: cookie): where both directions stood when records were lost last. */
struct rl_tail {
	__u64 end[2]; /* by enum rl_dir: bytes that had passed */
};

/* Value of map `announced_socks` (key: cookie). */
struct rl_announced {
	__u64 sk;     /* the kernel's address of it */
	__u64 end[2]; /* by enum rl_dir: bytes that have passed, from iter__sockets; 0 for TLS */
};

/* What user space asks ask__sockets, and is told. */
struct rl_asked {
	__u64 cookie;
	__u32 answer; /* enum rl_answer */
	__u32 pad;
};

enum rl_answer {
	RL_ANSWER_OPEN = 0,
	RL_ANSWER_GONE = 1,    /* nobody has it open any more */
	RL_ANSWER_UNKNOWN = 2, /* it is not in `announced_socks`, which was full: see `map_full` */
};

#define RL_ASKED_MAX 4096 /* at a time */

/* Constants of the programs, set by the recorder before loading. */
struct rl_config {
	__u64 ring_size; /* of the ring buffer, bytes */
	__u64 data_limit; /* fill level up to which traffic is taken, bytes; the rest is for control */
	__u64 wakeup_size; /* fill level at which the reader is woken, bytes */
	__u32 copies;	   /* of each program that are loaded: 1, or RL_COPIES */
	__u32 all_copies;  /* for a test: they all are, whatever the kernel */
};

#endif
