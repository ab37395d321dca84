// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that user space runs when it wants to know what still exists. The
 * current task is rawtap.
 *
 * No hook reports the end of every socket, so user space asks from time to
 * time. The answer is about exactly the sockets that are asked for: it does not
 * follow from what a walk over all sockets has met.
 */
#include "on_proc.bpf.h"
#include "on_sock.bpf.h"
#include "on_tls.bpf.h"

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

/* bpf_for_each_map_elem() callback: forgets the object if its process is not tracked any more. */
static long forget_ssl(void *map, struct object_key *key, struct ssl_state *state, void *unused)
{
	if (role_of(key->tgid) == RL_ROLE_NONE)
		ssl_forget(key, state);
	return 0;
}

/* The same for halves of BIO pairs: those of an object for which `ssls` had no space. */
static long forget_bio(void *map, struct object_key *key, __u64 *ssl, void *unused)
{
	if (role_of(key->tgid) == RL_ROLE_NONE)
		bpf_map_delete_elem(&bios, key);
	return 0;
}

/* SSL objects of processes that have ended without SSL_free(): they crashed, or were killed. */
SEC("syscall")
int ask__processes(void *ctx)
{
	bpf_for_each_map_elem(&ssls, forget_ssl, NULL, 0);
	bpf_for_each_map_elem(&bios, forget_bio, NULL, 0);
	return 0;
}
