/* SPDX-License-Identifier: GPL-2.0-only */
/* The state of a socket, kept in its storage. */
#ifndef RL_SOCK_STATE_BPF_H
#define RL_SOCK_STATE_BPF_H

#include "announce.bpf.h"
#include "classify.bpf.h"

/* The state of a socket; made if there is none. NULL: no memory. */
static __always_inline struct sock_state *sock_state_make(struct sock *sk, __u16 role)
{
	struct sock_state *state = bpf_sk_storage_get(&socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state) /* another's storage of this socket is just going away, or ours is coming */
		state = bpf_sk_storage_get(&socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state) {
		COUNT(map_full, 1);
		return NULL;
	}
	state->stream.cookie = bpf_get_socket_cookie(sk);
	state->role = role;
	return state;
}

/* The state of a socket of a tracked process; made at its first operation. NULL: no memory. */
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
		return NULL; /* it was refused: there is no connection */
	state->stream.class = sock_classify(sk, state, service, op);
	if (state->stream.class != RL_CLASS_OTHER)
		sock_announce(sk, state);
	return state;
}

#endif
