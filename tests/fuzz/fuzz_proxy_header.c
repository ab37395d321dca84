// SPDX-License-Identifier: MIT
/* An input is what a connection to a listener with haproxy = yes begins with. */
#include "fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "dovecot/proxy_header.h"

static void check_ip(const struct ip_addr *ip)
{
	char text[IP_TEXT_LEN];
	uint8_t addr[sizeof(ip->addr)] = {0};

	assert(ip->family == AF_INET || ip->family == AF_INET6);
	ip_addr_text(ip, text);
	assert(inet_pton(ip->family, text, addr) == 1);
	assert(memcmp(ip->addr, addr, sizeof(addr)) == 0);
}

/* The result for a header must not depend on what follows it; for a part of it, it must be -EAGAIN. */
static void check_parts(const struct proxy_rules *rules, const uint8_t *data, size_t len, int whole)
{
	struct proxy_header proxy;
	size_t part;
	int ret;

	for (part = 0; part < len; part++) {
		ret = proxy_header_parse(rules, data, part, &proxy);
		if (whole > 0 && part >= (size_t)whole)
			assert(ret == whole);
		else if (whole)
			assert(ret == -EAGAIN);
		else
			assert(ret == 0 || ret == -EAGAIN);
	}
}

static void check(const struct proxy_rules *rules, const uint8_t *data, size_t len)
{
	struct proxy_header proxy;
	int ret = proxy_header_parse(rules, data, len, &proxy);

	assert(ret == 0 || ret == -EAGAIN || (ret > 0 && (size_t)ret <= len));
	assert(ret <= (int)rules->v2_max);
	if (ret == -EAGAIN)
		assert(len < rules->v2_max);
	if (ret > 0 && proxy.has_addresses) {
		check_ip(&proxy.addresses.local);
		check_ip(&proxy.addresses.remote);
		assert(proxy.addresses.local.family == proxy.addresses.remote.family);
	}
	check_parts(rules, data, len < 2 * PROXY_HEADER_V2_MAX ? len : 2 * PROXY_HEADER_V2_MAX,
		    ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	check(&proxy_rules_2_3, data, len);
	check(&proxy_rules_2_4, data, len);
	check(&proxy_rules_2_4_5, data, len);
	return 0;
}
