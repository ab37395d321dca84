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

/* One stream of bytes: a socket's own, or the text inside its TLS. */
struct byte_stream {
	__u64 cookie;	 /* of the socket; 0: not known yet */
	__u64 offset[2]; /* bytes that passed, by enum rl_dir */
	__u32 class;	 /* enum rl_class */
	__u32 verdict;	 /* enum rl_verdict */
};

/* An AF_UNIX socket's path, with zeroes in front, so that its end can be read whatever its length. */
struct unix_path {
	char before[RL_SUFFIX_LEN];
	char text[RL_PATH_LEN];
};

enum connect_step { CONNECT_NONE, CONNECT_BEGUN, CONNECT_DONE };

/* What is known of a socket; lives and dies with the socket itself. */
struct sock_state {
	struct byte_stream stream;
	__u16 role;	/* enum rl_role of the process that it belongs to */
	__u8 announced; /* its SOCK_OPEN is in the ring */
	__u8 eof;	/* its end-of-file is in the ring */
	__u8 connect;	/* by the process itself, not accepted: enum connect_step */
	__u8 tls;	/* its bytes are TLS, which nobody wants */
	__u8 found;	/* it was there when the recorder began */
	__u8 tcp_known; /* tcp_position is known */
	/* Where TCP was after the last operation of each direction, as a sequence number. */
	__u32 tcp_position[2];
	struct unix_path path; /* here for want of room on the programs' stack */
};

/* An object of OpenSSL's, by its address in its process. */
struct object_key {
	__u64 address;
	__u32 tgid;
	__u32 pad;
};

/* What a thread did last, for what it does next. */
struct thread_state {
	/* its last receive: whose bytes lie where */
	__u64 recv_address, recv_size;
	__u64 recv_cookie;
	__u64 recv_offset;
	__u64 recv_out_end; /* how far the other direction was; 0: that can be TLS already */
	__u32 recv_class, recv_verdict;
	__u64 bio_pair[2];  /* BIO_new_bio_pair(): where it puts the inner and the outer half */
	__u64 call_ssl;	    /* SSL_read() or SSL_write() that has not returned */
	__u64 call_data;    /* its buffer */
	__u32 unbound_ssls; /* SSL objects whose socket is not known yet */
	__u32 pad;
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
	__type(value, struct rl_decision);
};

/* Those that carry TLS, by cookie, with the verdict on them. */
struct map_tls_socks {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RL_MAX_SOCKETS);
	__type(key, __u64);
	__type(value, __u32);
};

/* SSL -> the text inside. */
struct map_ssls {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RL_MAX_SOCKETS);
	__type(key, struct object_key);
	__type(value, struct byte_stream);
};

/* The outer half of a BIO pair -> the address of the SSL that has the inner one. */
struct map_bios {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RL_MAX_SOCKETS);
	__type(key, struct object_key);
	__type(value, __u64);
};

/* By thread: only of processes that do TLS. */
struct map_threads {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_PROCS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct thread_state);
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
RL_MAP struct map_tls_socks tls_socks SEC(".maps");
RL_MAP struct map_ssls ssls SEC(".maps");
RL_MAP struct map_bios bios SEC(".maps");
RL_MAP struct map_threads threads SEC(".maps");
RL_MAP struct map_stats stats SEC(".maps");

#ifdef RL_DEFINE_MAPS
const volatile struct rl_config config = {};
#else
extern const volatile struct rl_config config;
#endif

#endif
