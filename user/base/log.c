// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_SIZE 2048

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

/* Names come from outside: they must not forge lines or control a terminal, neither with ASCII's
 * control characters nor with U+0080 to U+009F in UTF-8. */
static void hide_controls(char *text)
{
	unsigned char *c;

	for (c = (unsigned char *)text; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			*c = '?';
		else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
			c[0] = c[1] = '?';
	}
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
	char text[TEXT_SIZE], priority[8] = "";

	vsnprintf(text, sizeof(text), format, args);
	hide_controls(text);
	if (getenv("JOURNAL_STREAM"))
		snprintf(priority, sizeof(priority), "<%d>", level);
	return snprintf(line_r, LOG_LINE_SIZE, "%srawtap: %s%s\n", priority, prefix[level], text);
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
