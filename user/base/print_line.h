/* SPDX-License-Identifier: MIT */
/* A line on standard output, shown as base/printable.h says. */
#ifndef PRINT_LINE_H
#define PRINT_LINE_H

void print_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
