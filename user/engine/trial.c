// SPDX-License-Identifier: MIT
#include "engine/trial.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "engine/handover.h"

bool trial_has_failed(const struct proc *proc)
{
	return proc->master && proc->master->trial == TRIAL_FAILED;
}

static void fail(struct master *master, const char *why)
{
	master->trial = TRIAL_FAILED;
	log_warn("master process %" PRIu32
		 ": its login requests are not like those of Dovecot %s (%s): "
		 "from here on no session that needs them is recorded",
		 master->tgid, master->release->name, why);
}

/* What a request, which comes whole when it is sent, and without its data when it is received, has that
 * no request of this layout can have. NULL: nothing. */
static const char *contradiction(const struct engine *engine, const struct proc *proc,
				 const struct event *event)
{
	const struct login_layout *layout = proc->master->release->login;
	const struct rl_data *data = event->data;
	bool sent = proc->service->role == RL_ROLE_LOGIN;
	const struct proc *sender;
	struct login_request request;

	if (data->size < layout->size ||
	    login_request_parse(layout, data->bytes, layout->size, &request))
		return "fields";
	if (data->size != layout->size + (sent ? request.data_size : 0))
		return "size";
	if (request.ino != data->passed_ino)
		return "inode";
	if (request.addresses.local.family != request.addresses.remote.family)
		return "addresses";
	sender = sent ? proc : proc_find(engine, request.client_pid);
	if (sent ? request.client_pid != proc->tgid :
		   sender && sender->service->role != RL_ROLE_LOGIN)
		return "process";
	return NULL;
}

/* A login process passes a client on, and it can't be read whether that is taken: its pre-login log ends
 * here. */
static void pass_on(struct engine *engine, struct proc *proc, const struct sock *sock,
		    const struct event *event)
{
	const struct login_request request = {.ino = event->data->passed_ino};
	const struct login_reply taken = {.ok = true};

	handover_asked(engine, proc, sock, &request, event->rec);
	handover_answered(engine, proc, &taken, event->rec);
}

bool trial_allows(struct engine *engine, struct proc *proc, const struct sock *sock,
		  const struct event *event)
{
	struct master *master = proc->master;
	const char *why = NULL;

	if (master->trial == TRIAL_ON && event->data->passed_ino)
		why = contradiction(engine, proc, event);
	if (why)
		fail(master, why);
	if (master->trial != TRIAL_FAILED)
		return true;
	if (event->data->passed_ino && proc->service->role == RL_ROLE_LOGIN)
		pass_on(engine, proc, sock, event);
	return false;
}

/* (An IPv4 client can come to an IPv6 socket.) */
static bool is_same(const struct sock *sock, const struct ip_addr *ip, uint16_t port,
		    const uint8_t addr[16], uint16_t sock_port)
{
	return port == sock_port &&
	       (ip->family != sock->family || memcmp(ip->addr, addr, sizeof(ip->addr)) == 0);
}

bool trial_allows_socket(const struct session *session, const struct sock *sock)
{
	const struct endpoints *addresses = &session->who.login.addresses;
	struct master *master = session->proc->master;

	if (master->trial == TRIAL_NONE || sock->family == RL_AF_UNIX)
		return true;
	/* one of them can be what a proxy in front has told */
	if (is_same(sock, &addresses->local, addresses->local_port, sock->inet.local,
		    sock->inet.local_port) ||
	    is_same(sock, &addresses->remote, addresses->remote_port, sock->inet.remote,
		    sock->inet.remote_port))
		return true;
	if (master->trial == TRIAL_ON)
		fail(master, "addresses");
	return false;
}
