/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which socket is what. A Dovecot process's stream sockets explain themselves,
 * so this needs no state from before: what they are bound or connected to says
 * it. Decided at a socket's first operation and kept in its storage.
 */
#ifndef RL_SOCK_BPF_H
#define RL_SOCK_BPF_H

#include "emit.bpf.h"

/* The inode number of the socket, as fstat() shows it. */
static __always_inline __u64 sock_ino(struct sock *sk)
{
	struct socket *socket = BPF_CORE_READ(sk, sk_socket);
	struct socket_alloc *alloc;

	if (!socket)
		return 0;
	alloc = (void *)socket - bpf_core_field_offset(struct socket_alloc, socket);
	return BPF_CORE_READ(alloc, vfs_inode.i_ino);
}

/* The inode number of what `fd` of the current process is, if it is a socket; else 0. */
static __always_inline __u64 fd_sock_ino(__u32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL;
	struct inode *inode;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + fd);
	if (!file)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	return BPF_CORE_READ(inode, i_ino);
}

/* The path that an AF_UNIX socket is bound to. Its length without NUL; 0: none, or abstract. */
static __always_inline __u32 unix_path(struct sock *sk, char path[RL_PATH_LEN])
{
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);
	long len;

	if (!address)
		return 0;
	len = bpf_probe_read_kernel_str(path, RL_PATH_LEN - 1, &address->name[0].sun_path);
	return len > 1 && len < RL_PATH_LEN ? len - 1 : 0;
}

/* Does `path`, of `len` bytes, end with the `suffix_len` bytes of `suffix`? */
static __always_inline bool path_ends(const char *path, __u32 len, const char *suffix,
				      __u32 suffix_len)
{
	__u32 i;

	if (!suffix_len || suffix_len > RL_SUFFIX_LEN || len < suffix_len)
		return false;
	for (i = 0; i < RL_SUFFIX_LEN; i++) {
		/* masked: the verifiers do not all follow a comparison this far */
		__u32 at = (len - suffix_len + i) & (RL_PATH_LEN - 1);

		if (i >= suffix_len)
			break;
		if (path[at] != suffix[i])
			return false;
	}
	return true;
}

/* What a mail process says first to a post-login service (lib-master/master-login.c, 2.3). */
static const char script_login_hello[] = "VERSION\tscript-login\t";
#define SCRIPT_LOGIN_HELLO_LEN (sizeof(script_login_hello) - 1)

static __always_inline bool says_script_login(struct emit *e)
{
	char said[SCRIPT_LOGIN_HELLO_LEN];
	struct iovec vec;
	__u64 at = e->piece;
	__u32 i;

	if (e->dir != RL_OUT || e->left < sizeof(said))
		return false;
	if (e->pieces_left) {
		if (bpf_probe_read_user(&vec, sizeof(vec), (void *)e->pieces))
			return false;
		at = (__u64)vec.iov_base;
	}
	if (bpf_probe_read_user(said, sizeof(said), (void *)at))
		return false;
	for (i = 0; i < sizeof(said); i++)
		if (said[i] != script_login_hello[i])
			return false;
	return true;
}

/* The class of `sk`; fills in `path` where an AF_UNIX address decided it. */
static __always_inline __u32 sock_classify(struct sock *sk, const struct rl_service *service,
					   struct emit *e, char path[RL_PATH_LEN])
{
	static const char auth_master[] = "/auth-master";
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	struct sock *peer;
	__u32 len;

	if (BPF_CORE_READ(sk, sk_type) != SOCK_STREAM)
		return RL_CLASS_OTHER;
	if (family == AF_INET || family == AF_INET6)
		return RL_CLASS_CLIENT;
	if (family != AF_UNIX)
		return RL_CLASS_OTHER;
	len = unix_path(sk, path);
	if (len)
		return path_ends(path, len, service->login_suffix, service->suffix_len) ?
			       RL_CLASS_LOGIN :
			       RL_CLASS_OTHER;
	peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
	len = peer ? unix_path(peer, path) : 0;
	if (!len) /* a socketpair: the login process's TLS proxy, or the rawlog binary */
		return RL_CLASS_CLIENT;
	if (path_ends(path, len, auth_master, sizeof(auth_master) - 1))
		return RL_CLASS_AUTH;
	return says_script_login(e) ? RL_CLASS_POSTLOGIN : RL_CLASS_OTHER;
}

/* Tell user space of a socket of interest. Tried again at the next operation if the ring is full. */
static __always_inline void sock_announce(struct sock *sk, struct sock_state *state,
					  const char path[RL_PATH_LEN])
{
	CONTROL_RECORD(open_record, rl_open) *r;

	if (!CONTROL_RESERVE(r))
		return;
	rec_init(&r->rec, RL_SOCK_OPEN, sizeof(*r), state->cookie);
	r->body.ino = sock_ino(sk);
	r->body.class = state->class;
	r->body.family = BPF_CORE_READ(sk, __sk_common.skc_family);
	r->body.pad = 0;
	__builtin_memcpy(r->body.path, path, RL_PATH_LEN);
	control_submit(r);
	state->announced = 1;
}

/* The state of a socket of a tracked process; made at its first operation. NULL: no memory. */
static __always_inline struct sock_state *
sock_state_get(struct sock *sk, const struct rl_service *service, struct emit *e)
{
	struct sock_state *state = bpf_sk_storage_get(&socks, sk, 0, 0);
	char path[RL_PATH_LEN] = {};

	if (likely(state && (state->announced || state->class == RL_CLASS_OTHER)))
		return state;
	if (!state) {
		state = bpf_sk_storage_get(&socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (!state) {
			COUNT(map_full, 1);
			return NULL;
		}
		state->cookie = bpf_get_socket_cookie(sk);
	}
	state->class = sock_classify(sk, service, e, path);
	if (state->class != RL_CLASS_OTHER)
		sock_announce(sk, state, path);
	return state;
}

#endif
