// SPDX-License-Identifier: GPL-2.0-only
/*
 * Door: which of the tracked sockets are still there. No hook tells of every
 * socket's end, so user space asks now and then; what is missing has ended.
 * A socket that its process has closed (a TCP orphan) counts as ended.
 */
#include "maps.bpf.h"

SEC("iter/bpf_sk_storage_map")
int iter__sockets(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock_state *state = ctx->value;
	struct sock *sk = ctx->sk;
	struct rl_live live;

	if (!sk || !state || !sk->sk_socket)
		return 0;
	live.cookie = state->cookie;
	live.end[RL_IN] = state->offset[RL_IN];
	live.end[RL_OUT] = state->offset[RL_OUT];
	bpf_seq_write(ctx->meta->seq, &live, sizeof(live));
	return 0;
}
