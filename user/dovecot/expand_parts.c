// SPDX-License-Identifier: MIT
#include "dovecot/expand_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void expand_say(struct str *error, const char *format, va_list args)
{
	size_t i;

	str_clear(error);
	str_vprintf(error, format, args);
	for (i = 0; i < error->len; i++)
		if ((unsigned char)error->data[i] < ' ' || error->data[i] == 127)
			error->data[i] = '?';
}

static const struct digest digests[] = {
	{"md4", &nettle_md4},		{"md5", &nettle_md5},		{"sha1", &nettle_sha1},
	{"sha256", &nettle_sha256},	{"sha384", &nettle_sha384},	{"sha512", &nettle_sha512},
	{"sha3-256", &nettle_sha3_256}, {"sha3-512", &nettle_sha3_512}, {"size", NULL},
};

const struct digest *digest_find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(digests) / sizeof(digests[0]); i++)
		if (len == strlen(digests[i].name) && !strncmp(name, digests[i].name, len))
			return &digests[i];
	return NULL;
}

size_t digest_size(const struct digest *digest)
{
	return digest->hash ? digest->hash->digest_size : sizeof(uint64_t);
}

static void hash_rounds(const struct nettle_hash *hash, unsigned int rounds, const struct str *salt,
			struct str *data)
{
	uint8_t result[SHA512_DIGEST_SIZE]; /* none is larger */
	void *context = mem_alloc(hash->context_size);
	unsigned int i;

	for (i = 0; i < rounds; i++) {
		hash->init(context);
		hash->update(context, salt->len, (const uint8_t *)str_text(salt));
		hash->update(context, data->len, (const uint8_t *)str_text(data));
		hash->digest(context, hash->digest_size, result);
		str_clear(data);
		str_append(data, result, hash->digest_size);
	}
	free(context);
}

static void size_rounds(unsigned int rounds, const struct str *salt, struct str *data)
{
	uint64_t size = data->len;
	unsigned char result[sizeof(size)];
	size_t i;

	if (!rounds)
		return;
	if (rounds > 1)
		size = sizeof(size);
	size += salt->len;
	for (i = 0; i < sizeof(result); i++)
		result[i] = size >> 8 * (sizeof(result) - 1 - i);
	str_clear(data);
	str_append(data, result, sizeof(result));
}

void digest_rounds(const struct digest *digest, unsigned int rounds, const struct str *salt,
		   struct str *data)
{
	if (digest->hash)
		hash_rounds(digest->hash, rounds, salt, data);
	else
		size_rounds(rounds, salt, data);
}

void digest_keep_bits(struct str *data, size_t bits)
{
	unsigned char *bytes = (unsigned char *)data->data;
	size_t size = (bits + 7) / 8, i;
	int left = bits % 8;

	data->len = size;
	data->data[size] = '\0';
	if (!left)
		return;
	for (i = size - 1; i > 0; i--)
		bytes[i] = bytes[i] >> (8 - left) | (bytes[i - 1] & 0xff >> left) << left;
	bytes[0] >>= 8 - left;
}

void digest_append_hex(const struct str *data, struct str *out)
{
	size_t i;

	for (i = 0; i < data->len; i++)
		str_printf(out, "%02x", (unsigned char)data->data[i]);
}

bool number_parse(const char *text, intmax_t *number_r)
{
	const char *digit = text + (*text == '-');
	char *end;

	errno = 0;
	*number_r = strtoimax(text, &end, 10);
	return *digit >= '0' && *digit <= '9' && !*end && !errno;
}

bool number_parse_unsigned(const char *text, int base, uintmax_t *number_r)
{
	size_t digits = strspn(text, base == 16 ? "0123456789abcdefABCDEF" : "0123456789");

	errno = 0;
	*number_r = strtoumax(text, NULL, base);
	return digits && !text[digits] && !errno;
}

bool expand_like(const char *text, const char *mask)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		if (*mask == '*') {
			star = ++mask;
			resume = text;
		} else if (*mask == '?' || *mask == *text) {
			mask++;
			text++;
		} else if (star) {
			mask = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	return !mask[strspn(mask, "*")];
}
