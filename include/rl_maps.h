/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the kernel side and the loader share besides records: map keys and
 * values, and the constants that are set before the programs are loaded.
 */
#ifndef RL_MAPS_H
#define RL_MAPS_H

#include "rl_abi.h"

#define RL_MAX_PROCS	65536
#define RL_MAX_SOCKETS	65536
#define RL_MAX_SERVICES 32
#define RL_SUFFIX_LEN	24

/* Map `services` (key: comm, zero-padded) and map `procs` (key: tgid). */
struct rl_service_key {
	char comm[RL_COMM_LEN];
};

enum rl_service_flag {
	RL_SERVICE_TLS = 1 << 0,   /* its TLS is looked into: the probes are attached */
	RL_SERVICE_RELAY = 1 << 1, /* what it connects to itself is of interest */
	RL_SERVICE_FRESH = 1 << 2, /* of a process: seen from its beginning */
};

/*
 * The end of a path, at the end of 24 bytes, and which of these bytes count: three comparisons
 * instead of a loop, which the verifier would walk through again and again.
 */
union rl_suffix {
	char text[RL_SUFFIX_LEN];
	__u64 words[RL_SUFFIX_LEN / 8];
};

struct rl_service {
	__u16 role;  /* enum rl_role */
	__u16 flags; /* enum rl_service_flag */
	__u32 pad;
	/* The end of the path of the socket that login requests come in on; mask all 0: none. */
	union rl_suffix login, login_mask;
};

/* What user space decided of a socket. */
enum rl_verdict {
	RL_VERDICT_PENDING = 0,
	RL_VERDICT_RECORD = 1,
	RL_VERDICT_MUTE = 2,
};

/* Map `verdicts` (key: cookie). */
struct rl_decision {
	__u16 verdict; /* enum rl_verdict */
	__u16 role;    /* of the process that it is about: a socket can have moved on meanwhile */
};

/* Map `tails` (key: cookie): where each direction stood when bytes were lost. */
struct rl_tail {
	__u64 end[2];
};

/* What iter/bpf_sk_storage_map prints: one of these for each live socket. */
struct rl_live {
	__u64 cookie;
	__u64 end[2];
};

struct rl_config {
	__u64 ring_size; /* bytes */
	__u64 data_limit; /* bytes in the ring beyond which data is refused: the rest is for control */
	__u64 wakeup_size; /* bytes in the ring that wake the reader */
};

#endif
