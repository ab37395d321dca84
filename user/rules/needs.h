/* SPDX-License-Identifier: MIT */
/* The settings of Dovecot's that a log's place depends on besides the user. */
#ifndef NEEDS_H
#define NEEDS_H

#include "rules/rules.h"

enum need {
	NEED_HOME = 1 << 0, /* mail_home, where userdb returned no home */
	NEED_HOSTNAME = 1 << 1,
	NEED_ENVIRONMENT = 1 << 2,
	NEED_ZONE = 1 << 3, /* is in import_environment, which may set it, and for names of files */
};

/* Those that a directory or a mail_home can depend on, with its variables: in any release. */
unsigned int needs_of_dir(const char *dir);
/* Those of all rules. */
unsigned int needs_of_rules(const struct rules *rules);
/* What the first of these is called in FACT_SETTINGS; its flag is taken out of *needs. NULL: there are
 * no more. */
const char *needs_next(unsigned int *needs);

#endif
