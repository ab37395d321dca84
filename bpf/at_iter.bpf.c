// SPDX-License-Identifier: GPL-2.0-only
/*
 * Door: what is there. Which of the tracked sockets still are: no hook tells of
 * every socket's end, so user space asks now and then; what is missing has
 * ended. A socket that its process has closed (a TCP orphan) counts as ended.
 * And, once, which sockets are older than the recorder.
 */
#include "on_sock.bpf.h"

SEC("iter/bpf_sk_storage_map")
int iter__sockets(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock_state *state = ctx->value;
	struct sock *sk = ctx->sk;
	struct rl_live live;
	bool tls;

	if (!sk || !state || !sk->sk_socket)
		return 0;
	live.cookie = state->stream.cookie;
	/* of TLS these are not the offsets that the stream of records has */
	tls = state->tls || bpf_map_lookup_elem(&tls_socks, &live.cookie);
	live.end[RL_IN] = tls ? 0 : state->stream.offset[RL_IN];
	live.end[RL_OUT] = tls ? 0 : state->stream.offset[RL_OUT];
	bpf_seq_write(ctx->meta->seq, &live, sizeof(live));
	return 0;
}

SEC("iter/task_file")
int iter__files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	return task && file ? on_found(task, file) : 0;
}
