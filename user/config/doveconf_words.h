/* SPDX-License-Identifier: MIT */
/* What the words of Dovecot's settings mean, as doveconf prints them. */
#ifndef DOVECONF_WORDS_H
#define DOVECONF_WORDS_H

#include <stdbool.h>

#include "rules/rules.h"
#include "base/str.h"

/* The flags in a post-login service's executable, "script-login -d rawlog -t -I". 1: it runs
 * rawlog; 0: it runs something else; -EINVAL: rawlog would refuse its flags. */
int doveconf_script_flags(const char *executable, struct log_flags *flags_r);

/* The directory in a login service's executable, "imap-login -R rawlogs", as that `program` takes
 * it. 1: it is appended to `dir_r`; 0: none, or another program; -EINVAL: `program` would refuse
 * its options. */
int doveconf_login_dir(const char *executable, const char *program, struct str *dir_r);

/* The post-login service in a mail service's executable, "imap postlogin": its name is appended to
 * `name_r`. False: there is none. */
bool doveconf_postlogin_name(const char *executable, struct str *name_r);

#endif
