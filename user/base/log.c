// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/printable.h"

static bool debug;
static log_writer *writer;

void log_set_debug(bool on)
{
	debug = on;
}

bool log_is_debug(void)
{
	return debug;
}

void log_set_writer(log_writer *new_writer)
{
	writer = new_writer;
}

static size_t format_line(char line_r[LOG_LINE_SIZE], enum log_level level, const char *format,
			  va_list args)
{
	static const char *const prefix[] = {
		[LOG_LEVEL_ERROR] = "error: ",
		[LOG_LEVEL_WARN] = "warning: ",
		[LOG_LEVEL_INFO] = "",
		[LOG_LEVEL_DEBUG] = "debug: ",
	};
	char text[LOG_TEXT_SIZE], priority[8] = "";
	struct str shown = {0};
	size_t size;

	vsnprintf(text, sizeof(text), format, args);
	printable_append(&shown, text, strlen(text));
	if (getenv("JOURNAL_STREAM"))
		snprintf(priority, sizeof(priority), "<%d>", level);
	size = snprintf(line_r, LOG_LINE_SIZE, "%srawtap: %s%s\n", priority, prefix[level],
			str_text(&shown));
	str_free(&shown);
	return size;
}

size_t log_format(char line_r[LOG_LINE_SIZE], enum log_level level, const char *format, ...)
{
	va_list args;
	size_t size;

	va_start(args, format);
	size = format_line(line_r, level, format, args);
	va_end(args);
	return size;
}

void log_write(const char *line, size_t size)
{
	/* Whose description it is may have set O_NONBLOCK. */
	struct pollfd writable = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t written;

	while (size) {
		written = write(STDERR_FILENO, line, size);
		if (written >= 0) {
			line += written;
			size -= written;
		} else if (errno == EAGAIN) {
			poll(&writable, 1, -1);
		} else if (errno != EINTR) {
			return;
		}
	}
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_SIZE];
	va_list args;
	size_t size;

	if (level == LOG_LEVEL_DEBUG && !debug)
		return;
	va_start(args, format);
	size = format_line(line, level, format, args);
	va_end(args);
	if (writer)
		writer(level, line, size);
	else
		log_write(line, size);
}
