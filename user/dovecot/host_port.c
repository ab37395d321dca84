// SPDX-License-Identifier: MIT
#include "dovecot/host_port.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* Digits only: strtoul() would accept a sign and blanks. */
static int parse_port(const char *text, uint16_t *port_r)
{
	uint32_t port = 0;

	for (; isdigit((unsigned char)*text); text++) {
		port = port * 10 + (*text - '0');
		if (port > UINT16_MAX)
			return -EINVAL;
	}
	*port_r = port;
	return *text || port == 0 ? -EINVAL : 0;
}

int host_port_split(const char *text, struct str *host, uint16_t *port_r)
{
	const char *end = strchr(text, *text == '[' ? ']' : ':');

	if (!end)
		return -EINVAL;
	if (*text == '[')
		str_append(host, text + 1, end++ - text - 1);
	else
		str_append(host, text, end - text);
	return *end == ':' ? parse_port(end + 1, port_r) : -EINVAL;
}

const char *host_port_of_dir(const char *dir)
{
	struct str host = {0};
	uint16_t port;
	int ret;

	if (strncmp(dir, "tcp:", 4) != 0 || strchr(dir, '/'))
		return NULL;
	ret = host_port_split(dir + 4, &host, &port);
	str_free(&host);
	return ret ? NULL : dir + 4;
}
