// SPDX-License-Identifier: MIT
/* %{sha256:user} and the other hashes: lib/var-expand.c, var_expand_hash(). */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <nettle/base64.h>
#include <nettle/nettle-meta.h>
#include <nettle/pbkdf2.h>
#include <nettle/sha2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dovecot/expand_internal.h"
#include "base/mem.h"

#define PKCS5	     "pkcs5"
#define PKCS5_ROUNDS 2048
#define PKCS5_SIZE   336    /* lib/hmac.h: HMAC_MAX_CONTEXT_SIZE, a struct's size on 64 bits */
#define ROUNDS_MAX   100000 /* Dovecot has no limit; here it bounds how long recording is held up */

/* lib/hash-method.c. `hash` NULL: the "hash" is the number of bytes. */
static const struct method {
	const char *name;
	const struct nettle_hash *hash;
} methods[] = {
	{"md4", &nettle_md4},		{"md5", &nettle_md5},		{"sha1", &nettle_sha1},
	{"sha256", &nettle_sha256},	{"sha384", &nettle_sha384},	{"sha512", &nettle_sha512},
	{"sha3-256", &nettle_sha3_256}, {"sha3-512", &nettle_sha3_512}, {"size", NULL},
	{PKCS5, &nettle_sha256},
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))

struct hash_args {
	unsigned int rounds;
	unsigned int bits; /* to keep; 0: all */
	bool is_base64;
	struct str salt;
};

bool expand_is_hash(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < METHODS; i++) {
		if (len == strlen(methods[i].name) && !strncasecmp(name, methods[i].name, len))
			return true;
	}
	return false;
}

static const struct method *find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < METHODS; i++) {
		if (len == strlen(methods[i].name) && !strncmp(name, methods[i].name, len))
			return &methods[i];
	}
	return NULL;
}

static size_t digest_size(const struct method *method)
{
	return method->hash ? method->hash->digest_size : sizeof(uint64_t);
}

static bool parse_uint(const char *text, unsigned int *number_r)
{
	uintmax_t number;
	char *end;

	errno = 0;
	number = strtoumax(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number > UINT_MAX)
		return false;
	*number_r = number;
	return true;
}

static int parse_rounds(struct expansion *x, const char *value, unsigned int *rounds)
{
	if (!parse_uint(value, rounds))
		return expansion_fail(x, -EINVAL, "rounds='%s' is not a number", value);
	if (*rounds < 1 || *rounds > ROUNDS_MAX)
		return expansion_fail(x, -EINVAL, "rounds=%u is not between 1 and %d", *rounds,
				      ROUNDS_MAX);
	return 0;
}

static int parse_bits(struct expansion *x, const char *value, const struct method *method,
		      unsigned int *bits)
{
	if (!parse_uint(value, bits))
		return expansion_fail(x, -EINVAL, "truncate='%s' is not a number", value);
	if (*bits > digest_size(method) * 8)
		*bits = digest_size(method) * 8;
	return 0;
}

/* "hexuc" writes small letters too, as in Dovecot. */
static int parse_format(struct expansion *x, const char *value, bool *is_base64)
{
	*is_base64 = strcmp(value, "base64") == 0;
	if (!*is_base64 && strcmp(value, "hex") != 0 && strcmp(value, "hexuc") != 0)
		return expansion_fail(x, -EINVAL, "unknown format '%s': use hex, hexuc or base64",
				      value);
	return 0;
}

/* An unknown variable in the salt is no error: Dovecot uses what it writes in its place. */
static int parse_salt(struct expansion *x, const char *value, struct str *salt)
{
	struct str no_error = {0}, *error = x->error;
	int ret;

	str_clear(salt);
	x->error = error ? &no_error : NULL;
	ret = x->text(x, value, salt);
	x->error = error;
	if (ret == -EINVAL && error)
		expansion_fail(x, ret, "%s", str_text(&no_error));
	str_free(&no_error);
	return ret == -EINVAL ? ret : 0;
}

/* "rounds=2,truncate=32,format=base64,salt=%n". The salt extends to the end; unknown arguments are
 * ignored. Changes `text`. */
static int parse_args(struct expansion *x, char *text, const struct method *method,
		      struct hash_args *args)
{
	char *arg, *value;
	int ret = 0;

	while (!ret && (arg = strsep(&text, ","))) {
		value = strchr(arg, '=');
		if (!value)
			continue;
		*value++ = '\0';
		if (!strcmp(arg, "salt"))
			return parse_salt(x, value, &args->salt);
		if (!strcmp(arg, "rounds"))
			ret = parse_rounds(x, value, &args->rounds);
		else if (!strcmp(arg, "truncate"))
			ret = parse_bits(x, value, method, &args->bits);
		else if (!strcmp(arg, "format"))
			ret = parse_format(x, value, &args->is_base64);
	}
	return ret;
}

/* Replaces `data` with its hash, as often as args->rounds says. */
static void hash_rounds(const struct nettle_hash *hash, const struct hash_args *args,
			struct str *data)
{
	uint8_t digest[SHA512_DIGEST_SIZE]; /* none is larger */
	void *context = mem_alloc(hash->context_size);
	unsigned int i;

	for (i = 0; i < args->rounds; i++) {
		hash->init(context);
		hash->update(context, args->salt.len, (const uint8_t *)str_text(&args->salt));
		hash->update(context, data->len, (const uint8_t *)str_text(data));
		hash->digest(context, hash->digest_size, digest);
		str_clear(data);
		str_append(data, digest, hash->digest_size);
	}
	free(context);
}

static void size_rounds(const struct hash_args *args, struct str *data)
{
	uint64_t size = data->len;
	unsigned char digest[sizeof(size)];
	size_t i;

	if (args->rounds > 1)
		size = sizeof(size);
	size += args->salt.len;
	for (i = 0; i < sizeof(digest); i++)
		digest[i] = size >> 8 * (sizeof(digest) - 1 - i);
	str_clear(data);
	str_append(data, digest, sizeof(digest));
}

static void pkcs5(const struct hash_args *args, struct str *data)
{
	uint8_t key[PKCS5_SIZE];

	pbkdf2_hmac_sha256(data->len, (const uint8_t *)str_text(data), args->rounds, args->salt.len,
			   (const uint8_t *)str_text(&args->salt), sizeof(key), key);
	str_clear(data);
	str_append(data, key, sizeof(key));
}

/* Keeps the first bits, shifted right so that the last of them is the last bit:
 * lib/buffer.c, buffer_truncate_rshift_bits(). */
static void keep_bits(struct str *data, unsigned int bits)
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

static void append_hex(const struct str *data, struct str *out)
{
	size_t i;

	for (i = 0; i < data->len; i++)
		str_printf(out, "%02x", (unsigned char)data->data[i]);
}

static void append_base64(const struct str *data, struct str *out)
{
	char *text = mem_alloc(BASE64_ENCODE_RAW_LENGTH(data->len));

	base64_encode_raw(text, data->len, (const uint8_t *)str_text(data));
	str_append(out, text, BASE64_ENCODE_RAW_LENGTH(data->len));
	free(text);
}

static void append_hash(const struct method *method, const struct hash_args *args, struct str *data,
			struct str *out)
{
	if (!strcmp(method->name, PKCS5))
		pkcs5(args, data);
	else if (method->hash)
		hash_rounds(method->hash, args, data);
	else
		size_rounds(args, data);
	if (args->bits)
		keep_bits(data, args->bits);
	if (args->is_base64)
		append_base64(data, out);
	else
		append_hex(data, out);
}

int expand_hash(struct expansion *x, const char *key, const char *field, struct str *out)
{
	size_t len = strcspn(key, ";");
	const struct method *method = find(key, len);
	struct hash_args args = {.rounds = 1};
	struct str data = {0};
	char *text = NULL;
	int ret;

	if (!method) /* Dovecot knows "SHA256" as a function, but finds no such method then */
		return expansion_fail(x, -ENOENT, "unknown variable '%%%s'", key);
	ret = x->variable(x, field, &data);
	if (ret)
		goto out;
	if (!strcmp(method->name, PKCS5)) {
		args.rounds = PKCS5_ROUNDS;
		str_append_text(&args.salt, field);
	}
	if (key[len]) {
		text = mem_strdup(key + len + 1);
		ret = parse_args(x, text, method, &args);
	}
	if (!ret)
		append_hash(method, &args, &data, out);
out:
	free(text);
	str_free(&args.salt);
	str_free(&data);
	return ret;
}
