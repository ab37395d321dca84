// SPDX-License-Identifier: GPL-2.0-only
/* Door: a process connects a socket itself. TCP alone: what it was accepted from has no such state. */
#include "sock.bpf.h"

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tp_btf__inet_sock_set_state, struct sock *sk, int old_state, int new_state)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rl_service *service;
	struct sock_state *state;

	if (new_state != TCP_SYN_SENT)
		return 0;
	service = bpf_map_lookup_elem(&procs, &tgid);
	if (!service || !role_has_traffic(service->role))
		return 0;
	state = sock_state_make(sk, service->role);
	if (state)
		state->connected = 1;
	return 0;
}
