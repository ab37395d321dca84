/* SPDX-License-Identifier: MIT */
/*
 * What the files of expand share. Functions that expand return 0; -ENOENT: a
 * variable is unknown, and what Dovecot writes instead is in the result; or
 * -EINVAL. Dovecot has 1, 0 and -1 there, and it makes a difference: a salt
 * may have unknown variables in it, and is used.
 */
#ifndef EXPAND_INTERNAL_H
#define EXPAND_INTERNAL_H

#include <stdbool.h>

#include "base/str.h"

struct expand_vars;

struct expansion {
	const struct expand_vars *vars;
	struct str *error; /* one line; NULL: nobody asks */
	bool is_check;	   /* what depends on values is right */
	int depth;	   /* of texts in texts */
	/* Of what stands inside a function: a text with variables in it; what %{...} holds, the name of
	 * a variable or function:argument. Both add to `out`. */
	int (*text)(struct expansion *x, const char *text, struct str *out);
	int (*variable)(struct expansion *x, const char *key, struct str *out);
};

/* Which part of a value is wanted, how wide, and padded with zeros? Negative ones count from the
 * value's end. Some modifiers use them up. */
struct cut {
	int offset;
	int width;
	bool zeros;
};

/* %{if;...}: `key` and `field` are what stands before and behind the first ':'. */
int expand_if(struct expansion *x, const char *key, const char *field, struct str *out);

/* Is it the name of a hash function, in whatever case? */
bool expand_is_hash(const char *name, size_t len);
/* %{sha256;rounds=...:field} */
int expand_hash(struct expansion *x, const char *key, const char *field, struct str *out);

/* One of %L, %U and so on: true, if there is such a letter. */
bool expand_is_modifier(char letter);
void expand_modify(char letter, struct str *value, struct cut *cut);

/* Says why, returns `ret`. -EINVAL ends it all, so it has the last word; of what is unknown, the
 * first is said. */
int expansion_fail(struct expansion *x, int ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
