/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handlers: what must be known about a socket before its first byte: did the
 * process connect it itself, was it open when the recorder started? And what only
 * a look can tell: is it still open? Each runs in another context.
 */
#ifndef RL_ON_SOCK_BPF_H
#define RL_ON_SOCK_BPF_H

#include "sock_state.bpf.h"

/* The current process connects the socket. Task context; the kernel holds the socket's lock. */
static __always_inline int on_connect(struct sock *sk)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rl_service *service = bpf_map_lookup_elem(&procs, &tgid);
	struct sock_state *state;

	if (!service || !role_has_traffic(service->role))
		return 0;
	state = sock_state_make(sk, service->role);
	if (state)
		state->connect = CONNECT_BEGUN;
	return 0;
}

/* The connection is established. Softirq, in general: the current task is unrelated. */
static __always_inline int on_connected(struct sock *sk)
{
	struct sock_state *state = bpf_sk_storage_get(&socks, sk, 0, 0);

	if (state)
		state->connect = CONNECT_DONE;
	return 0;
}

/*
 * A mail process has this socket since before the recorder started. If it is a client's, whose login
 * request has not been seen, user space is told: it has to find out who that is, and so has to know
 * how many the process has.
 */
static __always_inline void on_found_mail(struct task_struct *task, struct sock *sk,
					  const struct rl_service *service)
{
	struct operation none = {};
	struct sock_state *state;

	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		return;
	state = sock_state_make(sk, service->role);
	if (!state)
		return;
	if (sock_classify(sk, state, service, &none) != RL_CLASS_CLIENT)
		return; /* what it is used for is decided at its next operation */
	state->stream.class = RL_CLASS_CLIENT;
	state->found = 1;
	sock_announce(sk, state, task);
}

/*
 * `file` is open in `task`, when the recorder starts: marks it, if it is a
 * tracked process's socket. Iterator context: `task` is not the current task.
 */
static __always_inline int on_found(struct task_struct *task, struct file *file)
{
	__u32 tgid = task->tgid;
	struct rl_service *service = bpf_map_lookup_elem(&procs, &tgid);
	struct sock_state *state;
	struct socket *socket;

	if (!service || !role_has_traffic(service->role))
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket || !socket->sk || bpf_sk_storage_get(&socks, socket->sk, 0, 0))
		return 0;
	if (service->role == RL_ROLE_MAIL) {
		on_found_mail(task, socket->sk, service);
		return 0;
	}
	state = sock_state_make(socket->sk, service->role);
	if (state)
		state->found = 1;
	return 0;
}

/*
 * Is the socket with this cookie still open? The enum rl_answer. When the last
 * descriptor is closed, the kernel takes sk_socket away, even if it still has
 * bytes to send (sock_orphan()). The memory at that address may be another
 * socket's by now, or none's: no cookie is ever given twice.
 */
static __always_inline __u32 sock_ask(__u64 cookie)
{
	struct rl_announced *announced = bpf_map_lookup_elem(&announced_socks, &cookie);
	struct sock *sk;

	if (!announced)
		return RL_ANSWER_UNKNOWN;
	sk = (void *)announced->sk;
	if ((__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) != cookie ||
	    !BPF_CORE_READ(sk, sk_socket))
		return RL_ANSWER_GONE;
	return RL_ANSWER_OPEN;
}

#endif
