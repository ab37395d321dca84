/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a thread that does TLS did last: what it received tells which socket an
 * SSL object is on (on_tls.bpf.h). Task context.
 */
#ifndef RL_THREAD_BPF_H
#define RL_THREAD_BPF_H

#include "emit.bpf.h"

/* Returns the current thread's state, which is made if there is none. NULL: no memory. */
static __always_inline struct thread_state *thread_get(void)
{
	static const struct thread_state none;
	__u64 id = bpf_get_current_pid_tgid();
	struct thread_state *thread = bpf_map_lookup_elem(&threads, &id);

	if (thread)
		return thread;
	map_update(&threads, &id, &none, BPF_ANY);
	return bpf_map_lookup_elem(&threads, &id);
}

/* Notes what was received and where it is, for the BIO_write() that hands it to OpenSSL. */
static __always_inline void recv_note(struct thread_state *thread, const struct operation *op,
				      const struct byte_stream *stream, __u64 offset, __u32 verdict)
{
	thread->pair_passed = 0;
	thread->recv_address = op->buffer;
	thread->recv_size = op->left;
	thread->recv_cookie = stream->cookie;
	thread->recv_offset = offset;
	/* TLS begins with the client's bytes: all that was sent to it before is plaintext */
	thread->recv_out_end = stream->class == RL_CLASS_CLIENT ? stream->offset[RL_OUT] : 0;
	thread->recv_class = stream->class;
	thread->recv_verdict = verdict;
}

/*
 * Notes a receive on a connection that the process made itself and that is not
 * recorded: so that its SSL object is known to be that connection's.
 */
static __always_inline void recv_note_muted(struct sock_state *state, const struct operation *op)
{
	struct thread_state *thread;

	if (state->connect != CONNECT_DONE || op->dir != RL_IN || !op->left)
		return;
	thread = thread_get();
	if (thread)
		recv_note(thread, op, &state->stream, 0, RL_VERDICT_MUTE);
}

/*
 * Notes an operation on a socket of a process that does TLS; sets
 * RL_F_UNDECIDED if its bytes may be TLS. True: it is about ciphertext, whose
 * plaintext is recorded by the probes. Not even an end of file is recorded then: a
 * record that is lost sets `tails`, which counts the plaintext.
 */
static __always_inline bool tls_note(struct sock_state *state, struct operation *op, __u64 offset)
{
	struct thread_state *thread;
	__u32 *verdict;

	if (!class_is_traffic(state->stream.class))
		return false;
	if (!state->tls) {
		verdict = bpf_map_lookup_elem(&tls_socks, &state->stream.cookie);
		if (verdict) {
			state->tls = 1;
			/* it may have changed between the receive and the BIO_write() */
			if (state->stream.verdict != RL_VERDICT_PENDING)
				*verdict = state->stream.verdict;
		}
	}
	thread = thread_get();
	if (!thread)
		return state->tls;
	if (op->dir == RL_IN)
		recv_note(thread, op, &state->stream, offset, state->stream.verdict);
	/* as a server, the process sends TLS only after it has received TLS */
	if (thread->unbound_ssls && (op->dir == RL_IN || state->stream.class == RL_CLASS_RELAY))
		op->flags = RL_F_UNDECIDED;
	return state->tls;
}

#endif
