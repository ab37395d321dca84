/* SPDX-License-Identifier: MIT */
/* What differs between Dovecot's releases. A new one is a row of releases[]. */
#ifndef RELEASE_H
#define RELEASE_H

#include <stdbool.h>

#include "dovecot/login_request.h"
#include "dovecot/proxy_header.h"

struct release {
	const char *prefix; /* of what `dovecot --version` prints: "2.3." */
	const struct login_layout *login;
	const struct proxy_rules *proxy;
	/* A piece of a long line that goes to rawlog_dir = tcp:HOST:PORT ends with a line end
	 * (lib/iostream-rawlog.c). */
	bool tcp_lines;
};

/* That of a version ("2.3.19.1 (9b53102964)"); NULL: a version that is not known. */
const struct release *release_find(const char *version);

#endif
