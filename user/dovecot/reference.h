/* SPDX-License-Identifier: MIT */
/*
 * Words of a setting's value that stand for something else, which doveconf prints
 * as they are: "$NAME" in 2.3, "$SET:NAME" and "$ENV:NAME" in 2.4
 * (config-parser.c: config_write_keyvariable()). The last kind is of the
 * environment that Dovecot was started with, which nobody else knows. Pure.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stddef.h>

/* The first one, and its length; NULL: there is none. In quotes it would be literal, but nobody who reads
 * what doveconf prints can tell. */
const char *reference_find(const char *value, size_t *len_r);

#endif
