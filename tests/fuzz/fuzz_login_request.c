// SPDX-License-Identifier: MIT
/* An input is a login request: the structure, then the data. */
#include "fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "dovecot/login_request.h"

static void check_ip(const struct ip_addr *ip)
{
	char text[IP_TEXT_LEN];
	uint8_t addr[sizeof(ip->addr)] = {0};

	ip_addr_text(ip, text);
	assert(memchr(text, '\0', sizeof(text)));
	if (ip->family == 0) {
		assert(text[0] == '\0');
	} else {
		assert(ip->family == AF_INET || ip->family == AF_INET6);
		assert(inet_pton(ip->family, text, addr) == 1);
	}
	assert(memcmp(ip->addr, addr, sizeof(addr)) == 0);
}

static void check_request(const struct login_layout *layout, const uint8_t *data, size_t len)
{
	struct login_request login;
	int ret;

	ret = login_request_parse(layout, data, len, &login);
	assert(ret == 0 || ret == -EINVAL);
	if (len != layout->size)
		assert(ret == -EINVAL);
	if (ret < 0)
		return;
	assert(login.data_size <= LOGIN_DATA_MAX);
	assert(memcmp(login.cookie, data + layout->cookie, LOGIN_COOKIE_LEN) == 0);
	check_ip(&login.addresses.local);
	check_ip(&login.addresses.remote);
}

/* With each prefix string more, the input must begin later, by that string and its NUL. */
static void check_data(const uint8_t *data, size_t len)
{
	const unsigned char *input, *before = data;
	char session[SESSION_ID_LEN];
	size_t input_len;
	unsigned int strings;

	for (strings = 0; strings < 4; strings++) {
		if (login_request_data_parse(data, len, strings, session, &input, &input_len) < 0) {
			assert(!memchr(before, '\0', data + len - before));
			return;
		}
		assert(memchr(session, '\0', sizeof(session)));
		assert(strlen(session) <= len);
		assert(memcmp(session, data, strlen(session)) == 0);
		assert(input > before && input + input_len == data + len);
		assert(input[-1] == '\0' && !memchr(before, '\0', input - 1 - before));
		before = input;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct login_layout *const layouts[] = {&login_layout_2_3, &login_layout_2_4};
	size_t i;

	for (i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		check_request(layouts[i], data, len);
		if (len < layouts[i]->size)
			continue;
		check_request(layouts[i], data, layouts[i]->size);
		check_data(data + layouts[i]->size, len - layouts[i]->size);
	}
	return 0;
}
