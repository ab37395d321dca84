// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks of the backend `fexit`: the returns of the functions that every send and
 * receive on a stream socket passes (net/ipv4/tcp.c, net/unix/af_unix.c). For
 * kernels before 6.3, which lack the tracepoints of at_sock.bpf.c. sendfile()
 * and splice() to a socket pass *_sendpage before 6.5, *_sendmsg since.
 *
 * Task context, after the function has released the socket's lock. While a
 * program runs, the kernel leaves out other runs of it on that CPU, and counts
 * them (__bpf_prog_enter_recur(); docs/KERNELS.md).
 */
#include "on_io.bpf.h"

struct msghdr;

/*
 * What the function returned. Its place among the arguments depends on how many there are, and
 * tcp_recvmsg() has an address length on 6.12, but not on 7.2.
 */
static __always_inline int returned(void *ctx)
{
	__u64 value = 0;

	bpf_get_func_ret(ctx, &value);
	return value;
}

SEC("fexit/tcp_sendmsg")
int BPF_PROG(fexit__tcp_sendmsg, struct sock *sk)
{
	return on_send(sk, returned(ctx));
}

SEC("fexit/tcp_recvmsg")
int BPF_PROG(fexit__tcp_recvmsg, struct sock *sk, struct msghdr *msg, __u64 size, int flags)
{
	return on_recv(sk, returned(ctx), flags);
}

SEC("fexit/unix_stream_sendmsg")
int BPF_PROG(fexit__unix_stream_sendmsg, struct socket *sock)
{
	return on_send(sock->sk, returned(ctx));
}

SEC("fexit/unix_stream_recvmsg")
int BPF_PROG(fexit__unix_stream_recvmsg, struct socket *sock, struct msghdr *msg, __u64 size,
	     int flags)
{
	return on_recv(sock->sk, returned(ctx), flags);
}

SEC("fexit/tcp_sendpage")
int BPF_PROG(fexit__tcp_sendpage, struct sock *sk)
{
	return on_send(sk, returned(ctx));
}

SEC("fexit/unix_stream_sendpage")
int BPF_PROG(fexit__unix_stream_sendpage, struct socket *sock)
{
	return on_send(sock->sk, returned(ctx));
}

SEC("fexit/tcp_splice_read")
int BPF_PROG(fexit__tcp_splice_read, struct socket *sock)
{
	return on_recv(sock->sk, returned(ctx), 0);
}

SEC("fexit/unix_stream_splice_read")
int BPF_PROG(fexit__unix_stream_splice_read, struct socket *sock)
{
	return on_recv(sock->sk, returned(ctx), 0);
}
