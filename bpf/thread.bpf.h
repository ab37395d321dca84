/* SPDX-License-Identifier: GPL-2.0-only */
/* What a thread of a process that does TLS did last. */
#ifndef RL_THREAD_BPF_H
#define RL_THREAD_BPF_H

#include "count.bpf.h"

/* The current thread's state, made if there is none. NULL: no memory. */
static __always_inline struct thread_state *thread_get(void)
{
	static const struct thread_state none;
	__u64 id = bpf_get_current_pid_tgid();
	struct thread_state *thread = bpf_map_lookup_elem(&threads, &id);

	if (thread)
		return thread;
	map_update(&threads, &id, &none, BPF_ANY);
	return bpf_map_lookup_elem(&threads, &id);
}

#endif
