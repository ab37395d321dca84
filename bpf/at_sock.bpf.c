// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks of the backend `sock`: the tracepoints sock_send_length and
 * sock_recv_length (Linux 6.3, net/socket.c). They report each send and receive
 * after it was done, with its return value, whichever system call it was; except
 * splice() from a socket, which passes neither.
 *
 * Task context; the socket's lock is not held.
 */
#include "copies.bpf.h"
#include "on_io.bpf.h"

COPIES("tp_btf/sock_send_length", tp_btf__sock_send_length, HOOK_SEND, on_send(copy, sk, ret),
       struct sock *sk, int ret, int flags)

COPIES("tp_btf/sock_recv_length", tp_btf__sock_recv_length, HOOK_RECV,
       on_recv(copy, sk, ret, flags), struct sock *sk, int ret, int flags)
