// SPDX-License-Identifier: MIT
#include "commands/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/engine.h"
#include "records/event.h"
#include "host/core_dump.h"
#include "base/log.h"
#include "base/mem.h"
#include "output/sink_tree.h"
#include "records/saved_stream.h"
#include "commands/summary.h"

/* The answers are in the stream. */
static void ignore_master(void *context, uint32_t tgid, const struct str *base_dirs)
{
}

static void ignore_users(void *context, uint32_t tgid)
{
}

static void ignore_process(void *context, const struct service *service)
{
}

static void ignore_verdict(void *context, uint64_t cookie, uint16_t role, bool record)
{
}

static void ignore_forget(void *context, uint32_t tgid, uint64_t time_ns)
{
}

struct replay {
	const struct opts *opts;
	FILE *file;
	void *buffer;
	struct rules rules;
	struct sink *sink;
	struct engine *engine;
	struct str refused; /* an option that the recording has no rule for */
	int error;	    /* writing below the root failed, errno */
};

static void write_failed(void *context, const struct rl_write *write)
{
	struct replay *replay = context;

	replay->error = write->error;
}

/* Options of this run replace what the recorder was given. */
static const char *take_options(struct replay *replay)
{
	const struct opts *opts = replay->opts;

	if (rules_set_options(&replay->rules, &opts->log, true, &replay->refused))
		return str_text(&replay->refused);
	if (opts->rules.masks_count)
		rules_clear_masks(&replay->rules);
	return rules_merge(&replay->rules, &opts->rules) ? "it has too many rules" : NULL;
}

static const char *open_stream(struct replay *replay)
{
	replay->file = fopen(replay->opts->replay, "re");
	if (!replay->file)
		return strerror(errno);
	switch (saved_stream_check(replay->file)) {
	case 0:
		return NULL;
	case -EINVAL:
		return "it is not a saved stream";
	case -ENOTSUP:
		return "it was saved by another version of rawtap, or on another kind of machine";
	default:
		return "it can't be read";
	}
}

static const char *begin(struct replay *replay)
{
	const struct engine_world world = {
		.context = replay,
		.ask_master = ignore_master,
		.ask_users = ignore_users,
		.new_process = ignore_process,
		.verdict = ignore_verdict,
		.forget = ignore_forget,
		.write_failed = write_failed,
	};
	struct event event;
	const char *error;
	long size;

	size = saved_stream_read(replay->file, replay->buffer);
	if (size <= 0 || event_parse(replay->buffer, size, &event) || event.type != RL_SETTING ||
	    rules_load(&replay->rules, event.setting->text, event.setting->size))
		return "it does not begin with the rules of its recording";
	error = take_options(replay);
	if (error)
		return error;
	replay->engine = engine_new(&replay->rules, replay->sink, &world);
	return NULL;
}

static const char *feed_all(struct replay *replay)
{
	long size;

	while ((size = saved_stream_read(replay->file, replay->buffer)) > 0) {
		engine_feed(replay->engine, replay->buffer, size);
		engine_flush(replay->engine);
		if (replay->error)
			return strerror(replay->error);
	}
	if (size == -ENODATA)
		return "it is cut off: the recorder was killed; what it holds was replayed";
	if (size < 0)
		return "a record is not valid; what comes before it was replayed";
	return NULL;
}

int replay_run(const struct opts *opts)
{
	struct replay replay = {.opts = opts};
	const char *root = opts->root ? opts->root : ".", *error = NULL;
	int status = 1, ret;

	umask(077);
	ret = core_dump_forbid();
	if (ret) {
		log_error("forbidding core dumps: %s", strerror(-ret));
		return 1;
	}
	replay.sink = sink_tree_new(root);
	if (!replay.sink) {
		log_error("--root %s: %s", root, strerror(errno));
		return 1;
	}
	replay.buffer = mem_alloc(SAVED_STREAM_RECORD_MAX);
	error = open_stream(&replay);
	if (!error)
		error = begin(&replay);
	if (!error)
		error = feed_all(&replay);
	if (replay.engine) {
		engine_finish(replay.engine);
		if (!error && sink_tree_failed(replay.sink))
			error = strerror(-sink_tree_failed(replay.sink));
		summary_print(engine_summary(replay.engine));
		status = engine_has_lost(replay.engine) ? 3 : 0;
	}
	if (error) {
		log_error("%s: %s", opts->replay, error);
		status = 1;
	}
	engine_free(&replay.engine);
	sink_tree_free(&replay.sink);
	rules_free(&replay.rules);
	str_free(&replay.refused);
	if (replay.file)
		fclose(replay.file);
	mem_wipe(replay.buffer, SAVED_STREAM_RECORD_MAX);
	free(replay.buffer);
	return status;
}
