/* SPDX-License-Identifier: MIT */
/* The logs of one session, one for each rule that applies: asked for, opened, renewed when TLS
 * begins, ended. Times are monotonic. */
#ifndef SESSION_LOGS_H
#define SESSION_LOGS_H

#include "engine/model.h"

/* Names a log for each rule that applies and has none open, and asks the sink to create it.
 * REASON_NONE: a FACT_LOG record for each will follow; else why there is nothing to ask for.
 * `time_ns`: monotonic, for the names. */
enum reason session_logs_ask(struct engine *engine, struct session *session, uint64_t time_ns);
/* FACT_LOG: opens the log, or notes why it can't be, or that this takes long. True: this was the last
 * answer to wait for. */
bool session_logs_answer(struct engine *engine, struct session *session, const struct rl_log *fact);
/* If all logs were refused: why the session is not recorded; of several reasons, the gravest. */
enum reason session_logs_reason(const struct engine *engine, const struct session *session);
/* Must it wait, as the logs' names have a number that logs of the same process can still take? */
bool session_logs_must_wait(const struct engine *engine, const struct session *session);
/* The process ends: nobody waits any more, the logs that were asked for take their numbers. */
void session_logs_take_numbers(const struct engine *engine, struct proc *proc);
/* Is any of them open? */
bool session_logs_open(const struct engine *engine, const struct session *session);
/* TLS begins: ends logs whose mode wants new files then (mode->tls). `used`: bytes have passed
 * before. True: some were ended; session_logs_ask() asks for new ones. */
bool session_logs_end_at_tls(struct engine *engine, struct session *session, bool used,
			     uint64_t time_ns);
/* FACT_WRITE */
void session_logs_written(struct engine *engine, struct session *session,
			  const struct rl_write *write, uint64_t time_ns);
/* Ends all of them: a FACT_WRITE for each will follow. */
void session_logs_end(struct engine *engine, struct session *session, uint64_t time_ns);
/* Nothing will be told any more. */
void session_logs_free(struct session *session);

#endif
