// SPDX-License-Identifier: MIT
#include "output/sink_host.h"

#include "base/mem.h" /* before uthash: its allocations */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "host/clock.h"
#include "output/tcp_conn.h"
#include "output/writer.h"

/* A log that has been behind goes on when so little waits, in percent of what may. */
#define GOES_ON_AT 50

/* A log that is not created after this time is late. */
#define LATE_MS 250

/* The name of a log in records. */
struct log_key {
	uint32_t session, rule, turn;
};

struct host_log {
	struct log_key key;
	struct sink_host *host;
	struct tcp_conn *tcp; /* NULL: it is in files */
	uint32_t number;      /* in files: the writer's, */
	bool at_writer;	      /* as long as it has it */
	int64_t asked_ms;     /* create() was called, */
	bool opened;	      /* and the answer was that it is there */
	bool claimed;
	bool behind;
	int overflown; /* errno: bytes had to be dropped, and all that come later are */
	bool told;     /* how it ended, FACT_WRITE */
	UT_hash_handle hh;
	struct host_log *prev, *next; /* in host->creating */
};

struct sink_host {
	struct sink sink;
	struct sink_host_answers answers;
	struct host_log *logs;	   /* by key */
	struct host_log *creating; /* of which it is not told that they are late, oldest first */
	struct host_log **claimed; /* by handle; NULL: free */
	int handles, free_hint;	   /* no handle below this is free */
	struct host_log adopted;   /* in neither table */
	bool ended;		   /* the writer has */
	struct writer *writer;
	struct tcp_conns *connections;
};

static struct sink_host *of(struct sink *sink)
{
	return (struct sink_host *)sink;
}

static struct host_log *log_of(struct sink *sink, int handle)
{
	return of(sink)->claimed[handle];
}

static struct host_log *find(const struct sink_host *host, const struct log_key *key)
{
	struct host_log *log;

	HASH_FIND(hh, host->logs, key, sizeof(*key), log);
	return log;
}

static struct log_key key_of(const struct log_place *place)
{
	return (struct log_key){place->session, place->rule, place->turn};
}

/* It is created, or late, or given up. */
static void leave_creating(struct host_log *log)
{
	if (log->asked_ms)
		DL_DELETE(log->host->creating, log);
	log->asked_ms = 0;
}

static void log_free(struct host_log *log)
{
	leave_creating(log);
	HASH_DEL(log->host->logs, log);
	free(log);
}

static void tell_log(const struct host_log *log, struct rl_log fact)
{
	fact.session = log->key.session;
	fact.rule = log->key.rule;
	log->host->answers.log(log->host->answers.context, &fact);
}

static void tell_write(const struct host_log *log, enum rl_write_status status, int error)
{
	struct rl_write fact = {
		.session = log->key.session,
		.rule = log->key.rule,
		.turn = log->key.turn,
		.status = status,
		.error = error,
	};

	if (log->tcp)
		fact.size[RL_IN] = tcp_conn_sent(log->tcp);
	else
		writer_sizes(log->host->writer, log->number, fact.size);
	log->host->answers.write(log->host->answers.context, &fact);
}

static void tell_end(struct host_log *log, int error)
{
	struct sink_host *host = log->host;

	if (log->told)
		return;
	log->told = true;
	if (log != &host->adopted)
		tell_write(log, RL_WRITE_ENDED, error);
	else if (error)
		host->answers.adopted_failed(host->answers.context, error);
}

/* Events of the writer's */

static void on_created(void *owner, struct rl_log *fact)
{
	struct host_log *log = owner;

	leave_creating(log);
	log->opened = fact->status == RL_LOG_OPENED;
	log->at_writer = log->opened;
	tell_log(log, *fact);
	if (!log->opened)
		log_free(log);
}

static void on_written(void *owner)
{
	struct host_log *log = owner;

	if (!log->behind || writer_has_more_than(log->host->writer, log->number, GOES_ON_AT))
		return;
	log->behind = false;
	tell_write(log, RL_WRITE_GOES_ON, 0);
}

static void on_failed(void *owner, int error)
{
	tell_end(owner, error);
}

static void on_dropped(void *owner)
{
	((struct host_log *)owner)->overflown = RL_ERROR_BEHIND;
}

static void on_closed(void *owner, int error)
{
	struct host_log *log = owner;

	tell_end(log, error ? error : log->overflown);
	log->at_writer = false;
}

static const struct writer_events log_events = {
	.created = on_created,
	.written = on_written,
	.failed = on_failed,
	.dropped = on_dropped,
	.closed = on_closed,
};

/* As the engine calls it */

static struct host_log *log_new(struct sink_host *host, const struct log_place *place)
{
	struct host_log *log = mem_alloc(sizeof(*log));

	log->key = key_of(place);
	log->host = host;
	HASH_ADD(hh, host->logs, key, sizeof(log->key), log);
	return log;
}

static int connect_log(struct host_log *log, const struct log_place *place)
{
	int ret = tcp_conns_connect(log->host->connections, place->tcp, &log->tcp);

	if (ret)
		return ret;
	log->opened = true;
	tell_log(log, (struct rl_log){.status = RL_LOG_OPENED, .serial = 1});
	return 0;
}

static int ask_writer(struct host_log *log, const struct log_place *place)
{
	int ret;

	if (log->host->ended)
		return -RL_ERROR_WRITER;
	ret = writer_create(log->host->writer, place, log);
	if (ret < 0)
		return ret == -ENOBUFS ? -RL_ERROR_BEHIND : ret;
	log->number = ret;
	log->at_writer = true;
	log->asked_ms = clock_now_ms();
	DL_APPEND(log->host->creating, log);
	return 0;
}

static void host_create(struct sink *sink, const struct log_place *place)
{
	struct host_log *log = log_new(of(sink), place);
	int ret = place->tcp ? connect_log(log, place) : ask_writer(log, place);

	if (!ret)
		return;
	tell_log(log, (struct rl_log){.status = RL_LOG_CREATE_FAILED, .error = -ret, .serial = 1});
	log_free(log);
}

static int host_claim(struct sink *sink, const struct log_place *place, uint32_t serial)
{
	struct sink_host *host = of(sink);
	struct log_key key = key_of(place);
	struct host_log *log = find(host, &key);
	int handle;

	if (!log || !log->opened || log->claimed)
		return -ENOENT;
	for (handle = host->free_hint; handle < host->handles && host->claimed[handle]; handle++)
		;
	if (handle == host->handles)
		host->claimed = mem_resize(host->claimed, ++host->handles * sizeof(*host->claimed));
	host->free_hint = handle + 1;
	host->claimed[handle] = log;
	log->claimed = true;
	return handle;
}

static int append(struct host_log *log, int file, const void *data, size_t size)
{
	struct writer *writer = log->host->writer;
	int ret = log->overflown ? 0 : writer_append(writer, log->number, file, data, size);

	if (ret) { /* what it has is written, and then it ends */
		log->overflown = RL_ERROR_BEHIND;
		writer_close(writer, log->number);
	}
	return log->overflown;
}

static int host_write(struct sink *sink, int handle, int file, const void *data, size_t size)
{
	struct host_log *log = log_of(sink, handle);

	if (log->tcp)
		return tcp_conn_write(log->tcp, data, size);
	if (!log->at_writer || append(log, file, data, size) || log->behind ||
	    !writer_has_more_than(log->host->writer, log->number, 100))
		return 0;
	log->behind = true;
	tell_write(log, RL_WRITE_BEHIND, 0);
	return 0;
}

static void host_sizes(struct sink *sink, int handle, __u64 sizes_r[2])
{
	const struct host_log *log = log_of(sink, handle);

	sizes_r[RL_IN] = sizes_r[RL_OUT] = 0;
	if (log->tcp)
		sizes_r[RL_IN] = tcp_conn_sent(log->tcp);
	else if (log->at_writer)
		writer_sizes(log->host->writer, log->number, sizes_r);
}

static int host_end(struct sink *sink, int handle)
{
	struct host_log *log = log_of(sink, handle);

	if (log->tcp)
		tell_end(log, 0);
	else if (log->at_writer)
		writer_close(log->host->writer, log->number);
	return 0;
}

/* FACT_WRITE comes from tell_write(): the files are not longer. */
static void host_release(struct sink *sink, int handle, const __u64 sizes[2])
{
	struct sink_host *host = of(sink);
	struct host_log *log = host->claimed[handle];

	host->claimed[handle] = NULL;
	host->free_hint = handle < host->free_hint ? handle : host->free_hint;
	if (log->tcp)
		tcp_conn_close(&log->tcp);
	if (log->at_writer) {
		writer_disown(host->writer, log->number);
		writer_close(host->writer, log->number);
	}
	log_free(log);
}

static const struct sink_ops host_ops = {
	.create = host_create,
	.claim = host_claim,
	.write = host_write,
	.sizes = host_sizes,
	.end = host_end,
	.release = host_release,
};

/* As the main loop calls it */

int sink_host_fd(struct sink *sink)
{
	return writer_fd(of(sink)->writer);
}

int sink_host_append(struct sink *sink, const void *data, size_t size)
{
	struct sink_host *host = of(sink);

	/* else its number can be another log's by now */
	if (host->adopted.at_writer && !writer_has_more_than(host->writer, WRITER_ADOPTED, 100) &&
	    !writer_append(host->writer, WRITER_ADOPTED, RL_IN, data, size))
		return 0;
	return -RL_ERROR_BEHIND;
}

void sink_host_submit(struct sink *sink)
{
	writer_submit(of(sink)->writer);
}

/* Of all logs that wait for an answer. */
static void give_up(struct sink_host *host, int error)
{
	struct host_log *log, *next;

	HASH_ITER(hh, host->logs, log, next) {
		if (!log->opened) {
			tell_log(log, (struct rl_log){.status = RL_LOG_CREATE_FAILED,
						      .error = error,
						      .serial = 1});
			writer_disown(host->writer, log->number);
			log_free(log);
		} else if (!log->tcp && log->claimed) {
			tell_end(log, error);
		}
	}
}

static void tell_late(struct sink_host *host)
{
	int64_t long_ago_ms = clock_now_ms() - LATE_MS;
	struct host_log *log;

	while ((log = host->creating) != NULL && log->asked_ms <= long_ago_ms) {
		tell_log(log, (struct rl_log){.status = RL_LOG_LATE, .serial = 1});
		leave_creating(log);
	}
}

int sink_host_take(struct sink *sink)
{
	struct sink_host *host = of(sink);
	int ret = writer_take(host->writer);

	tell_late(host);
	if (!ret || host->ended)
		return ret;
	host->ended = true;
	give_up(host, RL_ERROR_WRITER);
	tell_end(&host->adopted, RL_ERROR_WRITER);
	return ret;
}

bool sink_host_sleep(struct sink *sink)
{
	return writer_sleep(of(sink)->writer);
}

bool sink_host_is_creating(struct sink *sink)
{
	return of(sink)->creating;
}

void sink_host_trim(struct sink *sink)
{
	writer_trim(of(sink)->writer);
}

bool sink_host_is_busy(struct sink *sink)
{
	const struct host_log *log;

	for (log = of(sink)->logs; log; log = log->hh.next)
		if (!log->opened || (log->claimed && !log->told))
			return true;
	return false;
}

void sink_host_wait(struct sink *sink, int timeout_ms)
{
	writer_submit(of(sink)->writer);
	writer_wait(of(sink)->writer, timeout_ms);
}

void sink_host_give_up(struct sink *sink)
{
	give_up(of(sink), RL_ERROR_LATE);
}

int sink_host_close_adopted(struct sink *sink, int timeout_ms)
{
	struct host_log *adopted = &of(sink)->adopted;
	int64_t until_ms = clock_now_ms() + timeout_ms, left_ms;

	if (!adopted->at_writer)
		return 0;
	writer_close(of(sink)->writer, adopted->number);
	while (adopted->at_writer && (left_ms = until_ms - clock_now_ms()) > 0) {
		sink_host_wait(sink, left_ms);
		if (sink_host_take(sink))
			break;
	}
	if (adopted->at_writer)
		tell_end(adopted, RL_ERROR_LATE);
	return adopted->at_writer ? -ETIME : 0;
}

int sink_host_new(const struct sink_host_answers *answers, unsigned int kept, int adopted_fd,
		  const char *adopted_path, struct sink **sink_r)
{
	struct sink_host *host = mem_alloc(sizeof(*host));
	int ret;

	*sink_r = &host->sink;
	host->sink.ops = &host_ops;
	host->answers = *answers;
	host->adopted = (struct host_log){
		.host = host,
		.number = WRITER_ADOPTED,
		.at_writer = adopted_fd >= 0,
	};
	ret = writer_start(&log_events, kept, adopted_fd, adopted_path, &host->adopted,
			   &host->writer);
	if (ret)
		return ret;
	host->connections = tcp_conns_new();
	return host->connections ? 0 : -errno;
}

struct tcp_conns *sink_host_connections(struct sink *sink)
{
	return of(sink)->connections;
}

void sink_host_free(struct sink **sink)
{
	struct sink_host *host = of(*sink);
	struct host_log *log, *next;

	*sink = NULL;
	if (!host)
		return;
	writer_free(&host->writer);
	HASH_ITER(hh, host->logs, log, next)
		log_free(log);
	free(host->claimed);
	tcp_conns_free(&host->connections);
	free(host);
}
