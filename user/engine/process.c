// SPDX-License-Identifier: MIT
#include "engine/process.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dovecot/master_status.h"
#include "engine/awaited.h"

void process_groups(struct engine *engine, const struct event *event)
{
	struct proc *proc = proc_find(engine, event->rec->tgid);
	uint32_t count = event_gids(event);

	if (!proc)
		return;
	free(proc->groups);
	proc->groups = mem_dup(event->groups->gids, count * sizeof(*proc->groups));
	proc->groups_count = count;
	proc->groups_uid = event->rec->uid;
	if (count < event->groups->count && !engine->groups_told) {
		engine->groups_told = true;
		log_warn("process %" PRIu32 " has %" PRIu32
			 " supplementary groups: only the first %" PRIu32
			 " count for access to its directories (told once)",
			 proc->tgid, event->groups->count, count);
	}
}

/* Its processes go on when it has ended: until their sessions are over (shutdown_clients = no), or for
 * a moment. */
static void free_if_unused(struct master *master)
{
	if (!master->ended || master->procs)
		return;
	str_free(&master->settings);
	free(master);
}

void process_free(struct engine *engine, struct proc **proc_p)
{
	struct proc *proc = *proc_p;

	*proc_p = NULL;
	HASH_DELETE(hh, engine->procs, proc);
	if (proc->master) {
		proc->master->procs--;
		free_if_unused(proc->master);
	}
	free(proc->groups);
	free(proc);
}

void process_free_master(struct engine *engine, struct master **master_p)
{
	struct master *master = *master_p;

	*master_p = NULL;
	HASH_DELETE(hh, engine->masters, master);
	master->ended = true;
	free_if_unused(master);
}

/* Another process can have its id now. */
static void forget_master(struct engine *engine, uint32_t tgid)
{
	struct master *master = master_find(engine, tgid);

	if (master)
		process_free_master(engine, &master);
}

static void not_recorded(uint32_t tgid, enum log_level level, const struct rl_master *fact)
{
	struct str why = {0};

	master_status_text(fact, &why);
	log_line(level, "master process %" PRIu32 " is not recorded: %s", tgid, str_text(&why));
	str_free(&why);
}

/* Once for each, and for a few only: any user can start processes that are called dovecot. */
static void warn_untrusted(struct engine *engine, uint32_t tgid)
{
	const struct rl_master fact = {.status = RL_MASTER_UNTRUSTED};
	unsigned int i;

	for (i = 0; i < engine->untrusted_count; i++)
		if (engine->untrusted[i] == tgid)
			return;
	if (engine->untrusted_count == UNTRUSTED_TOLD)
		return;
	engine->untrusted[engine->untrusted_count++] = tgid;
	not_recorded(tgid, LOG_LEVEL_WARN, &fact);
}

void process_exec(struct engine *engine, const struct event *event)
{
	const struct service *service = service_find(event->proc->comm);
	uint32_t tgid = event->rec->tgid;
	struct proc *proc = proc_find(engine, tgid);

	if (proc)
		process_free(engine, &proc);
	forget_master(engine, tgid);
	if (!service)
		return;
	if (event->proc->role == RL_ROLE_STRANGER) { /* nothing is kept: its end is not told */
		warn_untrusted(engine,
			       service->role == RL_ROLE_MASTER ? tgid : event->proc->parent_tgid);
		return;
	}
	if (service->role == RL_ROLE_MASTER) {
		if (event->rec->flags & RL_F_FOUND) /* later it may be gone */
			awaited_ask(engine, tgid);
		return;
	}
	proc = mem_alloc(sizeof(*proc));
	proc->tgid = tgid;
	proc->master = master_find(engine, event->proc->parent_tgid);
	if (proc->master)
		proc->master->procs++;
	proc->service = service;
	proc->found = event->rec->flags & RL_F_FOUND;
	HASH_ADD(hh, engine->procs, tgid, sizeof(proc->tgid), proc);
	if (!proc->found)
		engine->world.new_process(engine->world.context, service);
}

void process_exit(struct engine *engine, const struct event *event)
{
	struct proc *proc = proc_find(engine, event->rec->tgid);

	forget_master(engine, event->rec->tgid);
	if (proc)
		process_free(engine, &proc);
}

static void explain_master(struct engine *engine, const struct event *event)
{
	const struct rl_master *fact = event->master;
	bool usual = fact->status == RL_MASTER_GONE || fact->status == RL_MASTER_MISSED ||
		     fact->status == RL_MASTER_EXCLUDED || fact->status == RL_MASTER_WHOSE;
	uint32_t tgid = event->rec->tgid;

	if (fact->status == RL_MASTER_OK)
		log_debug("master process %" PRIu32 ": Dovecot %s in %s", tgid, fact->version,
			  fact->base_dir);
	else if (fact->status == RL_MASTER_UNTRUSTED)
		warn_untrusted(engine, tgid);
	else
		not_recorded(tgid, usual ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, fact);
}

/* At the start the directories were checked with the releases that ran then. */
static void warn_of_dirs(const struct engine *engine, const struct master *master,
			 const struct rl_master *fact)
{
	const struct rule *rule;
	struct str why = {0};

	if (master->status != RL_MASTER_OK || !master->release)
		return;
	for (rule = engine->rules->all; rule < engine->rules->all + engine->rules->count; rule++)
		if (rule->mode->variables &&
		    expand_check_dir(master->release->expander, rule->dir, &why))
			log_warn("master process %" PRIu32 " (Dovecot %s): nothing is recorded in "
				 "%s: %s",
				 master->tgid, fact->version, rule->dir, str_text(&why));
	str_free(&why);
}

static void warn_of_settings(const struct master *master)
{
	const char *unread =
		settings_get(str_text(&master->settings), master->settings.len, "unread");

	if (unread)
		log_warn("master process %" PRIu32 ": settings of its configuration could not be "
			 "read: %s; directories that depend on them are not used",
			 master->tgid, unread);
}

static struct master *find_or_add_master(struct engine *engine, uint32_t tgid)
{
	struct master *master = master_find(engine, tgid);

	if (!master) {
		master = mem_alloc(sizeof(*master));
		master->tgid = tgid;
		HASH_ADD(hh, engine->masters, tgid, sizeof(master->tgid), master);
	}
	return master;
}

/* Has it become known who it is? */
static bool is_examined(const struct rl_master *fact)
{
	return fact->status != RL_MASTER_MISSED && fact->status != RL_MASTER_SILENT &&
	       fact->status != RL_MASTER_WHOSE;
}

void process_master(struct engine *engine, const struct event *event)
{
	struct master *master;
	bool known = true;

	if (event->master->status == RL_MASTER_WHOSE && awaited_ask_whose(engine, event->rec->tgid))
		return;
	master = find_or_add_master(engine, event->rec->tgid);
	master->known = true;
	master->status = event->master->status;
	master->release = release_find(event->master->version, &known);
	master->trial = known ? TRIAL_NONE : TRIAL_ON;
	master->examined = is_examined(event->master);
	memcpy(master->base_dir, event->master->base_dir, sizeof(master->base_dir));
	explain_master(engine, event);
	if (master->status == RL_MASTER_OK && !known)
		log_warn("master process %" PRIu32
			 ": Dovecot %s is not known; its login requests are "
			 "read as those of %s, as long as they are like these",
			 master->tgid, event->master->version, master->release->name);
	warn_of_dirs(engine, master, event->master);
	warn_of_settings(master);
	awaited_answered(engine, event->rec->tgid);
}

void process_settings(struct engine *engine, const struct event *event)
{
	struct master *master = find_or_add_master(engine, event->rec->tgid);

	str_clear(&master->settings);
	str_append(&master->settings, event->setting->text, event->setting->size);
}
