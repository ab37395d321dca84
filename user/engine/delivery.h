/* SPDX-License-Identifier: MIT */
/* Brings a recorded session's bytes to its logs: in order, with gaps where bytes are missing,
 * inflated (COMPRESS), and with credentials replaced if --redact asks for it. */
#ifndef DELIVERY_H
#define DELIVERY_H

#include "engine/model.h"

/* Input that came with the login request (a copy is taken): it comes before the first byte.
 * `time_ns`, here and below: monotonic, as in records. */
void delivery_set_input(struct session *session, const void *data, size_t size, uint64_t time_ns);
/* The first `size` bytes from the client go to no log. */
void delivery_strip(struct session *session, uint64_t size);

/* Does a log take this direction, now? */
bool delivery_wants(const struct engine *engine, const struct session *session, int dir);
/* One DATA or GAP. Bytes that are missing before it become a gap. */
void delivery_event(struct engine *engine, struct session *session, const struct event *event);
/* The text inside TLS begins: offsets start at 0 again. Bytes that are missing before the offsets
 * in `where` become a gap. True: bytes have passed before. */
bool delivery_restart(struct engine *engine, struct session *session, const struct rl_tls *where,
		      uint64_t time_ns);
/* It has ended: bytes that are missing before the offsets in session->end become a gap. */
void delivery_tail(struct engine *engine, struct session *session, uint64_t time_ns);
/* Nothing more comes. `recorded`: the logs get what is still held. */
void delivery_finish(struct engine *engine, struct session *session, bool recorded,
		     uint64_t time_ns);

/* `error`, -errno, of writing to this log: the world makes a FACT_WRITE of it. 0: nothing is done. */
void delivery_write_failed(struct engine *engine, const struct session *session,
			   const struct session_log *log, int error);

/* Writes what rawtap has to say into one log: where it is now. */
void delivery_note(struct engine *engine, struct session *session, struct session_log *log,
		   uint64_t time_ns, const char *text);

/* Hands what was formatted so far to the sink, for all sessions. */
void delivery_flush_all(struct engine *engine);
/* Frees what delivery keeps for the session; the session stays. */
void delivery_free(struct engine *engine, struct session *session);

#endif
