/* SPDX-License-Identifier: MIT */
/* "HOST:PORT", as Dovecot takes it (lib/net.c:net_str2hostport(), 2.3.19.1). Pure. */
#ifndef HOST_PORT_H
#define HOST_PORT_H

#include <stdint.h>

#include "base/str.h"

/* Splits HOST:PORT or [HOST]:PORT, where HOST has no colon unless it is in brackets. Appends HOST,
 * without brackets, to `host`, also before an error. 0; -EINVAL: anything else. Whether the host
 * exists is not checked. */
int host_port_split(const char *text, struct str *host, uint16_t *port_r);

/* Where a rawlog_dir of "tcp:HOST:PORT" leads: its "HOST:PORT", inside `dir`. NULL: `dir` is the
 * name of a directory (lib/iostream-rawlog.c:iostream_rawlog_try_create_tcp(), 2.3.19.1). */
const char *host_port_of_dir(const char *dir);

#endif
