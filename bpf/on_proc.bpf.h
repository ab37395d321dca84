/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handlers: a process began or ended. Map `services` says which programs count,
 * by name. A service process is reported only if its parent is a master, and
 * tracked only if root runs that master: nobody else may fill the ring. All
 * other checks of whom to trust are user space's.
 *
 * Task context, each with another current task: on_exec() and on_exit() the
 * process that they are about, on_fork() its parent.
 */
#ifndef RL_ON_PROC_BPF_H
#define RL_ON_PROC_BPF_H

#include "emit.bpf.h"

/* The enum rl_role of a process; NONE if it is not tracked. */
static __always_inline __u16 role_of(__u32 tgid)
{
	struct rl_service *service = bpf_map_lookup_elem(&procs, &tgid);

	return service ? service->role : RL_ROLE_NONE;
}

/* A process executed a program. Tracks and reports it if that is Dovecot's; else forgets it. */
static __always_inline int on_exec(struct task_struct *task)
{
	CONTROL_RECORD(exec_record, rl_proc) *r;
	struct rl_service_key key = {};
	struct rl_service *service, entry;
	__u32 tgid = task->tgid;
	__u16 parent_role;
	bool track;
	__u32 parent = BPF_CORE_READ(task, real_parent, tgid);

	bpf_probe_read_kernel_str(key.comm, sizeof(key.comm), &task->comm);
	service = bpf_map_lookup_elem(&services, &key);
	bpf_map_delete_elem(&procs, &tgid);
	if (!service)
		return 0;
	entry = *service;
	entry.flags |= RL_SERVICE_FRESH;
	if (entry.role == RL_ROLE_MASTER) {
		if ((__u32)bpf_get_current_uid_gid() != 0)
			entry.role = RL_ROLE_STRANGER;
		track = true;
	} else {
		parent_role = role_of(parent);
		if (parent_role != RL_ROLE_MASTER && parent_role != RL_ROLE_STRANGER)
			return 0;
		track = parent_role == RL_ROLE_MASTER;
	}
	if (track)
		map_update(&procs, &tgid, &entry, BPF_ANY);
	if (!CONTROL_RESERVE(r))
		return 0;
	rec_init(&r->rec, RL_PROC_EXEC, sizeof(*r), 0);
	r->body.parent_tgid = parent;
	r->body.role = entry.role;
	r->body.pad = 0;
	__builtin_memcpy(r->body.comm, key.comm, sizeof(key.comm));
	control_submit(r);
	return 0;
}

/*
 * A process forked: its child is tracked as it is. `dovecot` without -F goes
 * into the background, and the child is the master then. A mail process's child
 * has its sockets, until it executes another program. Threads have the tgid of
 * their process: nothing to do.
 */
static __always_inline int on_fork(struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_tgid = parent->tgid, tgid = child->tgid;
	struct rl_service *service;

	if (parent_tgid == tgid)
		return 0;
	service = bpf_map_lookup_elem(&procs, &parent_tgid);
	if (service)
		map_update(&procs, &tgid, service, BPF_ANY);
	return 0;
}

/* A thread exits; with the main thread, the process is reported as ended. */
static __always_inline int on_exit(struct task_struct *task)
{
	CONTROL_RECORD(exit_record, rl_none) *r;
	__u32 tgid = task->tgid;
	__u64 thread = (__u64)tgid << 32 | (__u32)task->pid;

	bpf_map_delete_elem(&threads, &thread);
	if ((__u32)task->pid != tgid || role_of(tgid) == RL_ROLE_NONE)
		return 0;
	bpf_map_delete_elem(&procs, &tgid);
	if (!CONTROL_RESERVE(r))
		return 0;
	rec_init(&r->rec, RL_PROC_EXIT, sizeof(*r), 0);
	control_submit(r);
	return 0;
}

#endif
