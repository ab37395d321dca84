/* SPDX-License-Identifier: MIT */
/* The logs of one session, one for each rule that applies: asked for, opened, begun anew, given up,
 * closed. */
#ifndef SESSION_LOGS_H
#define SESSION_LOGS_H

#include "engine/model.h"

/* Names a log for each rule that applies and has none open, and asks the sink to create it.
 * REASON_NONE: FACT_LOG records will answer; else why there is nothing to ask for. */
enum reason session_logs_ask(struct engine *engine, struct session *session, uint64_t time_ns);
/* FACT_LOG: opens the log, or notes why not. True: no answer is missing any more. */
bool session_logs_answer(struct engine *engine, struct session *session, const struct rl_log *fact);
/* Is any of them open? */
bool session_logs_open(const struct engine *engine, const struct session *session);
/* TLS begins: closes those that begin anew then; `used`: bytes have passed before. True: some were
 * closed. */
bool session_logs_end_at_tls(struct engine *engine, struct session *session, bool used);
/* FACT_WRITE: the log ends there. */
void session_logs_write_failed(struct engine *engine, struct session *session,
			       const struct rl_write *write);
/* Closes all of them. */
void session_logs_close(struct engine *engine, struct session *session);

#endif
