/* SPDX-License-Identifier: MIT */
/*
 * Looks for a log's directory and creates its files, as the user whom they
 * belong to, never as root: users cannot redirect root's writes, and what the
 * user may not create is refused. Files that exist already stay as they are: the
 * new log is called "NAME-2", "NAME-3", ... May wait for a file system.
 */
#ifndef LOG_CREATE_H
#define LOG_CREATE_H

#include "output/file_pair.h"
#include "rl_abi.h"

/* `fact_r` gets status, error and serial. RL_LOG_OPENED: `pair_r` is open, and the caller closes it. */
void log_create(const struct log_place *place, struct file_pair *pair_r, struct rl_log *fact_r);

#endif
