// SPDX-License-Identifier: MIT
#include "engine/model.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"

#define MALFORMED_TOLD 10

struct master *master_find(const struct engine *engine, uint32_t tgid)
{
	struct master *master;

	HASH_FIND(hh, engine->masters, &tgid, sizeof(tgid), master);
	return master;
}

struct proc *proc_find(const struct engine *engine, uint32_t tgid)
{
	struct proc *proc;

	HASH_FIND(hh, engine->procs, &tgid, sizeof(tgid), proc);
	return proc;
}

struct sock *sock_find(const struct engine *engine, uint64_t cookie)
{
	struct sock *sock;

	HASH_FIND(hh, engine->socks, &cookie, sizeof(cookie), sock);
	return sock;
}

const struct release *proc_release(const struct proc *proc)
{
	const struct master *master = proc->master;

	return master && master->status == RL_MASTER_OK ? master->release : NULL;
}

const char *proc_setting(const struct proc *proc, const char *name)
{
	const struct str *settings = proc && proc->master ? &proc->master->settings : NULL;
	struct str own = {0};
	const char *value;

	if (!settings)
		return NULL;
	str_printf(&own, "%s:%s", proc->service->protocol, name);
	value = settings_get(str_text(settings), settings->len, own.data);
	str_free(&own);
	return value ? value : settings_get(str_text(settings), settings->len, name);
}

int64_t engine_realtime(const struct engine *engine, uint64_t time_ns)
{
	return (int64_t)(time_ns + (uint64_t)engine->realtime_offset_ns);
}

void engine_malformed(struct engine *engine, const char *what, uint32_t tgid)
{
	if (engine->summary.malformed++ >= MALFORMED_TOLD)
		return;
	if (tgid)
		log_warn("malformed: %s (process %" PRIu32 ")", what, tgid);
	else
		log_warn("malformed: %s", what);
}

void engine_verdict(const struct engine *engine, const struct sock *sock, bool record)
{
	if (sock)
		engine->world.verdict(engine->world.context, sock->cookie, sock->role, record);
}
