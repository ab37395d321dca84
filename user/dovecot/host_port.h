/* SPDX-License-Identifier: MIT */
/* "HOST:PORT", as Dovecot takes it (lib/net.c:net_str2hostport(), 2.3.19.1). Pure. */
#ifndef HOST_PORT_H
#define HOST_PORT_H

#include <stdint.h>

#include "base/str.h"

/* HOST, [HOST] or [HOST]:PORT or HOST:PORT, where HOST without brackets has no colon. Appends to
 * `host`. 0; -EINVAL: anything else, or no port. Whether the host exists is not asked. */
int host_port_split(const char *text, struct str *host, uint16_t *port_r);

/* What a rawlog_dir means: "HOST:PORT" of "tcp:HOST:PORT", inside `dir`; NULL: it is the name of a
 * directory (lib/iostream-rawlog.c:iostream_rawlog_try_create_tcp(), 2.3.19.1). */
const char *host_port_of_dir(const char *dir);

#endif
