// SPDX-License-Identifier: MIT
#include "engine/awaited.h"

#include <stdlib.h>
#include <string.h>

/* Processes and sockets are in one table: no cookie is that large. 0: none. */
static uint64_t process_id(uint32_t tgid)
{
	return tgid ? UINT64_C(1) << 63 | tgid : 0;
}

/* NULL: nothing of it is held. */
static struct awaited_id *find_id(const struct engine *engine, uint64_t id)
{
	struct awaited_id *found = NULL;

	if (id)
		HASH_FIND(hh, engine->awaited_ids, &id, sizeof(id), found);
	return found;
}

/* From here on what is about this process or socket is held, too. NULL: it is about none. */
static struct awaited_id *add_id(struct engine *engine, struct awaited *awaited, uint64_t id)
{
	struct awaited_id *added = find_id(engine, id);

	if (added || !id)
		return added;
	added = mem_alloc(sizeof(*added));
	added->id = id;
	added->awaited = awaited;
	DL_APPEND(awaited->ids, added);
	HASH_ADD(hh, engine->awaited_ids, id, sizeof(added->id), added);
	return added;
}

static void awaited_free(struct engine *engine, struct awaited **awaited_p)
{
	struct awaited *awaited = *awaited_p;
	struct awaited_id *id, *next;

	*awaited_p = NULL;
	DL_FOREACH_SAFE(awaited->ids, id, next) {
		/* clang's analyzer does not see that the table is freed with the last of them alone */
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference,clang-analyzer-unix.Malloc) */
		HASH_DELETE(hh, engine->awaited_ids, id);
		free(id);
	}
	DL_DELETE(engine->awaited, awaited);
	free(awaited);
}

void awaited_ask(struct engine *engine, uint32_t tgid)
{
	struct awaited_id *id = find_id(engine, process_id(tgid));
	struct awaited *awaited = id ? id->awaited : NULL;

	if (engine->awaited_ended || !tgid)
		return;
	if (!awaited) {
		awaited = mem_alloc(sizeof(*awaited));
		DL_APPEND(engine->awaited, awaited);
		add_id(engine, awaited, process_id(tgid));
	}
	awaited->asked = tgid;
	engine->world.ask_master(engine->world.context, tgid, NULL);
}

/* Of the base_dir in a control socket's name: BASE_DIR/login/imap, BASE_DIR/auth-master. 0: it has none. */
static size_t base_dir_len(const struct rl_open *open)
{
	unsigned int words = open->class == RL_CLASS_LOGIN ? 2 : open->class == RL_CLASS_AUTH;
	size_t len = strlen(open->path);
	const char *slash;

	if (!words || open->path[0] != '/')
		return 0;
	for (; words; words--) {
		slash = memrchr(open->path, '/', len);
		len = slash ? (size_t)(slash - open->path) : 0;
	}
	return len;
}

static void add_base_dir(const struct rl_open *open, struct str *dirs, unsigned int *count)
{
	size_t len = base_dir_len(open);
	const char *dir;

	if (!len || *count == BASE_DIRS_MAX)
		return;
	for (dir = str_text(dirs); dir < str_text(dirs) + dirs->len; dir += strlen(dir) + 1)
		if (strlen(dir) == len && memcmp(dir, open->path, len) == 0)
			return;
	str_append(dirs, open->path, len);
	str_append(dirs, "", 1);
	++*count;
}

/* Of the master's processes alone: a process that has one's id can be another's child. */
static void base_dirs_of(struct engine *engine, const struct awaited *awaited, uint32_t tgid,
			 struct str *dirs)
{
	struct awaited_id *id;
	unsigned int count = 0;
	struct event event;
	struct held *held;

	DL_FOREACH(awaited->held.first, held) {
		id = find_id(engine, process_id(held->rec.tgid));
		if (!id || event_parse(&held->rec, held->rec.len, &event))
			continue;
		if (event.type == RL_PROC_EXEC)
			id->parent = event.proc->parent_tgid;
		else if (event.type == RL_SOCK_OPEN && id->parent == tgid &&
			 event.open->family == RL_AF_UNIX)
			add_base_dir(event.open, dirs, &count);
	}
}

bool awaited_ask_whose(struct engine *engine, uint32_t tgid)
{
	struct awaited *awaited;
	struct str dirs = {0};
	bool found;

	DL_FOREACH(engine->awaited, awaited) {
		if (awaited->asked == tgid)
			base_dirs_of(engine, awaited, tgid, &dirs);
	}
	found = dirs.len && !engine->awaited_ended;
	if (found)
		engine->world.ask_master(engine->world.context, tgid, &dirs);
	str_free(&dirs);
	return found;
}

void awaited_answered(struct engine *engine, uint32_t tgid)
{
	struct awaited *awaited;

	DL_FOREACH(engine->awaited, awaited) {
		if (awaited->asked == tgid)
			awaited->asked = 0;
	}
}

/* A process begins whose master is not known: the master's id; 0. */
static uint32_t unknown_master(const struct engine *engine, const struct event *event)
{
	const struct service *service;
	const struct master *master;

	if (event->type != RL_PROC_EXEC || event->proc->role == RL_ROLE_STRANGER)
		return 0;
	service = service_find(event->proc->comm);
	if (!service || service->role == RL_ROLE_MASTER)
		return 0;
	master = master_find(engine, event->proc->parent_tgid);
	return master && master->known ? 0 : event->proc->parent_tgid;
}

/* Is it about a process or a socket, and no answer? */
static bool is_about_process(const struct event *event)
{
	switch (event->type) {
	case RL_PROC_EXEC:
	case RL_PROC_EXIT:
	case RL_GROUPS:
	case RL_SOCK_OPEN:
	case RL_DATA:
	case RL_GAP:
	case RL_SOCK_CLOSE:
	case RL_TLS_BEGIN:
	case RL_LINK:
		return true;
	case RL_CLOCK:
	case RL_SETTING:
	case RL_FACT_MASTER:
	case RL_FACT_SETTINGS:
	case RL_FACT_USERS:
	case RL_FACT_LOG:
	case RL_FACT_WRITE:
	case RL_STATS:
		break;
	}
	return false;
}

/* What the event has to wait with; NULL: it has not. */
static struct awaited *awaited_of(struct engine *engine, const struct event *event)
{
	struct awaited_id *id = find_id(engine, process_id(event->rec->tgid));
	uint32_t master;

	if (!id)
		id = find_id(engine, event->rec->cookie);
	if (!id && event->type == RL_PROC_EXEC)
		id = find_id(engine, process_id(event->proc->parent_tgid));
	if (id)
		return id->awaited;
	master = unknown_master(engine, event);
	if (!master)
		return NULL;
	awaited_ask(engine, master);
	return find_id(engine, process_id(master))->awaited;
}

static void hold(struct engine *engine, struct awaited *awaited, const struct rl_rec *rec)
{
	held_add(&awaited->held, rec);
	engine->awaited_size += rec->len;
}

/* Is there no room for its bytes? Once there was none for a master there is none any more: one gap
 * for each connection, not a thousand. */
static bool is_too_much(struct engine *engine, struct awaited *awaited, const struct event *event)
{
	if (!event_bytes(event))
		return false;
	awaited->full = awaited->full || awaited->held.size + event->rec->len > AWAITED_MAX ||
			engine->awaited_size + event->rec->len > AWAITED_ALL_MAX;
	return awaited->full;
}

/* Does it continue the gap, with bytes of the same kind? */
static bool continues(const struct held *gap, const struct event *event)
{
	const struct rl_gap *body;

	if (!gap)
		return false;
	body = (const struct rl_gap *)(const void *)(&gap->rec + 1);
	return event_offset(event) == body->offset + body->size &&
	       gap->rec.flags == (event->rec->flags & (RL_F_TLS | RL_F_UNDECIDED)) &&
	       gap->rec.tgid == event->rec->tgid;
}

/* Holds a GAP in the place of its bytes. */
static void hold_gap(struct engine *engine, struct awaited *awaited, struct awaited_id *sock,
		     const struct event *event)
{
	struct held **last = &sock->gaps[event_dir(event)];
	struct gap_record gap = {0};
	struct rl_gap *body;

	if (!continues(*last, event)) {
		gap_record_grow(&gap, event);
		gap.rec.flags = event->rec->flags & (RL_F_TLS | RL_F_UNDECIDED);
		gap.gap.reason = RL_GAP_AWAITED;
		hold(engine, awaited, &gap.rec);
		*last = awaited->held.first->prev;
	} else {
		body = (struct rl_gap *)(void *)(&(*last)->rec + 1);
		body->size += event_bytes(event);
	}
}

bool awaited_hold(struct engine *engine, const struct event *event)
{
	struct awaited *awaited = NULL;
	struct awaited_id *sock;

	if (!engine->awaited_ended && is_about_process(event))
		awaited = awaited_of(engine, event);
	if (!awaited)
		return false;
	add_id(engine, awaited, process_id(event->rec->tgid));
	sock = add_id(engine, awaited, event->rec->cookie);
	if (sock && is_too_much(engine, awaited, event)) {
		hold_gap(engine, awaited, sock, event);
		return true;
	}
	hold(engine, awaited, event->rec);
	if (sock)
		sock->gaps[RL_IN] = sock->gaps[RL_OUT] = NULL;
	return true;
}

/* Must the first record wait once more: for another answer? */
static bool waits(struct engine *engine, struct awaited *awaited)
{
	const struct rl_rec *rec = &awaited->held.first->rec;
	struct awaited_id *id;
	struct event event;
	uint32_t master;

	if (engine->awaited_ended || event_parse(rec, rec->len, &event))
		return false;
	/* a master that was known has ended, and there is another one with its id */
	master = unknown_master(engine, &event);
	if (!master)
		return false;
	id = find_id(engine, process_id(master));
	if (id && id->awaited->asked == master) {
		awaited->asked = master; /* it is asked about already */
	} else {
		add_id(engine, awaited, process_id(master));
		awaited->asked = master;
		engine->world.ask_master(engine->world.context, master, NULL);
	}
	return true;
}

static struct held *take(struct engine *engine, struct awaited *awaited)
{
	struct held *held = held_take(&awaited->held);
	struct awaited_id *sock = find_id(engine, held->rec.cookie);
	int dir;

	for (dir = RL_IN; sock && dir <= RL_OUT; dir++)
		if (sock->gaps[dir] == held)
			sock->gaps[dir] = NULL;
	engine->awaited_size -= held->rec.len;
	return held;
}

struct held *awaited_next(struct engine *engine)
{
	struct awaited *awaited, *next;

	DL_FOREACH_SAFE(engine->awaited, awaited, next) {
		if (awaited->asked)
			continue;
		if (!awaited->held.first) {
			awaited_free(engine, &awaited);
			continue;
		}
		if (waits(engine, awaited))
			continue;
		return take(engine, awaited);
	}
	return NULL;
}

void awaited_end(struct engine *engine)
{
	struct awaited *awaited;

	engine->awaited_ended = true;
	DL_FOREACH(engine->awaited, awaited)
		awaited->asked = 0;
}
