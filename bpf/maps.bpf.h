/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every map: declared here, defined once in maps.bpf.c (each door is an object
 * of its own, and the objects are linked into one).
 */
#ifndef RL_MAPS_BPF_H
#define RL_MAPS_BPF_H

#include "rl.bpf.h"

#ifndef RL_MAP
#define RL_MAP extern
#endif

/* What is known of a socket; lives and dies with the socket itself. */
struct sock_state {
	__u64 cookie;
	__u64 offset[2]; /* bytes that passed, by enum rl_dir */
	__u32 class;	 /* enum rl_class */
	__u32 verdict;	 /* enum rl_verdict */
	__u32 announced; /* its SOCK_OPEN is in the ring */
	__u32 eof;	 /* its end-of-file is in the ring */
};

struct map_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* the loader sets the size */
};

struct map_socks {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct sock_state);
};

struct map_procs {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_PROCS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct rl_service);
};

struct map_services {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_SERVICES);
	__type(key, struct rl_service_key);
	__type(value, struct rl_service);
};

struct map_verdicts {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_SOCKETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u32);
};

struct map_tails {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_SOCKETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct rl_tail);
};

struct map_stats {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rl_stats);
};

RL_MAP struct map_ring ring SEC(".maps");
RL_MAP struct map_socks socks SEC(".maps");
RL_MAP struct map_procs procs SEC(".maps");
RL_MAP struct map_services services SEC(".maps");
RL_MAP struct map_verdicts verdicts SEC(".maps");
RL_MAP struct map_tails tails SEC(".maps");
RL_MAP struct map_stats stats SEC(".maps");

#ifdef RL_DEFINE_MAPS
const volatile struct rl_config config = {};
#else
extern const volatile struct rl_config config;
#endif

#endif
