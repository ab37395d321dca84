// SPDX-License-Identifier: MIT
#include "engine/explain.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "engine/log_place.h"

const char *explain_label(const struct session *session, char text_r[SESSION_LABEL_LEN])
{
	const struct identity *who = &session->who;
	char ip[IP_TEXT_LEN];

	ip_addr_text(&who->login.addresses.remote, ip);
	snprintf(text_r, SESSION_LABEL_LEN, "%s(%s)<%" PRIu32 ",%s>", session->service->name,
		 who->user.name ? who->user.name : ip, session->tgid, who->session_id);
	return text_r;
}

static void not_recorded(const struct session *session, enum reason reason, const char *why)
{
	char label[SESSION_LABEL_LEN];

	log_line(reason_weight(reason) == REASON_PLAIN ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
		 "%s: not recorded: %s", explain_label(session, label), why);
}

void explain_refused(const struct engine *engine, const struct session *session)
{
	if (!session->logs.refused) /* else explain_log_refused() has said it of each log */
		not_recorded(session, session->reason, reason_text(session->reason));
}

/* The manual's DEBUG messages (util/rawlog.c) where they apply, else the reason's own text. */
void explain_log_refused(const struct engine *engine, const struct session *session, uint32_t rule,
			 enum reason reason, int error_number)
{
	const struct mode *mode = engine->rules->all[rule].mode;
	const char *tcp = log_place_tcp(engine, session, rule);
	const char *name = session->names.log[rule].name;
	const char *error = error_number ? log_error_text(error_number) : "";
	struct str dir = {0}, text = {0};

	log_place_text(engine, session, rule, &dir);
	if (reason == REASON_NO_DIR)
		str_printf(&text, "rawlog: %s doesn't exist", str_text(&dir));
	else if (reason == REASON_NOT_DIR)
		str_printf(&text, "rawlog: %s is not a directory", str_text(&dir));
	else if (reason == REASON_LSTAT && mode->iostream)
		str_printf(&text, "rawlog: stat(%s) failed: %s", str_text(&dir), error);
	else if (reason == REASON_LSTAT)
		str_printf(&text, "lstat() failed for %s: %s", str_text(&dir), error);
	else if (reason == REASON_CREATE && tcp)
		str_printf(&text, "connect(%s) failed: %s", tcp, error);
	else if (reason == REASON_CREATE)
		str_printf(&text, "creat(%s/%s) failed: %s", str_text(&dir), name ? name : "",
			   error);
	else if (reason == REASON_EXPAND)
		str_printf(&text, "%s: %s", reason_text(reason), engine->rules->all[rule].dir);
	else
		str_append_text(&text, reason_text(reason));
	not_recorded(session, reason, str_text(&text));
	str_free(&text);
	str_free(&dir);
}

/* Where a log is: its directory and name, or the receiver. */
static void log_text(const struct engine *engine, const struct session *session, uint32_t rule,
		     const char *name, struct str *text)
{
	log_place_text(engine, session, rule, text);
	if (!log_place_tcp(engine, session, rule))
		str_printf(text, "/%s", name);
}

void explain_opened(const struct engine *engine, const struct session *session, uint32_t rule)
{
	char label[SESSION_LABEL_LEN];
	struct str log = {0};

	log_text(engine, session, rule, session->names.log[rule].name, &log);
	log_debug("%s: recorded: %s", explain_label(session, label), str_text(&log));
	str_free(&log);
}

void explain_write_failed(const struct engine *engine, const struct session *session,
			  const struct session_log *log, int error)
{
	char label[SESSION_LABEL_LEN];
	struct str text = {0};

	log_text(engine, session, log->rule, log->name, &text);
	log_warn("%s: write(%s) failed: %s; the log ends there", explain_label(session, label),
		 str_text(&text), log_error_text(error));
	str_free(&text);
}

void explain_behind(const struct engine *engine, const struct session *session,
		    const struct session_log *log)
{
	char label[SESSION_LABEL_LEN];
	struct str text = {0};

	log_text(engine, session, log->rule, log->name, &text);
	log_warn("%s: %s: the file system does not keep up; what comes now is lost, until it does",
		 explain_label(session, label), str_text(&text));
	str_free(&text);
}
