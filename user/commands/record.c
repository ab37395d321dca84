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
#include "commands/recorder.h"
#include "kernel/backend.h"
#include "kernel/bpf_load.h"
#include "host/capabilities.h"
#include "host/clock.h"
#include "host/core_dump.h"
#include "dovecot/host_port.h"
#include "base/log.h"
#include "host/log_writer.h"
#include "host/notify_socket.h"
#include "commands/master_questions.h"
#include "commands/pipeline.h"
#include "output/sink_host.h"
#include "kernel/source.h"
#include "records/saved_stream.h"
#include "output/tcp_conn.h"
#include "config/config.h"

#define SAVE_BUFFER (64 * 1024)

static void on_record(void *context, const void *data, size_t size)
{
	struct recorder *recorder = context;

	pipeline_feed(&recorder->pipeline, data, size);
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

static ssize_t save_bytes(void *context, const char *data, size_t size)
{
	struct recorder *recorder = context;
	int ret = sink_host_append(recorder->sink, data, size);

	errno = -ret;
	return ret ? 0 : (ssize_t)size; /* fopencookie(3): 0 is an error */
}

/* The saved stream is the writer's file, as it can hang like a log. */
static int begin_save(struct recorder *recorder)
{
	const cookie_io_functions_t functions = {.write = save_bytes};

	recorder->pipeline.save = fopencookie(recorder, "w", functions);
	if (!recorder->pipeline.save || setvbuf(recorder->pipeline.save, NULL, _IOFBF, SAVE_BUFFER))
		return -errno;
	return saved_stream_begin(recorder->pipeline.save);
}

/* Starts the writer, which has the file of --save, too. */
static int start_sink(struct recorder *recorder)
{
	const struct sink_host_answers answers = answers_sink(&recorder->answers);
	const char *path = recorder->opts->save;
	unsigned int kept = rules_need_root(&recorder->rules) ? CAPABILITIES_ROOT_FILES : 0;
	int fd = -1, ret;

	if (path) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0) {
			ret = -errno;
			log_error("--save %s: %s", path, strerror(-ret));
			return ret;
		}
	}
	ret = sink_host_new(&answers, kept, fd, path, &recorder->sink);
	if (!ret && path)
		ret = begin_save(recorder);
	if (ret)
		log_error("preparing to write logs: %s", strerror(-ret));
	else
		recorder->connections = sink_host_connections(recorder->sink);
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

static int watch_sink(struct recorder *recorder)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ret;

	if (epoll_ctl(recorder->epoll, EPOLL_CTL_ADD, tcp_conns_fd(recorder->connections),
		      &event) == 0 &&
	    epoll_ctl(recorder->epoll, EPOLL_CTL_ADD, sink_host_fd(recorder->sink), &event) == 0)
		return 0;
	ret = -errno;
	log_error("preparing to write logs: %s", strerror(-ret));
	return ret;
}

static int start_questions(struct recorder *recorder)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ret;

	recorder->questions = master_questions_new(&recorder->rules, recorder->base_dir);
	if (recorder->questions && epoll_ctl(recorder->epoll, EPOLL_CTL_ADD,
					     master_questions_fd(recorder->questions), &event) == 0)
		return 0;
	ret = -errno;
	log_error("preparing to examine Dovecots: %s", strerror(-ret));
	return ret;
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

/* Before there are threads, or anything that the writer must not have; and before signals are blocked, as
 * the DNS can take long. */
static int prepare(struct recorder *recorder)
{
	int ret = core_dump_forbid();

	if (ret) {
		log_error("forbidding core dumps: %s", strerror(-ret));
		return ret;
	}
	raise_file_limit();
	recorder->answers = (struct answers){
		.rules = &recorder->rules,
		.bpf = &recorder->bpf,
		.pipeline = &recorder->pipeline,
	};
	return check_capabilities() || start_sink(recorder) || look_hosts_up(recorder) ? -EPERM : 0;
}

static int start(struct recorder *recorder)
{
	struct engine_world world;
	int ret;

	if (catch_signals(recorder) || start_bpf(recorder) || start_source(recorder) ||
	    start_questions(recorder) || watch_sink(recorder))
		return -EINVAL;
	recorder->answers.source = recorder->source;
	recorder->answers.questions = recorder->questions;
	world = answers_world(&recorder->answers);
	recorder->pipeline.engine = engine_new(&recorder->rules, recorder->sink, &world);
	tell_rules(recorder);
	recorder_tell_clock(recorder);
	ret = source_scan(recorder->source);
	if (ret) {
		log_error("listing the running processes: %s", strerror(-ret));
		return ret;
	}
	ret = capabilities_drop(CAPABILITIES_PROCESSES | CAPABILITIES_READ);
	if (ret) {
		log_error("dropping privileges: %s", strerror(-ret));
		return ret;
	}
	return 0;
}

/* Messages are written by a thread from here on. */
static int start_and_run(struct recorder *recorder)
{
	int ret = log_writer_start(), status;

	if (ret) {
		log_error("starting a thread that writes messages: %s", strerror(-ret));
		return 1;
	}
	status = start(recorder) ? 1 : recorder_run(recorder);
	master_questions_free(&recorder->questions);
	pipeline_free(&recorder->pipeline);
	recorder_close_save(recorder);
	sink_host_free(&recorder->sink);
	source_free(&recorder->source);
	bpf_side_stop(&recorder->bpf);
	log_writer_finish();
	return status;
}

int record_run(const struct opts *opts)
{
	struct recorder recorder = {.opts = opts, .epoll = -1, .signals = -1};
	int status, ret;

	umask(077);
	ret = notify_socket_init(&recorder.manager);
	if (ret)
		log_warn("NOTIFY_SOCKET: %s; the service manager gets no messages", strerror(-ret));
	recorder.now_ms = clock_now_ms();
	recorder.sweep_at_ms = recorder.now_ms + RECORDER_SWEEP_MS;
	status = configure(&recorder);
	if (!status)
		status = prepare(&recorder) ? 1 : start_and_run(&recorder);
	sink_host_free(&recorder.sink);
	if (recorder.epoll >= 0)
		close(recorder.epoll);
	if (recorder.signals >= 0)
		close(recorder.signals);
	rules_free(&recorder.rules);
	free(recorder.base_dir);
	return status;
}
