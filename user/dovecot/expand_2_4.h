/* SPDX-License-Identifier: MIT */
/*
 * What the files of the expander of 2.4 share. A text has literals and programs,
 * %{...}. A program is calls, separated by '|'; the first can be a variable. They
 * pass one value on: a call that fails leaves none, which is an error, if not the
 * next one does without.
 */
#ifndef EXPAND_2_4_H
#define EXPAND_2_4_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "dovecot/expand.h"

/* Functions that expand return 0; -EINVAL: an error in Dovecot, too, which the filter `default` can
 * make up for; -ENOTSUP: not known or not done here, and no filter helps; or this. */
#define VARIES 1 /* in a check: the values, which are not known, decide */

struct arg {
	char *name; /* in small letters; NULL: positional */
	enum { ARG_TEXT, ARG_NUMBER, ARG_VARIABLE } type;
	char *text; /* of a variable: its name */
	intmax_t number;
	struct str value; /* what it is worth; of a number: `number` */
};

struct call {
	char *name;
	struct arg *args;
	unsigned int count, positional; /* of args; these come in their order */
};

struct program {
	struct call *calls;
	unsigned int count;
};

struct run {
	const struct expander *expander;
	const struct expand_vars *vars; /* NULL: a check, which knows no values */
	struct str value;		/* what the last call has made */
	bool set;			/* there is one */
	bool binary;			/* it will become hexadecimal digits */
	bool varies; /* in a check: neither it is known, nor whether there is one; then `set` is false */
	struct str delayed; /* the error of the last call; empty: it made no error */
	struct str why;	    /* the last error */
};

/* A filter. Surplus arguments are an error, if it does not ignore them or repeat its last kind. */
struct filter {
	const char *name;
	const char *action; /* what it does to the value, for errors; NULL: it needs none */
	const char *kinds;  /* of positional arguments, see arg_eval(); NULL: `run` evaluates all */
	unsigned int needs; /* so many of these */
	const char *named;  /* NAME, kind, and a space each: "rounds:n salt:s " */
	enum { SURPLUS_REFUSED, SURPLUS_IGNORED, SURPLUS_REPEATS } surplus;
	int (*run)(struct run *run, struct call *call);
	bool makes_binary; /* in a check, for expander->forgives */
	bool is_new;	   /* only where expander->has_switch */
};

/* Each ends with a row without a name. */
extern const struct filter filters_of_text[], filters_of_bytes[], filters_of_choice[];

/* Reads a program from `text`, which is behind its "%{", and moves that behind its '}'. 0, and
 * program_free() frees it; -EINVAL: one line in `why`. */
int program_parse(const char **text, struct program *program_r, struct str *why);
void program_free(struct program *program);

/* Appends a variable's value. In a check VARIES, if there is one of that name. */
int variable_get(struct run *run, const char *name, struct str *out);
/* Is it of a kind that is not known here? -ENOTSUP or 0. */
int variable_check(struct run *run, const char *name);

/* Evaluates it as a number (kind 'n'), a text ('s'), or a text or number that becomes one ('a'). */
int arg_eval(struct run *run, struct arg *arg, char kind);
/* NULL: it is not given */
struct arg *arg_at(struct call *call, unsigned int position);
struct arg *arg_named(struct call *call, const char *name);

/* These replace the value by a text, which ends at a NUL; by data, binary if it was; by binary data.
 * The latter two take over `data`. */
void value_set_text(struct run *run, const char *text);
void value_set_data(struct run *run, struct str *data);
void value_set_binary(struct run *run, struct str *data);

/* Puts a line into run->why, and returns `ret`. */
int run_fail(struct run *run, int ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* See struct expander. */
bool expand_is_old(const char *text, struct str *why);

/* The bytes of the UTF-8 character at the text's beginning. 0: it is cut off; -1: there is none. */
int utf8_char(const char *text);

#endif
