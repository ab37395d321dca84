/* SPDX-License-Identifier: MIT */
/*
 * Messages to the service manager that started us, such as systemd if the unit
 * has Type=notify. The protocol is that of sd_notify(3): each message is one
 * datagram to the socket that $NOTIFY_SOCKET names.
 */
#ifndef NOTIFY_SOCKET_H
#define NOTIFY_SOCKET_H

#include <sys/socket.h>
#include <sys/un.h>

/* Owns nothing: there is no function to free it. */
struct notify_socket {
	struct sockaddr_un address;
	socklen_t address_len; /* 0: nobody wants messages */
};

/*
 * Reads the address (a path, or "@" and an abstract name) and removes the
 * variable from the environment, so that programs we run do not inherit it. 0,
 * also without the variable; -EINVAL or -ENAMETOOLONG: the address is not
 * valid. `manager_r` can be used in any case: without an address, messages are
 * dropped.
 */
int notify_socket_init(struct notify_socket *manager_r);

/*
 * Sends one message, NAME=VALUE lines such as "READY=1\nSTATUS=recording".
 * 0, also when nobody wants messages; -errno: it was not sent. -EAGAIN: nobody
 * took it within a second.
 */
int notify_socket_send(const struct notify_socket *manager, const char *message);

#endif
