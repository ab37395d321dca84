// SPDX-License-Identifier: MIT
#include "base/print_line.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/printable.h"

void print_line(const char *format, ...)
{
	struct str text = {0}, shown = {0};
	va_list args;

	va_start(args, format);
	str_vprintf(&text, format, args);
	va_end(args);
	printable_append(&shown, text.data, text.len);
	puts(str_text(&shown));
	str_free(&text);
	str_free(&shown);
}
