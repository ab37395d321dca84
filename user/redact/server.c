// SPDX-License-Identifier: MIT
/*
 * The server's lines pass; they say when an authentication has ended, and how.
 * A reply belongs to the command with its tag (IMAP), else to the first one
 * that is pending. A reply that belongs to no known command is ignored.
 */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "rl_abi.h"
#include "redact/redact_internal.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_sasl(const struct pending *pending)
{
	return pending->kind == COMMAND_SASL || pending->kind == COMMAND_PROBE;
}

static void sasl_end(struct redact *redact)
{
	redact->sasl = false;
	redact->sasl_any_tag = false;
	redact->expected = 0;
}

static void sasl_start(struct redact *redact)
{
	redact->sasl = true;
	redact->sasl_begun = false;
}

void redact_sent(struct redact *redact, uint64_t tag, enum command_kind kind)
{
	struct pending *next = redact->pending + redact->pending_count;

	if (kind == COMMAND_SASL || kind == COMMAND_PROBE)
		sasl_start(redact);
	if (redact->pending_count && next[-1].tag == tag && next[-1].kind == kind) {
		next[-1].count++;
	} else if (redact->pending_count == PENDING_MAX) {
		redact->deaf = true;
	} else {
		*next = (struct pending){.tag = tag, .kind = kind, .count = 1};
		redact->pending_count++;
	}
}

/* It is a command if no challenge waits for a response: the client did not wait for the
 * authentication's end. */
void redact_response_sent(struct redact *redact, uint64_t tag)
{
	if (redact->expected)
		redact->expected--;
	else
		redact_sent(redact, tag, COMMAND_OTHER);
}

static void pop_at(struct redact *redact, unsigned int i)
{
	redact->pending_count--;
	memmove(&redact->pending[i], &redact->pending[i + 1],
		(redact->pending_count - i) * sizeof(redact->pending[0]));
}

static unsigned int sasl_index(const struct redact *redact)
{
	unsigned int i = 0;

	while (i < redact->pending_count && !is_sasl(&redact->pending[i]))
		i++;
	return i;
}

/* Removes one command of entry i, and all entries before it, whose replies came or are lost. Returns
 * its kind. */
static enum command_kind pop_through(struct redact *redact, unsigned int i)
{
	enum command_kind kind = redact->pending[i].kind;
	bool sasl = false;

	assert(i < redact->pending_count);
	for (; i; i--) {
		sasl |= is_sasl(&redact->pending[0]);
		pop_at(redact, 0);
	}
	sasl |= is_sasl(&redact->pending[0]);
	if (--redact->pending[0].count == 0)
		pop_at(redact, 0);
	if (sasl && sasl_index(redact) == redact->pending_count)
		sasl_end(redact);
	return kind;
}

/* The server waits for a response. */
static void on_challenge(struct redact *redact)
{
	unsigned int i;

	if (redact->go_ahead) {
		redact->go_ahead--;
		return;
	}
	if (!redact->sasl) {
		/* The SASL command's line was lost; the commands before it are answered. */
		redact->pending_count = 0;
		redact_sent(redact, 0, COMMAND_PROBE);
		redact->sasl_any_tag = true;
		redact->scram = true;
	}
	redact->sasl_begun = true;
	for (i = sasl_index(redact); i; i--)
		pop_at(redact, 0);
	assert(redact->pending_count);
	if (redact->pending_count == 1)
		redact->expected++;
	else if (--redact->pending[1].count == 0)
		pop_at(redact, 1);
}

static void on_answer(struct redact *redact, enum command_kind kind, bool ok)
{
	if (kind == COMMAND_MAIL && !ok)
		redact->transaction = false;
	if (ok && (kind == COMMAND_LOGIN || kind == COMMAND_SASL))
		redact->done = true;
}

/* The server refuses a literal for which the client waits for "+": it does not come. */
static void literal_refused(struct redact *redact)
{
	if (!redact->left_waits)
		return;
	redact->left_waits = false;
	redact->go_ahead = 0;
	redact->state = CLIENT_BEGIN;
}

static void imap_answer(struct redact *redact, uint64_t tag, bool ok)
{
	unsigned int i = 0;

	while (i < redact->pending_count && redact->pending[i].tag != tag)
		i++;
	if (i < redact->pending_count) {
		on_answer(redact, pop_through(redact, i), ok);
	} else if (redact->state != CLIENT_BEGIN && !redact->line.tag_open &&
		   redact->line.tag == tag) {
		/* the current line, answered before its end */
		redact->line.answered = true;
		literal_refused(redact);
	}
	if (redact->sasl_any_tag && (i = sasl_index(redact)) < redact->pending_count)
		pop_through(redact, i);
}

static void imap_reply(struct redact *redact, const char *line)
{
	static const char *const words[] = {"OK", "NO", "BAD"};
	const char *word = line + strcspn(line, " ");
	uint64_t tag = TAG_HASH_INIT;
	unsigned int i;

	if (line[0] == '+') {
		on_challenge(redact);
		return;
	}
	/* The answer to a line without a valid tag; with '[' it is an alert, which answers nothing. */
	if (strncmp(line, "* BAD ", 6) == 0 && line[6] != '[' && redact->state == CLIENT_BYTES)
		literal_refused(redact);
	if (line[0] == '*' || !*word)
		return;
	for (; line < word; line++)
		tag = (tag ^ (unsigned char)*line) * 0x100000001b3;
	for (word++, i = 0; i < 3; i++) {
		size_t len = strlen(words[i]);

		if (strncasecmp(word, words[i], len) == 0 && (!word[len] || is_space(word[len])))
			imap_answer(redact, tag, i == 0);
	}
}

/* POP3, SMTP: the reply to the first command that is pending. */
static void next_answer(struct redact *redact, bool ok)
{
	if (!redact->greeted) {
		redact->greeted = true;
		return;
	}
	/* After a gap the command is only known if it is the SASL one that was challenged. */
	if (redact->unsure && !(redact->sasl && redact->sasl_begun))
		return;
	if (redact->pending_count)
		on_answer(redact, pop_through(redact, 0), ok);
}

static void pop3_reply(struct redact *redact, const char *line)
{
	if (strncmp(line, "+OK", 3) == 0 || strncmp(line, "-ERR", 4) == 0)
		next_answer(redact, line[0] == '+');
	else if (line[0] == '+' && (!line[1] || is_space(line[1])))
		on_challenge(redact);
}

/* The client's lines are a mail's from now on; so were those that it sent after DATA already. */
static void data_begin(struct redact *redact)
{
	unsigned int i = 0;

	while (i < redact->pending_count && redact->pending[i].kind != COMMAND_DATA)
		i++;
	if (i == redact->pending_count && !redact->unsure)
		return;
	redact->data_unsure = redact->unsure || i + 1 < redact->pending_count;
	redact->line.answered = true;
	redact->pending[0] = (struct pending){.kind = COMMAND_DATA, .count = 1};
	redact->pending_count = 1;
	sasl_end(redact);
	redact->data = true;
	redact->data_answered = false;
}

static void smtp_reply(struct redact *redact, const char *line)
{
	if (strspn(line, "0123456789") != 3 || line[3] == '-')
		return;
	if (strncmp(line, "334", 3) == 0) {
		on_challenge(redact);
	} else if (strncmp(line, "354", 3) == 0) {
		data_begin(redact);
	} else if (redact->sasl && strncmp(line, "235", 3) == 0) {
		redact->done = true; /* 235, 534 and 535 answer AUTH only: RFC 4954 */
	} else if (redact->sasl && (strncmp(line, "535", 3) == 0 || strncmp(line, "534", 3) == 0)) {
		pop_through(redact, sasl_index(redact));
	} else if (line[0] != '1' && line[0] != '3') {
		if (redact->data && redact->data_unsure)
			redact->data = false;
		redact->data_answered = redact->data;
		next_answer(redact, line[0] == '2');
	}
}

static void on_reply(struct redact *redact)
{
	redact->reply[redact->reply_len] = '\0';
	if (redact->deaf)
		return;
	if (redact->protocol == REDACT_IMAP)
		imap_reply(redact, redact->reply);
	else if (redact->protocol == REDACT_POP3)
		pop3_reply(redact, redact->reply);
	else
		smtp_reply(redact, redact->reply);
}

/* The server's last message of SCRAM, "v=...", in base64 "dj...": together with its first one it
 * would allow to guess the password offline. */
static bool is_verifier(const struct redact *redact)
{
	const char *challenge = redact->protocol == REDACT_SMTP ? "334 dj" : "+ dj";

	return redact->sasl && redact->scram && redact->reply_len == strlen(challenge) &&
	       memcmp(redact->reply, challenge, redact->reply_len) == 0;
}

static void server_line_byte(struct redact *redact, int dir, unsigned char c)
{
	if (!redact->reply_swallow || c == '\r' || c == '\n')
		redact_put(redact, dir, &c, 1);
	if (c != '\n') {
		if (redact->reply_len < REPLY_MAX - 1)
			redact->reply[redact->reply_len++] = c;
		if (!redact->reply_lost && !redact->reply_swallow && is_verifier(redact)) {
			redact_put(redact, dir, MARK_VERIFIER, strlen(MARK_VERIFIER));
			redact->reply_swallow = true;
		}
		return;
	}
	if (!redact->reply_lost)
		on_reply(redact);
	redact->reply_len = 0;
	redact->reply_lost = false;
	redact->reply_swallow = false;
}

void redact_server(struct redact *redact, const unsigned char *data, size_t len)
{
	int dir = redact->client_dir == RL_IN ? RL_OUT : RL_IN;

	for (; len; data++, len--) {
		if (redact->done) {
			redact_put(redact, dir, data, len);
			return;
		}
		server_line_byte(redact, dir, *data);
	}
}

/* The rest of the line is no reply, and may belong to a verifier. */
void redact_server_gap(struct redact *redact)
{
	redact->reply_lost = true;
	redact->unsure = true;
	redact->sasl_begun = false;
	redact->go_ahead = 0;
	redact->reply_swallow |= redact->sasl && redact->scram && !redact->done;
}
