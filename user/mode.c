// SPDX-License-Identifier: MIT
#include "mode.h"

#include <string.h>

const struct mode mode_home = {
	.name = "rawlog",
	.traffic = TRAFFIC_MAIL,
	.home_dir = "dovecot.rawlog",
	.base = BASE_HOME,
	.format = &format_binary,
};

/* imap/imap-client.c, pop3/pop3-client.c, submission/submission-client.c */
const struct mode mode_rawlog_dir = {
	.name = "rawlog_dir",
	.traffic = TRAFFIC_MAIL,
	.base = BASE_HOME,
	.lib = true,
	.variables = true,
	.format = &format_binary,
};

/* login-common/client-common.c */
const struct mode mode_login = {
	.name = "login",
	.traffic = TRAFFIC_LOGIN,
	.base = BASE_LOGIN,
	.lib = true,
	.tls = TLS_GOES_ON,
	.format = &format_binary,
};

/* lib-smtp/smtp-server-connection.c: smtp_server_connection_ssl_init() */
const struct mode mode_lmtp = {
	.name = "lmtp",
	.traffic = TRAFFIC_LMTP,
	.base = BASE_RUN,
	.lib = true,
	.tls = TLS_RENEWS_USED,
	.format = &format_binary,
};

/* lib-smtp/smtp-client-connection.c: smtp_client_connection_ssl_init() */
const struct mode mode_lmtp_proxy = {
	.name = "lmtp_proxy",
	.traffic = TRAFFIC_LMTP_PROXY,
	.base = BASE_RUN,
	.lib = true,
	.tls = TLS_RENEWS,
	.format = &format_binary,
};

/* submission/submission-backend-relay.c */
const struct mode mode_relay = {
	.name = "relay",
	.traffic = TRAFFIC_RELAY,
	.base = BASE_HOME,
	.lib = true,
	.variables = true,
	.tilde = true,
	.tls = TLS_RENEWS,
	.format = &format_binary,
};

static const struct mode *const modes[] = {
	&mode_home, &mode_rawlog_dir, &mode_login, &mode_lmtp, &mode_lmtp_proxy, &mode_relay,
};

const struct mode *mode_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i]->name, name) == 0)
			return modes[i];
	return NULL;
}
