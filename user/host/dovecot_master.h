/* SPDX-License-Identifier: MIT */
/*
 * Dovecot's master processes, as /proc shows them: is it one, may it be
 * trusted, which version, which instance.
 */
#ifndef DOVECOT_MASTER_H
#define DOVECOT_MASTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "rl_abi.h"
#include "dovecot/service.h"
#include "base/str.h"

/* Looks at a process. `base_dir`: the only instance that is wanted, canonical; NULL: any. */
void dovecot_master_look(pid_t pid, const char *base_dir, struct rl_master *fact_r);

/* A process whose program is called as one of service.h. */
struct found_process {
	pid_t pid, parent;
	uid_t uid; /* real */
	const struct service *service;
};
typedef void dovecot_found_fn(void *context, const struct found_process *process);

/* Calls `found` for each of them: masters first, then their children. So a scan misses none, if
 * meanwhile each exec is watched. 0, or -errno: /proc can't be read. */
int dovecot_scan(dovecot_found_fn *found, void *context);

/* What `doveconf -h SETTING` says of a running master's configuration, into `value_r`. 0 or -errno;
 * then `value_r` is empty. */
int dovecot_master_setting(const struct rl_master *fact, const char *setting, struct str *value_r);

/* The host's name as a Dovecot without that setting has it: my_hostdomain() of lib/hostpid.c,
 * 2.3.19.1. 0 or -errno. */
int dovecot_hostname(char *name_r, size_t size);

/* The configuration file that a running master uses: base_dir/dovecot.conf. 0 or -errno. */
int dovecot_master_config(const struct rl_master *fact, char *path_r, size_t size);

#endif
