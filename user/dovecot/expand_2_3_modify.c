// SPDX-License-Identifier: MIT
/* The modifiers of lib/var-expand.c. Upper and lower case are ASCII's: Dovecot sets no locale. */
#include <errno.h>
#include <inttypes.h>
#include <nettle/md5.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dovecot/expand_2_3.h"

typedef void modify_fn(struct str *value, struct cut *cut);

/* `with` is freed by its new owner, `value`. */
static void replace(struct str *value, struct str *with)
{
	str_free(value);
	*value = *with;
}

static void to_lower(struct str *value, struct cut *cut)
{
	size_t i;

	for (i = 0; i < value->len; i++) {
		if (value->data[i] >= 'A' && value->data[i] <= 'Z')
			value->data[i] += 'a' - 'A';
	}
}

static void to_upper(struct str *value, struct cut *cut)
{
	size_t i;

	for (i = 0; i < value->len; i++) {
		if (value->data[i] >= 'a' && value->data[i] <= 'z')
			value->data[i] -= 'a' - 'A';
	}
}

/* lib/strescape.c: str_nescape() */
static void escape(struct str *value, struct cut *cut)
{
	struct str escaped = {0};
	size_t i;

	for (i = 0; i < value->len; i++) {
		if (strchr("\"\\'", value->data[i]))
			str_append_text(&escaped, "\\");
		str_append(&escaped, value->data + i, 1);
	}
	replace(value, &escaped);
}

/* A decimal number becomes hexadecimal, any other text 0. */
static void to_hex(struct str *value, struct cut *cut)
{
	const char *text = str_text(value);
	uintmax_t number;
	char *end;

	errno = 0;
	number = strtoumax(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno)
		number = 0;
	str_clear(value);
	str_printf(value, "%jx", number);
}

static void reverse(struct str *value, struct cut *cut)
{
	struct str reversed = {0};
	size_t i;

	for (i = value->len; i > 0; i--)
		str_append(&reversed, value->data + i - 1, 1);
	replace(value, &reversed);
}

/* %2.256Nu: the hash modulo 256, with at least two digits. Width and offset have no other effect. */
static void set_hash(struct str *value, unsigned int hash, struct cut *cut)
{
	str_clear(value);
	str_printf(value, "%0*x", cut->offset > 0 ? cut->offset : 1, hash);
	*cut = (struct cut){.zeros = cut->zeros};
}

/* lib/hash.c: str_hash() */
static void old_hash(struct str *value, struct cut *cut)
{
	unsigned int hash = 0, high;
	size_t i;

	for (i = 0; i < value->len; i++) {
		hash = (hash << 4) + (unsigned char)value->data[i];
		high = hash & 0xf0000000;
		hash ^= high >> 24 ^ high;
	}
	if (cut->width)
		hash %= (unsigned int)cut->width;
	set_hash(value, hash, cut);
}

static void md5_of(const struct str *value, unsigned char digest[MD5_DIGEST_SIZE])
{
	struct md5_ctx md5;

	md5_init(&md5);
	md5_update(&md5, value->len, (const uint8_t *)str_text(value));
	md5_digest(&md5, MD5_DIGEST_SIZE, digest);
}

/* The first eight bytes of the MD5 sum modulo the width, of which the last four are written. */
static void new_hash(struct str *value, struct cut *cut)
{
	unsigned char digest[MD5_DIGEST_SIZE];
	uint64_t hash = 0;
	size_t i;

	md5_of(value, digest);
	for (i = 0; i < sizeof(hash); i++)
		hash = hash << 8 | digest[i];
	if (cut->width)
		hash %= (uint64_t)cut->width;
	set_hash(value, hash, cut);
}

static void to_md5(struct str *value, struct cut *cut)
{
	unsigned char digest[MD5_DIGEST_SIZE];
	size_t i;

	md5_of(value, digest);
	str_clear(value);
	for (i = 0; i < sizeof(digest); i++)
		str_printf(value, "%02x", digest[i]);
}

static void ldap_dn(struct str *value, struct cut *cut)
{
	struct str dn = {0};
	size_t i;

	for (i = 0; i < value->len; i++) {
		if (value->data[i] == '.')
			str_append_text(&dn, ",dc=");
		else
			str_append(&dn, value->data + i, 1);
	}
	replace(value, &dn);
}

static void trim_end(struct str *value, struct cut *cut)
{
	while (value->len && strchr(" \t\n\v\f\r", value->data[value->len - 1]))
		value->data[--value->len] = '\0';
}

static const struct modifier {
	char letter;
	modify_fn *modify;
} modifiers[] = {
	{'L', to_lower}, {'U', to_upper}, {'E', escape}, {'X', to_hex},	 {'R', reverse},
	{'H', old_hash}, {'N', new_hash}, {'M', to_md5}, {'D', ldap_dn}, {'T', trim_end},
};

static const struct modifier *find(char letter)
{
	size_t i;

	for (i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++) {
		if (modifiers[i].letter == letter)
			return &modifiers[i];
	}
	return NULL;
}

bool expand_is_modifier(char letter)
{
	return find(letter) != NULL;
}

void expand_modify(char letter, struct str *value, struct cut *cut)
{
	find(letter)->modify(value, cut);
}
