/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handlers: an operation on a socket is done. They get the socket, the
 * operation's return value and its direction, whichever hook reported it; the
 * bytes are found through the caller's system call arguments.
 *
 * Task context: the current task called send, receive or the like. The kernel
 * has released the socket's lock by then.
 */
#ifndef RL_ON_IO_BPF_H
#define RL_ON_IO_BPF_H

#include "copies.bpf.h"
#include "pair.bpf.h"
#include "sock_state.bpf.h"
#include "syscall.bpf.h"
#include "tcp_position.bpf.h"
#include "thread.bpf.h"

/* Takes over user space's verdict, if there is a new one. True: the socket is not recorded. */
static __always_inline bool muted_by_verdict(struct sock_state *state)
{
	struct rl_decision *decision;
	struct rl_decision copy;
	__u32 verdict;

	if (state->stream.verdict == RL_VERDICT_PENDING) {
		decision = bpf_map_lookup_elem(&verdicts, &state->stream.cookie);
		if (!decision)
			return false;
		copy = *decision;
		bpf_map_delete_elem(&verdicts, &state->stream.cookie);
		if (copy.role != state->role)
			return false;
		verdict = copy.verdict;
		state->stream.verdict = verdict;
		if (state->tls)
			bpf_map_update_elem(&tls_socks, &state->stream.cookie, &verdict, BPF_EXIST);
		if (verdict == RL_VERDICT_MUTE)
			COUNT(verdicts, 1);
	}
	return state->stream.verdict == RL_VERDICT_MUTE;
}

/*
 * An operation failed. If the client was gone before the first one on its
 * connection, that is all that will ever be seen of it: it is announced even so.
 */
static __always_inline int on_failed(struct sock *sk, const struct rl_service *service, int error)
{
	struct operation op = {.dir = RL_IN};
	struct sock_state *state;

	if (error != -EPIPE && error != -ECONNRESET)
		return 0;
	state = bpf_sk_storage_get(&socks, sk, 0, 0);
	if (state && state->role != service->role)
		sock_hand_over(state, service->role);
	sock_state_get(sk, service, &op);
	return 0;
}

/* An operation on a socket that is not recorded: what it moved may pass through TLS next. */
static __always_inline void other_note(struct sock *sk, struct sock_state *state,
				       const struct rl_service *service, struct operation *op)
{
	if (!(service->flags & RL_SERVICE_TLS))
		return;
	recv_note_muted(state, op);
	pair_received(sk, state, op);
}

/* The current process's entry in `procs`, if this copy is the one that looks at its operation. */
static __always_inline struct rl_service *service_now(int copy, struct sock *sk, int ret, __u8 dir)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rl_service *service = bpf_map_lookup_elem(&procs, &tgid);

	if (likely(!service) || !run_is_first(service, copy, sk, ret, dir))
		return NULL;
	return role_has_traffic(service->role) ? service : NULL;
}

/*
 * Records one operation of a tracked process. `ret`: bytes, 0 (end of file) or an
 * error. `unread`: the bytes were discarded, no buffer has them. All copies of the
 * hook's program call it, for each operation.
 */
static __always_inline int on_io(int copy, struct sock *sk, int ret, __u8 dir, bool unread)
{
	struct rl_service *service = service_now(copy, sk, ret, dir);
	struct operation op = {.dir = dir};
	struct sock_state *state;
	__u64 control = 0;
	__u32 unseen;
	int reason;

	if (likely(!service))
		return 0;
	if (ret < 0)
		return on_failed(sk, service, ret);
	COUNT(operations, 1);
	op.left = ret;
	state = bpf_sk_storage_get(&socks, sk, 0, 0);
	if (state && state->role != service->role)
		sock_hand_over(state, service->role);
	if (state && (state->stream.class == RL_CLASS_OTHER || muted_by_verdict(state)) &&
	    !(service->flags & RL_SERVICE_TLS)) {
		COUNT(muted, 1);
		return 0;
	}
	reason = unread ? RL_GAP_CALL : buffer_find(&op, &control);
	state = sock_state_get(sk, service, &op);
	if (!state)
		return 0;
	if (state->stream.class == RL_CLASS_OTHER) {
		other_note(sk, state, service, &op);
		return 0;
	}
	if (ret == 0) {
		if (dir == RL_OUT || state->eof)
			return 0;
		state->eof = 1;
	}
	op.cookie = state->stream.cookie;
	op.class = state->stream.class;
	unseen = tcp_unseen(sk, state, dir, ret);
	op.offset = __sync_fetch_and_add(&state->stream.offset[dir & 1], unseen + ret);
	if (service->flags & RL_SERVICE_TLS && tls_note(state, &op, op.offset + unseen))
		return 0;
	/* checked once more: a muted socket of a process that does TLS had to be noted above */
	if (state->stream.verdict == RL_VERDICT_MUTE) {
		COUNT(muted, 1);
		return 0;
	}
	if (unseen) {
		gap_emit(&op, unseen, RL_GAP_UNSEEN);
		op.offset += unseen;
	}
	if (!class_is_traffic(state->stream.class))
		op.passed_ino = passed_ino(control);
	if (op.passed_ino && service->role == RL_ROLE_LOGIN)
		pair_note(control, op.passed_ino, service->flags & RL_SERVICE_TLS);
	if (reason && ret) {
		gap_emit(&op, ret, reason);
		return 0;
	}
	emit_bytes(&op, &state->stream);
	return 0;
}

/* A send returned `ret`. */
static __always_inline int on_send(int copy, struct sock *sk, int ret)
{
	return on_io(copy, sk, ret, RL_OUT, false);
}

/* A receive with these MSG_* flags returned `ret`. */
static __always_inline int on_recv(int copy, struct sock *sk, int ret, int flags)
{
	/* tcp(7): with MSG_TRUNC, received bytes are discarded and not copied to the buffer */
	bool unread = flags & MSG_TRUNC && BPF_CORE_READ(sk, __sk_common.skc_family) != RL_AF_UNIX;

	return flags & (MSG_PEEK | MSG_ERRQUEUE) ? 0 : on_io(copy, sk, ret, RL_IN, unread);
}

#endif
