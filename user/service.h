/* SPDX-License-Identifier: MIT */
/*
 * Which programs of Dovecot count, as what. A new service is a row. The kernel
 * side gets these rows at load time and knows no names of its own.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "rl_maps.h"

struct service {
	const char *comm;     /* the program's name, as the kernel shows it */
	const char *protocol; /* as in `protocol imap { }`; NULL for the master */
	enum rl_role role;
	const char *login_suffix;    /* end of the path of the socket of its login requests */
	unsigned int prefix_strings; /* NUL-terminated strings before the pipelined input */
};

extern const struct service services[];
extern const unsigned int services_count;

/* By program name; NULL: not one of them. */
const struct service *service_find(const char *comm);

#endif
