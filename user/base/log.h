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

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

void log_set_debug(bool on);
bool log_is_debug(void);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
