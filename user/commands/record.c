// SPDX-License-Identifier: MIT
#include "commands/record.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/answers.h"
#include "kernel/backend.h"
#include "kernel/bpf_load.h"
#include "host/capabilities.h"
#include "host/clock.h"
#include "host/core_dump.h"
#include "dovecot/host_port.h"
#include "base/log.h"
#include "host/log_writer.h"
#include "host/notify_socket.h"
#include "commands/pipeline.h"
#include "host/run_program.h"
#include "host/workers.h"
#include "output/sink_host.h"
#include "kernel/source.h"
#include "records/saved_stream.h"
#include "commands/summary.h"
#include "output/tcp_conn.h"
#include "config/config.h"

/* A few records in the ring don't wake rawtap: while records come, it looks every BUSY_WAIT_MS. */
#define BUSY_WAIT_MS 5
#define IDLE_WAIT_MS 200
#define BUSY_FOR_MS  1000
#define SWEEP_MS     2000
#define SWEEP_ENDED_MS                                                                             \
	20 /* after a process has ended, which takes a moment to give up its sockets */
#define CLOCK_MS	   1000
#define CONNECTIONS_END_MS 2000 /* to send the rest over TCP, at the end */

struct recorder {
	const struct opts *opts;
	char *base_dir; /* canonical; NULL: any */
	struct rules rules;
	struct bpf_side bpf;
	struct source *source;
	struct sink *sink;
	struct tcp_conns *connections; /* the sink's */
	struct pipeline pipeline;
	struct answers answers;
	struct workers *workers;
	struct notify_socket manager;
	bool ready; /* told */
	int epoll, signals;
	int64_t now_ms, busy_until_ms, sweep_at_ms, clock_at_ms;
	int64_t sweep_ended_at_ms; /* 0: no process has ended */
	int64_t clock_offset_ns;
	int32_t utc_offset;
};

static void on_record(void *context, const void *data, size_t size)
{
	struct recorder *recorder = context;

	pipeline_feed(&recorder->pipeline, data, size);
}

/* Adds the wall clock to the stream, if it was set, or the time zone has changed. */
static void tell_clock(struct recorder *recorder)
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

static void tell_rules(struct recorder *recorder)
{
	struct rl_setting setting = {0};
	struct str text = {0}, payload = {0};

	rules_save(&recorder->rules, &text);
	setting.size = text.len;
	str_append(&payload, &setting, sizeof(setting));
	str_append(&payload, text.data, text.len);
	pipeline_tell(&recorder->pipeline,
		      (struct rl_rec){.type = RL_SETTING, .time_ns = clock_now_ns()}, payload.data,
		      payload.len);
	str_free(&text);
	str_free(&payload);
}

static int open_save(struct recorder *recorder)
{
	const char *path = recorder->opts->save;
	int fd, ret;

	if (!path)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	recorder->pipeline.save = fd < 0 ? NULL : fdopen(fd, "w");
	ret = recorder->pipeline.save ? saved_stream_begin(recorder->pipeline.save) : -errno;
	if (ret)
		log_error("--save %s: %s", path, strerror(-ret));
	return ret;
}

/* Writes what stdio has buffered, which may fail. */
static int close_save(struct recorder *recorder)
{
	int ret = 0;

	if (recorder->pipeline.save && fclose(recorder->pipeline.save)) {
		ret = -errno;
		log_error("--save %s: %s", recorder->opts->save, strerror(-ret));
	}
	recorder->pipeline.save = NULL;
	return ret;
}

static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* What was captured must not be lost to a signal that nobody meant to end rawtap with. Programs that
 * rawtap starts ignore it, too. */
static void ignore_signals(void)
{
	/* They stop it in order, tell of a fault of its own, or end nothing. */
	static const int not_these[] = {SIGHUP,	 SIGINT,  SIGQUIT, SIGTERM, SIGABRT, SIGBUS,
					SIGFPE,	 SIGILL,  SIGSEGV, SIGSYS,  SIGTRAP, SIGCHLD,
					SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU};
	size_t i, count = sizeof(not_these) / sizeof(not_these[0]);
	int number;

	for (number = 1; number <= SIGRTMAX; number++) {
		for (i = 0; i < count && not_these[i] != number; i++)
			;
		if (i == count)
			signal(number, SIG_IGN); /* fails for SIGKILL, SIGSTOP and glibc's own */
	}
}

static int catch_signals(struct recorder *recorder)
{
	struct epoll_event event = {.events = EPOLLIN};
	sigset_t set;
	int ret;

	ignore_signals(); /* SIGPIPE and SIGXFSZ, too: they are errors of write() */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTERM);
	if (!is_ignored(SIGHUP)) /* it is under nohup(1) */
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	recorder->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	recorder->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (recorder->signals >= 0 && recorder->epoll >= 0 &&
	    epoll_ctl(recorder->epoll, EPOLL_CTL_ADD, recorder->signals, &event) == 0)
		return 0;
	ret = -errno;
	log_error("waiting for signals: %s", strerror(-ret));
	return ret;
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max = limit.rlim_max < 1048576 ? 1048576 : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int check_capabilities(void)
{
	struct str missing = {0};
	int ret = capabilities_check(&missing);

	if (ret)
		log_error("missing privileges:%s; run it as root", str_text(&missing));
	str_free(&missing);
	return ret;
}

static int start_bpf(struct recorder *recorder)
{
	const struct opts *opts = recorder->opts;
	struct str error = {0};
	int ret;

	ret = bpf_side_start(&recorder->bpf, &recorder->rules, opts->backend, opts->ring_size,
			     &error);
	if (ret)
		log_error("%s", str_text(&error));
	str_free(&error);
	return ret;
}

static int start_source(struct recorder *recorder)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ret;

	recorder->source = source_new(&recorder->bpf, on_record, recorder);
	if (!recorder->source ||
	    epoll_ctl(recorder->epoll, EPOLL_CTL_ADD, source_fd(recorder->source), &event)) {
		ret = -errno;
		log_error("opening the ring buffer: %s", strerror(-ret));
		return ret;
	}
	return 0;
}

/* Looks up the hosts of logs that go over TCP: later, waiting for the DNS would cost records. */
static int look_hosts_up(struct recorder *recorder)
{
	const struct rules *rules = &recorder->rules;
	const char *target;
	struct str error = {0};
	unsigned int i;
	int ret = 0;

	for (i = 0; i < rules->count && !ret; i++) {
		target =
			rules->all[i].mode->tcp_format ? host_port_of_dir(rules->all[i].dir) : NULL;
		if (!target || strchr(target, '%'))
			continue;
		ret = tcp_conns_resolve(recorder->connections, target, &error);
		if (ret)
			log_error("%s: %s", rules->all[i].dir, str_text(&error));
	}
	str_free(&error);
	return ret;
}

static int start_sink(struct recorder *recorder)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ret;

	recorder->sink = sink_host_new(answers_log, &recorder->answers);
	if (recorder->sink) {
		recorder->connections = sink_host_connections(recorder->sink);
		if (epoll_ctl(recorder->epoll, EPOLL_CTL_ADD, tcp_conns_fd(recorder->connections),
			      &event) == 0)
			return look_hosts_up(recorder);
	}
	ret = -errno;
	log_error("preparing to write logs: %s", strerror(-ret));
	return ret;
}

static int start_workers(struct recorder *recorder)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ret;

	recorder->workers = workers_new();
	if (recorder->workers &&
	    epoll_ctl(recorder->epoll, EPOLL_CTL_ADD, workers_fd(recorder->workers), &event) == 0)
		return 0;
	ret = -errno;
	log_error("preparing to examine Dovecots: %s", strerror(-ret));
	return ret;
}

static unsigned int capabilities_kept(const struct recorder *recorder)
{
	const struct rules *rules = &recorder->rules;

	return rules_need_root(rules) ? CAPABILITIES_ROOT_FILES : 0;
}

/* Recording goes on if the service manager can't be reached. */
static void notify(const struct recorder *recorder, const char *message)
{
	int ret = notify_socket_send(&recorder->manager, message);

	if (ret)
		log_warn("telling the service manager %.*s: %s", (int)strcspn(message, "\n"),
			 message, strerror(-ret));
}

/* What is to be recorded. 0; else the exit status. */
static int configure(struct recorder *recorder)
{
	const char *base_dir = recorder->opts->base_dir;

	if (base_dir) {
		recorder->base_dir = realpath(base_dir, NULL);
		if (!recorder->base_dir) {
			log_error("--base-dir %s: %s", base_dir, strerror(errno));
			return 1;
		}
	}
	return config_rules(recorder->opts, recorder->base_dir, &recorder->rules);
}

static int start(struct recorder *recorder)
{
	struct engine_world world;
	int ret;

	ret = core_dump_forbid();
	if (ret) {
		log_error("forbidding core dumps: %s", strerror(-ret));
		return ret;
	}
	if (open_save(recorder))
		return -EINVAL;
	raise_file_limit();
	if (catch_signals(recorder) || check_capabilities() || start_bpf(recorder) ||
	    start_source(recorder) || start_workers(recorder))
		return -EINVAL;
	recorder->answers = (struct answers){
		.rules = &recorder->rules,
		.base_dir = recorder->base_dir,
		.bpf = &recorder->bpf,
		.source = recorder->source,
		.pipeline = &recorder->pipeline,
		.workers = recorder->workers,
	};
	if (start_sink(recorder))
		return -EINVAL;
	world = answers_world(&recorder->answers);
	recorder->pipeline.engine = engine_new(&recorder->rules, recorder->sink, &world);
	tell_rules(recorder);
	tell_clock(recorder);
	ret = source_scan(recorder->source);
	if (ret) {
		log_error("listing the running processes: %s", strerror(-ret));
		return ret;
	}
	ret = capabilities_drop(capabilities_kept(recorder));
	if (ret) {
		log_error("dropping privileges: %s", strerror(-ret));
		return ret;
	}
	return 0;
}

/* What ran before is examined: from here on it is certain what is recorded. */
static void tell_ready(struct recorder *recorder)
{
	recorder->ready = true;
	log_info("recording (backend %s)", recorder->bpf.backend->name);
	notify(recorder, "READY=1\nSTATUS=recording");
}

/* Looks for sockets that have ended, where it is time. 0 or -errno. */
static int sweep(struct recorder *recorder)
{
	int ret = 0;

	if (recorder->now_ms >= recorder->sweep_at_ms) {
		recorder->sweep_at_ms = recorder->now_ms + SWEEP_MS;
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
	int64_t until = recorder->now_ms +
			(recorder->now_ms < recorder->busy_until_ms ? BUSY_WAIT_MS : IDLE_WAIT_MS);

	if (recorder->sweep_at_ms < until)
		until = recorder->sweep_at_ms;
	if (recorder->sweep_ended_at_ms && recorder->sweep_ended_at_ms < until)
		until = recorder->sweep_ended_at_ms;
	return until > recorder->now_ms ? until - recorder->now_ms : 0;
}

/* 0; 1: a signal asked to stop; -errno. */
static int run_once(struct recorder *recorder)
{
	struct signalfd_siginfo signal_info;
	struct epoll_event events[4];
	int ret;

	if (!recorder->ready && !workers_busy(recorder->workers))
		tell_ready(recorder);
	if (epoll_wait(recorder->epoll, events, 4, wait_ms(recorder)) < 0 && errno != EINTR)
		return -errno;
	recorder->now_ms = clock_now_ms();
	if (recorder->now_ms >= recorder->clock_at_ms)
		tell_clock(recorder);
	answers_tell(&recorder->answers);
	ret = source_consume(recorder->source);
	if (ret > 0)
		recorder->busy_until_ms = recorder->now_ms + BUSY_FOR_MS;
	if (ret >= 0)
		ret = sweep(recorder);
	pipeline_flush(&recorder->pipeline);
	tcp_conns_send(recorder->connections);
	if (ret < 0)
		return ret;
	return read(recorder->signals, &signal_info, sizeof(signal_info)) > 0;
}

static int run(struct recorder *recorder)
{
	int ret, status = 0;
	unsigned int unsent;

	while ((ret = run_once(recorder)) == 0)
		;
	notify(recorder, "STOPPING=1");
	if (ret < 0) {
		log_error("reading the ring buffer: %s", strerror(-ret));
		status = 1;
	}
	bpf_side_detach(&recorder->bpf);
	ret = source_finish(recorder->source);
	if (ret < 0) {
		log_error("reading the rest of the ring buffer: %s", strerror(-ret));
		status = 1;
	}
	answers_finish(&recorder->answers);
	pipeline_flush(&recorder->pipeline);
	engine_finish(recorder->pipeline.engine);
	pipeline_flush(&recorder->pipeline);
	unsent = tcp_conns_finish(recorder->connections, CONNECTIONS_END_MS);
	log_writer_last();
	summary_print(engine_summary(recorder->pipeline.engine));
	if (status)
		return status;
	return engine_has_lost(recorder->pipeline.engine) || recorder->pipeline.save_error ||
			       unsent ?
		       3 :
		       0;
}

static int record(const struct opts *opts)
{
	struct recorder recorder = {.opts = opts, .epoll = -1, .signals = -1};
	int status, ret;

	umask(077);
	ret = notify_socket_init(&recorder.manager);
	if (ret)
		log_warn("NOTIFY_SOCKET: %s; the service manager gets no messages", strerror(-ret));
	run_program_init();
	recorder.now_ms = clock_now_ms();
	recorder.sweep_at_ms = recorder.now_ms + SWEEP_MS;
	status = configure(&recorder);
	if (!status)
		status = start(&recorder) ? 1 : run(&recorder);
	workers_free(&recorder.workers);
	pipeline_free(&recorder.pipeline);
	sink_host_free(&recorder.sink);
	source_free(&recorder.source);
	bpf_side_stop(&recorder.bpf);
	if (close_save(&recorder) && status == 0)
		status = 3;
	if (recorder.epoll >= 0)
		close(recorder.epoll);
	if (recorder.signals >= 0)
		close(recorder.signals);
	rules_free(&recorder.rules);
	free(recorder.base_dir);
	return status;
}

int record_run(const struct opts *opts)
{
	int ret = log_writer_start(), status;

	if (ret) {
		log_error("starting a thread that writes messages: %s", strerror(-ret));
		return 1;
	}
	status = record(opts);
	log_writer_finish();
	return status;
}
