/* SPDX-License-Identifier: MIT */
/* What a session's logs are called, and where they are: by the rules of util/rawlog.c or of
 * lib/iostream-rawlog.c (2.3.19.1). `rule` is the number of a rule. */
#ifndef LOG_PLACE_H
#define LOG_PLACE_H

#include "engine/model.h"

/* Finds out where relative directories begin; the user must be known. */
void log_place_set_base(const struct engine *engine, struct session *session);
/* Makes name and directory of one log. REASON_NONE, or why that is impossible. */
enum reason log_place_name(struct engine *engine, struct session *session, uint32_t rule,
			   uint64_t time_ns);
/* What the sink has to know of it. Valid until one of the others is called. */
void log_place_get(const struct engine *engine, const struct session *session, uint32_t rule,
		   struct log_place *place_r);
/* The files were created with this number, because the name was taken. */
void log_place_set_serial(struct session *session, uint32_t rule, uint32_t serial);
/* A log was created, or could not be: its number is used up (lib/iostream-rawlog.c). */
void log_place_count(const struct engine *engine, struct session *session, uint32_t rule);
/* The process is about to be forgotten; the session goes on without it. */
void log_place_leave_process(struct session *session);
/* "HOST:PORT", where this log goes over TCP; NULL: to files. */
const char *log_place_tcp(const struct engine *engine, const struct session *session,
			  uint32_t rule);
/* Appends the log directory as the host has it, or "tcp:HOST:PORT". */
void log_place_text(const struct engine *engine, const struct session *session, uint32_t rule,
		    struct str *text);
void log_place_free(struct session *session);

#endif
