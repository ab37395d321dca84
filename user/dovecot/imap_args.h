/* SPDX-License-Identifier: MIT */
/*
 * An IMAP command's arguments, as lib-imap/imap-parser.c (2.3.19.1) reads
 * them: only as far as it takes to know whether a {n} at a line's end is a
 * literal. Pure.
 */
#ifndef IMAP_ARGS_H
#define IMAP_ARGS_H

#include <stdbool.h>
#include <stdint.h>

/* {123+} CR LF. Zeroed: none. */
struct imap_literal {
	enum { LITERAL_NONE, LITERAL_DIGITS, LITERAL_PLUS, LITERAL_CLOSED, LITERAL_CR } state;
	bool nonsync;  /* "+": the client does not wait for the server */
	uint64_t size; /* bytes; UINT64_MAX: that, or more */
};

/* One byte of it. True: the literal's bytes follow. `state` is LITERAL_NONE if the byte does not fit. */
bool imap_literal_byte(struct imap_literal *literal, unsigned char c);

/* Where in an argument list. */
enum imap_arg {
	ARG_NONE, /* between two arguments */
	ARG_ATOM,
	ARG_TILDE, /* an atom that is "~" so far */
	ARG_STRING,
	ARG_ESCAPE,  /* in a string, after '\' */
	ARG_LITERAL, /* after the opening brace */
	ARG_CR,
	ARG_BROKEN, /* not an argument list */
};

/* Zeroed: the beginning. */
struct imap_args {
	enum imap_arg state;
	unsigned int depth; /* open parentheses */
	bool literal8;	    /* "~{n}" is a literal, too */
	struct imap_literal literal;
};

enum imap_args_then {
	IMAP_ARGS_GO_ON,
	IMAP_ARGS_LITERAL, /* literal.size bytes follow, then more of the list */
	IMAP_ARGS_END,	   /* this byte has ended the line */
};

enum imap_args_then imap_args_byte(struct imap_args *args, unsigned char c);

/* Can it be in an atom? */
bool imap_is_atom(unsigned char c);

#endif
