// SPDX-License-Identifier: MIT
/* %{sha256:user} and the other hashes: lib/var-expand.c, var_expand_hash(). */
#include <errno.h>
#include <limits.h>
#include <nettle/base64.h>
#include <nettle/pbkdf2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dovecot/expand_2_3.h"
#include "dovecot/expand_parts.h"
#include "base/mem.h"

#define PKCS5	     "pkcs5"
#define PKCS5_ROUNDS 2048
#define PKCS5_SIZE   336 /* lib/hmac.h: HMAC_MAX_CONTEXT_SIZE, a struct's size on 64 bits */

struct hash_args {
	unsigned int rounds;
	unsigned int bits; /* to keep; 0: all */
	bool is_base64;
	struct str salt;
};

static bool is_pkcs5(const char *name, size_t len)
{
	return len == strlen(PKCS5) && !strncmp(name, PKCS5, len);
}

/* What is hashed with; NULL: there is no such method. */
static const struct digest *find(const char *name, size_t len)
{
	return is_pkcs5(name, len) ? digest_find("sha256", strlen("sha256")) :
				     digest_find(name, len);
}

bool expand_is_hash(const char *name, size_t len)
{
	char small[sizeof("sha3-512")];
	size_t i;

	if (len >= sizeof(small))
		return false;
	for (i = 0; i < len; i++)
		small[i] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i];
	return find(small, len) != NULL;
}

static bool parse_uint(const char *text, unsigned int *number_r)
{
	uintmax_t number;

	if (!number_parse_unsigned(text, 10, &number) || number > UINT_MAX)
		return false;
	*number_r = number;
	return true;
}

static int parse_rounds(struct expansion *x, const char *value, unsigned int *rounds)
{
	if (!parse_uint(value, rounds))
		return expansion_fail(x, -EINVAL, "rounds='%s' is not a number", value);
	if (*rounds < 1 || *rounds > DIGEST_ROUNDS_MAX)
		return expansion_fail(x, -EINVAL, "rounds=%u is not between 1 and %d", *rounds,
				      DIGEST_ROUNDS_MAX);
	return 0;
}

static int parse_bits(struct expansion *x, const char *value, const struct digest *digest,
		      unsigned int *bits)
{
	if (!parse_uint(value, bits))
		return expansion_fail(x, -EINVAL, "truncate='%s' is not a number", value);
	if (*bits > digest_size(digest) * 8)
		*bits = digest_size(digest) * 8;
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
static int parse_args(struct expansion *x, char *text, const struct digest *digest,
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
			ret = parse_bits(x, value, digest, &args->bits);
		else if (!strcmp(arg, "format"))
			ret = parse_format(x, value, &args->is_base64);
	}
	return ret;
}

static void pkcs5(const struct hash_args *args, struct str *data)
{
	uint8_t key[PKCS5_SIZE];

	pbkdf2_hmac_sha256(data->len, (const uint8_t *)str_text(data), args->rounds, args->salt.len,
			   (const uint8_t *)str_text(&args->salt), sizeof(key), key);
	str_clear(data);
	str_append(data, key, sizeof(key));
}

static void append_base64(const struct str *data, struct str *out)
{
	char *text = mem_alloc(BASE64_ENCODE_RAW_LENGTH(data->len));

	base64_encode_raw(text, data->len, (const uint8_t *)str_text(data));
	str_append(out, text, BASE64_ENCODE_RAW_LENGTH(data->len));
	free(text);
}

static void append_hash(const struct digest *digest, bool pkcs, const struct hash_args *args,
			struct str *data, struct str *out)
{
	if (pkcs)
		pkcs5(args, data);
	else
		digest_rounds(digest, args->rounds, &args->salt, data);
	if (args->bits)
		digest_keep_bits(data, args->bits);
	if (args->is_base64)
		append_base64(data, out);
	else
		digest_append_hex(data, out);
}

int expand_hash(struct expansion *x, const char *key, const char *field, struct str *out)
{
	size_t len = strcspn(key, ";");
	const struct digest *digest = find(key, len);
	bool pkcs = is_pkcs5(key, len);
	struct hash_args args = {.rounds = 1};
	struct str data = {0};
	char *text = NULL;
	int ret;

	if (!digest) /* Dovecot knows "SHA256" as a function, but finds no such method then */
		return expansion_fail(x, -ENOENT, "unknown variable '%%%s'", key);
	ret = x->variable(x, field, &data);
	if (ret)
		goto out;
	if (pkcs) {
		args.rounds = PKCS5_ROUNDS;
		str_append_text(&args.salt, field);
	}
	if (key[len]) {
		text = mem_strdup(key + len + 1);
		ret = parse_args(x, text, digest, &args);
	}
	if (!ret)
		append_hash(digest, pkcs, &args, &data, out);
out:
	free(text);
	str_free(&args.salt);
	str_free(&data);
	return ret;
}
