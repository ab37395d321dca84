// SPDX-License-Identifier: MIT
#include "dovecot/imap_args.h"

bool imap_literal_byte(struct imap_literal *literal, unsigned char c)
{
	bool begins = false;

	if (c == '{') {
		*literal = (struct imap_literal){.state = LITERAL_DIGITS};
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

bool imap_is_atom(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '(' && c != ')' && c != '{' && c != '"';
}

static enum imap_arg args_next(struct imap_args *args, unsigned char c)
{
	switch (c) {
	case ' ':
		return ARG_NONE;
	case '\r':
		return ARG_CR;
	case '"':
		return ARG_STRING;
	case '{':
		imap_literal_byte(&args->literal, c);
		return ARG_LITERAL;
	case '(':
		args->depth++;
		return ARG_NONE;
	case ')':
		return args->depth && args->depth-- ? ARG_NONE : ARG_BROKEN;
	case '~':
		return ARG_TILDE;
	default:
		return imap_is_atom(c) ? ARG_ATOM : ARG_BROKEN;
	}
}

static enum imap_arg args_step(struct imap_args *args, unsigned char c)
{
	switch (args->state) {
	case ARG_NONE:
		return args_next(args, c);
	case ARG_TILDE:
		if (c == '{' && args->literal8)
			return args_next(args, c);
		/* fall through */
	case ARG_ATOM:
		if (c == ' ' || c == '\r' || (c == ')' && args->depth))
			return args_next(args, c);
		return imap_is_atom(c) ? ARG_ATOM : ARG_BROKEN;
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
		imap_literal_byte(&args->literal, c);
		return args->literal.state == LITERAL_NONE ? ARG_BROKEN : ARG_LITERAL;
	case ARG_CR:
	case ARG_BROKEN:
		break;
	}
	return ARG_BROKEN;
}

enum imap_args_then imap_args_byte(struct imap_args *args, unsigned char c)
{
	if (c != '\n') {
		args->state = args_step(args, c);
		return IMAP_ARGS_GO_ON;
	}
	if (args->state != ARG_LITERAL || !imap_literal_byte(&args->literal, c))
		return IMAP_ARGS_END;
	args->state = ARG_NONE;
	return IMAP_ARGS_LITERAL;
}
