// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"

static bool debug;

void log_set_debug(bool on)
{
	debug = on;
}

bool log_is_debug(void)
{
	return debug;
}

void log_line(enum log_level level, const char *format, ...)
{
	static const char *const prefix[] = {
		[LOG_LEVEL_ERROR] = "error: ",
		[LOG_LEVEL_WARN] = "warning: ",
		[LOG_LEVEL_INFO] = "",
		[LOG_LEVEL_DEBUG] = "debug: ",
	};
	struct str shown = {0};
	char text[2048];
	va_list args;

	if (level == LOG_LEVEL_DEBUG && !debug)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printable_append(&shown, text, strlen(text));
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>", level);
	fprintf(stderr, "rawtap: %s%s\n", prefix[level], str_text(&shown));
	str_free(&shown);
}
