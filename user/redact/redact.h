/* SPDX-License-Identifier: MIT */
/*
 * Takes the credentials out of one connection's bytes: what follows LOGIN and
 * AUTHENTICATE (IMAP), PASS, APOP and AUTH (POP3), AUTH (SMTP) is replaced by
 * marks of constant size that keep the log valid protocol. All else passes
 * unchanged and in order, and after a successful login everything does. Pure.
 *
 * It must be fed both directions, in the order in which Dovecot received and
 * sent the bytes. Commands, arguments and replies are recognized as the parsers
 * of 2.3.19.1 do: lib-imap/imap-parser.c, imap-login, pop3-login,
 * lib-smtp/smtp-command-parser.c. Where the client may have meant something
 * else, or bytes are missing, it replaces too much rather than too little.
 */
#ifndef REDACT_H
#define REDACT_H

#include <stdint.h>

#include "rawlog/format.h"
#include "dovecot/service.h"

struct redact;

/* The bytes that go to the log; len is never 0. `chunk` is valid during the call only. */
typedef void redact_emit_fn(const struct chunk *chunk, void *context);

/* For one connection, from its first byte on. `protocol`: not REDACT_NONE. `client_dir`: RL_IN, or
 * RL_OUT where Dovecot is the client (relay, proxy). The caller frees it with redact_free(). */
struct redact *redact_new(enum redact_protocol protocol, int client_dir);

/* Takes the next bytes and calls `emit` for those that can go to the log. At most 40 bytes are held
 * back; a later call emits them before its own, with the time of the chunk in which the first of
 * them came. */
void redact_feed(struct redact *redact, const struct chunk *chunk, redact_emit_fn *emit,
		 void *context);

/* `size` bytes are missing here. Call it before the gap is written to the log: it emits what it
 * holds of this direction, or a mark. */
void redact_gap(struct redact *redact, int dir, uint64_t size, redact_emit_fn *emit, void *context);

/* The connection ends: emits what it holds, or a mark. Feed nothing afterwards. */
void redact_end(struct redact *redact, redact_emit_fn *emit, void *context);

void redact_free(struct redact **redact); /* NULL afterwards */

#endif
