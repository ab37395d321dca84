/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handlers: a process began or ended. Map `services` says which programs count,
 * by name. A service process is tracked only if its parent is a master that root
 * runs: nobody else may fill the ring, or `procs`. Nothing is kept about a child of
 * somebody else's `dovecot`; it is reported, so that user space can say why it is
 * not recorded. All other checks of whom to trust are user space's.
 *
 * All copies of a hook's program call them: after the first one there is nothing
 * left to do.
 *
 * Task context, each with another current task: on_exec() and on_exit() the
 * process that they are about, on_fork() its parent.
 */
#ifndef RL_ON_PROC_BPF_H
#define RL_ON_PROC_BPF_H

#include "copies.bpf.h"
#include "emit.bpf.h"

/* The enum rl_role of a process; NONE if it is not tracked. */
static __always_inline __u16 role_of(__u32 tgid)
{
	struct rl_service *service = bpf_map_lookup_elem(&procs, &tgid);

	return service ? service->role : RL_ROLE_NONE;
}

/* Reports that a tracked process has ended, or is not looked at any more. */
static __always_inline void exit_announce(void)
{
	CONTROL_RECORD(exit_record, rl_none) *r;

	if (!CONTROL_RESERVE(r))
		return;
	rec_init(&r->rec, RL_PROC_EXIT, sizeof(*r), 0);
	control_submit(r);
}

/* Reports what the process executed; `role`: STRANGER, if its end will not be told. */
static __always_inline void exec_announce(const struct rl_service_key *key, __u32 parent,
					  __u16 role)
{
	CONTROL_RECORD(exec_record, rl_proc) *r;

	if (!CONTROL_RESERVE(r))
		return;
	rec_init(&r->rec, RL_PROC_EXEC, sizeof(*r), 0);
	r->body.parent_tgid = parent;
	r->body.role = role;
	r->body.pad = 0;
	__builtin_memcpy(r->body.comm, key->comm, sizeof(key->comm));
	control_submit(r);
}

/* Reads the program's name, and finds what to do about its processes. NULL: nothing. */
static __always_inline struct rl_service *service_of(struct task_struct *task,
						     struct rl_service_key *key)
{
	bpf_probe_read_kernel_str(key->comm, sizeof(key->comm), &task->comm);
	return bpf_map_lookup_elem(&services, key);
}

/* A process that somebody else than root runs as `dovecot`. */
static __always_inline bool is_stranger(struct task_struct *task)
{
	struct rl_service_key key = {};
	struct rl_service *service = service_of(task, &key);

	return service && service->role == RL_ROLE_MASTER && BPF_CORE_READ(task, cred, uid.val);
}

/*
 * A process executed a program. Tracks and reports it if that is Dovecot's; else forgets it. The end
 * of what was reported is told: also if it executes something else. (A child of the master's that
 * has just been forked was not.)
 */
static __always_inline int on_exec(int copy, struct task_struct *task)
{
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	__u32 tgid = task->tgid, parent_tgid = BPF_CORE_READ(parent, tgid);
	__u16 was = role_of(tgid), parent_role = role_of(parent_tgid);
	struct rl_service_key key = {};
	struct rl_service *service = service_of(task, &key), *old, entry;

	old = bpf_map_lookup_elem(&procs, &tgid);
	if (old && old->exec_id == (__u32)task->self_exec_id)
		return 0; /* another copy has run */
	bpf_map_delete_elem(&procs, &tgid);
	if (service && (service->role == RL_ROLE_MASTER ? (__u32)bpf_get_current_uid_gid() == 0 :
							  parent_role == RL_ROLE_MASTER)) {
		entry = *service;
		entry.flags |= RL_SERVICE_FRESH;
		entry.exec_id = task->self_exec_id;
		entry.begun_ns = bpf_ktime_get_ns();
		map_update(&procs, &tgid, &entry, BPF_ANY);
		exec_announce(&key, parent_tgid, entry.role);
		return 0;
	}
	if (was != RL_ROLE_NONE && !(was == RL_ROLE_MASTER && parent_role == RL_ROLE_MASTER))
		exit_announce();
	if (copy == 0 && service && service->role != RL_ROLE_MASTER && is_stranger(parent))
		exec_announce(&key, parent_tgid, RL_ROLE_STRANGER);
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
	struct rl_service *service, entry;

	if (parent_tgid == tgid)
		return 0;
	service = bpf_map_lookup_elem(&procs, &parent_tgid);
	if (service) {
		entry = *service;
		entry.begun_ns = bpf_ktime_get_ns();
		map_update(&procs, &tgid, &entry, BPF_ANY);
	}
	return 0;
}

/* A thread exits; with the main thread, the process is reported as ended. */
static __always_inline int on_exit(struct task_struct *task)
{
	__u32 tgid = task->tgid;
	__u64 thread = (__u64)tgid << 32 | (__u32)task->pid;

	bpf_map_delete_elem(&threads, &thread);
	if ((__u32)task->pid != tgid || role_of(tgid) == RL_ROLE_NONE)
		return 0;
	bpf_map_delete_elem(&procs, &tgid);
	exit_announce();
	return 0;
}

#endif
