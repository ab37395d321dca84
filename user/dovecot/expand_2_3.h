/* SPDX-License-Identifier: MIT */
/*
 * What the files of the expander of 2.3 share. Functions that expand return 0; -ENOENT: a
 * variable is unknown, and the result has what Dovecot writes in its place; or
 * -EINVAL (in Dovecot: 1, 0 and -1). The difference matters: a salt with
 * unknown variables is used all the same.
 */
#ifndef EXPAND_2_3_H
#define EXPAND_2_3_H

#include <stdbool.h>

#include "base/str.h"

struct expand_vars;

struct expansion {
	const struct expand_vars *vars;
	struct str *error; /* one line; NULL: not wanted */
	bool is_check;	   /* expand_check(): what depends on values counts as correct */
	int depth;	   /* of %{} in %{} */
	/* For functions to expand their arguments. text(): a text with variables in it; variable(): what
	 * stands in %{...}, a variable's name or "function:field". Both append to `out`. */
	int (*text)(struct expansion *x, const char *text, struct str *out);
	int (*variable)(struct expansion *x, const char *key, struct str *out);
};

/* %OFFSET.WIDTH: which bytes of a value are wanted, and whether it is padded with zeros. Negative
 * numbers count from the value's end. The hash modifiers use offset and width for themselves, and
 * reset them. */
struct cut {
	int offset;
	int width;
	bool zeros;
};

/* %{if;...}: `key` is what stands before the first ':', `field` what follows it. */
int expand_if(struct expansion *x, const char *key, const char *field, struct str *out);

/* Is it the name of a hash function, in capitals or not? */
bool expand_is_hash(const char *name, size_t len);
/* %{sha256;rounds=...:field} */
int expand_hash(struct expansion *x, const char *key, const char *field, struct str *out);

/* Is it the letter of a modifier: %L, %U, ...? */
bool expand_is_modifier(char letter);
/* Changes `value`. `letter` must be a modifier's. */
void expand_modify(char letter, struct str *value, struct cut *cut);

/* Puts the text into x->error and returns `ret`. A text of -EINVAL, which ends the expansion,
 * replaces what is there; of several -ENOENT the first text stays. Control characters become '?'. */
int expansion_fail(struct expansion *x, int ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
