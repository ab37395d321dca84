// SPDX-License-Identifier: MIT
#include "host/notify_socket.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* Recording must not wait for a service manager that reads nothing. */
#define SEND_TIMEOUT_S 1

static int parse_address(const char *text, struct notify_socket *manager_r)
{
	size_t len = strlen(text);

	if ((text[0] != '/' && text[0] != '@') || len < 2)
		return -EINVAL;
	if (len >= sizeof(manager_r->address.sun_path))
		return -ENAMETOOLONG;
	manager_r->address.sun_family = AF_UNIX;
	memcpy(manager_r->address.sun_path, text, len);
	if (text[0] == '@')
		manager_r->address.sun_path[0] = '\0';
	/* an abstract name has no NUL at its end */
	manager_r->address_len = offsetof(struct sockaddr_un, sun_path) + len;
	return 0;
}

int notify_socket_init(struct notify_socket *manager_r)
{
	const char *text = getenv("NOTIFY_SOCKET");
	int ret;

	*manager_r = (struct notify_socket){0};
	ret = text ? parse_address(text, manager_r) : 0;
	unsetenv("NOTIFY_SOCKET");
	return ret;
}

int notify_socket_send(const struct notify_socket *manager, const char *message)
{
	const struct timeval timeout = {.tv_sec = SEND_TIMEOUT_S};
	int fd, ret = 0;

	if (!manager->address_len)
		return 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* systemd wants our credentials; the kernel adds them if a receiver does: unix(7) */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) ||
	    sendto(fd, message, strlen(message), MSG_NOSIGNAL,
		   (const struct sockaddr *)&manager->address, manager->address_len) < 0)
		ret = -errno;
	close(fd);
	return ret;
}
