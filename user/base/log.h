/* SPDX-License-Identifier: MIT */
/*
 * Messages for people, one line each, on standard error: "rawtap: ...". Under
 * systemd (JOURNAL_STREAM is set) each begins with its priority, "<N>". A text
 * is cut after 2047 bytes, and shown as base/printable.h says. Never pass
 * bytes that a client sent: a password would be readable.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

void log_set_debug(bool on);
bool log_is_debug(void);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* For those who can't wait for standard error: host/log_writer.c. */

#define LOG_TEXT_SIZE 2048
/* Each byte can be shown as \xHH. */
#define LOG_LINE_SIZE (4 * LOG_TEXT_SIZE + 64)

/* Takes a line, with its end, instead of standard error. */
typedef void log_writer(enum log_level level, const char *line, size_t size);

void log_set_writer(log_writer *writer); /* NULL: none */
/* A line as log_line() writes it; its size. */
size_t log_format(char line_r[LOG_LINE_SIZE], enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Onto standard error; waits for it. What it does not take is gone. */
void log_write(const char *line, size_t size);

#endif
