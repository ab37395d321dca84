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

/* What TCP counts, of struct tcp_sock. */
struct tcp_numbers {
	__u32 copied_seq; /* of the next byte that the process will read */
	__u32 rcv_nxt;	  /* of the next byte that the peer will send */
	__u32 urg_seq;	  /* of the last urgent byte */
	__u32 write_seq;  /* of the next byte that the process will write */
	__u32 shutdown;	  /* sk_shutdown */
};

/*
 * Moves state->tcp_position on to `now`. Returns how many bytes that is beyond
 * the `moved` ones of this operation. Global: see rl.bpf.h.
 */
__weak __u32 tcp_advance(struct sock_state *state, const struct tcp_numbers *now, __u32 dir,
			 __u32 moved)
{
	__u32 in, out, was;
	__s32 unseen;

	if (!state || !now)
		return 0;
	in = now->copied_seq;
	out = now->write_seq;
	if (now->shutdown & RCV_SHUTDOWN && in == now->rcv_nxt)
		in--; /* the FIN has a sequence number, but is no byte */
	was = state->tcp_position[dir & 1];
	unseen = (dir == RL_IN ? in : out) - was - moved;
	if (dir == RL_IN && now->urg_seq - was < in - was)
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

/*
 * How many bytes passed in direction `dir` between the last operation that was
 * seen and this one, which moved `moved` bytes. Whichever hook missed them does
 * not matter. 0 at the socket's first operation: there is nothing to compare with.
 */
static __always_inline __u32 tcp_unseen(struct sock *sk, struct sock_state *state, __u8 dir,
					__u32 moved)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	struct tcp_numbers now;

	if (!tcp)
		return 0;
	now.copied_seq = tcp->copied_seq;
	now.rcv_nxt = tcp->rcv_nxt;
	now.urg_seq = tcp->urg_seq;
	now.write_seq = tcp->write_seq;
	now.shutdown = sk->sk_shutdown;
	return tcp_advance(state, &now, dir, moved);
}

#endif
