// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks: calls of OpenSSL, by uprobes on the PLT of Dovecot's TLS module, or,
 * where it has none, on libssl's own functions. User space finds the places
 * (tls_probes.c) and attaches the programs by name: uprobe__FUNCTION at the call,
 * uretprobe__FUNCTION at the return.
 *
 * Task context: the thread that makes the call.
 */
#include "on_tls.bpf.h"

SEC("uprobe")
int BPF_KPROBE(uprobe__BIO_new_bio_pair, void *inner, __u64 inner_size, void *outer)
{
	return on_bio_pair((__u64)inner, (__u64)outer);
}

SEC("uprobe")
int BPF_KPROBE(uprobe__SSL_set_bio, void *ssl, void *bio)
{
	return on_set_bio((__u64)ssl, (__u64)bio);
}

SEC("uprobe")
int BPF_KPROBE(uprobe__BIO_write, void *bio, void *data)
{
	return on_bio_write((__u64)bio, (__u64)data);
}

SEC("uprobe")
int BPF_KPROBE(uprobe__SSL_read, void *ssl, void *data)
{
	return on_tls_call((__u64)ssl, (__u64)data);
}

SEC("uretprobe")
int BPF_KRETPROBE(uretprobe__SSL_read, int ret)
{
	return on_tls_return(ret, RL_IN);
}

SEC("uprobe")
int BPF_KPROBE(uprobe__SSL_write, void *ssl, void *data)
{
	return on_tls_call((__u64)ssl, (__u64)data);
}

SEC("uretprobe")
int BPF_KRETPROBE(uretprobe__SSL_write, int ret)
{
	return on_tls_return(ret, RL_OUT);
}

SEC("uprobe")
int BPF_KPROBE(uprobe__SSL_free, void *ssl)
{
	return on_ssl_free((__u64)ssl);
}
