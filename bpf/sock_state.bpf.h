/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is kept about a socket (struct sock_state), in the kernel's storage for
 * sockets: it is made at the first operation of a tracked process, and freed by
 * the kernel together with the socket.
 */
#ifndef RL_SOCK_STATE_BPF_H
#define RL_SOCK_STATE_BPF_H

#include "announce.bpf.h"
#include "classify.bpf.h"

/* Returns the socket's state, which is made if there is none. NULL, and counted: no memory. */
static __always_inline struct sock_state *sock_state_make(struct sock *sk, __u16 role)
{
	struct sock_state *state = bpf_sk_storage_get(&socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state) /* storage of this socket is being added or removed on another CPU: retry once */
		state = bpf_sk_storage_get(&socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state) {
		COUNT(map_full, 1);
		return NULL;
	}
	state->stream.cookie = bpf_get_socket_cookie(sk);
	state->role = role;
	return state;
}

/*
 * Returns the state of a socket that a tracked process uses. At the first
 * operation the socket is classified and announced. NULL: there is no connection
 * yet, or no memory.
 */
static __always_inline struct sock_state *
sock_state_get(struct sock *sk, const struct rl_service *service, struct operation *op)
{
	struct sock_state *state = bpf_sk_storage_get(&socks, sk, 0, 0);

	if (likely(state && (state->announced || state->stream.class == RL_CLASS_OTHER)))
		return state;
	if (!state) {
		state = sock_state_make(sk, service->role);
		if (!state)
			return NULL;
	}
	if (state->connect == CONNECT_BEGUN)
		return NULL; /* connect() is not done, or failed */
	state->stream.class = sock_classify(sk, state, service, op);
	if (state->stream.class != RL_CLASS_OTHER)
		sock_announce(sk, state, (void *)bpf_get_current_task());
	return state;
}

#endif
