// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks of the backend `fexit`: the returns of the functions that every send and
 * receive on a stream socket passes (net/ipv4/tcp.c, net/unix/af_unix.c). For
 * kernels before 6.3, which lack the tracepoints of at_sock.bpf.c. sendfile()
 * and splice() to a socket pass *_sendpage before 6.5, *_sendmsg since.
 *
 * Task context, after the function has released the socket's lock.
 */
#include "copies.bpf.h"
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

COPIES("fexit/tcp_sendmsg", fexit__tcp_sendmsg, HOOK_SEND, on_send(copy, sk, returned(ctx)),
       struct sock *sk)

COPIES("fexit/tcp_recvmsg", fexit__tcp_recvmsg, HOOK_RECV, on_recv(copy, sk, returned(ctx), flags),
       struct sock *sk, struct msghdr *msg, __u64 size, int flags)

COPIES("fexit/unix_stream_sendmsg", fexit__unix_stream_sendmsg, HOOK_SEND,
       on_send(copy, sock->sk, returned(ctx)), struct socket *sock)

COPIES("fexit/unix_stream_recvmsg", fexit__unix_stream_recvmsg, HOOK_RECV,
       on_recv(copy, sock->sk, returned(ctx), flags), struct socket *sock, struct msghdr *msg,
       __u64 size, int flags)

COPIES("fexit/tcp_sendpage", fexit__tcp_sendpage, HOOK_SEND, on_send(copy, sk, returned(ctx)),
       struct sock *sk)

COPIES("fexit/unix_stream_sendpage", fexit__unix_stream_sendpage, HOOK_SEND,
       on_send(copy, sock->sk, returned(ctx)), struct socket *sock)

COPIES("fexit/tcp_splice_read", fexit__tcp_splice_read, HOOK_RECV,
       on_recv(copy, sock->sk, returned(ctx), 0), struct socket *sock)

COPIES("fexit/unix_stream_splice_read", fexit__unix_stream_splice_read, HOOK_RECV,
       on_recv(copy, sock->sk, returned(ctx), 0), struct socket *sock)
