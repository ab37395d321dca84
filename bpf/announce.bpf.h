/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Announces sockets to user space: SOCK_OPEN at a socket's first operation, or
 * when the recorder starts; SOCK_CLOSE when a process of another role takes it
 * over.
 */
#ifndef RL_ANNOUNCE_BPF_H
#define RL_ANNOUNCE_BPF_H

#include "emit.bpf.h"

/* The socket's inode number, as fstat() shows it; 0 if no descriptor refers to it. */
static __always_inline __u64 sock_ino(struct sock *sk)
{
	struct socket *socket = BPF_CORE_READ(sk, sk_socket);
	struct socket_alloc *alloc;

	if (!socket)
		return 0;
	alloc = (void *)socket - bpf_core_field_offset(struct socket_alloc, socket);
	return BPF_CORE_READ(alloc, vfs_inode.i_ino);
}

/* Reads the addresses and ports of an inet socket. */
static __always_inline void inet_addresses(struct sock *sk, struct rl_inet *inet)
{
	/* a kernel without IPv6 lacks the fields */
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == RL_AF_INET6 &&
	    bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		BPF_CORE_READ_INTO(&inet->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&inet->remote, sk, __sk_common.skc_v6_daddr);
	} else {
		*(__be32 *)inet->local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		*(__be32 *)inet->remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	}
	inet->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	inet->remote_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/* Fills in a record's header for a process that need not be the current one. */
static __always_inline void rec_init_of(struct rl_rec *rec, __u16 type, __u32 len, __u64 cookie,
					struct task_struct *task)
{
	rec_init(rec, type, len, cookie);
	rec->tgid = BPF_CORE_READ(task, tgid);
	rec->uid = BPF_CORE_READ(task, cred, uid.val);
	rec->gid = BPF_CORE_READ(task, cred, gid.val);
}

#define GROUPS_USUAL 32 /* for more, more of the ring is reserved */

/* Sends GROUPS with at most `cap` of them: what is reserved has a constant size, see chunk_emit(). */
static __always_inline void groups_emit(struct task_struct *task, __u64 cookie,
					struct group_info *info, __u32 count, const __u32 cap)
{
	const __u32 head = sizeof(struct rl_rec) + sizeof(struct rl_groups);
	struct rl_rec *rec = bpf_ringbuf_reserve(&ring, head + cap * sizeof(__u32), 0);
	struct rl_groups *groups;

	if (!rec) {
		COUNT(lost_control, 1);
		return;
	}
	groups = (void *)(rec + 1);
	groups->count = count;
	groups->pad = 0;
	barrier_var(count); /* keeps the check that the verifier needs */
	if (count > cap)
		count = cap;
	rec_init_of(rec, RL_GROUPS, head + count * sizeof(__u32), cookie, task);
	bpf_probe_read_kernel(groups->gids, count * sizeof(__u32), &info->gid);
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP); /* SOCK_OPEN follows and wakes it */
	COUNT(records, 1);
}

/*
 * Sends the process's supplementary groups, if it has some. A log
 * directory may be accessible by them only, and /proc can't tell any more when
 * the process has ended.
 */
static __always_inline void groups_announce(struct task_struct *task, __u64 cookie)
{
	struct group_info *info = BPF_CORE_READ(task, cred, group_info);
	__u32 count = BPF_CORE_READ(info, ngroups);

	if (count > GROUPS_USUAL)
		groups_emit(task, cookie, info, count, RL_GROUPS_MAX);
	else if (count)
		groups_emit(task, cookie, info, count, GROUPS_USUAL);
}

/* Sends SOCK_OPEN of a socket that `task` has. If the ring is full, the next operation on the socket
 * tries again. */
static __always_inline void sock_announce(struct sock *sk, struct sock_state *state,
					  struct task_struct *task)
{
	struct rl_announced announced = {.sk = (__u64)sk};
	CONTROL_RECORD(open_record, rl_open) *r;

	if (class_is_traffic(state->stream.class))
		groups_announce(task, state->stream.cookie);
	if (!CONTROL_RESERVE(r))
		return;
	rec_init_of(&r->rec, RL_SOCK_OPEN, sizeof(*r), state->stream.cookie, task);
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
	map_update(&announced_socks, &state->stream.cookie, &announced, BPF_ANY);
	control_submit(r);
	state->announced = 1;
}

/*
 * Ends a socket for the process that had it, and resets its state for its new
 * process, which has another role: a login process hands a client's socket over
 * to a mail process. The new process's SOCK_OPEN follows (sock_state_get()).
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
