/* SPDX-License-Identifier: MIT */
/* What the expanders share: hashes as lib/hash-method.c has them, and numbers as lib/strnum.c reads
 * them. Pure. */
#ifndef EXPAND_PARTS_H
#define EXPAND_PARTS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Replaces the text by one line, in which control characters become '?'. */
void expand_say(struct str *error, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

#define DIGEST_ROUNDS_MAX                                                                          \
	100000 /* Dovecot has no limit; here it bounds how long recording is held up */

struct nettle_hash;

/* `hash` NULL: the "hash" is the number of bytes. */
struct digest {
	const char *name;
	const struct nettle_hash *hash;
};

/* NULL: there is none of that name. */
const struct digest *digest_find(const char *name, size_t len);
size_t digest_size(const struct digest *digest);
/* Replaces `data` with the hash of salt and data, `rounds` times. */
void digest_rounds(const struct digest *digest, unsigned int rounds, const struct str *salt,
		   struct str *data);
/* Keeps the first bits, shifted right so that the last of them is the last bit:
 * lib/buffer.c, buffer_truncate_rshift_bits(). There must be so many. */
void digest_keep_bits(struct str *data, size_t bits);
/* Appends small hexadecimal digits, two for each byte. */
void digest_append_hex(const struct str *data, struct str *out);
/* [-]DIGITS and nothing else; false: it is not that, or too large. */
bool number_parse(const char *text, intmax_t *number_r);
/* DIGITS of that base and nothing else */
bool number_parse_unsigned(const char *text, int base, uintmax_t *number_r);
/* Does the text match the mask? As lib/wildcard-match.c: only * and ? are special. */
bool expand_like(const char *text, const char *mask);

#endif
