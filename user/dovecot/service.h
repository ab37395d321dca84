/* SPDX-License-Identifier: MIT */
/*
 * Dovecot's programs that rawtap knows. A new service is a row of services[].
 * The kernel side gets the rows at load time and knows no names of its own.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>

#include "rl_maps.h"

/* What passes the sockets of Dovecot's processes. */
enum traffic {
	TRAFFIC_NONE,	    /* nothing of interest */
	TRAFFIC_MAIL,	    /* a logged-in client and its mail process */
	TRAFFIC_LOGIN,	    /* a client and a login process */
	TRAFFIC_LMTP,	    /* an LMTP client and lmtp */
	TRAFFIC_LMTP_PROXY, /* lmtp and the next LMTP server */
	TRAFFIC_RELAY,	    /* submission and the next SMTP server */
};

/* The grammar by which redact/ reads a connection's bytes. */
enum redact_protocol { REDACT_IMAP, REDACT_POP3, REDACT_SMTP /* LMTP as well */, REDACT_NONE };

struct service {
	const char *name;     /* the program's; the kernel shows its first 15 bytes */
	const char *protocol; /* as in `protocol imap { }`; NULL for the master */
	enum rl_role role;
	enum traffic client;	     /* on sockets that it accepted */
	enum traffic relay;	     /* on sockets that it connected itself */
	const char *login_suffix;    /* end of the path of the socket of login requests */
	unsigned int prefix_strings; /* NUL-terminated strings before the pipelined input */
	/* Its rawlog_dir can be tcp:HOST:PORT. Not so in services built on lib-smtp, which look for a
	 * directory of that name first: smtp-server-connection.c of 2.3.19.1,
	 * smtp_server_connection_update_rawlog(). */
	bool tcp;
	enum redact_protocol redact;
	bool compress; /* IMAP's COMPRESS can begin in it */
};

extern const struct service services[];
extern const unsigned int services_count;

/* By the program's name as the kernel shows it (15 bytes of it); NULL: not one of them. */
const struct service *service_find(const char *comm);
/* What a socket of this class carries. */
enum traffic service_traffic(const struct service *service, enum rl_class class);
/* Is the unix socket with this path one on which Dovecot's processes talk to each other? Else whoever
 * connects to it is a client. */
bool service_socket_is_internal(const char *path);
/* Is it one user's? Then the logs are that user's, too, else the process's. */
bool traffic_has_user(enum traffic traffic);

#endif
