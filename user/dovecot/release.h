/* SPDX-License-Identifier: MIT */
/* What differs between Dovecot's releases. A new one is a row of releases[]. */
#ifndef RELEASE_H
#define RELEASE_H

#include "dovecot/login_request.h"

struct release {
	const char *prefix; /* of what `dovecot --version` prints: "2.3." */
	const struct login_layout *login;
};

/* That of a version ("2.3.19.1 (9b53102964)"); NULL: a version that is not known. */
const struct release *release_find(const char *version);

#endif
