/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Each hook has several programs, which do the same. While a task that is inside
 * of a program is preempted, the kernel leaves out that program's runs for other
 * tasks on the same CPU: __bpf_prog_enter_recur(), and __bpf_trace_run() since
 * tracepoints leave preemption enabled (7.0). It does not leave out the program's
 * copies, which have counters of their own. They run one after the other, and the
 * first one that is not left out acts. (Where the kernel preempts no program there
 * is one copy, for each of them costs time at each operation of every process.)
 *
 * How the others know: each copy has a place, RL_COPIES for the one that the
 * kernel runs first, 1 for the last. User space finds out which has which before
 * it lets any process be tracked. The copies leave their places in the process's
 * entry of `procs`. During an operation these descend; so a copy that finds a place
 * higher than its own is not the first one: unless what it finds is about another
 * operation, whose later copies were left out (struct rl_last).
 *
 * So nothing acts only if the kernel leaves out as many runs of a process in a row
 * as there are copies. All those of one operation: then as many tasks are preempted
 * inside of them, on one CPU. A copy knows from `inside` that it takes the last place
 * that is free, and if it is preempted there it counts that. Or the last ones of an
 * operation and the first ones of the next, if that is on the same socket, in the
 * same direction, with the same result: that is not counted.
 */
#ifndef RL_COPIES_BPF_H
#define RL_COPIES_BPF_H

#include "count.bpf.h"

/* One run of a copy. */
struct run {
	union inside *inside; /* of this hook on this CPU, which stays the same */
	__u64 others;	      /* inside->all when it began */
	__u64 preempted;      /* how often the current task had been */
};

static __always_inline __u64 times_preempted(void)
{
	return bpf_get_current_task_btf()->nivcsw;
}

/* For a test: runs are left out at random, but never as many in a row as there are copies. */
static __always_inline bool left_out(void)
{
#ifdef RL_TEST_LEFT_OUT
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rl_service *service = bpf_map_lookup_elem(&procs, &tgid);

	if (service && service->last.left_out < RL_COPIES - 1 && bpf_get_prandom_u32() & 1) {
		service->last.left_out++;
		return true;
	}
	if (service)
		service->last.left_out = 0;
#endif
	return false;
}

/* False: does not run. The verifier wants to see `inside` checked, which is never NULL. */
static __always_inline bool run_begin(struct run *run, __u32 hook, int copy)
{
	run->inside = bpf_map_lookup_elem(&inside, &hook);
	if (!run->inside || left_out())
		return false;
	run->others = run->inside->all;
	run->inside->copies[copy] = 1;
	run->preempted = times_preempted();
	return true;
}

static __always_inline void run_end(const struct run *run, int copy)
{
	const __u64 each = 0x0101010101010101 >> (64 - 8 * config.copies);

	run->inside->copies[copy] = 0;
	if (unlikely(run->others == (each & ~(1ULL << 8 * copy)) &&
		     run->preempted != times_preempted()))
		COUNT(missed, 1);
}

/* Is this the last operation that is known, as far as can be seen? */
static __always_inline bool is_last(struct rl_last *last, struct sock *sk, int ret, __u8 dir)
{
	return last->sk == (__u64)sk && last->ret == ret && last->dir == dir;
}

/*
 * Is this the first copy to run at this operation of the current process? All
 * copies must ask. Of a process's threads only the first one has copies.
 */
static __always_inline bool run_is_first(struct rl_service *service, int copy, struct sock *sk,
					 int ret, __u8 dir)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u16 place = copies.place[copy];
	bool first;

	if (service->flags & RL_SERVICE_SELF)
		copies.order[copy] = ++copies.runs;
	if (config.copies == 1 || (__u32)id != id >> 32)
		return copy == 0;
	if (!place)
		return false;
	first = !is_last(&service->last, sk, ret, dir) || service->last.place <= place;
	service->last.sk = (__u64)sk;
	service->last.ret = ret;
	service->last.dir = dir;
	service->last.place = place;
	return first;
}

/* One of a hook's programs. `call` can use the arguments, and `copy`. */
#define COPY(number, section, name, hook, call, ...)                                               \
	SEC(section)                                                                               \
	int BPF_PROG(name##__##number, __VA_ARGS__)                                                \
	{                                                                                          \
		const int copy = number;                                                           \
		struct run run;                                                                    \
                                                                                                   \
		if (!run_begin(&run, hook, copy))                                                  \
			return 0;                                                                  \
		call;                                                                              \
		run_end(&run, copy);                                                               \
		return 0;                                                                          \
	}

/* All of them: RL_COPIES. */
#define COPIES(...)                                                                                \
	COPY(0, __VA_ARGS__)                                                                       \
	COPY(1, __VA_ARGS__)                                                                       \
	COPY(2, __VA_ARGS__)

#endif
