/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every kernel-side file needs: kernel types, libbpf's helpers, the records
 * and maps that are shared with user space, a few constants.
 *
 * The files; each may include those above it (scripts/check_includes.py):
 *
 *   maps          the maps, and the structs that are kept in them
 *   count         the counters
 *   copies        several programs for each hook, one of which acts
 *   emit          records into the ring buffer
 *   tcp_position  bytes that no hook saw, by TCP's sequence numbers
 *   syscall       the current system call: its buffers, the descriptor it passes
 *   classify      what a socket is used for
 *   announce      a socket's beginning and its handover, as records
 *   sock_state    what is kept about a socket
 *   thread        what is kept about a thread that does TLS
 *   pair          whose text a login process passes on
 *   on_*.bpf.h    handlers: something happened, whichever hook reported it
 *   at_*.bpf.c    hooks: BPF programs that take a hook's arguments and call a handler
 *
 * The first comment of each at_* and on_* file names the context that it runs in:
 *
 *   task      The current task is the one that does it: its ids, its system call
 *             and its memory can be read.
 *   softirq   The kernel processes a packet. The current task is the one that was
 *             interrupted, and unrelated.
 *   iterator  The current task is rawtap, which reads the iterator.
 *
 * Limits: a program can't sleep, so it can't read user memory that is not
 * present (RL_GAP_FAULT). Its stack has 512 bytes. The programs take no lock:
 * offsets are advanced atomically; for the rest of a socket's state it is enough
 * that a Dovecot process has one thread, and that processes use a socket in turn.
 *
 * Most functions are inline. The verifier walks through all paths of a program,
 * so each branch multiplies the cost of what follows. Global functions (__weak:
 * each object has them, the linker keeps one) are verified once and by
 * themselves, for any arguments; so their branches cost nothing elsewhere. They
 * take numbers and pointers to plain memory, and must check these for NULL.
 */
#ifndef RL_BPF_H
#define RL_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "rl_abi.h"
#include "rl_maps.h"

#define SOCK_STREAM	1
#define SOL_SOCKET	1
#define SCM_RIGHTS	1
#define EPIPE		32
#define ECONNRESET	104
#define MSG_PEEK	2
#define MSG_TRUNC	0x20
#define MSG_ERRQUEUE	0x2000
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT	2
#define TCP_LISTEN	10 /* of AF_UNIX sockets, too */
#define S_IFMT		0170000
#define S_IFSOCK	0140000

#ifndef likely /* libbpf 1.7 has both */
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

#endif
