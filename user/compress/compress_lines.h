/* SPDX-License-Identifier: MIT */
/*
 * What compress must know of IMAP: which of the client's lines is COMPRESS, and
 * which of the server's lines answer a command. Literals are skipped, on both
 * sides.
 */
#ifndef COMPRESS_LINES_H
#define COMPRESS_LINES_H

#include "dovecot/imap_args.h"

#include <stddef.h>

#define COMPRESS_TAG_MAX  128 /* of Dovecot's tags; a longer one is none */
#define COMPRESS_WORD_MAX 16

/* The client's side. Zeroed: the beginning. */
struct client_lines {
	enum { CLIENT_BEGIN, CLIENT_TAG, CLIENT_WORD, CLIENT_ARGS, CLIENT_LITERAL } state;
	char tag[COMPRESS_TAG_MAX + 1]; /* of the current command, or the last one */
	size_t tag_len;
	char word[COMPRESS_WORD_MAX + 1]; /* in capitals, its beginning */
	size_t word_len;
	struct imap_args args;
	uint64_t left;	 /* bytes of the literal that are to come */
	bool left_waits; /* it waits for "+", and none of them has come yet */
};

/* Reads up to the end of a COMPRESS command, or all. Returns how many bytes that were. `is_r`: it is
 * the end of one, whose tag is client->tag. */
size_t client_lines_read(struct client_lines *client, const unsigned char *data, size_t len,
			 bool *is_r);
/* `size` bytes are missing. False: it is not known any more which commands came. */
bool client_lines_gap(struct client_lines *client, uint64_t size);
/* Is it the tag of the current command, or the last one? */
bool client_lines_is_tag(const struct client_lines *client, const char *tag, size_t len);
/* That command is answered: a literal that it waits for does not come. */
void client_lines_answered(struct client_lines *client);

#define COMPRESS_LINE_MAX 256

/* The server's side. Zeroed: the beginning. */
struct server_lines {
	char line[COMPRESS_LINE_MAX]; /* of the current response, its beginning */
	size_t len;
	struct imap_literal literal;
	uint64_t left; /* bytes of a literal that are to come */
};

struct server_answer {
	const char *tag; /* valid until the next read */
	size_t tag_len;
	bool ok, begins; /* begins: "OK Begin compression" */
};

/* Reads up to the end of a line that answers a command, or all. Returns how many bytes that were.
 * answer_r->tag: NULL: it is not. */
size_t server_lines_read(struct server_lines *server, const unsigned char *data, size_t len,
			 struct server_answer *answer_r);
/* `size` bytes are missing. False: an answer may be among them. */
bool server_lines_gap(struct server_lines *server, uint64_t size);

#endif
