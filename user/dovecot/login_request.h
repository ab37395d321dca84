/* SPDX-License-Identifier: MIT */
/*
 * The login request: what a login process sends to a mail process, with the
 * client's descriptor, on .../login/<service>. A fixed structure, then
 * data_size bytes: session id and NUL, the protocol's own strings, then what
 * the client had pipelined after its login command.
 * (lib-master/master-auth.h and login-common/sasl-server.c of 2.3.19.1;
 * lib-login/login-interface.h of 2.4.1.)
 * Pure. Every byte is checked before it is used.
 */
#ifndef LOGIN_REQUEST_H
#define LOGIN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOGIN_COOKIE_LEN 16
#define SESSION_ID_LEN	 128  /* with its NUL; longer ids are cut */
#define LOGIN_DATA_MAX	 1218 /* MASTER_AUTH_MAX_DATA_SIZE */

struct ip_addr {
	uint16_t family;  /* AF_INET, AF_INET6, 0: not known */
	uint8_t addr[16]; /* network order; an IPv4 address is followed by zeroes */
};

/* The addresses of one connection. */
struct endpoints {
	struct ip_addr local, remote;
	uint16_t local_port, remote_port; /* host order */
};

struct login_request {
	uint32_t tag;	     /* the reply has the same */
	uint32_t auth_id;    /* of the authentication; a user lookup (REQUEST) has the same */
	uint32_t client_pid; /* of the login process */
	uint8_t cookie[LOGIN_COOKIE_LEN];
	struct endpoints addresses;
	bool multiplex; /* what the mail process sends is in channels: see dovecot/multiplex.h */
	uint32_t data_size; /* bytes that follow the structure */
	uint64_t ino;	    /* inode of the client's socket, whose descriptor is passed along */
};

/* Where a Dovecot release has its fields, on a 64-bit machine. */
struct login_layout {
	size_t size; /* of the structure, bytes */
	/* offsets of the fields, bytes */
	size_t tag, auth_id, client_pid, cookie, local_ip, remote_ip, local_port, remote_port,
		flags, data_size, ino;
	uint32_t multiplex_flag; /* in `flags`; 0: there is none */
};

extern const struct login_layout login_layout_2_3, login_layout_2_4;

/* Parses the structure. 0, or -EINVAL: `len` is not its size, or a field is out of its range
 * (data_size beyond LOGIN_DATA_MAX, a family other than 0, AF_INET, AF_INET6). */
int login_request_parse(const struct login_layout *layout, const void *data, size_t len,
			struct login_request *login_r);

/* What a mail process answers on the same socket (struct master_auth_reply). */
#define LOGIN_REPLY_LEN 12
struct login_reply {
	uint32_t tag;
	bool ok; /* the mail process has taken over the connection */
};

/* `data` has LOGIN_REPLY_LEN bytes. */
void login_reply_parse(const void *data, struct login_reply *reply_r);

/* Splits what follows the structure: the session id (cut to fit, NUL-terminated), then
 * `prefix_strings` NUL-terminated strings, which are skipped, then the pipelined input, which
 * points into `data`. 0, or -EINVAL: a NUL is missing. */
int login_request_data_parse(const void *data, size_t len, unsigned int prefix_strings,
			     char session_r[SESSION_ID_LEN], const unsigned char **input_r,
			     size_t *input_len_r);

/* "192.0.2.7", "2001:db8::1", or "" when not known: as lib/net.c:net_ip2addr() prints it. */
#define IP_TEXT_LEN 46
void ip_addr_text(const struct ip_addr *ip, char text_r[IP_TEXT_LEN]);
/* And back. What is no address is one that is not known. */
void ip_addr_parse(const char *text, struct ip_addr *ip_r);

#endif
