/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes that no hook saw: TCP counts all bytes of a connection in its sequence
 * numbers (struct tcp_sock). Task context, after the operation: copied_seq and
 * write_seq are up to date then. Other sockets have no such numbers.
 */
#ifndef RL_TCP_POSITION_BPF_H
#define RL_TCP_POSITION_BPF_H

#include "maps.bpf.h"

#define RCV_SHUTDOWN 1 /* include/net/sock.h */

/*
 * How many bytes passed in direction `dir` between the last operation that was
 * seen and this one, which moved `moved` bytes. Whichever hook missed them does
 * not matter. 0 at the socket's first operation: there is nothing to compare with.
 */
static __always_inline __u32 tcp_unseen(struct sock *sk, struct sock_state *state, __u8 dir,
					__u32 moved)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	__u32 in, out, was;
	__s32 unseen;

	if (!tcp)
		return 0;
	in = tcp->copied_seq;
	out = tcp->write_seq;
	if (sk->sk_shutdown & RCV_SHUTDOWN && in == tcp->rcv_nxt)
		in--; /* the FIN has a sequence number, but is no byte */
	was = state->tcp_position[dir & 1];
	unseen = (dir == RL_IN ? in : out) - was - moved;
	if (dir == RL_IN && tcp->urg_seq - was < in - was)
		unseen--; /* urgent data: tcp_recvmsg() skips that byte */
	if (!state->tcp_known)
		unseen = 0;
	if (!state->tcp_known || dir == RL_IN)
		state->tcp_position[RL_IN] = in;
	if (!state->tcp_known || dir == RL_OUT)
		state->tcp_position[RL_OUT] = out;
	state->tcp_known = 1;
	return unseen > 0 ? unseen : 0;
}

#endif
