// SPDX-License-Identifier: MIT
#include "dovecot/service.h"

#include <string.h>

/*
 * prefix_strings: imap-login/imap-login-client.c, pop3-login/client-authenticate.c and
 * submission-login/client-authenticate.c, 2.3.19.1.
 */
const struct service services[] = {
	{"dovecot", NULL, RL_ROLE_MASTER, TRAFFIC_NONE, TRAFFIC_NONE, "", 0, false, REDACT_NONE,
	 false},
	{"imap", "imap", RL_ROLE_MAIL, TRAFFIC_MAIL, TRAFFIC_NONE, "/login/imap", 1, true,
	 REDACT_IMAP, true},
	{"pop3", "pop3", RL_ROLE_MAIL, TRAFFIC_MAIL, TRAFFIC_NONE, "/login/pop3", 0, true,
	 REDACT_POP3, false},
	{"submission", "submission", RL_ROLE_MAIL, TRAFFIC_MAIL, TRAFFIC_RELAY, "/login/submission",
	 2, false, REDACT_SMTP, false},
	{"imap-login", "imap", RL_ROLE_LOGIN, TRAFFIC_LOGIN, TRAFFIC_NONE, "/login/imap", 1, false,
	 REDACT_IMAP, false},
	{"pop3-login", "pop3", RL_ROLE_LOGIN, TRAFFIC_LOGIN, TRAFFIC_NONE, "/login/pop3", 0, false,
	 REDACT_POP3, false},
	{"submission-login", "submission", RL_ROLE_LOGIN, TRAFFIC_LOGIN, TRAFFIC_NONE,
	 "/login/submission", 2, false, REDACT_SMTP, false},
	{"lmtp", "lmtp", RL_ROLE_DELIVERY, TRAFFIC_LMTP, TRAFFIC_LMTP_PROXY, "", 0, false,
	 REDACT_SMTP, false},
};
const unsigned int services_count = sizeof(services) / sizeof(services[0]);

const struct service *service_find(const char *comm)
{
	unsigned int i;

	for (i = 0; i < services_count; i++)
		if (strncmp(services[i].name, comm, RL_COMM_LEN - 1) == 0)
			return &services[i];
	return NULL;
}

enum traffic service_traffic(const struct service *service, enum rl_class class)
{
	if (class == RL_CLASS_CLIENT)
		return service->client;
	return class == RL_CLASS_RELAY ? service->relay : TRAFFIC_NONE;
}

/*
 * Of those on which mail and login processes listen, besides the one for login requests:
 * DIR/imap-master, where imap-hibernate gives a client back, and, from 2.4 on, DIR/srv.SERVICE/PID, where
 * anvil kicks users: unix_listener in the services' defaults, imap/imap-settings.c and others.
 */
bool service_socket_is_internal(const char *path)
{
	const char *name = strrchr(path, '/'), *dir = name;

	if (!name)
		return false;
	name++;
	if (strcmp(name, "imap-master") == 0)
		return true;
	while (dir > path && dir[-1] != '/')
		dir--;
	return strncmp(dir, "srv.", 4) == 0 && *name && !name[strspn(name, "0123456789")];
}

bool traffic_has_user(enum traffic traffic)
{
	switch (traffic) {
	case TRAFFIC_MAIL:
	case TRAFFIC_RELAY:
		return true;
	case TRAFFIC_NONE:
	case TRAFFIC_LOGIN:
	case TRAFFIC_LMTP:
	case TRAFFIC_LMTP_PROXY:
		break;
	}
	return false;
}
