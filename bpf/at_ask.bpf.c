// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that user space runs when it wants to know which of its sockets
 * still exist. The current task is rawtap.
 *
 * No hook reports the end of every socket, so user space asks from time to
 * time. The answer is about exactly the sockets that are asked for: it does not
 * follow from what a walk over all sockets has met.
 */
#include "on_sock.bpf.h"

/* The questions, and their answers. Written by user space, before it runs the program. */
struct rl_asked asked[RL_ASKED_MAX] = {};
__u32 asked_count = 0;

static long answer_next(__u32 index, void *unused)
{
	if (index >= RL_ASKED_MAX)
		return 1;
	asked[index].answer = sock_ask(asked[index].cookie);
	return 0;
}

SEC("syscall")
int ask__sockets(void *ctx)
{
	bpf_loop(asked_count, answer_next, NULL, 0);
	return 0;
}
