// SPDX-License-Identifier: GPL-2.0-only
/*
 * Door: a process connects a socket itself, by TCP. (To an AF_UNIX socket's end
 * the addresses say which side it is.)
 */
#include "on_sock.bpf.h"

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tp_btf__inet_sock_set_state, struct sock *sk, int old_state, int new_state)
{
	if (new_state == TCP_SYN_SENT)
		return on_connect(sk);
	return old_state == TCP_SYN_SENT && new_state == TCP_ESTABLISHED ? on_connected(sk) : 0;
}
