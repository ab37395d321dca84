/* SPDX-License-Identifier: GPL-2.0-only */
/* Telling user space which sockets there are: begun, or handed over to another process. */
#ifndef RL_ANNOUNCE_BPF_H
#define RL_ANNOUNCE_BPF_H

#include "emit.bpf.h"

/* The inode number of the socket, as fstat() shows it. */
static __always_inline __u64 sock_ino(struct sock *sk)
{
	struct socket *socket = BPF_CORE_READ(sk, sk_socket);
	struct socket_alloc *alloc;

	if (!socket)
		return 0;
	alloc = (void *)socket - bpf_core_field_offset(struct socket_alloc, socket);
	return BPF_CORE_READ(alloc, vfs_inode.i_ino);
}

static __always_inline void inet_addresses(struct sock *sk, struct rl_inet *inet)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == RL_AF_INET6 &&
	    bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) { /* not without IPv6 */
		BPF_CORE_READ_INTO(&inet->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&inet->remote, sk, __sk_common.skc_v6_daddr);
	} else {
		*(__be32 *)inet->local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		*(__be32 *)inet->remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	}
	inet->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	inet->remote_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/*
 * The supplementary groups of the current process, if it has some: its log
 * directory may be theirs, and it may have ended when somebody looks.
 */
static __always_inline void groups_announce(__u64 cookie)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct group_info *info = BPF_CORE_READ(task, cred, group_info);
	__u32 count = BPF_CORE_READ(info, ngroups);
	CONTROL_RECORD(groups_record, rl_groups) *r;

	if (!count || count > RL_GROUPS_MAX || !CONTROL_RESERVE(r))
		return;
	rec_init(&r->rec, RL_GROUPS, sizeof(*r), cookie);
	__builtin_memset(&r->body, 0, sizeof(r->body));
	r->body.count = count;
	barrier_var(count); /* as in chunk_emit() */
	if (count > RL_GROUPS_MAX)
		count = RL_GROUPS_MAX;
	bpf_probe_read_kernel(r->body.gids, count * sizeof(*r->body.gids), &info->gid);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP); /* a SOCK_OPEN follows */
	COUNT(records, 1);
}

/* Tell user space of a socket of interest. Tried again at the next operation if the ring is full. */
static __always_inline void sock_announce(struct sock *sk, struct sock_state *state)
{
	CONTROL_RECORD(open_record, rl_open) *r;

	if (class_is_traffic(state->stream.class))
		groups_announce(state->stream.cookie);
	if (!CONTROL_RESERVE(r))
		return;
	rec_init(&r->rec, RL_SOCK_OPEN, sizeof(*r), state->stream.cookie);
	if (state->found)
		r->rec.flags = RL_F_FOUND;
	r->body.ino = sock_ino(sk);
	r->body.class = state->stream.class;
	r->body.family = BPF_CORE_READ(sk, __sk_common.skc_family);
	r->body.role = state->role;
	r->body.pad = 0;
	__builtin_memcpy(r->body.path, state->path.text, RL_PATH_LEN);
	if (r->body.family != RL_AF_UNIX)
		inet_addresses(sk, &r->body.inet);
	control_submit(r);
	state->announced = 1;
}

/*
 * A socket moved on to a process of another kind: from the login process to the
 * mail process. For the one it has ended, for the other it begins.
 */
static __always_inline void sock_hand_over(struct sock_state *state, __u16 role)
{
	CONTROL_RECORD(close_record, rl_close) *r;

	if (state->announced && CONTROL_RESERVE(r)) {
		rec_init(&r->rec, RL_SOCK_CLOSE, sizeof(*r), state->stream.cookie);
		r->body.end[RL_IN] = state->stream.offset[RL_IN];
		r->body.end[RL_OUT] = state->stream.offset[RL_OUT];
		control_submit(r);
	}
	bpf_map_delete_elem(&tails, &state->stream.cookie);
	state->stream.offset[RL_IN] = 0;
	state->stream.offset[RL_OUT] = 0;
	state->stream.verdict = RL_VERDICT_PENDING;
	state->role = role;
	state->announced = 0;
	state->eof = 0;
	state->tls = 0;
	state->found = 0;
	state->tcp_known = 0;
}

#endif
