// SPDX-License-Identifier: MIT
#include "commands/recorder.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "commands/master_questions.h"
#include "commands/summary.h"
#include "host/clock.h"
#include "host/log_writer.h"
#include "kernel/backend.h"
#include "kernel/source.h"
#include "output/sink_host.h"
#include "output/tcp_conn.h"

/* A few records in the ring don't wake rawtap: while records come, it looks every BUSY_WAIT_MS. */
#define BUSY_WAIT_MS   5
#define IDLE_WAIT_MS   200
#define BUSY_FOR_MS    1000
#define SWEEP_ENDED_MS 20 /* a process that has ended needs a moment to give up its sockets */
#define CLOCK_MS       1000

/* At the end: for file systems to take the rest, then for TCP, then for the saved stream. Messages
 * have LOG_WRITER_END_MS after that. Together it is less than 5 s. */
#define LOGS_END_MS	   1500
#define LAST_LOGS_END_MS   200 /* for those that had waited for others */
#define CONNECTIONS_END_MS 800
#define SAVE_END_MS	   400
#define EVENTS		   5 /* descriptors that are waited for */

void recorder_tell_clock(struct recorder *recorder)
{
	int64_t now = clock_now_ns(), real = clock_realtime_ns();
	const struct rl_clock clock = {
		.realtime_ns = real,
		.utc_offset = clock_utc_offset(real),
	};

	recorder->clock_at_ms = recorder->now_ms + CLOCK_MS;
	if (llabs(real - now - recorder->clock_offset_ns) < CLOCK_NS_PER_MS &&
	    clock.utc_offset == recorder->utc_offset)
		return;
	recorder->clock_offset_ns = real - now;
	recorder->utc_offset = clock.utc_offset;
	pipeline_tell(&recorder->pipeline, (struct rl_rec){.type = RL_CLOCK, .time_ns = now},
		      &clock, sizeof(clock));
}

/* Recording goes on if the service manager can't be reached. */
static void notify(const struct recorder *recorder, const char *message)
{
	int ret = notify_socket_send(&recorder->manager, message);

	if (ret)
		log_warn("telling the service manager %.*s: %s", (int)strcspn(message, "\n"),
			 message, strerror(-ret));
}

/* What ran before is examined: from here on it is certain what is recorded. */
static void tell_ready(struct recorder *recorder)
{
	recorder->ready = true;
	log_info("recording (backend %s)", recorder->bpf.backend->name);
	notify(recorder, "READY=1\nSTATUS=recording");
}

void recorder_close_save(struct recorder *recorder)
{
	if (!recorder->pipeline.save)
		return;
	if (fclose(recorder->pipeline.save))
		pipeline_save_failed(&recorder->pipeline, errno);
	recorder->pipeline.save = NULL;
	sink_host_close_adopted(recorder->sink, SAVE_END_MS); /* it has told of an error */
}

/* Much may have been held while there was much to do. */
static void trim(struct recorder *recorder)
{
	sink_host_trim(recorder->sink);
	if (recorder->now_ms < recorder->busy_until_ms ||
	    recorder->trimmed_ms >= recorder->busy_until_ms)
		return;
	malloc_trim(0);
	recorder->trimmed_ms = recorder->now_ms;
}

/* Looks for sockets that have ended, where it is time. 0 or -errno. */
static int sweep(struct recorder *recorder)
{
	int ret = 0;

	if (recorder->now_ms >= recorder->sweep_at_ms) {
		recorder->sweep_at_ms = recorder->now_ms + RECORDER_SWEEP_MS;
		trim(recorder);
		ret = source_sweep(recorder->source);
	}
	if (recorder->sweep_ended_at_ms && recorder->now_ms >= recorder->sweep_ended_at_ms) {
		recorder->sweep_ended_at_ms = 0;
		ret = ret ? ret : source_sweep_ended(recorder->source);
	}
	if (!recorder->sweep_ended_at_ms && source_has_ended(recorder->source))
		recorder->sweep_ended_at_ms = recorder->now_ms + SWEEP_ENDED_MS;
	return ret;
}

static int wait_ms(const struct recorder *recorder)
{
	bool busy =
		recorder->now_ms < recorder->busy_until_ms || sink_host_is_creating(recorder->sink);
	int64_t until = recorder->now_ms + (busy ? BUSY_WAIT_MS : IDLE_WAIT_MS);

	if (recorder->sweep_at_ms < until)
		until = recorder->sweep_at_ms;
	if (recorder->sweep_ended_at_ms && recorder->sweep_ended_at_ms < until)
		until = recorder->sweep_ended_at_ms;
	return until > recorder->now_ms ? until - recorder->now_ms : 0;
}

/* What has come of the logs. 0 or -errno, which was logged. */
static int take_answers(struct recorder *recorder)
{
	int ret = sink_host_take(recorder->sink);

	pipeline_flush(&recorder->pipeline);
	if (ret)
		log_error("the process that writes logs has ended: nothing can be recorded any "
			  "more");
	return ret;
}

/* 0; 1: a signal asked to stop; -errno, which was logged. */
static int run_once(struct recorder *recorder)
{
	struct signalfd_siginfo signal_info;
	struct epoll_event events[EVENTS];
	int timeout_ms, ret;

	if (!recorder->ready && !master_questions_busy(recorder->questions))
		tell_ready(recorder);
	timeout_ms = sink_host_sleep(recorder->sink) ? wait_ms(recorder) : 0;
	if (epoll_wait(recorder->epoll, events, EVENTS, timeout_ms) < 0 && errno != EINTR)
		return -errno;
	recorder->now_ms = clock_now_ms();
	if (recorder->now_ms >= recorder->clock_at_ms)
		recorder_tell_clock(recorder);
	answers_tell(&recorder->answers);
	if (take_answers(recorder))
		return -EPIPE;
	ret = source_consume(recorder->source);
	if (ret > 0)
		recorder->busy_until_ms = recorder->now_ms + BUSY_FOR_MS;
	if (ret >= 0)
		ret = sweep(recorder);
	pipeline_flush(&recorder->pipeline);
	sink_host_submit(recorder->sink);
	tcp_conns_send(recorder->connections);
	if (ret < 0) {
		log_error("reading the ring buffer: %s", strerror(-ret));
		return ret;
	}
	return read(recorder->signals, &signal_info, sizeof(signal_info)) > 0;
}

/* Until all is written, or it takes too long. */
static void finish_logs(struct recorder *recorder, int timeout_ms)
{
	int64_t until_ms = clock_now_ms() + timeout_ms, left_ms;

	pipeline_flush(&recorder->pipeline);
	while (sink_host_is_busy(recorder->sink) && (left_ms = until_ms - clock_now_ms()) > 0) {
		if (sink_host_is_creating(recorder->sink) && left_ms > BUSY_WAIT_MS)
			left_ms = BUSY_WAIT_MS;
		sink_host_wait(recorder->sink, left_ms);
		sink_host_take(recorder->sink);
		pipeline_flush(&recorder->pipeline);
	}
	sink_host_give_up(recorder->sink);
	pipeline_flush(&recorder->pipeline);
}

/* Returns how many connections did not get all of their log. */
static unsigned int finish(struct recorder *recorder)
{
	unsigned int unsent;

	pipeline_flush(&recorder->pipeline);
	engine_end_sessions(recorder->pipeline.engine);
	finish_logs(recorder, LOGS_END_MS);
	finish_logs(recorder, LAST_LOGS_END_MS);
	engine_finish(recorder->pipeline.engine);
	pipeline_flush(&recorder->pipeline);
	unsent = tcp_conns_finish(recorder->connections, CONNECTIONS_END_MS);
	recorder_close_save(recorder);
	return unsent;
}

int recorder_run(struct recorder *recorder)
{
	int ret, status = 0;
	unsigned int unsent;

	while ((ret = run_once(recorder)) == 0)
		;
	notify(recorder, "STOPPING=1");
	if (ret < 0)
		status = 1;
	bpf_side_detach(&recorder->bpf);
	ret = source_finish(recorder->source);
	if (ret < 0) {
		log_error("reading the rest of the ring buffer: %s", strerror(-ret));
		status = 1;
	}
	answers_finish(&recorder->answers);
	unsent = finish(recorder);
	log_writer_last();
	summary_print(engine_summary(recorder->pipeline.engine));
	if (status)
		return status;
	return engine_has_lost(recorder->pipeline.engine) || recorder->pipeline.save_error ||
			       unsent ?
		       3 :
		       0;
}
