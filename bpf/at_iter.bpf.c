// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks that user space runs by reading an iterator. Iterator context: the
 * current task is rawtap.
 *
 * iter__sockets prints the tracked sockets that are still open. No hook reports
 * the end of every socket, so user space looks from time to time: what is not
 * printed any more has ended. A TCP socket that its process has closed has ended,
 * even if the kernel still sends its last bytes.
 *
 * iter__files marks the sockets that are older than the recorder; read once.
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
	/* for TLS, records count the plaintext, and this the ciphertext */
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
