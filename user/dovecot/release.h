/* SPDX-License-Identifier: MIT */
/* What differs between Dovecot's releases. A new one is a row of releases[]. */
#ifndef RELEASE_H
#define RELEASE_H

#include <stdbool.h>

#include "dovecot/expand.h"
#include "dovecot/login_request.h"
#include "dovecot/proxy_header.h"

struct release {
	const char *name;		  /* for people: "2.3" */
	unsigned int major, minor, patch; /* the first version that it is for */
	const struct login_layout *login;
	/* A login request of submission has one string before the client's input, HELO's; else there is a
	 * second one, of a proxy (submission-login/client-authenticate.c). */
	bool one_helo;
	const struct proxy_rules *proxy;
	const struct expander *expander;
	/* A piece of a long line that goes to rawlog_dir = tcp:HOST:PORT ends with a line end
	 * (lib/iostream-rawlog.c). */
	bool tcp_lines;
	/* A connection takes a number for the names of its files also if the directory is not there
	 * (lib/iostream-rawlog.c), but where lib-smtp has looked for that first (struct service: tcp). */
	bool counts_missing;
};

/* That of a version, as `dovecot --version` prints it ("2.3.19.1 (9b53102964)"). If there is none of its
 * first two numbers (`known_r` is false), the last one before it, or the first of all. NULL: that is no
 * version. */
const struct release *release_find(const char *version, bool *known_r);

#endif
