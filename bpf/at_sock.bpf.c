// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks of the backend `sock`: the tracepoints sock_send_length and
 * sock_recv_length (Linux 6.3, net/socket.c). They report each send and receive
 * after it was done, with its return value, whichever system call it was; except
 * splice() from a socket, which passes neither.
 *
 * Task context; the socket's lock is not held.
 */
#include "on_io.bpf.h"

SEC("tp_btf/sock_send_length")
int BPF_PROG(tp_btf__sock_send_length, struct sock *sk, int ret, int flags)
{
	return on_send(sk, ret);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(tp_btf__sock_recv_length, struct sock *sk, int ret, int flags)
{
	return on_recv(sk, ret, flags);
}
