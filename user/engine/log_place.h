/* SPDX-License-Identifier: MIT */
/* What a session's logs are called, and where they are: as Dovecot 2.3.19.1 decides it in
 * util/rawlog.c or lib/iostream-rawlog.c. `rule` is the number of the log's rule. */
#ifndef LOG_PLACE_H
#define LOG_PLACE_H

#include "engine/model.h"

/* Finds out where relative directories begin; the user must be known. */
void log_place_set_base(const struct engine *engine, struct session *session);
/* Makes name and directory of one log. REASON_NONE, or why that is impossible. */
enum reason log_place_name(struct engine *engine, struct session *session, uint32_t rule,
			   uint64_t time_ns);
/* Fills in what the sink has to know of the log. Its pointers are those of the session, its process
 * and the rules: valid until another function of this header is called for the session. */
void log_place_get(const struct engine *engine, const struct session *session, uint32_t rule,
		   struct log_place *place_r);
/* The files were created with this serial (see sink.h), which the name has from now on. */
void log_place_set_serial(struct session *session, uint32_t rule, uint32_t serial);
/* A log was created, or creating it failed: both use up a number, as in lib/iostream-rawlog.c. */
void log_place_count(const struct engine *engine, struct session *session, uint32_t rule);
/* It was counted, and there is no such log: the number is free again, if nobody took the next one. */
void log_place_uncount(struct session *session);
/* Before session->proc is set to NULL: keeps what names need of the process. */
void log_place_leave_process(struct session *session);
/* "HOST:PORT", if this log goes over TCP; NULL: to files. Part of the directory: valid until
 * log_place_name() or log_place_free(). */
const char *log_place_tcp(const struct engine *engine, const struct session *session,
			  uint32_t rule);
/* Appends the log directory as a path of the host (chroot first), or "tcp:HOST:PORT". */
void log_place_text(const struct engine *engine, const struct session *session, uint32_t rule,
		    struct str *text);
/* Frees the names of all logs; the session stays. */
void log_place_free(struct session *session);

#endif
