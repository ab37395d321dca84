/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between architectures: which of the caller's registers hold a
 * system call's number and arguments, and the numbers. To add an architecture,
 * add a block. Included by vmlinux.h, inside its preserve_access_index region.
 */
#ifndef RL_ARCH_H
#define RL_ARCH_H

#if defined(__TARGET_ARCH_x86)

struct pt_regs {
	long unsigned int ax;
	long unsigned int dx;
	long unsigned int si;
	long unsigned int di;
	long unsigned int orig_ax;
};

#define SYSCALL_NR(regs)   ((regs)->orig_ax)
#define SYSCALL_ARG2(regs) ((regs)->si)
#define SYSCALL_ARG3(regs) ((regs)->dx)

/* arch/x86/entry/syscalls/syscall_64.tbl */
enum {
	NR_READ = 0,
	NR_WRITE = 1,
	NR_READV = 19,
	NR_WRITEV = 20,
	NR_SENDFILE = 40,
	NR_SENDTO = 44,
	NR_RECVFROM = 45,
	NR_SENDMSG = 46,
	NR_RECVMSG = 47,
	NR_SPLICE = 275,
	NR_PREADV2 = 327,
	NR_PWRITEV2 = 328,
};

#elif defined(__TARGET_ARCH_arm64)

struct pt_regs {
	__u64 regs[31];
	__s32 syscallno;
};

/* What a uprobe's program gets: BPF_KPROBE() of libbpf reads the arguments from it. */
struct user_pt_regs {
	__u64 regs[31];
};

#define SYSCALL_NR(regs)   ((regs)->syscallno)
#define SYSCALL_ARG2(regs) ((regs)->regs[1])
#define SYSCALL_ARG3(regs) ((regs)->regs[2])

/* include/uapi/asm-generic/unistd.h */
enum {
	NR_READ = 63,
	NR_WRITE = 64,
	NR_READV = 65,
	NR_WRITEV = 66,
	NR_SENDFILE = 71,
	NR_SPLICE = 76,
	NR_SENDTO = 206,
	NR_RECVFROM = 207,
	NR_SENDMSG = 211,
	NR_RECVMSG = 212,
	NR_PREADV2 = 286,
	NR_PWRITEV2 = 287,
};

#else
#error "this architecture is not supported: add a block"
#endif

#endif
