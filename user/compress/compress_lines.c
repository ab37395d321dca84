// SPDX-License-Identifier: MIT
#include "compress/compress_lines.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LENGTH(text) (sizeof(text) - 1)

/* RFC 4978's answer, as Dovecot words it: cmd_compress(), 2.3.19.1 and 2.4.1. */
#define BEGINS "OK Begin compression"

/* As much of a literal as there is. */
static size_t skip(uint64_t *left, size_t len)
{
	size_t size = len < *left ? len : *left;

	*left -= size;
	return size;
}

static void tag_byte(struct client_lines *client, unsigned char c)
{
	if (c == ' ' && client->tag_len)
		client->state = CLIENT_WORD;
	else if (c == '\n')
		client->state = CLIENT_BEGIN;
	else if (c != '\r' && client->tag_len <= COMPRESS_TAG_MAX)
		client->tag[client->tag_len++] = c;
}

static void word_byte(struct client_lines *client, unsigned char c)
{
	if (c == '\n') {
		client->state = CLIENT_BEGIN;
	} else if (c == ' ' && client->word_len) {
		client->state = CLIENT_ARGS;
		client->args = (struct imap_args){.literal8 = true};
	} else if (c != ' ' && client->word_len <= COMPRESS_WORD_MAX) {
		client->word[client->word_len++] = toupper(c);
	}
}

static bool is_compress(const struct client_lines *client)
{
	static const char name[] = "COMPRESS";

	return client->word_len == LENGTH(name) &&
	       memcmp(client->word, name, client->word_len) == 0;
}

/* True: it has ended a COMPRESS command. */
static bool args_byte(struct client_lines *client, unsigned char c)
{
	switch (imap_args_byte(&client->args, c)) {
	case IMAP_ARGS_GO_ON:
		break;
	case IMAP_ARGS_LITERAL:
		client->state = CLIENT_LITERAL;
		client->left = client->args.literal.size;
		client->left_waits = !client->args.literal.nonsync;
		break;
	case IMAP_ARGS_END:
		client->state = CLIENT_BEGIN;
		return is_compress(client);
	}
	return false;
}

size_t client_lines_read(struct client_lines *client, const unsigned char *data, size_t len,
			 bool *is_r)
{
	size_t at = 0;

	*is_r = false;
	while (at < len && !*is_r) {
		switch (client->state) {
		case CLIENT_BEGIN:
			client->tag_len = client->word_len = 0;
			client->state = CLIENT_TAG;
			/* fall through */
		case CLIENT_TAG:
			tag_byte(client, data[at++]);
			break;
		case CLIENT_WORD:
			word_byte(client, data[at++]);
			break;
		case CLIENT_ARGS:
			*is_r = args_byte(client, data[at++]);
			break;
		case CLIENT_LITERAL:
			client->left_waits = false;
			at += skip(&client->left, len - at);
			if (!client->left)
				client->state = CLIENT_ARGS;
			break;
		}
	}
	return at;
}

bool client_lines_gap(struct client_lines *client, uint64_t size)
{
	if (client->state == CLIENT_LITERAL && size <= client->left) {
		client->left_waits = false;
		client->left -= size;
		return true;
	}
	client->state = CLIENT_BEGIN;
	return false;
}

bool client_lines_is_tag(const struct client_lines *client, const char *tag, size_t len)
{
	return client->tag_len == len && memcmp(client->tag, tag, len) == 0;
}

void client_lines_answered(struct client_lines *client)
{
	if (client->state == CLIENT_LITERAL && client->left_waits)
		client->state = CLIENT_BEGIN;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	size_t size = strlen(word);

	return len > size && strncasecmp(text, word, size) == 0 && text[size] <= ' ';
}

/* Does a human's text follow? No literal is in it, whatever is at its end. */
static bool is_status(const char *text, size_t len)
{
	static const char *const words[] = {"OK", "NO", "BAD", "BYE", "PREAUTH"};
	unsigned int i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is_word(text, len, words[i]))
			return true;
	return false;
}

/* A whole line. True: a literal follows. */
static bool line_end(struct server_lines *server, bool literal, struct server_answer *answer_r)
{
	const char *blank = memchr(server->line, ' ', server->len), *text = blank ? blank + 1 : "";
	size_t tag_len = blank ? blank - server->line : 0, len = server->len - tag_len - 1;

	if (server->line[0] == '+')
		return false;
	if (!blank || !is_status(text, len))
		return literal;
	if (server->line[0] != '*') {
		answer_r->tag = server->line;
		answer_r->tag_len = tag_len;
		answer_r->ok = is_word(text, len, "OK");
		answer_r->begins =
			len > LENGTH(BEGINS) && strncasecmp(text, BEGINS, LENGTH(BEGINS)) == 0;
	}
	return false;
}

size_t server_lines_read(struct server_lines *server, const unsigned char *data, size_t len,
			 struct server_answer *answer_r)
{
	size_t at = 0;
	bool literal;

	*answer_r = (struct server_answer){0};
	while (at < len && !answer_r->tag) {
		unsigned char c;

		if (server->left) {
			at += skip(&server->left, len - at);
			continue;
		}
		c = data[at++];
		if (server->len < COMPRESS_LINE_MAX)
			server->line[server->len++] = c;
		literal = imap_literal_byte(&server->literal, c);
		if (c != '\n')
			continue;
		if (line_end(server, literal, answer_r))
			server->left = server->literal.size;
		else
			server->len = 0;
	}
	return at;
}

bool server_lines_gap(struct server_lines *server, uint64_t size)
{
	if (size <= server->left) {
		server->left -= size;
		return true;
	}
	server->left = server->len = 0;
	server->literal.state = LITERAL_NONE;
	return false;
}
