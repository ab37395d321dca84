/* SPDX-License-Identifier: MIT */
/* What is said of a master process that is not recorded. */
#ifndef MASTER_STATUS_H
#define MASTER_STATUS_H

#include "rl_abi.h"
#include "base/str.h"

/* Why it is not recorded, for people, is appended to `text`; nothing for RL_MASTER_OK. */
void master_status_text(const struct rl_master *fact, struct str *text);

#endif
