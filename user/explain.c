// SPDX-License-Identifier: MIT
/* What is said of a session: its name, and why it is not recorded. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "model.h"

const char *session_label(const struct session *session)
{
	static char text[512];
	char ip[HS_IP_TEXT_LEN];

	hs_ip_text(&session->login.remote, ip);
	snprintf(text, sizeof(text), "%s(%s)<%" PRIu32 ",%s>", session->service->name,
		 session->user.name ? session->user.name : ip, session->tgid, session->session_id);
	return text;
}

/* The manual's DEBUG messages (util/rawlog.c) where they apply, else the reason's own text. */
void session_explain(const struct engine *engine, const struct session *session, enum reason reason)
{
	enum log_level level = reason_is_warning(reason) ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;
	const struct mode *mode = engine->rules->ways[session->way].mode;
	const char *error = session->way_errno ? strerror(session->way_errno) : "";
	const char *name = session->names[session->way], *label = session_label(session);
	struct str dir = {0};

	files_dir_text(engine, session, session->way, &dir);
	if (reason == REASON_NO_DIR)
		log_line(level, "%s: not recorded: rawlog: %s doesn't exist", label,
			 str_text(&dir));
	else if (reason == REASON_NOT_DIR)
		log_line(level, "%s: not recorded: rawlog: %s is not a directory", label,
			 str_text(&dir));
	else if (reason == REASON_LSTAT && mode->lib)
		log_line(level, "%s: not recorded: rawlog: stat(%s) failed: %s", label,
			 str_text(&dir), error);
	else if (reason == REASON_LSTAT)
		log_line(level, "%s: not recorded: lstat() failed for %s: %s", label,
			 str_text(&dir), error);
	else if (reason == REASON_CREATE && files_tcp(engine, session, session->way))
		log_line(level, "%s: not recorded: connect(%s) failed: %s", label,
			 files_tcp(engine, session, session->way), error);
	else if (reason == REASON_CREATE)
		log_line(level, "%s: not recorded: creat(%s/%s) failed: %s", label, str_text(&dir),
			 name ? name : "", error);
	else
		log_line(level, "%s: not recorded: %s", label, reason_text(reason));
	str_free(&dir);
}
