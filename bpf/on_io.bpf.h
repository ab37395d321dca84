/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Body: bytes were moved on a socket. Knows what happened, not by which hook:
 * the socket, the count that was really moved, the direction. The buffer is
 * found in the caller's own system call arguments, so one run per operation
 * does, without any state between entry and exit.
 */
#ifndef RL_ON_IO_BPF_H
#define RL_ON_IO_BPF_H

#include "sock.bpf.h"
#include "thread.bpf.h"

/* Where the bytes are that this system call moves. 0, or the reason why they can't be had. */
static __always_inline int buffer_find(struct emit *e, __u64 *control)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	__u64 arg2 = SYSCALL_ARG2(regs), arg3 = SYSCALL_ARG3(regs);
	struct user_msghdr msg;

	switch (SYSCALL_NR(regs)) {
	case NR_READ:
	case NR_WRITE:
	case NR_RECVFROM:
	case NR_SENDTO:
		e->piece = arg2;
		e->piece_left = arg3 < e->left ? arg3 : e->left;
		return 0;
	case NR_READV:
	case NR_WRITEV:
	case NR_PREADV2:
	case NR_PWRITEV2:
		e->pieces = arg2;
		e->pieces_left = arg3;
		return 0;
	case NR_RECVMSG:
	case NR_SENDMSG:
		if (bpf_probe_read_user(&msg, sizeof(msg), (void *)arg2))
			return RL_GAP_FAULT;
		e->pieces = (__u64)msg.msg_iov;
		e->pieces_left = msg.msg_iovlen;
		if (msg.msg_controllen >= sizeof(struct cmsghdr) + sizeof(int))
			*control = (__u64)msg.msg_control;
		return 0;
	case NR_SENDFILE:
	case NR_SPLICE:
		return RL_GAP_SENDFILE;
	default:
		return RL_GAP_CALL;
	}
}

/* The inode of the socket that the control message at `control` passes; 0: none. */
static __always_inline __u64 passed_ino(__u64 control)
{
	struct {
		struct cmsghdr head;
		__u32 fd;
	} msg = {};

	if (!control ||
	    bpf_probe_read_user(&msg, sizeof(msg.head) + sizeof(msg.fd), (void *)control))
		return 0;
	if (msg.head.cmsg_len < sizeof(msg.head) + sizeof(msg.fd) ||
	    msg.head.cmsg_level != SOL_SOCKET || msg.head.cmsg_type != SCM_RIGHTS)
		return 0;
	return fd_sock_ino(msg.fd);
}

/* Has user space said no? Asked until it has decided, then remembered with the socket. */
static __always_inline bool is_muted(struct sock_state *state)
{
	struct rl_decision *decision;
	struct rl_decision own;
	__u32 verdict;

	if (state->stream.verdict == RL_VERDICT_PENDING) {
		decision = bpf_map_lookup_elem(&verdicts, &state->stream.cookie);
		if (!decision)
			return false;
		own = *decision;
		bpf_map_delete_elem(&verdicts, &state->stream.cookie);
		if (own.role != state->role)
			return false;
		verdict = own.verdict;
		state->stream.verdict = verdict;
		if (state->tls)
			bpf_map_update_elem(&tls_socks, &state->stream.cookie, &verdict, BPF_EXIST);
		if (verdict == RL_VERDICT_MUTE)
			COUNT(verdicts, 1);
	}
	return state->stream.verdict == RL_VERDICT_MUTE;
}

/* What was received, for the BIO_write() that takes it on: it tells which SSL object has this socket. */
static __always_inline void recv_note(struct thread_state *thread, const struct emit *e,
				      const struct stream *stream, __u64 offset, __u32 verdict)
{
	thread->recv_address = e->piece;
	thread->recv_size = e->left;
	thread->recv_cookie = stream->cookie;
	thread->recv_offset = offset;
	/* a client of TLS says something first */
	thread->recv_out_end = stream->class == RL_CLASS_CLIENT ? stream->offset[RL_OUT] : 0;
	thread->recv_class = stream->class;
	thread->recv_verdict = verdict;
}

/*
 * A connection that a process which does TLS has made, and nobody wants: its
 * SSL object is nobody's either, and must not be taken for another's.
 */
static __always_inline void unwanted_note(struct sock_state *state, const struct emit *e)
{
	struct thread_state *thread;

	if (state->connected != CONNECT_DONE || e->dir != RL_IN || !e->left)
		return;
	thread = thread_get();
	if (thread)
		recv_note(thread, e, &state->stream, 0, RL_VERDICT_MUTE);
}

/*
 * A socket of a process that does TLS. True: the bytes are TLS, and what is
 * inside comes by another way.
 */
static __always_inline bool is_tls(struct sock_state *state, struct emit *e, __u64 offset)
{
	struct thread_state *thread;
	__u32 *verdict;

	if (!class_is_traffic(state->stream.class))
		return false;
	if (!state->tls) {
		verdict = bpf_map_lookup_elem(&tls_socks, &state->stream.cookie);
		if (verdict) {
			state->tls = 1;
			/* it may have been given between the receive and the BIO_write() */
			if (state->stream.verdict != RL_VERDICT_PENDING)
				*verdict = state->stream.verdict;
		}
	}
	thread = thread_get();
	if (!thread)
		return state->tls;
	if (e->dir == RL_IN)
		recv_note(thread, e, &state->stream, offset, state->stream.verdict);
	/* a server's first bytes of TLS follow the client's, and are known by them */
	if (thread->waiting && (e->dir == RL_IN || state->stream.class == RL_CLASS_RELAY))
		e->flags = RL_F_UNDECIDED;
	return state->tls;
}

/* `unread`: no buffer has the bytes, the caller had them thrown away. */
static __always_inline int on_io(struct sock *sk, int ret, __u8 dir, bool unread)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rl_service *service = bpf_map_lookup_elem(&procs, &tgid);
	struct emit e = {.dir = dir};
	struct sock_state *state;
	__u64 control = 0;
	__u32 unseen;
	int reason;

	if (likely(!service) || !role_has_traffic(service->role) || ret < 0)
		return 0;
	COUNT(operations, 1);
	e.left = ret;
	state = bpf_sk_storage_get(&socks, sk, 0, 0);
	if (state && state->role != service->role)
		sock_hand_over(state, service->role);
	if (state && (state->stream.class == RL_CLASS_OTHER || is_muted(state)) &&
	    !(service->flags & RL_SERVICE_TLS)) {
		COUNT(muted, 1);
		return 0;
	}
	reason = buffer_find(&e, &control);
	if (unread)
		reason = RL_GAP_CALL;
	state = sock_state_get(sk, service, &e);
	if (!state)
		return 0;
	if (state->stream.class == RL_CLASS_OTHER) {
		if (service->flags & RL_SERVICE_TLS)
			unwanted_note(state, &e);
		return 0;
	}
	if (ret == 0 && (dir == RL_OUT || state->eof))
		return 0;
	if (ret == 0)
		state->eof = 1;
	e.stream = &state->stream;
	unseen = tcp_unseen(sk, state, dir, ret);
	e.offset = __sync_fetch_and_add(&state->stream.offset[dir & 1], unseen + ret);
	if (service->flags & RL_SERVICE_TLS && is_tls(state, &e, e.offset + unseen) && ret)
		return 0;
	if (state->stream.verdict == RL_VERDICT_MUTE) { /* whose receives are noted all the same */
		COUNT(muted, 1);
		return 0;
	}
	if (unseen) {
		gap_emit(&e, unseen, RL_GAP_UNSEEN);
		e.offset += unseen;
	}
	if (!class_is_traffic(state->stream.class))
		e.passed_ino = passed_ino(control);
	if (reason && ret) {
		gap_emit(&e, ret, reason);
		return 0;
	}
	emit_bytes(&e);
	return 0;
}

static __always_inline int on_send(struct sock *sk, int ret)
{
	return on_io(sk, ret, RL_OUT, false);
}

static __always_inline int on_recv(struct sock *sk, int ret, int flags)
{
	/* tcp(7): MSG_TRUNC takes bytes off the stream and leaves the buffer as it was */
	bool unread = flags & MSG_TRUNC && BPF_CORE_READ(sk, __sk_common.skc_family) != RL_AF_UNIX;

	return flags & (MSG_PEEK | MSG_ERRQUEUE) ? 0 : on_io(sk, ret, RL_IN, unread);
}

#endif
