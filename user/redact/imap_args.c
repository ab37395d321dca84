// SPDX-License-Identifier: MIT
/*
 * An IMAP command's arguments, as lib-imap/imap-parser.c (2.3.19.1) reads
 * them: to know whether a {n} at a line's end is a literal, and to replace each
 * argument of LOGIN by a mark.
 */
#include <string.h>

#include "redact/redact_internal.h"

/* IMAP_LOGIN_MAX_LINE_LENGTH: a larger literal ends the connection. */
#define LITERAL_MAX 8192

bool redact_literal_byte(struct literal *literal, unsigned char c)
{
	bool begins = false;

	if (c == '{') {
		*literal = (struct literal){.state = LITERAL_DIGITS};
	} else if (literal->state == LITERAL_DIGITS && c >= '0' && c <= '9') {
		if (literal->size > (UINT64_MAX - 9) / 10)
			literal->size = UINT64_MAX;
		else
			literal->size = literal->size * 10 + (c - '0');
	} else if (literal->state == LITERAL_DIGITS && c == '+') {
		literal->state = LITERAL_PLUS;
		literal->nonsync = true;
	} else if ((literal->state == LITERAL_DIGITS || literal->state == LITERAL_PLUS) &&
		   c == '}') {
		literal->state = LITERAL_CLOSED;
	} else if (literal->state == LITERAL_CLOSED && c == '\r') {
		literal->state = LITERAL_CR;
	} else {
		begins = literal->state >= LITERAL_CLOSED && c == '\n';
		literal->state = LITERAL_NONE;
	}
	return begins;
}

void redact_literal_begin(struct redact *redact, enum client_state state, enum client_state after)
{
	redact->left = redact->literal.size;
	redact->left_waits = !redact->literal.nonsync;
	redact->go_ahead += redact->left_waits;
	redact->state = redact->left ? state : after;
	redact->after = after;
}

void redact_args_begin(struct redact *redact, enum client_state state)
{
	redact->state = state;
	redact->arg = ARG_NONE;
	redact->args = 0;
	redact->depth = 0;
}

static bool is_atom(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '(' && c != ')' && c != '{' && c != '"';
}

static enum arg_state args_next(struct redact *redact, unsigned char c)
{
	switch (c) {
	case ' ':
		return ARG_NONE;
	case '\r':
		return ARG_CR;
	case '"':
		return ARG_STRING;
	case '{':
		redact_literal_byte(&redact->literal, c);
		return ARG_LITERAL;
	case '(':
		redact->depth++;
		return ARG_NONE;
	case ')':
		return redact->depth && redact->depth-- ? ARG_NONE : ARG_BROKEN;
	default:
		return is_atom(c) ? ARG_ATOM : ARG_BROKEN;
	}
}

static enum arg_state args_step(struct redact *redact, unsigned char c)
{
	switch (redact->arg) {
	case ARG_NONE:
		return args_next(redact, c);
	case ARG_ATOM: /* "~{" breaks it: the login process accepts no literal8 */
		if (c == ' ' || c == '\r' || (c == ')' && redact->depth))
			return args_next(redact, c);
		return is_atom(c) ? ARG_ATOM : ARG_BROKEN;
	case ARG_STRING:
		if (c == '"')
			return ARG_NONE;
		if (c == '\\')
			return ARG_ESCAPE;
		return c == '\r' || c == '\0' ? ARG_BROKEN : ARG_STRING;
	case ARG_ESCAPE:
		return c == '\r' ? ARG_BROKEN : ARG_STRING;
	case ARG_LITERAL:
		if (c == '{')
			return ARG_BROKEN;
		redact_literal_byte(&redact->literal, c);
		return redact->literal.state == LITERAL_NONE ? ARG_BROKEN : ARG_LITERAL;
	case ARG_CR:
	case ARG_BROKEN:
		break;
	}
	return ARG_BROKEN;
}

enum args_then redact_args(struct redact *redact, unsigned char c)
{
	redact_put(redact, redact->client_dir, &c, 1);
	if (c != '\n') {
		redact->arg = args_step(redact, c);
		return ARGS_GO_ON;
	}
	if (redact->arg != ARG_LITERAL || !redact_literal_byte(&redact->literal, c) ||
	    redact->literal.size > LITERAL_MAX)
		return ARGS_LINE_END;
	redact->arg = ARG_NONE;
	redact_literal_begin(redact, CLIENT_BYTES, CLIENT_ARGS);
	return ARGS_GO_ON;
}

/* {4+} CR LF becomes {8+} CR LF, and the literal MARK_TEXT, which has 8 bytes. */
static enum args_then login_literal(struct redact *redact, unsigned char c)
{
	struct literal *literal = &redact->literal;
	bool cr = literal->state == LITERAL_CR;

	if (c != '{' && redact_literal_byte(literal, c)) {
		redact_replace(redact, literal->nonsync ? "{8+}" : "{8}");
		redact_put_text(redact, cr ? "\r\n" : "\n");
		redact->args++;
		redact->arg = ARG_NONE;
		redact->mark = MARK_TEXT;
		if (!literal->size) {
			redact_put_text(redact, MARK_TEXT);
			redact->mark = NULL;
		}
		redact_literal_begin(redact, CLIENT_SWALLOW, CLIENT_LOGIN);
		return ARGS_GO_ON;
	}
	if (c != '{' && literal->state != LITERAL_NONE) {
		/* There can be any number of leading zeroes. */
		if (redact->sides[redact->client_dir].held.len < WORD_MAX)
			redact_hold(redact, c);
		return ARGS_GO_ON;
	}
	redact_replace(redact, MARK_QUOTED);
	return ARGS_REST;
}

static enum args_then login_next(struct redact *redact, unsigned char c)
{
	if (redact->args == 2)
		return ARGS_REST;
	switch (c) {
	case ' ':
	case '\t':
		redact_put(redact, redact->client_dir, &c, 1);
		return ARGS_GO_ON;
	case '{':
		redact_literal_byte(&redact->literal, c);
		redact_hold(redact, c);
		redact->arg = ARG_LITERAL;
		return ARGS_GO_ON;
	default:
		if (c != '"' && !is_atom(c))
			break;
		redact_put_text(redact, MARK_QUOTED);
		redact->args++;
		redact->arg = c == '"' ? ARG_STRING : ARG_ATOM;
		return ARGS_GO_ON;
	}
	return ARGS_REST_QUOTED;
}

enum args_then redact_login(struct redact *redact, unsigned char c)
{
	switch (redact->arg) {
	case ARG_ATOM:
		if (is_atom(c))
			return ARGS_GO_ON;
		if (c != ' ' && c != '\r' && c != '\n')
			return ARGS_REST;
		redact->arg = ARG_NONE;
		/* fall through */
	case ARG_NONE:
		return login_next(redact, c);
	case ARG_STRING:
	case ARG_ESCAPE:
		if (c == '\r' || c == '\n' || c == '\0')
			return ARGS_REST;
		if (redact->arg == ARG_ESCAPE)
			redact->arg = ARG_STRING;
		else if (c == '"')
			redact->arg = ARG_NONE;
		else if (c == '\\')
			redact->arg = ARG_ESCAPE;
		return ARGS_GO_ON;
	case ARG_LITERAL:
		return login_literal(redact, c);
	case ARG_CR:
	case ARG_BROKEN:
		break; /* not in LOGIN's arguments: ARGS_REST instead */
	}
	return ARGS_GO_ON;
}
