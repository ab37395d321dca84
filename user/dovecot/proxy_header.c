// SPDX-License-Identifier: MIT
#include "dovecot/proxy_header.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char v1_begin[] = "PROXY";
#define V1_BEGIN_LEN (sizeof(v1_begin) - 1)

static const unsigned char v2_begin[] = "\r\n\r\n\0\r\nQUIT\n";
#define V2_BEGIN_LEN (sizeof(v2_begin) - 1)

/* Offsets and lengths of version 2, bytes. */
enum {
	V2_VERSION_COMMAND = 12,
	V2_FAMILY_TYPE = 13,
	V2_LEN = 14, /* offset of the length of what follows the head */
	V2_HEAD_LEN = 16,
	V2_TLV_HEAD_LEN = 3,
	V2_SSL_HEAD_LEN = 5, /* what a TLV of V2_TYPE_SSL has before the TLVs in it */
};

enum { V2_LOCAL = 0, V2_PROXY = 1 };
enum { V2_UNSPEC = 0, V2_INET = 1, V2_INET6 = 2, V2_UNIX = 3 };
enum { V2_STREAM = 1, V2_TYPE_AUTHORITY = 2, V2_TYPE_SSL = 0x20 };

const struct proxy_rules proxy_rules_2_3 = {.v2_max = 1500};
const struct proxy_rules proxy_rules_2_4 = {.v2_max = 1504, .checks_authority = true};
const struct proxy_rules proxy_rules_2_4_5 = {.v2_max = 1500, .checks_authority = true};

static uint16_t u16_at(const unsigned char *data)
{
	return data[0] << 8 | data[1];
}

/* Version 1 */

/* Decimal digits at `*text`, which is moved past them. */
static bool parse_number(const char **text, uintmax_t *number_r)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*number_r = strtoumax(*text, &end, 10);
	*text = end;
	return errno == 0;
}

/* As net_addr2ip_inet4_fast() of lib/net.c: decimal where inet_aton() reads octal. */
static bool parse_ipv4_decimal(const char *text, uint8_t addr_r[4])
{
	uintmax_t number;
	unsigned int i;

	if (!parse_number(&text, &number))
		return false;
	if (!*text && number <= UINT32_MAX) {
		for (i = 0; i < 4; i++)
			addr_r[i] = number >> (24 - 8 * i);
		return true;
	}
	for (i = 0;; i++) {
		if (number > UINT8_MAX)
			return false;
		addr_r[i] = number;
		if (i == 3)
			return !*text;
		if (*text++ != '.' || !parse_number(&text, &number))
			return false;
	}
}

static bool parse_ipv4(const char *text, struct ip_addr *ip_r)
{
	struct in_addr addr;

	*ip_r = (struct ip_addr){.family = AF_INET};
	if (parse_ipv4_decimal(text, ip_r->addr))
		return true;
	if (strchr(text, ':') || !inet_aton(text, &addr))
		return false;
	memcpy(ip_r->addr, &addr, sizeof(addr));
	return true;
}

/* With or without brackets. */
static bool parse_ipv6(char *text, struct ip_addr *ip_r)
{
	size_t len = strlen(text);

	*ip_r = (struct ip_addr){.family = AF_INET6};
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text[len - 1] = '\0';
		text++;
	}
	return inet_pton(AF_INET6, text, ip_r->addr) == 1;
}

static bool parse_ip(char *text, uint16_t family, struct ip_addr *ip_r)
{
	if (!text)
		return false;
	return family == AF_INET ? parse_ipv4(text, ip_r) : parse_ipv6(text, ip_r);
}

static bool parse_port(const char *text, uint16_t *port_r)
{
	uintmax_t number;

	if (!text || !parse_number(&text, &number) || *text || !number || number > UINT16_MAX)
		return false;
	*port_r = number;
	return true;
}

/* "PROXY TCP4 REMOTE LOCAL REMOTE-PORT LOCAL-PORT", or "PROXY UNKNOWN" and anything. */
static bool parse_line(char *line, struct proxy_header *proxy_r)
{
	char *protocol;
	uint16_t family;

	if (strcmp(strsep(&line, " "), v1_begin) != 0)
		return false;
	protocol = strsep(&line, " ");
	if (!protocol)
		return false;
	if (strcmp(protocol, "UNKNOWN") == 0)
		return true;
	if (strcmp(protocol, "TCP4") == 0)
		family = AF_INET;
	else if (strcmp(protocol, "TCP6") == 0)
		family = AF_INET6;
	else
		return false;
	proxy_r->has_addresses = true;
	return parse_ip(strsep(&line, " "), family, &proxy_r->addresses.remote) &&
	       parse_ip(strsep(&line, " "), family, &proxy_r->addresses.local) &&
	       parse_port(strsep(&line, " "), &proxy_r->addresses.remote_port) &&
	       parse_port(strsep(&line, " "), &proxy_r->addresses.local_port) && !line;
}

static int parse_v1(const unsigned char *data, size_t len, struct proxy_header *proxy_r)
{
	size_t seen = len < PROXY_HEADER_V1_MAX ? len : PROXY_HEADER_V1_MAX;
	const unsigned char *end = memchr(data, '\r', seen);
	char line[PROXY_HEADER_V1_MAX];

	if (!end || end + 1 == data + seen)
		return seen < PROXY_HEADER_V1_MAX ? -EAGAIN : 0;
	if (end[1] != '\n')
		return 0;
	memcpy(line, data, end - data);
	line[end - data] = '\0';
	return parse_line(line, proxy_r) ? end + 2 - data : 0;
}

/* Version 2 */

/* As connection_is_valid_dns_name() of lib/connection.c, 2.4.1. The name ends at a NUL, too. */
static bool is_dns_name(const unsigned char *data, size_t len)
{
	static const char letters[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		".-_:";
	char name[256];

	len = strnlen((const char *)data, len);
	if (!len || len >= sizeof(name))
		return false;
	memcpy(name, data, len);
	name[len] = '\0';
	return strspn(name, letters) == len && !strstr(name, "..");
}

/* Are there complete TLVs (type, length, value) up to the end of `data`? In one of V2_TYPE_SSL are
 * others. */
static bool check_tlvs(const struct proxy_rules *rules, const unsigned char *data, size_t len,
		       bool outer)
{
	size_t size, head = V2_TLV_HEAD_LEN;
	const unsigned char *value;

	for (; len; data += size, len -= size) {
		if (len < head || len - head < u16_at(data + 1))
			return false;
		size = head + u16_at(data + 1);
		value = data + head;
		if (!outer)
			continue;
		if (data[0] == V2_TYPE_AUTHORITY && rules->checks_authority &&
		    !is_dns_name(value, size - head))
			return false;
		if (data[0] == V2_TYPE_SSL && (size - head < V2_SSL_HEAD_LEN ||
					       !check_tlvs(rules, value + V2_SSL_HEAD_LEN,
							   size - head - V2_SSL_HEAD_LEN, false)))
			return false;
	}
	return true;
}

/* Remote and local address, remote and local port. */
static void read_addresses(const unsigned char *data, uint16_t family, size_t addr_len,
			   struct proxy_header *proxy_r)
{
	proxy_r->has_addresses = true;
	proxy_r->addresses.remote.family = proxy_r->addresses.local.family = family;
	memcpy(proxy_r->addresses.remote.addr, data, addr_len);
	memcpy(proxy_r->addresses.local.addr, data + addr_len, addr_len);
	proxy_r->addresses.remote_port = u16_at(data + 2 * addr_len);
	proxy_r->addresses.local_port = u16_at(data + 2 * addr_len + 2);
}

/* How many bytes the addresses before the TLVs have; -EINVAL: Dovecot refuses them. */
static int parse_addresses(const unsigned char *data, size_t len, unsigned int family,
			   struct proxy_header *proxy_r)
{
	size_t addr_len = family == V2_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	size_t size = 2 * addr_len + 2 * sizeof(uint16_t);

	if (family == V2_UNSPEC || family == V2_UNIX)
		return 0; /* as Dovecot, which checks such addresses as if they were TLVs */
	if ((family != V2_INET && family != V2_INET6) || len < size)
		return -EINVAL;
	read_addresses(data, family == V2_INET ? AF_INET : AF_INET6, addr_len, proxy_r);
	return size;
}

static int parse_v2(const struct proxy_rules *rules, const unsigned char *data, size_t len,
		    struct proxy_header *proxy_r)
{
	const unsigned char *rest = data + V2_HEAD_LEN;
	size_t rest_len;
	int used;

	if (len < V2_HEAD_LEN)
		return -EAGAIN;
	rest_len = u16_at(data + V2_LEN);
	if (V2_HEAD_LEN + rest_len > rules->v2_max || data[V2_VERSION_COMMAND] >> 4 != 2)
		return 0;
	if (len < V2_HEAD_LEN + rest_len)
		return -EAGAIN;
	switch (data[V2_VERSION_COMMAND] & 0x0f) {
	case V2_LOCAL:
		return V2_HEAD_LEN + rest_len;
	case V2_PROXY:
		if ((data[V2_FAMILY_TYPE] & 0x0f) != V2_STREAM)
			return 0;
		used = parse_addresses(rest, rest_len, data[V2_FAMILY_TYPE] >> 4, proxy_r);
		if (used < 0 || !check_tlvs(rules, rest + used, rest_len - used, true))
			return 0;
		return V2_HEAD_LEN + rest_len;
	default:
		return 0;
	}
}

static bool begins(const unsigned char *data, size_t len, const void *begin, size_t begin_len)
{
	return memcmp(data, begin, len < begin_len ? len : begin_len) == 0;
}

int proxy_header_parse(const struct proxy_rules *rules, const void *data, size_t len,
		       struct proxy_header *proxy_r)
{
	struct proxy_header proxy = {0};
	int ret = 0;

	if (!len)
		return -EAGAIN;
	if (begins(data, len, v1_begin, V1_BEGIN_LEN))
		ret = parse_v1(data, len, &proxy);
	else if (begins(data, len, v2_begin, V2_BEGIN_LEN))
		ret = parse_v2(rules, data, len, &proxy);
	if (ret > 0)
		*proxy_r = proxy;
	return ret;
}
