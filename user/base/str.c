// SPDX-License-Identifier: MIT
#include "base/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void reserve(struct str *str, size_t more)
{
	size_t need = str->len + more + 1;
	struct str old = *str;

	assert(need > more);
	if (need <= str->cap)
		return;
	/* not realloc(), which leaves a copy behind */
	str->cap = need > 2 * old.cap ? need : 2 * old.cap;
	str->data = mem_resize(NULL, str->cap);
	if (old.data)
		memcpy(str->data, old.data, old.len + 1);
	str_free(&old);
}

void str_append(struct str *str, const void *data, size_t size)
{
	reserve(str, size);
	if (size)
		memcpy(str->data + str->len, data, size);
	str->len += size;
	str->data[str->len] = '\0';
}

void str_append_text(struct str *str, const char *text)
{
	str_append(str, text, strlen(text));
}

void str_vprintf(struct str *str, const char *format, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	assert(len >= 0);
	reserve(str, len);
	vsnprintf(str->data + str->len, len + 1, format, args);
	str->len += len;
}

void str_printf(struct str *str, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	str_vprintf(str, format, args);
	va_end(args);
}

void str_consume(struct str *str, size_t size)
{
	assert(size <= str->len);
	if (!size)
		return;
	str->len -= size;
	memmove(str->data, str->data + size, str->len + 1);
	mem_wipe(str->data + str->len + 1, size);
}

void str_clear(struct str *str)
{
	mem_wipe(str->data, str->len);
	str->len = 0;
}

const char *str_text(const struct str *str)
{
	return str->data ? str->data : "";
}

void str_free(struct str *str)
{
	mem_wipe(str->data, str->cap);
	free(str->data);
	*str = (struct str){0};
}
