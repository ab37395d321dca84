/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Over TLS a login process passes one end of a socketpair to the mail process,
 * and then the text on: which client's is it? The first bytes that it receives
 * from the pair are those that it hands to SSL_write() next (lib/iostream-pump.c,
 * lib-ssl-iostream/ostream-openssl.c, 2.3.19.1): LINK names the client whose SSL
 * object that is. Task context.
 */
#ifndef RL_PAIR_BPF_H
#define RL_PAIR_BPF_H

#include "announce.bpf.h"
#include "syscall.bpf.h"
#include "thread.bpf.h"

/* Sends LINK: the socket `ino` was passed to a mail process for the client on the socket `cookie`; and
 * how much of that had passed, if some was lost. 1: the ring is full. Global. */
__weak int link_emit(__u64 cookie, __u64 ino)
{
	struct rl_tail *tail = bpf_map_lookup_elem(&tails, &cookie);
	CONTROL_RECORD(link_record, rl_link) *r;

	if (!CONTROL_RESERVE(r))
		return 1;
	rec_init(&r->rec, RL_LINK, sizeof(*r), cookie);
	r->body.ino = ino;
	r->body.end[RL_IN] = tail ? tail->end[RL_IN] : 0;
	r->body.end[RL_OUT] = tail ? tail->end[RL_OUT] : 0;
	control_submit(r);
	return 0;
}

/* After so many receives from a pair it is not tried any more to link it. */
#define PAIR_READS_MAX 8

/* So many bytes of what was received and of what goes to SSL_write() are compared. */
#define PAIR_BYTES 64

/* The current process passes along what the control message at `control` names, whose inode number is
 * `ino`. If it is one end of a pair, notes it under the inode number of the other, if it does TLS. If it
 * is a client's own (TCP, or a unix socket with a name), its pre-login log ends here, and user space has
 * to know what is missing. */
static __always_inline void pair_note(__u64 control, __u64 ino, bool tls)
{
	struct file *file = passed_file(control);
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk), *peer;
	__u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter), peer_ino;

	if (BPF_CORE_READ(sk, __sk_common.skc_family) != RL_AF_UNIX ||
	    BPF_CORE_READ((struct unix_sock *)sk, addr)) {
		if (bpf_map_lookup_elem(&tails, &cookie))
			link_emit(cookie, ino);
		return;
	}
	if (!tls)
		return;
	peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
	peer_ino = peer ? sock_ino(peer) : 0;
	if (peer_ino)
		map_update(&pairs, &peer_ino, &ino, BPF_ANY);
}

/* The current process has received from a socket that is not recorded. */
static __always_inline void pair_received(struct sock *sk, struct sock_state *state,
					  const struct operation *op)
{
	struct thread_state *thread;
	__u64 ino, *passed;

	if (op->dir != RL_IN || !op->left || !op->buffer || state->pair_reads >= PAIR_READS_MAX ||
	    BPF_CORE_READ(sk, __sk_common.skc_family) != RL_AF_UNIX)
		return;
	state->pair_reads++;
	ino = sock_ino(sk);
	passed = bpf_map_lookup_elem(&pairs, &ino);
	thread = passed ? thread_get() : NULL;
	if (!thread)
		return;
	thread->pair_passed = *passed;
	thread->pair_ino = ino;
	thread->pair_address = op->buffer;
	thread->pair_size = op->left;
}

/* Are the first bytes at both addresses the same? */
static __always_inline bool same_bytes(__u64 a, __u64 b, __u32 size)
{
	__u64 of_a[PAIR_BYTES / 8] = {}, of_b[PAIR_BYTES / 8] = {}, differ = 0;
	__u32 i;

	barrier_var(size); /* what is bounded is what is used: clang 19 makes a copy before */
	if (size > PAIR_BYTES)
		size = PAIR_BYTES;
	if (!size || bpf_probe_read_user(of_a, size, (void *)a) ||
	    bpf_probe_read_user(of_b, size, (void *)b))
		return false;
	for (i = 0; i < PAIR_BYTES / 8; i++)
		differ |= of_a[i] ^ of_b[i];
	return !differ;
}

/* `size` bytes at `address` went to the SSL object with this plaintext; NULL: it is not known. Are they
 * those that were just received from a pair? If user space can't be told, nothing more of it is recorded:
 * it is a mail process's from here on. */
static __always_inline void pair_passed_on(struct thread_state *thread, struct byte_stream *stream,
					   __u64 address, __u32 size)
{
	__u64 passed = thread->pair_passed;

	thread->pair_passed = 0;
	if (size != thread->pair_size || !same_bytes(thread->pair_address, address, size))
		return;
	if (link_emit(stream ? stream->cookie : 0, passed) && stream)
		stream->verdict = RL_VERDICT_MUTE;
	bpf_map_delete_elem(&pairs, &thread->pair_ino);
}

#endif
