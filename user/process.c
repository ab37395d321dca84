// SPDX-License-Identifier: MIT
/* Dovecot's processes: masters, and those that have sockets of interest. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "model.h"

struct proc *engine_proc(struct engine *engine, uint32_t tgid)
{
	struct proc *proc;

	HASH_FIND(hh, engine->procs, &tgid, sizeof(tgid), proc);
	return proc;
}

void process_groups(struct engine *engine, const struct event *event)
{
	struct proc *proc = engine_proc(engine, event->rec->tgid);

	if (!proc)
		return;
	proc->groups = *event->groups;
	proc->groups_uid = event->rec->uid;
}

static struct master *master_find(struct engine *engine, uint32_t tgid)
{
	struct master *master;

	HASH_FIND(hh, engine->masters, &tgid, sizeof(tgid), master);
	return master;
}

const struct master *engine_master(const struct engine *engine, const struct proc *proc)
{
	return master_find((struct engine *)engine, proc->master_tgid);
}

const struct hs_login_layout *engine_layout(struct engine *engine, const struct proc *proc)
{
	struct master *master = master_find(engine, proc->master_tgid);

	return master && master->status == RL_MASTER_OK ? master->layout : NULL;
}

/* Sessions go on without their process: the connection can be handed to another. */
void process_free(struct engine *engine, struct proc **proc_p, const struct rl_rec *rec)
{
	struct proc *proc = *proc_p;
	struct session *session, *next;

	*proc_p = NULL;
	HASH_DELETE(hh, engine->procs, proc);
	DL_FOREACH_SAFE(proc->sessions, session, next) {
		if (!session->sock && rec)
			session_end(engine, session, rec, NULL);
	}
	DL_FOREACH_SAFE(proc->sessions, session, next) {
		DL_DELETE(proc->sessions, session);
		session->proc = NULL;
		session->rawlogs = proc->rawlogs;
	}
	free(proc);
}

void master_free(struct engine *engine, struct master **master_p)
{
	struct master *master = *master_p;

	*master_p = NULL;
	HASH_DELETE(hh, engine->masters, master);
	str_free(&master->settings);
	free(master);
}

/* Another process can have its pid from now on. */
static void master_forget(struct engine *engine, uint32_t tgid)
{
	struct master *master = master_find(engine, tgid);

	if (!master)
		return;
	master_free(engine, &master);
}

void process_exec(struct engine *engine, const struct event *event)
{
	const struct service *service = service_find(event->proc->comm);
	uint32_t tgid = event->rec->tgid;
	struct proc *proc = engine_proc(engine, tgid);

	if (proc) /* its exit was lost */
		process_free(engine, &proc, event->rec);
	master_forget(engine, tgid);
	if (service && service->role == RL_ROLE_MASTER && event->rec->flags & RL_F_FOUND)
		engine->world.ask_master(engine->world.context, tgid); /* later it may be gone */
	if (!service || service->role == RL_ROLE_MASTER)
		return;
	proc = mem_alloc(sizeof(*proc));
	proc->tgid = tgid;
	proc->master_tgid = event->proc->parent_tgid;
	proc->service = service;
	proc->found = event->rec->flags & RL_F_FOUND;
	HASH_ADD(hh, engine->procs, tgid, sizeof(proc->tgid), proc);
	if (!master_find(engine, proc->master_tgid))
		engine->world.ask_master(engine->world.context, proc->master_tgid);
	if (!proc->found)
		engine->world.new_process(engine->world.context, service);
}

void process_exit(struct engine *engine, const struct event *event)
{
	struct proc *proc = engine_proc(engine, event->rec->tgid);

	master_forget(engine, event->rec->tgid);
	if (!proc)
		return;
	process_free(engine, &proc, event->rec);
	engine->world.sweep(engine->world.context);
}

#define UNTRUSTED_TOLD 10

static void explain_master(const struct event *event)
{
	static unsigned int untrusted;
	const struct rl_master *fact = event->master;
	uint32_t tgid = event->rec->tgid;

	switch ((enum rl_master_status)fact->status) {
	case RL_MASTER_OK:
		log_debug("master process %" PRIu32 ": Dovecot %s in %s", tgid, fact->version,
			  fact->base_dir);
		break;
	case RL_MASTER_GONE:
		log_debug("master process %" PRIu32 ": gone", tgid);
		break;
	case RL_MASTER_CONTAINER:
		log_warn("master process %" PRIu32 " is not recorded: it runs in a container",
			 tgid);
		break;
	case RL_MASTER_UNTRUSTED:
		if (untrusted++ >= UNTRUSTED_TOLD) /* whoever likes can start more of them */
			break;
		log_warn("master process %" PRIu32 " is not recorded: its program is not "
			 "a dovecot that belongs to root and runs as root",
			 tgid);
		break;
	case RL_MASTER_VERSION:
		log_warn("master process %" PRIu32 " is not recorded: Dovecot '%s' is a version "
			 "that is not known; 2.3 is",
			 tgid, fact->version);
		break;
	case RL_MASTER_EXCLUDED:
		log_debug("master process %" PRIu32 " is not recorded: another instance (%s)", tgid,
			  fact->base_dir);
		break;
	}
}

void process_master(struct engine *engine, const struct event *event)
{
	struct master *master = master_find(engine, event->rec->tgid);

	if (!master) {
		master = mem_alloc(sizeof(*master));
		master->tgid = event->rec->tgid;
		HASH_ADD(hh, engine->masters, tgid, sizeof(master->tgid), master);
	}
	master->status = event->master->status;
	master->layout = hs_login_layout_find(event->master->version);
	memcpy(master->base_dir, event->master->base_dir, sizeof(master->base_dir));
	explain_master(event);
}

void process_settings(struct engine *engine, const struct event *event)
{
	struct master *master = master_find(engine, event->rec->tgid);

	if (!master)
		return;
	str_clear(&master->settings);
	str_append(&master->settings, event->setting->text, event->setting->size);
}

const char *engine_setting(const struct engine *engine, const struct proc *proc, const char *name)
{
	const struct master *master = proc ? engine_master(engine, proc) : NULL;
	const char *at = master ? master->settings.data : NULL, *end, *value;

	for (end = at ? at + master->settings.len : NULL; at < end;
	     at = value + strlen(value) + 1) {
		value = at + strlen(at) + 1;
		if (value >= end)
			break;
		if (strcmp(at, name) == 0)
			return value;
	}
	return NULL;
}
