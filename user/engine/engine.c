// SPDX-License-Identifier: MIT
#include "engine/engine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/awaited.h"
#include "engine/delivery.h"
#include "engine/found.h"
#include "engine/handover.h"
#include "engine/handshake.h"
#include "engine/identity.h"
#include "base/log.h"
#include "engine/process.h"
#include "engine/proxy_strip.h"
#include "engine/session.h"
#include "engine/session_state.h"
#include "engine/tls.h"
#include "engine/trial.h"

/* So many sockets are kept to see whether their SOCK_OPEN comes late. */
#define STRAY_SOCKS_MAX 4096

struct engine *engine_new(const struct rules *rules, struct sink *sink,
			  const struct engine_world *world)
{
	struct engine *engine = mem_alloc(sizeof(*engine));

	engine->rules = rules;
	engine->sink = sink;
	engine->world = *world;
	return engine;
}

static void sock_free(struct engine *engine, struct sock **sock_p)
{
	struct sock *sock = *sock_p;

	*sock_p = NULL;
	HASH_DELETE(hh, engine->socks, sock);
	engine->stray_socks -= sock->class == RL_CLASS_NONE;
	if (sock->session)
		session_unbind(sock->session);
	tls_free(engine, sock);
	proxy_strip_free(sock);
	handshake_free(sock);
	free(sock);
}

static void on_clock(struct engine *engine, const struct event *event)
{
	engine->realtime_offset_ns =
		(int64_t)((uint64_t)event->clock->realtime_ns - event->rec->time_ns);
	engine->utc_offset = event->clock->utc_offset;
}

static void leave_process(struct engine *engine, struct proc *proc, const struct rl_rec *rec)
{
	handover_free(proc);
	found_free(proc);
	session_leave_process(engine, proc, rec);
}

static void on_proc_exec(struct engine *engine, const struct event *event)
{
	struct proc *proc = proc_find(engine, event->rec->tgid);

	if (proc) /* its PROC_EXIT was lost */
		leave_process(engine, proc, event->rec);
	process_exec(engine, event);
}

static void on_proc_exit(struct engine *engine, const struct event *event)
{
	struct proc *proc = proc_find(engine, event->rec->tgid);

	if (proc)
		leave_process(engine, proc, event->rec);
	process_exit(engine, event);
}

/* Why no login request names a client's socket; REASON_NONE: it is no session at all. */
static enum reason unnamed_reason(const struct proc *proc)
{
	if (trial_has_failed(proc))
		return REASON_RELEASE;
	return proc->lost_login ? REASON_NO_LOGIN : REASON_NONE;
}

/* A socket whose bytes are not recorded. REASON_NONE: it is no session at all. */
static void client_ignore(struct engine *engine, const struct sock *sock, const struct proc *proc,
			  enum reason reason)
{
	if (reason != REASON_NONE)
		engine->summary.sessions[reason]++;
	log_line(reason_weight(reason) == REASON_PLAIN ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
		 "%s()<%" PRIu32 ">: socket %" PRIu64 " is not recorded: %s", proc->service->name,
		 proc->tgid, sock->ino,
		 reason != REASON_NONE ? reason_text(reason) : "no login request names it");
	engine_verdict(engine, sock, false);
}

static void set_addresses(struct session *session, const struct sock *sock)
{
	struct endpoints addresses = {
		.local.family = sock->family,
		.remote.family = sock->family,
		.local_port = sock->inet.local_port,
		.remote_port = sock->inet.remote_port,
	};

	if (sock->family != RL_AF_INET && sock->family != RL_AF_INET6)
		return;
	memcpy(addresses.local.addr, sock->inet.local, sizeof(addresses.local.addr));
	memcpy(addresses.remote.addr, sock->inet.remote, sizeof(addresses.remote.addr));
	identity_set_addresses(session, &addresses);
}

/* A session that begins with its socket. */
static struct session *session_of(struct engine *engine, struct sock *sock, struct proc *proc,
				  enum traffic traffic)
{
	struct session *session = session_new(engine, proc, traffic);

	set_addresses(session, sock);
	session_set_ino(engine, session, sock->ino);
	session_bind(engine, session, sock);
	return session;
}

/* Was it there before the recorder started? The process can have used it before it was looked for. */
static bool is_found(const struct proc *proc, const struct rl_rec *rec)
{
	return proc->found && (rec->flags & RL_F_FOUND || proc->master->users != USERS_TOLD);
}

/* A client's socket in a mail process: it has a session if a login request has named it. */
static void mail_open(struct engine *engine, struct sock *sock, struct proc *proc,
		      const struct rl_rec *rec)
{
	struct session *session = session_by_ino(engine, sock->ino);

	if (session && !session->sock && session->tgid == sock->tgid &&
	    session->traffic == TRAFFIC_MAIL) {
		session_bind(engine, session, sock);
		if (!trial_allows_socket(session, sock))
			session_refuse(engine, session, REASON_RELEASE);
	} else if (is_found(proc, rec)) {
		found_begin(engine, session_of(engine, sock, proc, TRAFFIC_MAIL), rec);
	} else {
		client_ignore(engine, sock, proc, unnamed_reason(proc));
	}
}

static void traffic_open(struct engine *engine, struct sock *sock, struct proc *proc,
			 const struct event *event)
{
	enum traffic traffic = service_traffic(proc->service, sock->class);

	if (traffic == TRAFFIC_MAIL) {
		mail_open(engine, sock, proc, event->rec);
		return;
	}
	if (!rules_record(engine->rules, traffic)) {
		engine_verdict(engine, sock, false);
		return;
	}
	if (event->rec->flags & RL_F_FOUND) {
		client_ignore(engine, sock, proc, REASON_OPEN_BEFORE);
		return;
	}
	session_begin(engine, session_of(engine, sock, proc, traffic), event->rec);
}

static enum reason ignored_reason(const struct engine *engine, const struct proc *proc)
{
	if (engine->awaited_ended)
		return REASON_UNANSWERED;
	if (proc->master && !proc->master->examined && rules_need(engine->rules, proc->service))
		return REASON_UNEXAMINED;
	return REASON_MASTER;
}

/* Counted and logged once for each process. */
static void proc_ignore(struct engine *engine, struct proc *proc)
{
	enum reason reason = ignored_reason(engine, proc);

	if (proc->ignored)
		return;
	proc->ignored = true;
	engine->summary.sessions[reason]++;
	log_line(reason_weight(reason) == REASON_PLAIN ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
		 "%s()<%" PRIu32 ">: not recorded: %s", proc->service->name, proc->tgid,
		 reason_text(reason));
}

static bool sock_has_traffic(const struct sock *sock)
{
	return sock->class == RL_CLASS_CLIENT || sock->class == RL_CLASS_RELAY;
}

static struct sock *sock_new(struct engine *engine, const struct rl_rec *rec)
{
	struct sock *sock = mem_alloc(sizeof(*sock));

	sock->cookie = rec->cookie;
	HASH_ADD(hh, engine->socks, cookie, sizeof(sock->cookie), sock);
	return sock;
}

/* Its SOCK_OPEN comes late, as the ring was full. The bytes before it will show as a gap. */
static void stray_known(struct engine *engine, struct sock *sock)
{
	engine->summary.stray_bytes -= sock->strays;
	engine->stray_socks--;
}

/* `close` NULL: its last offsets are not known. */
static void sock_end(struct engine *engine, struct sock **sock_p, const struct rl_rec *rec,
		     const struct rl_close *close)
{
	struct sock *sock = *sock_p;
	const struct rl_close none = {0};
	struct session *session;

	tls_end(engine, sock, rec);
	handshake_end(engine, sock, rec, close);
	session = sock->session;
	if (session) {
		found_end(session);
		session_end(engine, session, rec, sock->tls.given_up ? &none : close);
	}
	sock_free(engine, sock_p);
}

/* The record's socket; NULL: it is not known. If a login process's is another process's by now, its
 * SOCK_CLOSE was lost: it ends here, so that no log gets what comes after the login. */
static struct sock *sock_of(struct engine *engine, const struct rl_rec *rec)
{
	struct sock *sock = sock_find(engine, rec->cookie);

	if (!sock || sock->role != RL_ROLE_LOGIN || !sock->tgid || sock->tgid == rec->tgid)
		return sock;
	engine_malformed(engine, "a handover without its end", rec->tgid);
	sock_end(engine, &sock, rec, NULL);
	return NULL;
}

/* Is it no client's, though the kernel side takes it for one's? */
static bool is_internal(const struct rl_open *open)
{
	return open->class == RL_CLASS_CLIENT && open->family == RL_AF_UNIX &&
	       service_socket_is_internal(open->path);
}

/* At the start, the process can use a socket at the moment at which it is found: both tell of it. */
static bool is_found_twice(const struct sock *sock, const struct proc *proc,
			   const struct event *event)
{
	return proc && proc->found &&
	       (sock->class == RL_CLASS_OTHER ||
		(sock->tgid == event->rec->tgid && sock->ino == event->open->ino));
}

static void on_sock_open(struct engine *engine, const struct event *event)
{
	uint32_t tgid = event->rec->tgid;
	struct proc *proc = proc_find(engine, tgid);
	struct sock *sock = sock_of(engine, event->rec);

	if (sock && sock->class != RL_CLASS_NONE) {
		if (!is_found_twice(sock, proc, event))
			engine_malformed(engine, "a socket opened twice", tgid);
		return;
	}
	if (sock)
		stray_known(engine, sock);
	else
		sock = sock_new(engine, event->rec);
	sock->class = RL_CLASS_OTHER;
	sock->role = event->open->role;
	if (!proc || !proc_release(proc)) {
		engine_verdict(engine, sock, false);
		engine->world.forget(engine->world.context, tgid, event->rec->time_ns);
		if (proc)
			proc_ignore(engine, proc);
		return;
	}
	if (is_internal(event->open)) {
		engine_verdict(engine, sock, false);
		return;
	}
	sock->ino = event->open->ino;
	sock->tgid = tgid;
	sock->class = event->open->class;
	sock->family = event->open->family;
	if (sock->family != RL_AF_UNIX)
		sock->inet = event->open->inet;
	if (sock_has_traffic(sock))
		traffic_open(engine, sock, proc, event);
}

/* Is it known that its master is none that is recorded? */
static bool is_left_out(const struct proc *proc)
{
	return proc && proc->master && proc->master->examined && !proc_release(proc);
}

/* Bytes of a socket whose SOCK_OPEN was lost, or that has ended, or of TLS on one that is not known: no
 * file gets them. */
static void on_stray(struct engine *engine, struct sock *sock, const struct event *event)
{
	uint64_t size = event_bytes(event);

	if (is_left_out(proc_find(engine, event->rec->tgid)))
		return;
	engine->summary.stray_bytes += size;
	if (!sock && event->rec->cookie && size && engine->stray_socks < STRAY_SOCKS_MAX) {
		sock = sock_new(engine, event->rec);
		engine->stray_socks++;
		log_debug("process %" PRIu32 ": bytes of a socket that is not known",
			  event->rec->tgid);
	}
	if (sock)
		sock->strays += size;
}

static void on_bytes(struct engine *engine, const struct event *event)
{
	struct sock *sock = sock_of(engine, event->rec);

	if (!sock || sock->class == RL_CLASS_NONE)
		on_stray(engine, sock, event);
	else if (sock_has_traffic(sock))
		tls_event(engine, sock, event);
	else if (sock->class != RL_CLASS_OTHER)
		handshake_event(engine, sock, event);
}

static void on_sock_close(struct engine *engine, const struct event *event)
{
	struct sock *sock = sock_find(engine, event->rec->cookie);

	if (sock)
		sock_end(engine, &sock, event->rec, event->close);
}

static void on_tls_begin(struct engine *engine, const struct event *event)
{
	struct sock *sock = sock_find(engine, event->rec->cookie);
	struct proc *proc = proc_find(engine, event->rec->tgid);

	if (sock && sock_has_traffic(sock))
		tls_begin(engine, sock, event);
	else if (!event->rec->cookie && proc)
		tls_given_up(engine, proc, event->rec);
}

static void on_link(struct engine *engine, const struct event *event)
{
	struct proc *proc = proc_find(engine, event->rec->tgid);

	if (proc)
		handover_linked(engine, proc, event);
}

static void on_log(struct engine *engine, const struct event *event)
{
	struct session *session = session_by_id(engine, event->log->session);

	if (session)
		session_log_answered(engine, session, event);
}

static void on_write(struct engine *engine, const struct event *event)
{
	struct session *session = session_by_id(engine, event->write->session);

	if (session)
		session_written(engine, session, event);
}

static void take(struct engine *engine, const struct event *event)
{
	if (engine->undecided)
		tls_decide(engine, event);
	switch (event->type) {
	case RL_CLOCK:
		on_clock(engine, event);
		break;
	case RL_SETTING: /* the rules, which engine_new() was given */
		break;
	case RL_PROC_EXEC:
		on_proc_exec(engine, event);
		break;
	case RL_PROC_EXIT:
		on_proc_exit(engine, event);
		break;
	case RL_GROUPS:
		process_groups(engine, event);
		break;
	case RL_SOCK_OPEN:
		on_sock_open(engine, event);
		break;
	case RL_DATA:
	case RL_GAP:
		on_bytes(engine, event);
		break;
	case RL_SOCK_CLOSE:
		on_sock_close(engine, event);
		break;
	case RL_FACT_MASTER:
		process_master(engine, event);
		break;
	case RL_FACT_SETTINGS:
		process_settings(engine, event);
		break;
	case RL_FACT_USERS:
		found_users(engine, event);
		break;
	case RL_TLS_BEGIN:
		on_tls_begin(engine, event);
		break;
	case RL_LINK:
		on_link(engine, event);
		break;
	case RL_FACT_LOG:
		on_log(engine, event);
		break;
	case RL_FACT_WRITE:
		on_write(engine, event);
		break;
	case RL_STATS:
		engine->summary.stats = *event->stats;
		engine->summary.has_stats = true;
		break;
	}
}

static void take_awaited(struct engine *engine)
{
	struct event event;
	struct held *held;

	while ((held = awaited_next(engine)) != NULL) {
		if (event_parse(&held->rec, held->rec.len, &event) == 0)
			take(engine, &event);
		held_free(&held);
	}
}

void engine_feed(struct engine *engine, const void *data, size_t size)
{
	struct event event;

	if (event_parse(data, size, &event)) {
		engine_malformed(engine, "record", 0);
	} else if (!awaited_hold(engine, &event)) {
		engine->last_ns = event.rec->time_ns;
		take(engine, &event);
		take_awaited(engine);
	}
}

void engine_flush(struct engine *engine)
{
	delivery_flush_all(engine);
}

void engine_end_sessions(struct engine *engine)
{
	struct session *session, *next;

	awaited_end(engine);
	take_awaited(engine);
	HASH_ITER(by_id, engine->sessions_by_id, session, next)
		session_stream_ends(engine, session, engine->last_ns);
}

/* If the recorder was killed, there are sessions whose end is not in the stream. */
void engine_finish(struct engine *engine)
{
	struct session *session, *next;

	engine_end_sessions(engine);
	while (engine->sessions_by_id)
		HASH_ITER(by_id, engine->sessions_by_id, session, next)
			session_finish(engine, session, engine->last_ns);
}

const struct engine_summary *engine_summary(const struct engine *engine)
{
	return &engine->summary;
}

bool engine_has_lost(const struct engine *engine)
{
	const struct engine_summary *summary = &engine->summary;

	enum reason reason;

	for (reason = 0; reason < REASONS_COUNT; reason++)
		if (reason_weight(reason) == REASON_LOSS &&
		    (summary->sessions[reason] || summary->logs[reason]))
			return true;
	return summary->lost_bytes || summary->stray_bytes || summary->given_up ||
	       summary->malformed || summary->stats.lost_control || summary->stats.map_full ||
	       summary->stats.missed;
}

void engine_free(struct engine **engine_p)
{
	struct engine *engine = *engine_p;
	struct master *master, *next_master;
	struct proc *proc, *next_proc;
	struct sock *sock, *next_sock;

	*engine_p = NULL;
	if (!engine)
		return;
	engine_finish(engine);
	HASH_ITER(hh, engine->socks, sock, next_sock)
		sock_free(engine, &sock);
	HASH_ITER(hh, engine->procs, proc, next_proc) {
		handover_free(proc);
		found_free(proc);
		process_free(engine, &proc);
	}
	HASH_ITER(hh, engine->masters, master, next_master)
		process_free_master(engine, &master);
	free(engine);
}
