/* SPDX-License-Identifier: GPL-2.0-only */
/* One counter for each thing that can happen to a record, or to what the maps hold. Per CPU, summed
 * by user space. */
#ifndef RL_COUNT_BPF_H
#define RL_COUNT_BPF_H

#include "maps.bpf.h"

static __always_inline struct rl_stats *counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&stats, &zero);
}

#define COUNT(counter, n)                                                                          \
	do {                                                                                       \
		struct rl_stats *stats_ = counters();                                              \
		if (stats_)                                                                        \
			stats_->counter += (n);                                                    \
	} while (0)

/*
 * A refusal is counted. There is a second try: memory or a lock that is not to be had at once mostly
 * is at the next.
 */
static __always_inline void map_update(void *map, const void *key, const void *value, __u64 flags)
{
	if (bpf_map_update_elem(map, key, value, flags) &&
	    bpf_map_update_elem(map, key, value, flags))
		COUNT(map_full, 1);
}

#endif
