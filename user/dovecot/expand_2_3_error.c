// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdarg.h>

#include "dovecot/expand_2_3.h"
#include "dovecot/expand_parts.h"

int expansion_fail(struct expansion *x, int ret, const char *format, ...)
{
	va_list args;

	if (!x->error || (ret == -ENOENT && x->error->len))
		return ret;
	va_start(args, format);
	expand_say(x->error, format, args);
	va_end(args);
	return ret;
}
