// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks: processes begin and end. The scheduler's tracepoints, in task context:
 * at exec the process itself, which has its new name and ids; at fork the parent,
 * before the child runs; at exit the thread that ends (each thread of a process).
 */
#include "on_proc.bpf.h"

struct linux_binprm;

SEC("tp_btf/sched_process_exec")
int BPF_PROG(tp_btf__sched_process_exec, struct task_struct *task, int old_pid,
	     struct linux_binprm *binary)
{
	return on_exec(task);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(tp_btf__sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	return on_fork(parent, child);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(tp_btf__sched_process_exit, struct task_struct *task)
{
	return on_exit(task);
}
