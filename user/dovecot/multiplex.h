/* SPDX-License-Identifier: MIT */
/*
 * Several channels in one stream: what an imap process sends to a Dovecot proxy
 * that has asked for "x-multiplex". Channel 0 is what the client gets, and what
 * rawlog_dir logs natively; it is sent as it is, but for escapes and where the
 * channel changes. (lib/ostream-multiplex.c and lib/istream-multiplex.c, 2.4.1,
 * OSTREAM_MULTIPLEX_FORMAT_STREAM_CONTINUE: the login process has sent the header.)
 * Pure.
 */
#ifndef MULTIPLEX_H
#define MULTIPLEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Zeroed: the beginning. */
struct multiplex {
	uint8_t channel;
	uint8_t held[3]; /* the beginning of an escape */
	size_t held_len;
};

/* Appends those of the next bytes that are channel 0's. */
void multiplex_read(struct multiplex *multiplex, const void *data, size_t len, struct str *out);
/* The stream ends, or bytes are missing: what was held is appended. What follows is taken for channel
 * 0's: rather too much than too little. */
void multiplex_break(struct multiplex *multiplex, struct str *out);

#endif
