/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handlers: Dovecot calls OpenSSL.
 *
 * Which socket is an SSL object on? Dovecot reads and writes the socket itself
 * and passes the bytes through a pair of BIOs (lib-ssl-iostream/
 * iostream-openssl.c), so the SSL object has no descriptor. Its calls tell:
 *
 *   BIO_new_bio_pair(&inner, ..., &outer, ...)  makes the two halves
 *   SSL_set_bio(ssl, inner, inner)              links: outer -> ssl
 *   read(socket, p, ...)                        the thread receives bytes at p
 *   BIO_write(outer, p, ...)                    hands these on: ssl -> socket
 *   SSL_read(ssl, ...), SSL_write(ssl, ...)     the plaintext
 *   SSL_free(ssl)                               the address may be used again
 *
 * Each step follows from an address, none from time or order.
 *
 * Task context: the current thread makes the call.
 */
#ifndef RL_ON_TLS_BPF_H
#define RL_ON_TLS_BPF_H

#include "emit.bpf.h"
#include "pair.bpf.h"
#include "thread.bpf.h"

/* The current process's entry in `procs`, if its TLS is recorded; else NULL. */
static __always_inline struct rl_service *tls_service(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rl_service *service = bpf_map_lookup_elem(&procs, &tgid);

	return service && service->flags & RL_SERVICE_TLS ? service : NULL;
}

/* The key of an object of the current process. */
static __always_inline struct object_key object_key(__u64 address)
{
	return (struct object_key){.address = address, .tgid = bpf_get_current_pid_tgid() >> 32};
}

/* BIO_new_bio_pair(&inner, 0, &outer, 0) begins. Notes where it will put the two halves. */
static __always_inline int on_bio_pair(__u64 inner, __u64 outer)
{
	struct thread_state *thread = tls_service() ? thread_get() : NULL;

	if (thread) {
		thread->bio_pair[0] = inner;
		thread->bio_pair[1] = outer;
	}
	return 0;
}

/* SSL_set_bio(ssl, bio, bio) begins. If `bio` is an inner half, links the outer one to `ssl`. */
static __always_inline int on_set_bio(__u64 ssl, __u64 bio)
{
	struct thread_state *thread = tls_service() ? thread_get() : NULL;
	struct object_key ssl_key = object_key(ssl), outer_key = object_key(0);
	struct ssl_state fresh = {}, *old;
	__u64 inner = 0;

	if (!thread || bpf_probe_read_user(&inner, sizeof(inner), (void *)thread->bio_pair[0]) ||
	    bpf_probe_read_user(&outer_key.address, sizeof(outer_key.address),
				(void *)thread->bio_pair[1]) ||
	    inner != bio)
		return 0;
	old = bpf_map_lookup_elem(&ssls, &ssl_key);
	if (!old || old->stream.cookie)
		thread->unbound_ssls++;
	fresh.outer = outer_key.address;
	map_update(&ssls, &ssl_key, &fresh, BPF_ANY);
	map_update(&bios, &outer_key, &ssl, BPF_ANY);
	return 0;
}

/* Sends TLS_BEGIN. */
static __always_inline void tls_announce(__u64 cookie, __u64 offset, __u64 out_end)
{
	CONTROL_RECORD(tls_record, rl_tls) *r;

	if (!CONTROL_RESERVE(r))
		return;
	rec_init(&r->rec, RL_TLS_BEGIN, sizeof(*r), cookie);
	r->body.offset = offset;
	r->body.out_end = out_end;
	control_submit(r);
}

/*
 * BIO_write(bio, data, ...) begins. If `bio` is linked to an SSL object without
 * a socket, and `data` is in what this thread received last, the SSL object is on
 * that socket: TLS begins at this byte.
 */
static __always_inline int on_bio_write(__u64 bio, __u64 data)
{
	struct object_key key = object_key(bio);
	struct thread_state *thread;
	struct byte_stream *stream;
	struct ssl_state *state;
	__u32 verdict;
	__u64 *ssl;

	ssl = tls_service() ? bpf_map_lookup_elem(&bios, &key) : NULL;
	if (!ssl)
		return 0;
	key.address = *ssl;
	state = bpf_map_lookup_elem(&ssls, &key);
	if (!state || state->stream.cookie)
		return 0;
	stream = &state->stream;
	thread = thread_get();
	if (!thread || !thread->recv_cookie || data < thread->recv_address ||
	    data >= thread->recv_address + thread->recv_size)
		return 0;
	stream->cookie = thread->recv_cookie;
	stream->class = thread->recv_class;
	stream->verdict = verdict = thread->recv_verdict;
	/* an entry counts the socket's bytes, the plaintext is counted anew */
	bpf_map_delete_elem(&tails, &stream->cookie);
	if (class_is_traffic(
		    stream->class)) /* else user space does not know it, and would not end it */
		map_update(&tls_socks, &stream->cookie, &verdict, BPF_ANY);
	if (thread->unbound_ssls)
		thread->unbound_ssls--;
	if (verdict != RL_VERDICT_MUTE)
		tls_announce(thread->recv_cookie,
			     thread->recv_offset + (data - thread->recv_address),
			     thread->recv_out_end);
	return 0;
}

/* SSL_read(ssl, data, ...) or SSL_write() begins. Notes the arguments for its return. */
static __always_inline int on_tls_call(__u64 ssl, __u64 data)
{
	struct thread_state *thread = tls_service() ? thread_get() : NULL;

	if (thread) {
		thread->call_ssl = ssl;
		thread->call_data = data;
	}
	return 0;
}

/* Whose these bytes are is not known. User space knows whether somebody wants to have them. */
static __always_inline void tls_unknown(struct operation *op, int size)
{
	COUNT(tls_unknown, size);
	gap_emit(op, size, RL_GAP_UNSEEN);
}

/* SSL_read() or SSL_write() returned `ret`: records that many bytes of plaintext. */
static __always_inline int on_tls_return(int ret, __u8 dir)
{
	struct operation op = {.dir = dir, .flags = RL_F_TLS};
	struct rl_service *service = tls_service();
	struct thread_state *thread;
	struct byte_stream *stream;
	struct ssl_state *state;
	struct object_key key;
	__u32 *verdict;

	thread = service ? thread_get() : NULL;
	if (!thread || !thread->call_ssl)
		return 0;
	key = object_key(thread->call_ssl);
	thread->call_ssl = 0;
	if (ret <= 0)
		return 0;
	state = bpf_map_lookup_elem(&ssls, &key);
	stream = state ? &state->stream : NULL;
	if (dir == RL_OUT && thread->pair_passed)
		pair_passed_on(thread, stream, thread->call_data, ret);
	if (!stream || !stream->cookie) {
		/* from before the recorder started, or a map entry was lost */
		if (stream || service->flags & RL_SERVICE_FRESH)
			tls_unknown(&op, ret);
		return 0;
	}
	verdict = bpf_map_lookup_elem(&tls_socks, &stream->cookie);
	/* kept here, too: the entry ends with the socket, maybe before this object; MUTE for good */
	if (verdict && stream->verdict != RL_VERDICT_MUTE)
		stream->verdict = *verdict;
	if (stream->verdict == RL_VERDICT_MUTE)
		return 0;
	op.buffer = thread->call_data;
	op.buffer_left = ret;
	op.left = ret;
	op.offset = __sync_fetch_and_add(&stream->offset[dir & 1], ret);
	op.cookie = stream->cookie;
	op.class = stream->class;
	emit_bytes(&op, stream);
	return 0;
}

/* The object has ended: forgets it. */
static __always_inline void ssl_forget(struct object_key *key, const struct ssl_state *state)
{
	struct object_key outer = {.address = state->outer, .tgid = key->tgid};

	bpf_map_delete_elem(&bios, &outer);
	/* user space ends what is kept about the sockets that it was told of, and no others */
	if (!bpf_map_lookup_elem(&announced_socks, &state->stream.cookie))
		bpf_map_delete_elem(&tls_socks, &state->stream.cookie);
	bpf_map_delete_elem(&ssls, key);
}

/* SSL_free(ssl) begins. */
static __always_inline int on_ssl_free(__u64 ssl)
{
	struct object_key key = object_key(ssl);
	struct thread_state *thread = tls_service() ? thread_get() : NULL;
	struct ssl_state *state = thread ? bpf_map_lookup_elem(&ssls, &key) : NULL;

	if (!state)
		return 0;
	if (!state->stream.cookie) {
		if (thread->unbound_ssls)
			thread->unbound_ssls--;
		tls_announce(0, 0, 0); /* for user space: TLS was prepared and given up */
	}
	ssl_forget(&key, state);
	return 0;
}

#endif
