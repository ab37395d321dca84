/* SPDX-License-Identifier: GPL-2.0-only */
/* One counter for each thing that can happen to a record. Per CPU, summed by user space. */
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

#endif
