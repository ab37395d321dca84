/* SPDX-License-Identifier: MIT */
/*
 * Dovecot's master processes, as /proc shows them: is this one, is it trusted,
 * which version and instance is it; and what does its configuration say?
 */
#ifndef DOVECOT_MASTER_H
#define DOVECOT_MASTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "rl_abi.h"
#include "dovecot/service.h"
#include "base/str.h"

/*
 * Looks at a process and, if it is trusted, runs its program for its version.
 * `base_dir`: the only instance that is wanted, as a canonical path; NULL: any.
 * fact_r->status is RL_MASTER_OK, or why it is not recorded; the other members
 * are zero unless they were found out before. May wait for the program, for RUN_PROGRAM_MS.
 */
void dovecot_master_look(pid_t pid, const char *base_dir, struct rl_master *fact_r);

/* The same in two steps, as only the first one needs CAP_SYS_PTRACE. What /proc tells: a handle of the
 * trusted program, which the caller closes; -1: it must not be run, fact_r->status says why. */
int dovecot_master_open(pid_t pid, const char *base_dir, struct rl_master *fact_r);
/* And what the program tells: `fact` gets its version; its status is OK, VERSION, or SILENT. */
void dovecot_master_version(int program, struct rl_master *fact);

/* A process whose name is in services[]. Whether it is really Dovecot's is not checked. */
struct found_process {
	pid_t pid, parent;
	uid_t uid; /* real */
	const struct service *service;
};
typedef void dovecot_found_fn(void *context, const struct found_process *process);

/* Calls `found` for each such process, for all masters before the others: if each exec is watched
 * meanwhile, no process is missed. `process` is valid during the call. 0, or -errno: /proc can't be
 * read. */
int dovecot_scan(dovecot_found_fn *found, void *context);

/* Runs `doveconf -h SETTING` on a master's configuration, as it is for `protocol`; NULL: outside of
 * protocol { }. The first line of its output replaces what `value` held. 0, or -errno: `value` is empty. */
int dovecot_master_setting(const struct rl_master *fact, const char *protocol, const char *setting,
			   struct str *value);
/* The same for no protocol, but all lines of its output: a list of 2.4 has one for each entry. */
int dovecot_master_lines(const struct rl_master *fact, const char *setting, struct str *value);

/* Runs `doveadm who` with a master's configuration: the sessions that it has, a line each, after one with
 * the columns' names; separated by tabs. 0, or -errno of run_program(), with its output. */
int dovecot_master_who(const struct rl_master *fact, struct str *out);
/* Runs `doveadm user` likewise, for users of this protocol: what userdb says of each, as people read it.
 * -EIO: one of them is not known; the others are there. */
int dovecot_master_users(const struct rl_master *fact, const char *protocol,
			 const char *const names[], size_t count, struct str *out);

/* The path of the configuration file that a running master uses, NUL-terminated: base_dir/dovecot.conf
 * is a link to it. 0; -ENAMETOOLONG: it does not fit; -errno. */
int dovecot_master_config(const struct rl_master *fact, char *path_r, size_t size);

/* This host's name as Dovecot has it without the setting `hostname`: my_hostdomain() of
 * lib/hostpid.c, 2.3.19.1. May wait for the DNS. 0; -ENAMETOOLONG: it does not fit; -errno. */
int dovecot_hostname(char *name_r, size_t size);

#endif
