// SPDX-License-Identifier: MIT
/*
 * The client's lines. A keyword is looked for wherever the client may have
 * meant one, even if Dovecot refuses the line: after white space, without a
 * tag, with a wrong delimiter. How Dovecot 2.3.19.1 reads: imap-login's
 * client_handle_input() and cmd_authenticate(), pop3-login's
 * client_read_cmd_name() and cmd_auth(), lib-smtp's smtp-command-parser.c.
 */
#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "redact/redact_internal.h"

/* Names of mechanisms, with or without "-PLUS". Any other word may be a secret in a wrong place. */
static const char *const mechanisms[] = {
	"PLAIN",	 "LOGIN",	  "CRAM-MD5",	   "DIGEST-MD5",    "SCRAM-SHA-1",
	"SCRAM-SHA-224", "SCRAM-SHA-256", "SCRAM-SHA-384", "SCRAM-SHA-512", "SCRAM-SHA3-512",
	"XOAUTH2",	 "OAUTHBEARER",	  "EXTERNAL",	   "ANONYMOUS",	    "GSSAPI",
	"GSS-SPNEGO",	 "NTLM",	  "OTP",	   "APOP",
};

static void put(struct redact *redact, unsigned char c)
{
	redact_put(redact, redact->client_dir, &c, 1);
}

static bool is_blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

static bool holds(const struct redact *redact, const char *text)
{
	const struct str *held = &redact->sides[redact->client_dir].held;

	return held->len == strlen(text) && memcmp(str_text(held), text, held->len) == 0;
}

static void word_clear(struct redact *redact)
{
	redact->word_len = 0;
	redact->word[0] = '\0';
}

static void word_add(struct redact *redact, unsigned char c)
{
	if (redact->word_len == WORD_MAX)
		return;
	/* NUL would end the word for strcmp() */
	redact->word[redact->word_len++] = c ? toupper(c) : '?';
	redact->word[redact->word_len] = '\0';
}

static bool word_is(const struct redact *redact, const char *keyword)
{
	return strcmp(redact->word, keyword) == 0;
}

static void tag_byte(struct redact *redact, unsigned char c)
{
	if (c <= ' ')
		redact->line.tag_open = false;
	else if (redact->line.tag_open && redact->protocol == REDACT_IMAP)
		redact->line.tag = (redact->line.tag ^ c) * 0x100000001b3;
}

static void line_begin(struct redact *redact)
{
	redact->line = (struct line){
		.tag = redact->protocol == REDACT_IMAP ? TAG_HASH_INIT : 0,
		.tag_open = true,
		.response = redact->sasl,
	};
	redact->mark = NULL;
	redact->left_waits = false;
	redact->list.literal.state = LITERAL_NONE;
	redact->words = 0;
	word_clear(redact);
	if (redact->done) {
		redact->state = CLIENT_PASS;
	} else if (redact->sasl) {
		redact->state = CLIENT_RESPONSE;
	} else if (redact->data) {
		redact->state = CLIENT_DATA;
		redact->dot = 0;
	} else {
		redact->state = CLIENT_WORD;
	}
}

static void line_end(struct redact *redact)
{
	const struct line *line = &redact->line;

	redact->state = CLIENT_BEGIN;
	if (redact->line.doubtful && redact->line.kind == COMMAND_SASL)
		redact->line.kind = COMMAND_PROBE;
	if (redact->chunk_size && (redact->transaction || redact->lmtp)) {
		redact->left = redact->chunk_size;
		redact->state = CLIENT_BYTES;
		redact->after = CLIENT_BEGIN;
	}
	redact->chunk_size = 0;
	if (redact->done)
		return;
	if (line->response)
		redact_response_sent(redact, line->tag);
	else if (!line->answered || line->kind == COMMAND_SASL || line->kind == COMMAND_PROBE)
		redact_sent(redact, line->tag, line->kind);
}

static void client_byte(struct redact *redact, unsigned char c);

/* Drops `c` and all up to the line's end, and puts `mark` (NULL: nothing) in their place. */
static void rest(struct redact *redact, unsigned char c, const char *mark)
{
	redact->state = CLIENT_REST;
	redact->mark = mark;
	redact->list.literal.state = LITERAL_NONE;
	client_byte(redact, c);
}

static void args_then(struct redact *redact, unsigned char c, enum args_then then)
{
	switch (then) {
	case ARGS_GO_ON:
		break;
	case ARGS_LINE_END:
		line_end(redact);
		break;
	case ARGS_REST:
		rest(redact, c, NULL);
		break;
	case ARGS_REST_QUOTED:
		rest(redact, c, MARK_QUOTED);
		break;
	}
}

static void swallow(struct redact *redact)
{
	if (redact->mark)
		redact_put_text(redact, redact->mark);
	redact->mark = NULL;
}

/* Only CR LF passes. A literal's size at the end means that the secret continues after it. */
static void rest_byte(struct redact *redact, unsigned char c)
{
	bool literal =
		redact->protocol == REDACT_IMAP && imap_literal_byte(&redact->list.literal, c);

	if (c == '\n') {
		redact_release(redact);
		put(redact, c);
		if (!literal) {
			line_end(redact);
			return;
		}
		redact->mark = redact->line.response ? MARK_BASE64 : MARK_QUOTED;
		redact_literal_begin(redact, CLIENT_SWALLOW, CLIENT_REST);
		return;
	}
	if (holds(redact, "\r")) {
		redact_drop(redact);
		swallow(redact);
	}
	if (c == '\r')
		redact_hold(redact, c);
	else
		swallow(redact);
}

/* A response of "=" (empty) or "*" (cancel) is no secret. */
static void response_byte(struct redact *redact, unsigned char c)
{
	if (c == '\n') {
		redact_release(redact);
		put(redact, c);
		line_end(redact);
	} else if ((c == '\r' && (holds(redact, "") || holds(redact, "=") || holds(redact, "*"))) ||
		   ((c == '=' || c == '*') && holds(redact, ""))) {
		redact_hold(redact, c);
	} else if (holds(redact, "")) {
		rest(redact, c, MARK_BASE64);
	} else {
		redact_replace(redact, MARK_BASE64);
		rest(redact, c, NULL);
	}
}

static bool mechanism_known(const struct redact *redact)
{
	unsigned int i;

	for (i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		size_t len = strlen(mechanisms[i]);

		if (strncmp(redact->word, mechanisms[i], len) == 0 &&
		    (!redact->word[len] || strcmp(redact->word + len, "-PLUS") == 0))
			return true;
	}
	return false;
}

static void mechanism_end(struct redact *redact)
{
	bool known = mechanism_known(redact);

	redact->scram = !known || strncmp(redact->word, "SCRAM-", 6) == 0;
	if (known)
		redact_release(redact);
	else
		redact_replace(redact, MARK_MECH);
}

static void mechanism_byte(struct redact *redact, unsigned char c)
{
	if (!is_blank(c) && c != '\r' && c != '\n') {
		redact->line.kind = COMMAND_SASL;
		if (redact->word_len < WORD_MAX)
			redact_hold(redact, c);
		word_add(redact, c);
		return;
	}
	if (redact->word_len) {
		mechanism_end(redact);
		redact->state = CLIENT_RESPONSE;
	}
	if (is_blank(c)) {
		/* A second blank: pop3-login lists the mechanisms, the others refuse the line. */
		redact->line.doubtful |= !redact->word_len;
		put(redact, c);
	} else {
		response_byte(redact, c);
	}
}

/* What follows a wrong delimiter is a secret, too. */
static void delimiter_byte(struct redact *redact, unsigned char c)
{
	bool secret = redact->state == CLIENT_SECRET;

	word_clear(redact);
	if (is_blank(c)) {
		put(redact, c);
		redact->state = secret ? CLIENT_REST : CLIENT_MECH;
		redact->mark = MARK_TEXT;
	} else if (secret || c == '\r') {
		rest(redact, c, " " MARK_TEXT);
	} else {
		put(redact, ' ');
		redact->state = CLIENT_MECH;
		client_byte(redact, c);
	}
}

static void keyword_imap(struct redact *redact)
{
	redact->words++;
	if (word_is(redact, "LOGIN")) {
		redact->line.kind = COMMAND_LOGIN;
		redact_args_begin(redact, CLIENT_LOGIN);
	} else if (word_is(redact, "AUTHENTICATE")) {
		redact->state = CLIENT_MECH_DELIM;
	} else if (redact->words == 2) {
		redact_args_begin(redact, CLIENT_ARGS);
	} else {
		word_clear(redact);
	}
}

static void keyword_pop3(struct redact *redact)
{
	if (word_is(redact, "PASS") || word_is(redact, "APOP")) {
		redact->line.kind = COMMAND_LOGIN;
		redact->state = CLIENT_SECRET;
	} else {
		redact->state = word_is(redact, "AUTH") ? CLIENT_MECH_DELIM : CLIENT_PASS;
	}
}

static void keyword_smtp(struct redact *redact)
{
	redact->state = CLIENT_PASS;
	if (word_is(redact, "AUTH")) {
		redact->state = CLIENT_MECH_DELIM;
	} else if (word_is(redact, "MAIL")) {
		redact->line.kind = COMMAND_MAIL;
		redact->transaction = true;
	} else if (word_is(redact, "DATA")) {
		redact->line.kind = COMMAND_DATA;
	} else if (word_is(redact, "BDAT")) {
		redact->state = CLIENT_BDAT;
		redact->chunk_args = 0;
	} else if (word_is(redact, "LHLO")) {
		redact->lmtp = true;
	} else if (word_is(redact, "RSET") || word_is(redact, "EHLO") || word_is(redact, "HELO")) {
		redact->transaction = false;
	}
}

static void keyword_end(struct redact *redact)
{
	if (redact->protocol == REDACT_IMAP)
		keyword_imap(redact);
	else if (redact->protocol == REDACT_POP3)
		keyword_pop3(redact);
	else
		keyword_smtp(redact);
}

static bool word_ends(const struct redact *redact, unsigned char c)
{
	if (redact->protocol == REDACT_IMAP && redact->words == 0)
		return c <= ' ' || c == '"' || c == '(' || c == '{';
	if (isalnum(c))
		return false;
	if (redact->protocol == REDACT_IMAP)
		return c != '-' && c != '_' && c != '.';
	/* pop3-login ignores a CR in a keyword */
	return c != '\r' || redact->protocol != REDACT_POP3 || word_is(redact, "PASS") ||
	       word_is(redact, "APOP") || word_is(redact, "AUTH");
}

static void word_byte(struct redact *redact, unsigned char c)
{
	bool ends = word_ends(redact, c);

	tag_byte(redact, c);
	if (ends && c != '\n' && redact->word_len) {
		keyword_end(redact);
		if (redact->state != CLIENT_WORD) {
			client_byte(redact, c);
			return;
		}
	}
	if (c == '\n') {
		if (redact->word_len && redact->protocol != REDACT_IMAP)
			keyword_end(redact);
		put(redact, c);
		line_end(redact);
		return;
	}
	put(redact, c);
	if (!ends && c != '\r')
		word_add(redact, c);
}

/* "BDAT" SP 1*DIGIT [SP "LAST"]; no bytes follow a malformed size. */
static void bdat_byte(struct redact *redact, unsigned char c)
{
	put(redact, c);
	if (c == '\n') {
		redact->chunk_size = redact->chunk_args == 1 || redact->chunk_args == 2 ?
					     redact->list.literal.size :
					     0;
		line_end(redact);
	} else if (redact->chunk_args == 0 && redact->list.literal.state == LITERAL_NONE &&
		   c == ' ') {
		imap_literal_byte(&redact->list.literal, '{');
	} else if (redact->chunk_args < 2 && c >= '0' && c <= '9') {
		imap_literal_byte(&redact->list.literal, c);
		redact->chunk_args = 1;
	} else if (redact->chunk_args == 1 && (c == ' ' || c == '\t' || c == '\r')) {
		redact->chunk_args = 2;
	} else if (redact->chunk_args != 2) {
		redact->chunk_args = 3;
	}
}

/* The mail ends as in lib-mail/istream-dot.c: with "." alone in a line, with or without CR. */
static void data_byte(struct redact *redact, unsigned char c)
{
	put(redact, c);
	if (c == '\n') {
		if (redact->dot == 1 || redact->dot == 2) {
			redact->data = false;
			redact->transaction = false;
		}
		redact->state = CLIENT_BEGIN;
	} else if (redact->dot == 0 && c == '.') {
		redact->dot = 1;
	} else if (redact->dot == 1 && c == '\r') {
		redact->dot = 2;
	} else {
		redact->dot = 3;
	}
}

static void client_byte(struct redact *redact, unsigned char c)
{
	switch (redact->state) {
	case CLIENT_BEGIN:
	case CLIENT_BYTES:
	case CLIENT_SWALLOW:
		assert(0);
		break;
	case CLIENT_WORD:
		word_byte(redact, c);
		break;
	case CLIENT_PASS:
		put(redact, c);
		if (c == '\n')
			line_end(redact);
		break;
	case CLIENT_BDAT:
		bdat_byte(redact, c);
		break;
	case CLIENT_DATA:
		data_byte(redact, c);
		break;
	case CLIENT_ARGS:
		args_then(redact, c, redact_args(redact, c));
		break;
	case CLIENT_LOGIN:
		args_then(redact, c, redact_login(redact, c));
		break;
	case CLIENT_SECRET:
	case CLIENT_MECH_DELIM:
		delimiter_byte(redact, c);
		break;
	case CLIENT_MECH:
		mechanism_byte(redact, c);
		break;
	case CLIENT_RESPONSE:
		response_byte(redact, c);
		break;
	case CLIENT_REST:
		rest_byte(redact, c);
		break;
	}
}

void redact_client(struct redact *redact, const unsigned char *data, size_t len)
{
	size_t size;

	for (; len; data += size, len -= size) {
		size = 1;
		if (redact->done && redact->state == CLIENT_BEGIN) {
			redact_put(redact, redact->client_dir, data, len);
			return;
		}
		if (redact->state != CLIENT_BYTES && redact->state != CLIENT_SWALLOW) {
			if (redact->state == CLIENT_BEGIN)
				line_begin(redact);
			if (redact->line.response)
				tag_byte(redact, *data);
			client_byte(redact, *data);
			continue;
		}
		size = len < redact->left ? len : redact->left;
		redact->left_waits = false;
		if (redact->state == CLIENT_BYTES)
			redact_put(redact, redact->client_dir, data, size);
		else
			swallow(redact);
		redact->left -= size;
		if (!redact->left)
			redact->state = redact->after;
	}
}

void redact_client_flush(struct redact *redact)
{
	if (holds(redact, ""))
		return;
	if (holds(redact, "\r"))
		redact_drop(redact);
	else if (redact->state == CLIENT_MECH)
		mechanism_end(redact);
	else
		redact_replace(redact, redact->state == CLIENT_LOGIN ? MARK_QUOTED : MARK_BASE64);
}

void redact_client_gap(struct redact *redact, uint64_t size)
{
	if (!size || (redact->done && redact->state == CLIENT_BEGIN))
		return;
	if ((redact->state == CLIENT_BYTES || redact->state == CLIENT_SWALLOW) &&
	    size <= redact->left) {
		redact->left -= size;
		redact->left_waits = false;
		if (!redact->left)
			redact->state = redact->after;
		return;
	}
	redact_client_flush(redact);
	if (redact->state == CLIENT_BEGIN)
		line_begin(redact);
	if (redact->state == CLIENT_DATA) {
		redact->data_unsure = true;
		if (redact->data_answered)
			redact->data = false;
	}
	redact->unsure = true;
	redact->list.literal.state = LITERAL_NONE;
	redact->state = CLIENT_REST;
	redact->mark = redact->line.response ? MARK_BASE64 : MARK_TEXT;
}
