// SPDX-License-Identifier: MIT
#include "dovecot/login_request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* struct master_auth_request of lib-master/master-auth.h, from 2.3.0 to 2.3.21.1. */
const struct login_layout login_layout_2_3 = {
	.size = 96,
	.tag = 0,
	.auth_id = 8,
	.client_pid = 12,
	.cookie = 16,
	.local_ip = 32,
	.remote_ip = 52,
	.local_port = 72,
	.remote_port = 74,
	.flags = 76,
	.data_size = 80,
	.ino = 88,
};

/* struct login_request of lib-login/login-interface.h, 2.4.1: a struct ip_addr has a scope. */
const struct login_layout login_layout_2_4 = {
	.size = 104,
	.tag = 0,
	.auth_id = 8,
	.client_pid = 12,
	.cookie = 16,
	.local_ip = 32,
	.remote_ip = 56,
	.local_port = 80,
	.remote_port = 82,
	.flags = 84,
	.data_size = 88,
	.ino = 96,
	.multiplex_flag = 1 << 4, /* LOGIN_REQUEST_FLAG_MULTIPLEX_OUTPUT */
};

/* struct ip_addr: the family, then the address, aligned as a struct in6_addr is. */
#define IP_ADDR_OFFSET 4

_Static_assert(IP_TEXT_LEN == INET6_ADDRSTRLEN, "IP_TEXT_LEN");

static uint16_t u16_at(const unsigned char *data, size_t offset)
{
	uint16_t value;

	memcpy(&value, data + offset, sizeof(value));
	return value;
}

static uint32_t u32_at(const unsigned char *data, size_t offset)
{
	uint32_t value;

	memcpy(&value, data + offset, sizeof(value));
	return value;
}

static uint64_t u64_at(const unsigned char *data, size_t offset)
{
	uint64_t value;

	memcpy(&value, data + offset, sizeof(value));
	return value;
}

static size_t ip_len(uint16_t family)
{
	switch (family) {
	case AF_INET:
		return sizeof(struct in_addr);
	case AF_INET6:
		return sizeof(struct in6_addr);
	default:
		return 0;
	}
}

static int ip_parse(const unsigned char *data, size_t offset, struct ip_addr *ip_r)
{
	uint16_t family = u16_at(data, offset);

	if (family && !ip_len(family))
		return -EINVAL;
	*ip_r = (struct ip_addr){.family = family};
	memcpy(ip_r->addr, data + offset + IP_ADDR_OFFSET, ip_len(family));
	return 0;
}

int login_request_parse(const struct login_layout *layout, const void *data, size_t len,
			struct login_request *login_r)
{
	const unsigned char *request = data;

	*login_r = (struct login_request){0};
	if (len != layout->size || u32_at(request, layout->data_size) > LOGIN_DATA_MAX ||
	    ip_parse(request, layout->local_ip, &login_r->addresses.local) < 0 ||
	    ip_parse(request, layout->remote_ip, &login_r->addresses.remote) < 0)
		return -EINVAL;
	login_r->tag = u32_at(request, layout->tag);
	login_r->auth_id = u32_at(request, layout->auth_id);
	login_r->client_pid = u32_at(request, layout->client_pid);
	memcpy(login_r->cookie, request + layout->cookie, sizeof(login_r->cookie));
	login_r->addresses.local_port = u16_at(request, layout->local_port);
	login_r->addresses.remote_port = u16_at(request, layout->remote_port);
	login_r->multiplex = u32_at(request, layout->flags) & layout->multiplex_flag;
	login_r->data_size = u32_at(request, layout->data_size);
	login_r->ino = u64_at(request, layout->ino);
	return 0;
}

void login_reply_parse(const void *data, struct login_reply *reply_r)
{
	reply_r->tag = u32_at(data, 0);
	reply_r->ok = u32_at(data, 4) == 0; /* MASTER_AUTH_STATUS_OK */
}

/* Removes a NUL-terminated string from the beginning of `data`. */
static int next_string(const unsigned char **data, size_t *len, size_t *string_len_r)
{
	const unsigned char *nul = *len ? memchr(*data, '\0', *len) : NULL;

	if (!nul)
		return -EINVAL;
	*string_len_r = nul - *data;
	*len -= *string_len_r + 1;
	*data = nul + 1;
	return 0;
}

int login_request_data_parse(const void *data, size_t len, unsigned int prefix_strings,
			     char session_r[SESSION_ID_LEN], const unsigned char **input_r,
			     size_t *input_len_r)
{
	const unsigned char *pos = data;
	size_t session_len, prefix_len;

	if (next_string(&pos, &len, &session_len) < 0)
		return -EINVAL;
	while (prefix_strings--)
		if (next_string(&pos, &len, &prefix_len) < 0)
			return -EINVAL;
	if (session_len >= SESSION_ID_LEN)
		session_len = SESSION_ID_LEN - 1;
	memcpy(session_r, data, session_len);
	session_r[session_len] = '\0';
	*input_r = pos;
	*input_len_r = len;
	return 0;
}

void ip_addr_text(const struct ip_addr *ip, char text_r[IP_TEXT_LEN])
{
	if (!ip_len(ip->family) || !inet_ntop(ip->family, ip->addr, text_r, IP_TEXT_LEN))
		text_r[0] = '\0';
}

void ip_addr_parse(const char *text, struct ip_addr *ip_r)
{
	static const uint16_t families[] = {AF_INET, AF_INET6};
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		*ip_r = (struct ip_addr){.family = families[i]};
		if (inet_pton(families[i], text, ip_r->addr) == 1)
			return;
	}
	*ip_r = (struct ip_addr){0};
}
