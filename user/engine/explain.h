/* SPDX-License-Identifier: MIT */
/* Messages about a session: its name in them, and what became of it. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "engine/model.h"

/* "imap(u1@example.org)<4711,AbCdEf>", as Dovecot's own log prefixes it; the client's address
 * where there is no user; cut to fit. Returns `text_r`. */
#define SESSION_LABEL_LEN 512
const char *explain_label(const struct session *session, char text_r[SESSION_LABEL_LEN]);

/* It is not recorded, for session->reason: a warning if an administrator should look into it. */
void explain_refused(const struct engine *engine, const struct session *session);
/* A log of it can't be made: `error` is an errno, or 0. `rule`, here and below: the number of the
 * log's rule. */
void explain_log_refused(const struct engine *engine, const struct session *session, uint32_t rule,
			 enum reason reason, int error);
/* A log of it was opened. */
void explain_opened(const struct engine *engine, const struct session *session, uint32_t rule);
/* A log of it could not be written to and ends; `error`: errno. */
void explain_write_failed(const struct engine *engine, const struct session *session,
			  const struct session_log *log, int error);
/* A log of it is written too slowly. */
void explain_behind(const struct engine *engine, const struct session *session,
		    const struct session_log *log);

#endif
