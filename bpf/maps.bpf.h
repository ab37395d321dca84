/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps, and the structs that only the programs use in them (those that user
 * space uses, too, are in rl_maps.h). Declared here for all, defined in
 * maps.bpf.c: each at_* file is compiled to an object of its own, and
 * `bpftool gen object` links these.
 */
#ifndef RL_MAPS_BPF_H
#define RL_MAPS_BPF_H

#include "rl.bpf.h"

#ifndef RL_MAP
#define RL_MAP extern
#endif

/* A stream of bytes in both directions: a socket's own, or the plaintext of its TLS. */
struct byte_stream {
	__u64 cookie;	 /* of the socket; 0: not known yet */
	__u64 offset[2]; /* by enum rl_dir: bytes that have passed */
	__u32 class;	 /* enum rl_class */
	__u32 verdict;	 /* enum rl_verdict */
};

/* An AF_UNIX socket's path, after zeroes: so a suffix can be read however short the path is. */
struct unix_path {
	char before[RL_SUFFIX_LEN];
	char text[RL_PATH_LEN];
};

/* How far the process's own connect() has come. NONE: it was accepted, or is one of a pair. */
enum connect_step { CONNECT_NONE, CONNECT_BEGUN, CONNECT_DONE };

/* What is kept about a socket. The kernel frees it together with the socket. */
struct sock_state {
	struct byte_stream stream;
	__u16 role;	 /* enum rl_role of the process that has the socket */
	__u8 announced;	 /* SOCK_OPEN was sent */
	__u8 eof;	 /* RL_F_EOF was sent */
	__u8 connect;	 /* enum connect_step */
	__u8 tls;	 /* its bytes are ciphertext, which is not recorded */
	__u8 found;	 /* it was open when the recorder started */
	__u8 tcp_known;	 /* tcp_position is valid */
	__u8 pair_reads; /* receives from a socketpair; see pair.bpf.h */
	/* by enum rl_dir: TCP's sequence number after the last operation that was seen */
	__u32 tcp_position[2];
	struct unix_path path; /* here because the stack is too small for it */
};

/* Names an object of OpenSSL: an SSL, or a half of a BIO pair. */
struct object_key {
	__u64 address; /* in the process's memory */
	__u32 tgid;
	__u32 pad;
};

/* What is kept about an SSL object. */
struct ssl_state {
	struct byte_stream stream; /* its plaintext */
	__u64 outer;		   /* the outer half of its BIO pair: key of map `bios` */
};

/* What a thread that does TLS did last: later calls refer to it. */
struct thread_state {
	/* its last receive: the buffer, and the socket whose bytes are in it */
	__u64 recv_address, recv_size;
	__u64 recv_cookie;
	__u64 recv_offset;  /* of the buffer's first byte in RL_IN */
	__u64 recv_out_end; /* bytes sent by then, all plaintext; 0: some may be TLS */
	__u32 recv_class, recv_verdict;
	__u64 bio_pair[2];  /* where BIO_new_bio_pair() puts the inner and the outer half */
	__u64 call_ssl;	    /* SSL of an SSL_read() or SSL_write() that has not returned; 0: none */
	__u64 call_data;    /* its buffer */
	__u32 unbound_ssls; /* SSL objects that have no socket yet */
	__u32 pad;
	/* the last receive from a socketpair, unless another socket's came since: the inode number of
	 * the end that was passed to a mail process (0: none), of this end, and the buffer */
	__u64 pair_passed, pair_ino;
	__u64 pair_address, pair_size;
};

/* Hooks that are the same to a handler, whichever function of the kernel's it is at. */
enum hook { HOOK_SEND, HOOK_RECV, HOOK_EXEC, HOOK_FORK, HOOK_EXIT, HOOK_CONNECT, HOOKS };

/* By copy: 1: a task is inside of it. */
union inside {
	__u8 copies[8];
	__u64 all;
};

/* Records for user space. */
struct map_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* the loader sets the size */
};

/* By socket: what is kept about it. An entry ends with its socket. */
struct map_socks {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct sock_state);
};

/* By cookie: sockets that user space was told of, and not yet told the end of. It removes them. */
struct map_announced_socks {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_SOCKETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct rl_announced);
};

/*
 * By tgid: processes whose end will be told, each with its row of `services`: those of a `dovecot`
 * that root runs. STRANGER: they are not looked at. Nobody else's are in it, so no user can fill it.
 */
struct map_procs {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_PROCS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct rl_service);
};

/* By program name: what to do about its processes. Filled by user space. */
struct map_services {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_SERVICES);
	__type(key, struct rl_service_key);
	__type(value, struct rl_service);
};

/* By cookie: user space's decision, until a program has taken it into the socket's state. */
struct map_verdicts {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_SOCKETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct rl_decision);
};

/* By cookie: the enum rl_verdict of a connection that carries TLS. User space removes it; if it was
 * never told of the socket, the end of the SSL object does. */
struct map_tls_socks {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_SOCKETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u32);
};

/*
 * By SSL object: its plaintext. No LRU map: that would forget objects in use when it is full, and
 * nobody could tell. An entry ends with SSL_free(), or with its process (ask__processes).
 */
struct map_ssls {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_SOCKETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct object_key);
	__type(value, struct ssl_state);
};

/* By outer half of a BIO pair: the address of the SSL object that has the inner half. It ends with
 * that. */
struct map_bios {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_SOCKETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct object_key);
	__type(value, __u64);
};

/* By inode number of one end of a socketpair: that of the other end, which was passed to a mail
 * process. Until it is known whose it is; if that never is, until others need the space. */
struct map_pairs {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RL_MAX_SOCKETS);
	__type(key, __u64);
	__type(value, __u64);
};

/* By thread id (tgid << 32 | pid): threads of processes that do TLS. */
struct map_threads {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_PROCS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct thread_state);
};

/* By cookie: where a socket of `announced_socks` stood when records of it were lost last. User space
 * removes it. */
struct map_tails {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RL_MAX_SOCKETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct rl_tail);
};

/* By enum hook, for each CPU: the copies of its program that tasks are inside of. */
struct map_inside {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOKS);
	__type(key, __u32);
	__type(value, union inside);
};

/* The counters, for each CPU. */
struct map_stats {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rl_stats);
};

RL_MAP struct map_ring ring SEC(".maps");
RL_MAP struct map_socks socks SEC(".maps");
RL_MAP struct map_announced_socks announced_socks SEC(".maps");
RL_MAP struct map_procs procs SEC(".maps");
RL_MAP struct map_services services SEC(".maps");
RL_MAP struct map_verdicts verdicts SEC(".maps");
RL_MAP struct map_tails tails SEC(".maps");
RL_MAP struct map_tls_socks tls_socks SEC(".maps");
RL_MAP struct map_ssls ssls SEC(".maps");
RL_MAP struct map_bios bios SEC(".maps");
RL_MAP struct map_pairs pairs SEC(".maps");
RL_MAP struct map_threads threads SEC(".maps");
RL_MAP struct map_inside inside SEC(".maps");
RL_MAP struct map_stats stats SEC(".maps");

#ifdef RL_DEFINE_MAPS
#ifdef RL_TEST_LEFT_OUT
const volatile struct rl_config config = {.all_copies = 1};
#else
const volatile struct rl_config config = {};
#endif
struct rl_copies copies = {.place = {1}};
#else
extern const volatile struct rl_config config;
extern struct rl_copies copies;
#endif

#endif
