// SPDX-License-Identifier: GPL-2.0-only
/*
 * Door `sock`: the tracepoints sock_send_length and sock_recv_length (kernel
 * 6.3 and later, net/socket.c). They fire after each send and receive on a
 * socket, by whichever system call, with the count that was really moved.
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
