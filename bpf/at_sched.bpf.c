// SPDX-License-Identifier: GPL-2.0-only
/* Door: processes begin and end. */
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
