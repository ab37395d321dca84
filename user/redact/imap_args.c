// SPDX-License-Identifier: MIT
/* An IMAP command's arguments: those of LOGIN are replaced by marks, all others pass. */
#include <string.h>

#include "redact/redact_internal.h"

/* IMAP_LOGIN_MAX_LINE_LENGTH: a larger literal ends the connection. */
#define LITERAL_MAX 8192

void redact_literal_begin(struct redact *redact, enum client_state state, enum client_state after)
{
	redact->left = redact->list.literal.size;
	redact->left_waits = !redact->list.literal.nonsync;
	redact->go_ahead += redact->left_waits;
	redact->state = redact->left ? state : after;
	redact->after = after;
}

void redact_args_begin(struct redact *redact, enum client_state state)
{
	redact->state = state;
	redact->list = (struct imap_args){0};
	redact->args = 0;
}

enum args_then redact_args(struct redact *redact, unsigned char c)
{
	redact_put(redact, redact->client_dir, &c, 1);
	switch (imap_args_byte(&redact->list, c)) {
	case IMAP_ARGS_GO_ON:
		return ARGS_GO_ON;
	case IMAP_ARGS_LITERAL:
		if (redact->list.literal.size > LITERAL_MAX)
			break;
		redact_literal_begin(redact, CLIENT_BYTES, CLIENT_ARGS);
		return ARGS_GO_ON;
	case IMAP_ARGS_END:
		break;
	}
	return ARGS_LINE_END;
}

/* {4+} CR LF becomes {8+} CR LF, and the literal MARK_TEXT, which has 8 bytes. */
static enum args_then login_literal(struct redact *redact, unsigned char c)
{
	struct imap_literal *literal = &redact->list.literal;
	bool cr = literal->state == LITERAL_CR;

	if (c != '{' && imap_literal_byte(literal, c)) {
		redact_replace(redact, literal->nonsync ? "{8+}" : "{8}");
		redact_put_text(redact, cr ? "\r\n" : "\n");
		redact->args++;
		redact->list.state = ARG_NONE;
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
		imap_literal_byte(&redact->list.literal, c);
		redact_hold(redact, c);
		redact->list.state = ARG_LITERAL;
		return ARGS_GO_ON;
	default:
		if (c != '"' && !imap_is_atom(c))
			break;
		redact_put_text(redact, MARK_QUOTED);
		redact->args++;
		redact->list.state = c == '"' ? ARG_STRING : ARG_ATOM;
		return ARGS_GO_ON;
	}
	return ARGS_REST_QUOTED;
}

enum args_then redact_login(struct redact *redact, unsigned char c)
{
	switch (redact->list.state) {
	case ARG_ATOM:
		if (imap_is_atom(c))
			return ARGS_GO_ON;
		if (c != ' ' && c != '\r' && c != '\n')
			return ARGS_REST;
		redact->list.state = ARG_NONE;
		/* fall through */
	case ARG_NONE:
		return login_next(redact, c);
	case ARG_STRING:
	case ARG_ESCAPE:
		if (c == '\r' || c == '\n' || c == '\0')
			return ARGS_REST;
		if (redact->list.state == ARG_ESCAPE)
			redact->list.state = ARG_STRING;
		else if (c == '"')
			redact->list.state = ARG_NONE;
		else if (c == '\\')
			redact->list.state = ARG_ESCAPE;
		return ARGS_GO_ON;
	case ARG_LITERAL:
		return login_literal(redact, c);
	case ARG_TILDE:
	case ARG_CR:
	case ARG_BROKEN:
		break; /* not in LOGIN's arguments: ARGS_REST instead */
	}
	return ARGS_GO_ON;
}
