/* SPDX-License-Identifier: MIT */
/*
 * What processes do while it is asked who their master is: held, in order, until
 * the answer tells what to make of it. What other Dovecots' processes do goes on
 * meanwhile.
 */
#ifndef AWAITED_H
#define AWAITED_H

#include <stdbool.h>

#include "engine/model.h"

/* More than that is not held for a master, and for all masters: bytes beyond become gaps. */
#define AWAITED_MAX	(64 * 1024 * 1024)
#define AWAITED_ALL_MAX (256 * 1024 * 1024)

/* Is the record about something that waits for an answer? Then it is held, and will come from
 * awaited_next(). Asks for the master of a process that begins, if that is not known. */
bool awaited_hold(struct engine *engine, const struct event *event);
/* Asks who this process is, a master. What comes of it waits. */
void awaited_ask(struct engine *engine, uint32_t tgid);
/* FACT_MASTER: WHOSE. Asks again, if a control socket of its processes' is held, whose name tells the
 * base_dir. False: there is none, and nobody will ever know. */
bool awaited_ask_whose(struct engine *engine, uint32_t tgid);
/* FACT_MASTER has come, and the master is known. */
void awaited_answered(struct engine *engine, uint32_t tgid);
/* The next of the held records whose turn it is, which the caller takes, and frees with held_free().
 * NULL: there is none now. To be called after each record, until it returns NULL. */
struct held *awaited_next(struct engine *engine);
/* No answer comes any more: all that is held comes from awaited_next(), and nothing is held again. */
void awaited_end(struct engine *engine);

#endif
