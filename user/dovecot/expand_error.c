// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dovecot/expand_internal.h"

int expansion_fail(struct expansion *x, int ret, const char *format, ...)
{
	char *text, *byte;
	va_list args;
	int len;

	if (!x->error || (ret == -ENOENT && x->error->len))
		return ret;
	str_clear(x->error);
	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		abort();
	for (byte = text; *byte; byte++) {
		if ((unsigned char)*byte < ' ' || *byte == 127)
			*byte = '?';
	}
	str_append(x->error, text, len);
	free(text);
	return ret;
}
