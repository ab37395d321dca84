// SPDX-License-Identifier: MIT
#include "engine/found.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/identity.h"
#include "engine/session.h"
#include "engine/session_state.h"

/* Does a rule record mail sessions of this service? */
static bool is_wanted(const struct engine *engine, const struct service *service)
{
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++)
		if (rules_take(engine->rules, i, TRAFFIC_MAIL, service->protocol))
			return true;
	return false;
}

void found_begin(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	struct master *master = session->proc->master;

	session_found(engine, session, rec);
	if (!is_wanted(engine, session->service)) {
		session_refuse(engine, session, REASON_NO_RULE);
	} else if (master->users == USERS_TOLD) {
		session_refuse(engine, session, REASON_WHOSE);
	} else if (master->users == USERS_UNKNOWN) {
		master->users = USERS_ASKED;
		engine->world.ask_users(engine->world.context, master->tgid);
	}
}

void found_end(const struct session *session)
{
	struct proc *proc = session->proc;

	if (proc && proc->found && proc->master && proc->master->users == USERS_ASKED &&
	    session->traffic == TRAFFIC_MAIL)
		proc->left++;
}

/* The text of a FACT_USERS. */
struct answer {
	uint32_t master;
	const char *text, *end;
};

void found_free(struct proc *proc)
{
	struct found_user *user, *next;

	DL_FOREACH_SAFE(proc->users, user, next) {
		DL_DELETE(proc->users, user);
		userdb_user_free(&user->user);
		free(user);
	}
}

/* "PID TAB IP TAB NAME TAB FIELD...": adds it to its process. */
static void add_user(struct engine *engine, uint32_t master, const char *value)
{
	struct found_user *user;
	struct str line = {0};
	struct proc *proc;
	char *ip, *name;

	str_append_text(&line, value);
	ip = strchr(line.data, '\t');
	name = ip ? strchr(ip + 1, '\t') : NULL;
	proc = proc_find(engine, (uint32_t)strtoul(value, NULL, 10));
	if (name && proc && proc->master && proc->master->tgid == master) {
		*ip++ = *name++ = '\0';
		user = mem_alloc(sizeof(*user));
		ip_addr_parse(ip, &user->ip);
		if (postlogin_line_parse(name, strlen(name), &user->user) == 0) {
			DL_APPEND(proc->users, user);
		} else {
			engine_malformed(engine, "user of a session", proc->tgid);
			free(user);
		}
	} else if (!name) {
		engine_malformed(engine, "user of a session", master);
	}
	str_free(&line);
}

/* TCP: of the sockets of a mail process those are clients' that came to a port somebody listens on. It
 * connects others itself: submission's relay. */
static bool is_accepted(const struct answer *answer, const struct sock *sock)
{
	const char *at = answer->text, *name, *value;
	bool any = false;

	if (sock->family == RL_AF_UNIX)
		return true;
	while (settings_next(&at, answer->end, &name, &value)) {
		if (strcmp(name, "listen") != 0)
			continue;
		if (strtoul(value, NULL, 10) == sock->inet.local_port)
			return true;
		any = true;
	}
	return !any;
}

/* The first one whose session is not known; NULL: there is none. */
static struct found_user *open_user(const struct proc *proc)
{
	struct found_user *user;

	DL_FOREACH(proc->users, user) {
		if (!user->known)
			break;
	}
	return user;
}

/* Those whose login was seen are no question. */
static void find_known(const struct proc *proc)
{
	const struct session *session;
	struct found_user *user;

	DL_FOREACH(proc->sessions, session) {
		if (session->found || session->traffic != TRAFFIC_MAIL || !session->who.user.name)
			continue;
		DL_FOREACH(proc->users, user) {
			if (!user->known && strcmp(user->user.name, session->who.user.name) == 0)
				break;
		}
		if (user)
			user->known = true;
	}
}

/* What the users have in common whose sessions are not known. */
struct common {
	unsigned int count;
	bool wanted;   /* the rules want one of them */
	bool name, ip; /* it is the same */
};

static struct common compare_users(const struct engine *engine, const struct proc *proc)
{
	const struct found_user *first = open_user(proc), *user;
	struct common common = {.name = true, .ip = true};

	DL_FOREACH(proc->users, user) {
		if (user->known)
			continue;
		common.count++;
		common.wanted = common.wanted || rules_want_user(engine->rules, user->user.name);
		common.name = common.name && strcmp(user->user.name, first->user.name) == 0;
		common.ip = common.ip && memcmp(&user->ip, &first->ip, sizeof(first->ip)) == 0;
	}
	return common;
}

/* REASON_NONE: `count` sessions of the process are those of its users. (One is not Dovecot's yet while its
 * post-login script runs: it must not get the name of one that has left.) */
static enum reason why_not(const struct common *users, unsigned int count)
{
	if (users->count && !users->wanted)
		return REASON_NOT_WANTED;
	return users->count == count && users->name ? REASON_NONE : REASON_WHOSE;
}

/* `one_ip`: else it is not known which address of the user's it has. */
static void record(struct engine *engine, struct session *session, bool one_ip,
		   const struct rl_rec *rec)
{
	struct found_user *user = open_user(session->proc);
	struct endpoints addresses = session->who.login.addresses;

	user->known = true;
	if (!user->user.fields.len) { /* of its home, ids and chroot nothing is known */
		session_refuse(engine, session, REASON_UNTOLD);
		return;
	}
	if (one_ip && user->ip.family)
		addresses.remote = user->ip;
	identity_set_addresses(session, &addresses);
	identity_drop_fields(engine, session, &user->user);
	session_found_user(engine, session, &user->user, rec);
}

static void decide(struct engine *engine, struct proc *proc, const struct answer *answer,
		   const struct rl_rec *rec)
{
	struct session *session, *next;
	unsigned int count = proc->left; /* the answer can be older, and be about these */
	struct common users;
	enum reason reason;

	DL_FOREACH_SAFE(proc->sessions, session, next) {
		if (session->state != SESSION_FOUND)
			continue;
		if (session->sock && is_accepted(answer, session->sock))
			count++;
		else
			session_refuse(engine, session, REASON_OPEN_BEFORE);
	}
	find_known(proc);
	users = compare_users(engine, proc);
	reason = why_not(&users, count);
	DL_FOREACH_SAFE(proc->sessions, session, next) {
		if (session->state != SESSION_FOUND)
			continue;
		if (reason == REASON_NONE)
			record(engine, session, users.ip, rec);
		else
			session_refuse(engine, session, reason);
	}
	found_free(proc);
}

static void decide_all(struct engine *engine, const struct answer *answer, const struct rl_rec *rec)
{
	struct proc *proc, *next;

	HASH_ITER(hh, engine->procs, proc, next) {
		if (!proc->master || proc->master->tgid != answer->master)
			continue;
		proc->master->users = USERS_TOLD;
		if (proc->found && proc->service->role == RL_ROLE_MAIL)
			decide(engine, proc, answer, rec);
	}
}

void found_users(struct engine *engine, const struct event *event)
{
	const char *text = event->setting->text, *at = text, *name, *value;
	const struct answer answer = {event->rec->tgid, text, text + event->setting->size};

	while (settings_next(&at, answer.end, &name, &value)) {
		if (strcmp(name, "user") == 0)
			add_user(engine, answer.master, value);
		else if (strcmp(name, "error") == 0)
			log_warn("master process %" PRIu32
				 ": whose sessions were open before rawtap started: %s",
				 answer.master, value);
	}
	decide_all(engine, &answer, event->rec);
}
