/* SPDX-License-Identifier: MIT */
/*
 * "Whose sessions do the mail processes of this master have?" Dovecot knows: `doveadm
 * who` has the user of each session and its process, `doveadm user` what userdb
 * says of that user. A part of the process in commands/ask_master.h.
 */
#ifndef ASK_USERS_H
#define ASK_USERS_H

#include <sys/types.h>

#include "base/str.h"
#include "rl_abi.h"

/* Appends the text of a FACT_USERS about this master. Runs programs. */
void ask_users(pid_t pid, const struct rl_master *fact, struct str *text);

#endif
