// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hook: a process connects a TCP socket itself. (Which side an AF_UNIX socket is
 * on, its addresses tell.) The tracepoint inet_sock_set_state, at two changes of
 * state: to SYN_SENT in connect() (tcp_v4_connect(), tcp_v6_connect()), in task
 * context with the socket's lock held; from there to ESTABLISHED
 * (tcp_finish_connect()) when the answer is processed, in general in softirq.
 */
#include "copies.bpf.h"
#include "on_sock.bpf.h"

static __always_inline int on_state(struct sock *sk, int old_state, int new_state)
{
	if (new_state == TCP_SYN_SENT)
		return on_connect(sk);
	return old_state == TCP_SYN_SENT && new_state == TCP_ESTABLISHED ? on_connected(sk) : 0;
}

COPIES("tp_btf/inet_sock_set_state", tp_btf__inet_sock_set_state, HOOK_CONNECT,
       on_state(sk, old_state, new_state), struct sock *sk, int old_state, int new_state)
