/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The current system call: where its bytes are, and which descriptor it passes.
 * Task context only. The registers at the entry to the kernel are kept until the
 * call returns to user space (bpf_task_pt_regs(), Linux 5.15), so one program
 * run after the operation is enough. Which calls are known: buffer_find().
 */
#ifndef RL_SYSCALL_BPF_H
#define RL_SYSCALL_BPF_H

#include "emit.bpf.h"

/*
 * Finds the buffer or the array of struct iovec that the current system call
 * uses, and the control message's address. 0, or an enum rl_gap_reason: why the
 * bytes can't be read.
 */
static __always_inline int buffer_find(struct operation *op, __u64 *control)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	__u64 arg2 = SYSCALL_ARG2(regs), arg3 = SYSCALL_ARG3(regs);
	struct user_msghdr msg;

	switch (SYSCALL_NR(regs)) {
	case NR_READ:
	case NR_WRITE:
	case NR_RECVFROM:
	case NR_SENDTO:
		op->buffer = arg2;
		op->buffer_left = arg3 < op->left ? arg3 : op->left;
		return 0;
	case NR_READV:
	case NR_WRITEV:
	case NR_PREADV2:
	case NR_PWRITEV2:
		op->iov = arg2;
		op->iov_left = arg3;
		return 0;
	case NR_RECVMSG:
	case NR_SENDMSG:
		if (bpf_probe_read_user(&msg, sizeof(msg), (void *)arg2))
			return RL_GAP_FAULT;
		op->iov = (__u64)msg.msg_iov;
		op->iov_left = msg.msg_iovlen;
		if (msg.msg_controllen >= sizeof(struct cmsghdr) + sizeof(int))
			*control = (__u64)msg.msg_control;
		return 0;
	case NR_SENDFILE:
	case NR_SPLICE:
		return RL_GAP_SENDFILE;
	default:
		return RL_GAP_CALL;
	}
}

/* What the current process's descriptor `fd` refers to, if it is a socket; else NULL. */
static __always_inline struct file *fd_socket(__u32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + fd);
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	return file;
}

/* The socket that the control message at `control` passes; NULL: none. */
static __always_inline struct file *passed_file(__u64 control)
{
	struct {
		struct cmsghdr head;
		__u32 fd;
	} msg = {};

	if (!control ||
	    bpf_probe_read_user(&msg, sizeof(msg.head) + sizeof(msg.fd), (void *)control))
		return NULL;
	if (msg.head.cmsg_len < sizeof(msg.head) + sizeof(msg.fd) ||
	    msg.head.cmsg_level != SOL_SOCKET || msg.head.cmsg_type != SCM_RIGHTS)
		return NULL;
	return fd_socket(msg.fd);
}

/* Its inode number; 0: none. */
static __always_inline __u64 passed_ino(__u64 control)
{
	struct file *file = passed_file(control);

	return file ? BPF_CORE_READ(file, f_inode, i_ino) : 0;
}

#endif
