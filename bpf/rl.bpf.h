/* SPDX-License-Identifier: GPL-2.0-only */
/* The prologue of every kernel-side file. Includes point down: rl, maps, count, emit, sock, on_*, at_*. */
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
#define MSG_PEEK	2
#define MSG_TRUNC	0x20
#define MSG_ERRQUEUE	0x2000
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT	2
#define S_IFMT		0170000
#define S_IFSOCK	0140000

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
