// SPDX-License-Identifier: MIT
/* struct master_auth_request of 2.3 (lib-master/master-auth.h), and what follows it. */
#include "tracee.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct ip {
	uint16_t family, pad;
	uint8_t address[16];
};

struct request {
	uint32_t tag, auth_pid, auth_id, client_pid;
	uint8_t cookie[16];
	struct ip local, remote;
	uint16_t local_port, remote_port;
	uint32_t flags, data_size, pad;
	uint64_t ino;
};

_Static_assert(sizeof(struct request) == 96, "struct request");

typedef int name_fn(int fd, struct sockaddr *address, socklen_t *len);

/* One end of a connection, as `name` tells; of one that has no addresses, what Dovecot would not say. */
static struct ip end_of(int client, name_fn *name, uint16_t *port_r)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	struct ip ip = {AF_INET, 0, {127, 0, 0, 1}};

	check(name(client, (struct sockaddr *)&address, &len) == 0, "an address");
	*port_r = address.sin_family == AF_INET ? ntohs(address.sin_port) : 143;
	if (address.sin_family == AF_INET)
		memcpy(ip.address, &address.sin_addr, sizeof(address.sin_addr));
	return ip;
}

static void request_fill(struct request *request, uint32_t session, int client, size_t data_size)
{
	struct stat st;

	check(fstat(client, &st) == 0, "fstat");
	*request = (struct request){
		.tag = session,
		.auth_id = session,
		.client_pid = getpid(),
		.data_size = data_size,
		.ino = st.st_ino,
	};
	request->local = end_of(client, getsockname, &request->local_port);
	request->remote = end_of(client, getpeername, &request->remote_port);
	memset(request->cookie, session & 0xff, sizeof(request->cookie));
}

void login_send(int fd, uint32_t session, int client, size_t input)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct request request;
	char data[1218];
	int head = snprintf(data, sizeof(data), "s%u%c0a1", session, '\0') + 1;
	struct iovec iov[] = {{&request, sizeof(request)}, {data, head + input}};
	struct msghdr msg = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control.bytes),
	};

	check(head + input <= sizeof(data), "too much input");
	fill(data + head, input, session + 1000);
	request_fill(&request, session, client, head + input);
	control.head = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(&control.head), &client, sizeof(client));
	check(sendmsg(fd, &msg, 0) == (ssize_t)(sizeof(request) + head + input), "sendmsg");
}
