// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks: processes begin and end. The scheduler's tracepoints, in task context:
 * at exec the process itself, which has its new name and ids; at fork the parent,
 * before the child runs; at exit the thread that ends (each thread of a process).
 */
#include "copies.bpf.h"
#include "on_proc.bpf.h"

struct linux_binprm;

COPIES("tp_btf/sched_process_exec", tp_btf__sched_process_exec, HOOK_EXEC, on_exec(copy, task),
       struct task_struct *task, int old_pid, struct linux_binprm *binary)

COPIES("tp_btf/sched_process_fork", tp_btf__sched_process_fork, HOOK_FORK, on_fork(parent, child),
       struct task_struct *parent, struct task_struct *child)

COPIES("tp_btf/sched_process_exit", tp_btf__sched_process_exit, HOOK_EXIT, on_exit(task),
       struct task_struct *task)
