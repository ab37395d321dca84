// SPDX-License-Identifier: MIT
#include <stdarg.h>

#include "dovecot/expand_2_4.h"
#include "dovecot/expand_parts.h"

int run_fail(struct run *run, int ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	expand_say(&run->why, format, args);
	va_end(args);
	return ret;
}

void value_set_data(struct run *run, struct str *data)
{
	str_free(&run->value);
	str_append(data, "", 0); /* so that there are bytes, even if none */
	run->value = *data;
	run->set = true;
	run->varies = false;
	*data = (struct str){0};
}

void value_set_binary(struct run *run, struct str *data)
{
	value_set_data(run, data);
	run->binary = true;
}

void value_set_text(struct run *run, const char *text)
{
	struct str copy = {0};

	str_append_text(&copy, text);
	value_set_data(run, &copy);
	run->binary = false;
}
