/* SPDX-License-Identifier: MIT */
/*
 * The engine: one ordered stream of records in, log files out. It is a
 * deterministic function of the stream and the rules: when it needs a fact about
 * the host it asks (world.h, sink.h) and continues; the answer arrives later as a
 * record. So a saved stream replays to the same files, anywhere.
 *
 * Not re-entrant: neither the world's functions nor the sink's may call it.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/rules.h"
#include "rawlog/sink.h"
#include "engine/world.h"

struct engine;

/* `rules` and `sink` stay the caller's and must outlive the engine, as must what `world` points to;
 * `world` itself is copied. Never NULL. */
struct engine *engine_new(const struct rules *rules, struct sink *sink,
			  const struct engine_world *world);
/* Takes one record: 8-byte aligned, valid during the call. A record that is not valid is counted in
 * the summary and has no other effect. */
void engine_feed(struct engine *engine, const void *data, size_t size);
/* Hands what was formatted so far to the sink. To be called after each batch of records, as nothing
 * else does it for a session that goes on. */
void engine_flush(struct engine *engine);
/* The stream has ended, but for records that answer the engine: sessions end, and their logs get what
 * is known of them. */
void engine_end_sessions(struct engine *engine);
/* Nothing more will come: the same, and logs are closed and sessions freed. Doing so again does
 * nothing. */
void engine_finish(struct engine *engine);
/* Up to date at any time; the engine's. */
const struct engine_summary *engine_summary(const struct engine *engine);
/* Were bytes, records or logs lost, or were records malformed? Then the exit status is 3. */
bool engine_has_lost(const struct engine *engine);
/* engine_finish(), then frees it and all that it owns. Sets `*engine` to NULL, which it can be. */
void engine_free(struct engine **engine);

#endif
