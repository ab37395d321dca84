/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which socket is what. A Dovecot process's stream sockets explain themselves,
 * so this needs no state from before: what they are bound or connected to says
 * it. Decided at a socket's first operation and kept in its storage.
 */
#ifndef RL_SOCK_BPF_H
#define RL_SOCK_BPF_H

#include "emit.bpf.h"

/* Are the sockets of such a process read? */
static __always_inline bool role_has_traffic(__u16 role)
{
	return role == RL_ROLE_MAIL || role == RL_ROLE_LOGIN || role == RL_ROLE_DELIVERY;
}

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
static __always_inline __u32 unix_path(struct sock *sk, struct unix_path *path)
{
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);
	long len;

	if (!address)
		return 0;
	len = bpf_probe_read_kernel_str(path->text, RL_PATH_LEN - 1, &address->name[0].sun_path);
	return len > 1 && len < RL_PATH_LEN ? len - 1 : 0;
}

static __always_inline bool same_words(const union rl_suffix *a, const union rl_suffix *b,
				       const union rl_suffix *mask)
{
	return !(((a->words[0] ^ b->words[0]) & mask->words[0]) |
		 ((a->words[1] ^ b->words[1]) & mask->words[1]) |
		 ((a->words[2] ^ b->words[2]) & mask->words[2]));
}

/* The last bytes of a path of `len` bytes. */
static __always_inline union rl_suffix path_end(const struct unix_path *path, __u32 len)
{
	union rl_suffix end = {};

	bpf_probe_read_kernel(&end, sizeof(end), (const char *)path + (len & (RL_PATH_LEN - 1)));
	return end;
}

#define ZEROES_4  "\0\0\0\0"
#define ZEROES_12 ZEROES_4 ZEROES_4 ZEROES_4
#define ONES_4	  "\xff\xff\xff\xff"
#define ONES_12	  ONES_4 ONES_4 ONES_4

static const union rl_suffix auth_master = {ZEROES_12 "/auth-master"};
static const union rl_suffix auth_master_mask = {ZEROES_12 ONES_12};

/* What a mail process says first to a post-login service (lib-master/master-login.c, 2.3). */
static const union rl_suffix script_login = {"VERSION\tscript-login\t"};
static const union rl_suffix script_login_mask = {ONES_12 ONES_4 ONES_4 "\xff"};
#define SCRIPT_LOGIN_LEN 21

static __always_inline bool says_script_login(struct emit *e)
{
	union rl_suffix said = {};
	struct iovec vec;
	__u64 at = e->piece;

	if (e->dir != RL_OUT || e->left < SCRIPT_LOGIN_LEN)
		return false;
	if (e->pieces_left) {
		if (bpf_probe_read_user(&vec, sizeof(vec), (void *)e->pieces))
			return false;
		at = (__u64)vec.iov_base;
	}
	return !bpf_probe_read_user(&said, SCRIPT_LOGIN_LEN, (void *)at) &&
	       same_words(&said, &script_login, &script_login_mask);
}

/* An AF_UNIX stream socket's class; fills in `path` where an address decided it. */
static __always_inline __u32 unix_classify(struct sock *sk, const struct rl_service *service,
					   struct emit *e, struct unix_path *path)
{
	struct sock *peer;
	union rl_suffix end;
	__u32 len = unix_path(sk, path);
	bool accepted = len;

	if (accepted && service->role == RL_ROLE_DELIVERY)
		return RL_CLASS_CLIENT;
	if (!accepted) {
		peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		len = peer ? unix_path(peer, path) : 0;
	}
	if (!len) /* a socketpair: the login process's TLS proxy, or the rawlog binary */
		return service->role == RL_ROLE_MAIL ? RL_CLASS_CLIENT : RL_CLASS_OTHER;
	end = path_end(path, len);
	/* a mail process accepts login requests, a login process connects to make them */
	if (accepted == (service->role == RL_ROLE_MAIL) &&
	    service->login_mask.words[RL_SUFFIX_LEN / 8 - 1] &&
	    same_words(&end, &service->login, &service->login_mask))
		return RL_CLASS_LOGIN;
	if (accepted || service->role != RL_ROLE_MAIL)
		return RL_CLASS_OTHER;
	if (same_words(&end, &auth_master, &auth_master_mask))
		return RL_CLASS_AUTH;
	return says_script_login(e) ? RL_CLASS_POSTLOGIN : RL_CLASS_OTHER;
}

static __always_inline __u32 sock_classify(struct sock *sk, struct sock_state *state,
					   const struct rl_service *service, struct emit *e)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (BPF_CORE_READ(sk, sk_type) != SOCK_STREAM)
		return RL_CLASS_OTHER;
	if (family == RL_AF_UNIX)
		return unix_classify(sk, service, e, &state->path);
	if (family != RL_AF_INET && family != RL_AF_INET6)
		return RL_CLASS_OTHER;
	if (!state->connected)
		return RL_CLASS_CLIENT;
	return service->flags & RL_SERVICE_RELAY ? RL_CLASS_RELAY : RL_CLASS_OTHER;
}

static __always_inline void inet_addresses(struct sock *sk, struct rl_inet *inet)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == RL_AF_INET6 &&
	    bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) { /* not without IPv6 */
		BPF_CORE_READ_INTO(&inet->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&inet->remote, sk, __sk_common.skc_v6_daddr);
	} else {
		*(__be32 *)inet->local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		*(__be32 *)inet->remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	}
	inet->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	inet->remote_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/*
 * The supplementary groups of the current process, if it has some: its log
 * directory may be theirs, and it may have ended when somebody looks.
 */
static __always_inline void groups_announce(__u64 cookie)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct group_info *info = BPF_CORE_READ(task, cred, group_info);
	__u32 count = BPF_CORE_READ(info, ngroups);
	CONTROL_RECORD(groups_record, rl_groups) *r;

	if (!count || count > RL_GROUPS_MAX || !CONTROL_RESERVE(r))
		return;
	rec_init(&r->rec, RL_GROUPS, sizeof(*r), cookie);
	__builtin_memset(&r->body, 0, sizeof(r->body));
	r->body.count = count;
	barrier_var(count); /* as in chunk_emit() */
	if (count > RL_GROUPS_MAX)
		count = RL_GROUPS_MAX;
	bpf_probe_read_kernel(r->body.gids, count * sizeof(*r->body.gids), &info->gid);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP); /* a SOCK_OPEN follows */
	COUNT(records, 1);
}

/* Tell user space of a socket of interest. Tried again at the next operation if the ring is full. */
static __always_inline void sock_announce(struct sock *sk, struct sock_state *state)
{
	CONTROL_RECORD(open_record, rl_open) *r;

	if (class_is_traffic(state->stream.class))
		groups_announce(state->stream.cookie);
	if (!CONTROL_RESERVE(r))
		return;
	rec_init(&r->rec, RL_SOCK_OPEN, sizeof(*r), state->stream.cookie);
	if (state->found)
		r->rec.flags = RL_F_FOUND;
	r->body.ino = sock_ino(sk);
	r->body.class = state->stream.class;
	r->body.family = BPF_CORE_READ(sk, __sk_common.skc_family);
	r->body.role = state->role;
	r->body.pad = 0;
	__builtin_memcpy(r->body.path, state->path.text, RL_PATH_LEN);
	if (r->body.family != RL_AF_UNIX)
		inet_addresses(sk, &r->body.inet);
	control_submit(r);
	state->announced = 1;
}

/*
 * A socket moved on to a process of another kind: from the login process to the
 * mail process. For the one it has ended, for the other it begins.
 */
static __always_inline void sock_hand_over(struct sock_state *state, __u16 role)
{
	CONTROL_RECORD(close_record, rl_close) *r;

	if (state->announced && CONTROL_RESERVE(r)) {
		rec_init(&r->rec, RL_SOCK_CLOSE, sizeof(*r), state->stream.cookie);
		r->body.end[RL_IN] = state->stream.offset[RL_IN];
		r->body.end[RL_OUT] = state->stream.offset[RL_OUT];
		control_submit(r);
	}
	bpf_map_delete_elem(&tails, &state->stream.cookie);
	state->stream.offset[RL_IN] = 0;
	state->stream.offset[RL_OUT] = 0;
	state->stream.verdict = RL_VERDICT_PENDING;
	state->role = role;
	state->announced = 0;
	state->eof = 0;
	state->tls = 0;
	state->found = 0;
	state->tcp = 0;
}

#define RCV_SHUTDOWN 1 /* include/net/sock.h */

/*
 * How many bytes have passed in this direction since the last operation on the socket, and before
 * this one, which moved `moved`. TCP knows; whatever hook missed them, it is told. From the first
 * operation in either direction on.
 */
static __always_inline __u32 tcp_unseen(struct sock *sk, struct sock_state *state, __u8 dir,
					__u32 moved)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	__u32 in, out, was;
	__s32 unseen;

	if (!tcp)
		return 0;
	in = tcp->copied_seq;
	out = tcp->write_seq;
	if (sk->sk_shutdown & RCV_SHUTDOWN && in == tcp->rcv_nxt)
		in--; /* the FIN has a number, and is no byte */
	was = state->tcp_position[dir & 1];
	unseen = (dir == RL_IN ? in : out) - was - moved;
	if (dir == RL_IN && tcp->urg_seq - was < in - was)
		unseen--; /* out of band: tcp_recvmsg() steps over it */
	if (!state->tcp)
		unseen = 0;
	if (!state->tcp || dir == RL_IN)
		state->tcp_position[RL_IN] = in;
	if (!state->tcp || dir == RL_OUT)
		state->tcp_position[RL_OUT] = out;
	state->tcp = 1;
	return unseen > 0 ? unseen : 0;
}

/* The state of a socket; made if there is none. NULL: no memory. */
static __always_inline struct sock_state *sock_state_make(struct sock *sk, __u16 role)
{
	struct sock_state *state = bpf_sk_storage_get(&socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state) /* another's storage of this socket is just going away, or ours is coming */
		state = bpf_sk_storage_get(&socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state) {
		COUNT(map_full, 1);
		return NULL;
	}
	state->stream.cookie = bpf_get_socket_cookie(sk);
	state->role = role;
	return state;
}

/* The state of a socket of a tracked process; made at its first operation. NULL: no memory. */
static __always_inline struct sock_state *
sock_state_get(struct sock *sk, const struct rl_service *service, struct emit *e)
{
	struct sock_state *state = bpf_sk_storage_get(&socks, sk, 0, 0);

	if (likely(state && (state->announced || state->stream.class == RL_CLASS_OTHER)))
		return state;
	if (!state) {
		state = sock_state_make(sk, service->role);
		if (!state)
			return NULL;
	}
	if (state->connected == CONNECT_BEGUN)
		return NULL; /* it was refused: there is no connection */
	state->stream.class = sock_classify(sk, state, service, e);
	if (state->stream.class != RL_CLASS_OTHER)
		sock_announce(sk, state);
	return state;
}

#endif
