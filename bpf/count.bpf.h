/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters of struct rl_stats. Each CPU has its own; user space adds them up. */
#ifndef RL_COUNT_BPF_H
#define RL_COUNT_BPF_H

#include "maps.bpf.h"

/* The counters of the current CPU. Never NULL, but the verifier wants to see it checked. */
static __always_inline struct rl_stats *counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&stats, &zero);
}

/* Adds `n` to a counter of the current CPU. */
#define COUNT(counter, n)                                                                          \
	do {                                                                                       \
		struct rl_stats *stats_ = counters();                                              \
		if (stats_)                                                                        \
			stats_->counter += (n);                                                    \
	} while (0)

/*
 * Updates a map entry, and counts if that fails. Retried once: memory or a lock
 * that was unavailable is usually available on the second attempt.
 */
static __always_inline void map_update(void *map, const void *key, const void *value, __u64 flags)
{
	if (bpf_map_update_elem(map, key, value, flags) &&
	    bpf_map_update_elem(map, key, value, flags))
		COUNT(map_full, 1);
}

#endif
