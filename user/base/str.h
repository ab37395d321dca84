/* SPDX-License-Identifier: MIT */
/*
 * A growable string of bytes (NUL included) that knows its length. Once
 * something was appended, `data` is not NULL and data[len] is 0.
 * Zero-initialise; the owner calls str_free(). What it no longer holds is wiped:
 * it may have been private.
 */
#ifndef STR_H
#define STR_H

#include <stdarg.h>
#include <stddef.h>

struct str {
	char *data;
	size_t len;
	size_t cap;
};

void str_append(struct str *str, const void *data, size_t size);
void str_append_text(struct str *str, const char *text);
void str_printf(struct str *str, const char *format, ...) __attribute__((format(printf, 2, 3)));
void str_vprintf(struct str *str, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
void str_consume(struct str *str, size_t size); /* drops the first bytes */
void str_clear(struct str *str);		/* keeps the memory */
const char *str_text(const struct str *str);	/* "" when empty */
void str_free(struct str *str);			/* empty afterwards */

#endif
