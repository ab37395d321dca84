// SPDX-License-Identifier: MIT
#include "service.h"

#include <string.h>

/* prefix_strings: imap-login/imap-login-client.c and pop3-login/client-authenticate.c, 2.3.19.1. */
const struct service services[] = {
	{"dovecot", NULL, RL_ROLE_MASTER, "", 0},
	{"imap", "imap", RL_ROLE_MAIL, "/login/imap", 1},
	{"pop3", "pop3", RL_ROLE_MAIL, "/login/pop3", 0},
};
const unsigned int services_count = sizeof(services) / sizeof(services[0]);

const struct service *service_find(const char *comm)
{
	unsigned int i;

	for (i = 0; i < services_count; i++)
		if (strcmp(services[i].comm, comm) == 0)
			return &services[i];
	return NULL;
}
