/* SPDX-License-Identifier: MIT */
/* What comes for a session while its logs are being created, which can take long. */
#ifndef BACKLOG_H
#define BACKLOG_H

#include "engine/model.h"

/* Holds it, behind what is held already. Once there was no room for a byte, those that come later are
 * dropped, too. */
void backlog_add(struct engine *engine, struct session *session, const struct event *event);
/* Does it lack bytes that came? */
bool backlog_has_dropped(const struct session *session);
/* The logs are there, or will never be: nothing more is added. Gaps tell of what was dropped. */
void backlog_end(struct engine *engine, struct session *session);
/* Forgets what was dropped. */
void backlog_clear(struct session *session);

#endif
