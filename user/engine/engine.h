/* SPDX-License-Identifier: MIT */
/*
 * The engine: one ordered stream of records in, log files out. It is a
 * deterministic function of the stream and the rules: what it needs to know of
 * the world it asks for, and the answer is a record of the stream. So a saved
 * stream replays to the same files, anywhere.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/rules.h"
#include "rawlog/sink.h"
#include "engine/world.h"

struct engine;

/* `rules` and `sink` stay the caller's and outlive the engine. The sink must not feed the engine while
 * the engine calls it. */
struct engine *engine_new(const struct rules *rules, struct sink *sink,
			  const struct engine_world *world);
/* Takes one record; what is not valid is counted. */
void engine_feed(struct engine *engine, const void *data, size_t size);
/* Hands what was formatted to the sink. At the end of each batch. */
void engine_flush(struct engine *engine);
/* The stream has ended: what is known of open sessions is written, logs are closed. */
void engine_finish(struct engine *engine);
const struct engine_summary *engine_summary(const struct engine *engine);
/* Were bytes, records or logs lost? Then the exit status is 3. */
bool engine_has_lost(const struct engine *engine);
void engine_free(struct engine **engine);

#endif
