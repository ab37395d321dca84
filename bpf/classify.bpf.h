/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Classifies sockets: what does a Dovecot process use this one for (enum
 * rl_class)? The addresses that a stream socket is bound or connected to tell;
 * for TCP also who connected it, for a post-login service what is sent first.
 * Task context, at the socket's first operation; the class is kept in struct
 * sock_state.
 */
#ifndef RL_CLASSIFY_BPF_H
#define RL_CLASSIFY_BPF_H

#include "emit.bpf.h"

/* True if sockets of such processes are looked at. */
static __always_inline bool role_has_traffic(__u16 role)
{
	return role == RL_ROLE_MAIL || role == RL_ROLE_LOGIN || role == RL_ROLE_DELIVERY;
}

/* Reads the path that an AF_UNIX socket is bound to. Its length; 0: unnamed, or abstract. */
static __always_inline __u32 unix_path_read(struct sock *sk, struct unix_path *path)
{
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);
	long len;

	if (!address)
		return 0;
	len = bpf_probe_read_kernel_str(path->text, RL_PATH_LEN - 1, &address->name[0].sun_path);
	return len > 1 && len < RL_PATH_LEN ? len - 1 : 0;
}

/* Compares the bytes that `mask` selects. */
static __always_inline bool masked_equal(const union rl_suffix *a, const union rl_suffix *b,
					 const union rl_suffix *mask)
{
	return !(((a->words[0] ^ b->words[0]) & mask->words[0]) |
		 ((a->words[1] ^ b->words[1]) & mask->words[1]) |
		 ((a->words[2] ^ b->words[2]) & mask->words[2]));
}

/* The last bytes of a path of `len` bytes, after zeroes if it is shorter. */
static __always_inline union rl_suffix path_suffix(const struct unix_path *path, __u32 len)
{
	union rl_suffix end = {};

	bpf_probe_read_kernel(&end, sizeof(end), (const char *)path + (len & (RL_PATH_LEN - 1)));
	return end;
}

/* Where mail processes look up users. */
static const union rl_suffix auth_master = {
	.text = {[12] = '/', 'a', 'u', 't', 'h', '-', 'm', 'a', 's', 't', 'e', 'r'}};
static const union rl_suffix auth_master_mask = {.text = {[12 ... 23] = '\xff'}};

/* What a mail process first sends to a post-login service (lib-master/master-login.c, 2.3). */
#define SCRIPT_LOGIN_LEN 21
static const union rl_suffix script_login = {"VERSION\tscript-login\t"};
static const union rl_suffix script_login_mask = {.text = {[0 ... SCRIPT_LOGIN_LEN - 1] = '\xff'}};

/* True if this operation sends script_login. */
static __always_inline bool sends_script_login(struct operation *op)
{
	union rl_suffix sent = {};
	struct iovec vec;
	__u64 address = op->buffer;

	if (op->dir != RL_OUT || op->left < SCRIPT_LOGIN_LEN)
		return false;
	if (op->iov_left) {
		if (bpf_probe_read_user(&vec, sizeof(vec), (void *)op->iov))
			return false;
		address = (__u64)vec.iov_base;
	}
	return !bpf_probe_read_user(&sent, SCRIPT_LOGIN_LEN, (void *)address) &&
	       masked_equal(&sent, &script_login, &script_login_mask);
}

/* Classifies an AF_UNIX stream socket. `path` becomes its own or, if it has none, its peer's. */
static __always_inline __u32 unix_classify(struct sock *sk, const struct rl_service *service,
					   struct operation *op, struct unix_path *path)
{
	struct sock *peer;
	union rl_suffix suffix;
	__u32 len = unix_path_read(sk, path);
	bool accepted = len;

	if (accepted && service->role == RL_ROLE_DELIVERY)
		return RL_CLASS_CLIENT;
	if (!accepted) {
		peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		len = peer ? unix_path_read(peer, path) : 0;
	}
	if (!len) /* a socketpair: its other end is the login process that does TLS, or `rawlog` */
		return service->role == RL_ROLE_MAIL ? RL_CLASS_CLIENT : RL_CLASS_OTHER;
	suffix = path_suffix(path, len);
	/* a mail process accepts login requests, a login process connects to make them */
	if (accepted == (service->role == RL_ROLE_MAIL) &&
	    service->login_mask.words[RL_SUFFIX_LEN / 8 - 1] &&
	    masked_equal(&suffix, &service->login, &service->login_mask))
		return RL_CLASS_LOGIN;
	if (accepted) /* or one of Dovecot's own; user space tells them apart */
		return RL_CLASS_CLIENT;
	if (service->role != RL_ROLE_MAIL)
		return RL_CLASS_OTHER;
	if (masked_equal(&suffix, &auth_master, &auth_master_mask))
		return RL_CLASS_AUTH;
	return sends_script_login(op) ? RL_CLASS_POSTLOGIN : RL_CLASS_OTHER;
}

/* Classifies a socket of a process of this service. */
static __always_inline __u32 sock_classify(struct sock *sk, struct sock_state *state,
					   const struct rl_service *service, struct operation *op)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (BPF_CORE_READ(sk, sk_type) != SOCK_STREAM)
		return RL_CLASS_OTHER;
	if (family == RL_AF_UNIX)
		return unix_classify(sk, service, op, &state->path);
	if (family != RL_AF_INET && family != RL_AF_INET6)
		return RL_CLASS_OTHER;
	if (state->connect == CONNECT_NONE)
		return RL_CLASS_CLIENT;
	return service->flags & RL_SERVICE_RELAY ? RL_CLASS_RELAY : RL_CLASS_OTHER;
}

#endif
