/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Body: Dovecot's calls of OpenSSL. It gives OpenSSL a pair of BIOs, so an SSL
 * object has no descriptor (lib-ssl-iostream/iostream-openssl.c). The way from
 * the socket to the text is exact all the same: BIO_new_bio_pair() names the
 * two halves, SSL_set_bio() gives the inner one to the SSL, and BIO_write() to
 * the outer one hands on bytes that lie where the same thread's last receive
 * put them. No guess by time or order.
 */
#ifndef RL_ON_TLS_BPF_H
#define RL_ON_TLS_BPF_H

#include "emit.bpf.h"
#include "thread.bpf.h"

/* The service of the current process, if its TLS is looked into. */
static __always_inline struct rl_service *tls_service(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rl_service *service = bpf_map_lookup_elem(&procs, &tgid);

	return service && service->flags & RL_SERVICE_TLS ? service : NULL;
}

static __always_inline struct object_key object_key(__u64 address)
{
	return (struct object_key){.address = address, .tgid = bpf_get_current_pid_tgid() >> 32};
}

/* BIO_new_bio_pair(&inner, 0, &outer, 0) is called: filled in when SSL_set_bio() is. */
static __always_inline int on_bio_pair(__u64 inner, __u64 outer)
{
	struct thread_state *thread = tls_service() ? thread_get() : NULL;

	if (thread) {
		thread->bio_pair[0] = inner;
		thread->bio_pair[1] = outer;
	}
	return 0;
}

static __always_inline int on_set_bio(__u64 ssl, __u64 bio)
{
	struct thread_state *thread = tls_service() ? thread_get() : NULL;
	struct object_key ssl_key = object_key(ssl), outer_key = object_key(0);
	const struct byte_stream fresh = {};
	struct byte_stream *old;
	__u64 inner = 0;

	if (!thread || bpf_probe_read_user(&inner, sizeof(inner), (void *)thread->bio_pair[0]) ||
	    bpf_probe_read_user(&outer_key.address, sizeof(outer_key.address),
				(void *)thread->bio_pair[1]) ||
	    inner != bio)
		return 0;
	old = bpf_map_lookup_elem(&ssls, &ssl_key);
	if (!old || old->cookie)
		thread->unbound_ssls++;
	map_update(&ssls, &ssl_key, &fresh, BPF_ANY);
	map_update(&bios, &outer_key, &ssl, BPF_ANY);
	return 0;
}

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

/* BIO_write(outer, data, ...): are these the bytes that this thread received last? */
static __always_inline int on_bio_write(__u64 bio, __u64 data)
{
	struct object_key key = object_key(bio);
	struct thread_state *thread;
	struct byte_stream *stream;
	__u32 verdict;
	__u64 *ssl;

	ssl = tls_service() ? bpf_map_lookup_elem(&bios, &key) : NULL;
	if (!ssl)
		return 0;
	key.address = *ssl;
	stream = bpf_map_lookup_elem(&ssls, &key);
	if (!stream || stream->cookie)
		return 0;
	thread = thread_get();
	if (!thread || !thread->recv_cookie || data < thread->recv_address ||
	    data >= thread->recv_address + thread->recv_size)
		return 0;
	stream->cookie = thread->recv_cookie;
	stream->class = thread->recv_class;
	stream->verdict = verdict = thread->recv_verdict;
	/* what it says of the bytes before counts from another beginning */
	bpf_map_delete_elem(&tails, &stream->cookie);
	map_update(&tls_socks, &stream->cookie, &verdict, BPF_ANY);
	if (thread->unbound_ssls)
		thread->unbound_ssls--;
	if (verdict != RL_VERDICT_MUTE)
		tls_announce(thread->recv_cookie,
			     thread->recv_offset + (data - thread->recv_address),
			     thread->recv_out_end);
	return 0;
}

/* SSL_read(ssl, data, ...) or SSL_write(): how much it moved, its return says. */
static __always_inline int on_tls_call(__u64 ssl, __u64 data)
{
	struct thread_state *thread = tls_service() ? thread_get() : NULL;

	if (thread) {
		thread->call_ssl = ssl;
		thread->call_data = data;
	}
	return 0;
}

static __always_inline int on_tls_return(int ret, __u8 dir)
{
	struct operation op = {.dir = dir, .flags = RL_F_TLS};
	struct rl_service *service = tls_service();
	struct thread_state *thread;
	struct object_key key;
	__u32 *verdict;

	thread = service ? thread_get() : NULL;
	if (!thread || !thread->call_ssl)
		return 0;
	key = object_key(thread->call_ssl);
	thread->call_ssl = 0;
	if (ret <= 0)
		return 0;
	op.stream = bpf_map_lookup_elem(&ssls, &key);
	if (!op.stream || !op.stream->cookie) {
		/* from before the recorder began, or lost */
		if (op.stream || service->flags & RL_SERVICE_FRESH)
			COUNT(tls_unknown, ret);
		return 0;
	}
	verdict = bpf_map_lookup_elem(&tls_socks, &op.stream->cookie);
	if (verdict) /* kept here too: there it may have to make room */
		op.stream->verdict = *verdict;
	if (op.stream->verdict == RL_VERDICT_MUTE)
		return 0;
	op.buffer = thread->call_data;
	op.buffer_left = ret;
	op.left = ret;
	op.offset = __sync_fetch_and_add(&op.stream->offset[dir & 1], ret);
	emit_bytes(&op);
	return 0;
}

static __always_inline int on_ssl_free(__u64 ssl)
{
	struct object_key key = object_key(ssl);
	struct thread_state *thread = tls_service() ? thread_get() : NULL;
	struct byte_stream *stream = thread ? bpf_map_lookup_elem(&ssls, &key) : NULL;

	if (!stream)
		return 0;
	if (!stream->cookie) {
		if (thread->unbound_ssls)
			thread->unbound_ssls--;
		tls_announce(0, 0, 0); /* whose it was, is not known; but that it was */
	}
	bpf_map_delete_elem(&ssls, &key);
	return 0;
}

#endif
