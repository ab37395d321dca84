/* SPDX-License-Identifier: MIT */
/* Dovecot's processes: masters, and those that have sockets of interest. */
#ifndef PROCESS_H
#define PROCESS_H

#include "engine/model.h"

/* PROC_EXEC. Asks about a master that was found running; about the others awaited.c does. A process of that pid that is still
 * known is freed, as its exit was lost. */
void process_exec(struct engine *engine, const struct event *event);
/* PROC_EXIT: frees the process or master, if it is known. */
void process_exit(struct engine *engine, const struct event *event);
/* GROUPS */
void process_groups(struct engine *engine, const struct event *event);
/* FACT_MASTER: what waits for it is taken then */
void process_master(struct engine *engine, const struct event *event);
/* FACT_SETTINGS: comes before the FACT_MASTER, which ends the wait */
void process_settings(struct engine *engine, const struct event *event);

/* Forget and free it. A process must not have sessions any more: see session_leave_process(). */
void process_free(struct engine *engine, struct proc **proc);
void process_free_master(struct engine *engine, struct master **master);

#endif
