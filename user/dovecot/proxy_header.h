/* SPDX-License-Identifier: MIT */
/*
 * The header of the PROXY protocol, which a listener with haproxy = yes takes
 * off a connection before anything else does, in one recv(): text (version 1)
 * or binary (version 2). What Dovecot refuses is no header; it disconnects
 * then. (lib-master/master-service-haproxy.c of 2.3.19.1.)
 * Pure: bytes in, facts out. Every byte is checked before it is used.
 */
#ifndef PROXY_HEADER_H
#define PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dovecot/login_request.h"

#define PROXY_HEADER_V1_MAX                                                                        \
	232 /* what is peeked at: union buf, a version 2 header with addresses */
#define PROXY_HEADER_V2_MAX 1500 /* rbuf */

struct proxy_header {
	/* The addresses of the connection to the proxy count from now on; false: it says none
	 * (UNKNOWN, LOCAL, or neither IPv4 nor IPv6). */
	bool has_addresses;
	struct endpoints addresses;
};

/* How many bytes the header at the beginning of `data` has. 0: there is none; -EAGAIN: there can be
 * one, with more bytes. `proxy_r` is set with the header alone. */
int proxy_header_parse(const void *data, size_t len, struct proxy_header *proxy_r);

#endif
