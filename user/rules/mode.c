// SPDX-License-Identifier: MIT
#include "rules/mode.h"

#include <string.h>

const struct mode mode_home = {
	.name = "rawlog",
	.traffic = TRAFFIC_MAIL,
	.block = BLOCK_POSTLOGIN,
	.home_dir = "dovecot.rawlog",
	.base = BASE_HOME,
	.takes_flags = true,
	.format = &format_pair,
};

/* imap/imap-client.c, pop3/pop3-client.c, submission/submission-client.c */
const struct mode mode_rawlog_dir = {
	.name = "rawlog_dir",
	.traffic = TRAFFIC_MAIL,
	.block = BLOCK_SETTING,
	.setting = "rawlog_dir",
	.base = BASE_HOME,
	.iostream = true,
	.variables = true,
	.main_channel = true,
	.format = &format_pair,
	.tcp_format = &format_single,
	.tcp_lines_format = &format_lines,
};

/* login-common/client-common.c */
const struct mode mode_login = {
	.name = "login",
	.traffic = TRAFFIC_LOGIN,
	.block = BLOCK_LOGIN,
	.base = BASE_LOGIN,
	.iostream = true,
	.tls = TLS_GOES_ON,
	.format = &format_pair,
};

/* lib-smtp/smtp-server-connection.c: smtp_server_connection_ssl_init() */
const struct mode mode_lmtp = {
	.name = "lmtp",
	.traffic = TRAFFIC_LMTP,
	.block = BLOCK_SETTING,
	.setting = "lmtp_rawlog_dir",
	.base = BASE_RUN,
	.iostream = true,
	.root_files = true,
	.tls = TLS_RENEWS_USED,
	.format = &format_pair,
};

/* lib-smtp/smtp-client-connection.c: smtp_client_connection_ssl_init() */
const struct mode mode_lmtp_proxy = {
	.name = "lmtp_proxy",
	.traffic = TRAFFIC_LMTP_PROXY,
	.block = BLOCK_SETTING,
	.setting = "lmtp_proxy_rawlog_dir",
	.base = BASE_RUN,
	.iostream = true,
	.root_files = true,
	.tls = TLS_RENEWS,
	.format = &format_pair,
};

/* submission/submission-backend-relay.c */
const struct mode mode_relay = {
	.name = "relay",
	.traffic = TRAFFIC_RELAY,
	.block = BLOCK_SETTING,
	.setting = "submission_relay_rawlog_dir",
	.base = BASE_HOME,
	.iostream = true,
	.variables = true,
	.tilde = true,
	.tls = TLS_RENEWS,
	.format = &format_pair,
};

const struct mode *const modes[] = {
	&mode_home, &mode_rawlog_dir, &mode_login, &mode_lmtp, &mode_lmtp_proxy, &mode_relay,
};
const unsigned int modes_count = sizeof(modes) / sizeof(modes[0]);

const struct mode *mode_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < modes_count; i++)
		if (strcmp(modes[i]->name, name) == 0)
			return modes[i];
	return NULL;
}

bool mode_has_service(const struct mode *mode, const struct service *service)
{
	return service->client == mode->traffic || service->relay == mode->traffic;
}

bool mode_has_protocol(const struct mode *mode, const char *protocol)
{
	const struct service *service;

	for (service = services; service < services + services_count; service++)
		if (mode_has_service(mode, service) && strcmp(service->protocol, protocol) == 0)
			return true;
	return false;
}

/* A protocol has one service for each kind of traffic. */
unsigned int mode_protocols(const struct mode *mode, struct str *names)
{
	const struct service *service;
	unsigned int count = 0;

	for (service = services; service < services + services_count; service++) {
		if (!mode_has_service(mode, service))
			continue;
		if (names)
			str_printf(names, "%s%s", count ? ", " : "", service->protocol);
		count++;
	}
	return count;
}
