// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks that user space runs by reading an iterator. Iterator context: the
 * current task is rawtap.
 *
 * iter__sockets notes how many bytes have passed on each socket, for those that
 * are still open when the recorder stops; read once. It prints nothing: the
 * kernel walks through all sockets in one go then. Where a reader pauses, it
 * can miss a socket, as others before it go (net/core/bpf_sk_storage.c, 6.18).
 *
 * iter__files marks the sockets that are older than the recorder, and announces
 * those of mail processes' clients; read once.
 */
#include "on_sock.bpf.h"

SEC("iter/bpf_sk_storage_map")
int iter__sockets(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock_state *state = ctx->value;
	struct sock *sk = ctx->sk;
	struct rl_announced *announced;
	__u64 cookie; /* on the stack: Linux 6.1 takes no key that is in an iterator's value */

	if (!sk || !state)
		return 0;
	cookie = state->stream.cookie;
	announced = bpf_map_lookup_elem(&announced_socks, &cookie);
	/* for TLS, records count the plaintext, and this the ciphertext */
	if (!announced || state->tls || bpf_map_lookup_elem(&tls_socks, &cookie))
		return 0;
	announced->end[RL_IN] = state->stream.offset[RL_IN];
	announced->end[RL_OUT] = state->stream.offset[RL_OUT];
	return 0;
}

SEC("iter/task_file")
int iter__files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	return task && file ? on_found(task, file) : 0;
}
