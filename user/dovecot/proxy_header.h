/* SPDX-License-Identifier: MIT */
/*
 * The header of the PROXY protocol, text (version 1) or binary (version 2). A
 * listener with haproxy = yes reads it in one recv(), before all else; if it
 * refuses the header it disconnects, and here there is none then.
 * (lib-master/master-service-haproxy.c of 2.3.19.1 and 2.4.1.)
 * Pure. Every byte is checked before it is used.
 */
#ifndef PROXY_HEADER_H
#define PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dovecot/login_request.h"

/* The longest headers that Dovecot takes, bytes: its buffers `buf` and `rbuf`. (Up to 2.4.4, 2.4's takes a
 * few more than were meant.) */
#define PROXY_HEADER_V1_MAX 232
#define PROXY_HEADER_V2_MAX 1504 /* of all releases */

/* What a Dovecot release takes for a header of version 2. */
struct proxy_rules {
	size_t v2_max;	       /* bytes */
	bool checks_authority; /* the host name in it must be one */
};
extern const struct proxy_rules proxy_rules_2_3, proxy_rules_2_4, proxy_rules_2_4_5;

struct proxy_header {
	bool has_addresses; /* false: UNKNOWN, LOCAL, or neither IPv4 nor IPv6 */
	/* Of the client's connection to the proxy: they replace the socket's own. */
	struct endpoints addresses;
};

/* The length of the header at the beginning of `data`, bytes. 0: there is none; -EAGAIN: more bytes
 * are needed to tell. `proxy_r` is set only if there is a header. */
int proxy_header_parse(const struct proxy_rules *rules, const void *data, size_t len,
		       struct proxy_header *proxy_r);

#endif
