/* SPDX-License-Identifier: MIT */
/*
 * What /proc shows of this host's processes. Everything is a snapshot: a
 * process may end, or execute another program, between two calls. If it has
 * ended, functions return -ENOENT or -ESRCH. All but its status needs
 * CAP_SYS_PTRACE for another user's process.
 */
#ifndef PROCFS_H
#define PROCFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCFS_COMM_LEN	  16 /* with its NUL, as in the kernel */
#define PROCFS_GROUPS_MAX 1024

/* /proc/PID/status. */
struct procfs_status {
	char comm[PROCFS_COMM_LEN];
	pid_t parent;
	uid_t uid;			 /* real */
	gid_t groups[PROCFS_GROUPS_MAX]; /* supplementary; only the first ones if it has more */
	size_t groups_count;
};

/* 0 or -errno. */
int procfs_status(pid_t pid, struct procfs_status *status_r);

/* When it was started, on the clock of clock_boot_ns(), cut to the kernel's ticks (10 ms). 0 or -errno. */
int procfs_start_ns(pid_t pid, int64_t *ns_r);

/* Calls `found` for each process, by ascending pid, without those that end meanwhile. `status` is
 * valid during the call. 0, or -errno: /proc can't be read. */
typedef void procfs_process_fn(void *context, pid_t pid, const struct procfs_status *status);
int procfs_each_process(procfs_process_fn *found, void *context);

/* The path of its program, NUL-terminated, as the process sees it. If the file was deleted or
 * replaced since, the path that it had. 0; -ENAMETOOLONG: it does not fit; -errno. */
int procfs_program(pid_t pid, char *path_r, size_t size);
/* A handle (O_PATH, close-on-exec) of its program, whatever is at that path now. The caller closes
 * it. -errno. */
int procfs_open_program(pid_t pid);
/* The path of its working directory, with the results of procfs_program(). If the directory was
 * deleted, " (deleted)" follows. */
int procfs_working_dir(pid_t pid, char *path_r, size_t size);
/* Is it in a container: is its pid or user namespace not ours? 1 or 0; -errno. */
int procfs_is_contained(pid_t pid);

/* A file that a process maps as code. */
struct procfs_mapping {
	const char *path; /* absolute, as the process sees it; the file may be deleted by now */
	/* A path that opens the mapped file itself, whatever is at `path` now. Needs CAP_SYS_ADMIN
	 * or CAP_CHECKPOINT_RESTORE. */
	const char *open_path;
};

/* Calls `found` for each file that the process maps as code and whose name, without folders, begins
 * with `prefix`, until it returns other than 0, which is returned then. The mapping is valid during
 * the call. 0, also for a process that has ended; -errno. */
typedef int procfs_mapping_fn(void *context, const struct procfs_mapping *mapping);
int procfs_each_mapping(pid_t pid, const char *prefix, procfs_mapping_fn *found, void *context);

/* Calls `found` for each TCP port that somebody listens on in the process's network namespace, in any
 * order, and not only once. 0 or -errno: not all could be read. */
typedef void procfs_port_fn(void *context, uint16_t port);
int procfs_listening_ports(pid_t pid, procfs_port_fn *found, void *context);

/* A path that opens the file of one of our descriptors, for us or for a program that inherits it. */
#define PROCFS_FD_PATH_LEN 32
void procfs_fd_path(int fd, char path_r[PROCFS_FD_PATH_LEN]);

#endif
