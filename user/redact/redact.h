/* SPDX-License-Identifier: MIT */
/*
 * Takes the credentials out of one connection's bytes: what follows LOGIN and
 * AUTHENTICATE (IMAP), PASS, APOP and AUTH (POP3), AUTH (SMTP) is replaced by
 * marks of constant size that keep the log valid protocol. All else passes
 * unchanged and in order. Pure: bytes of both directions in, in the order in
 * which Dovecot moved them; bytes out. What is taken for a command, an
 * argument, a reply follows the parsers of 2.3.19.1: lib-imap/imap-parser.c,
 * imap-login, pop3-login, lib-smtp/smtp-command-parser.c. Where those and the
 * client may disagree, and where bytes are missing, rather too much is
 * replaced than too little. After a successful login nothing is looked at.
 */
#ifndef REDACT_H
#define REDACT_H

#include <stdint.h>

#include "rawlog/format.h"
#include "dovecot/service.h"

struct redact;

/* The bytes that go to the log; len is never 0. `chunk` is valid during the call only. */
typedef void redact_emit_fn(int dir, const struct chunk *chunk, void *context);

/* `client_dir`: RL_IN, or RL_OUT where Dovecot is the client (relay, proxy). From the
 * connection's first byte on. Not for REDACT_NONE. Owned by the caller, see redact_free(). */
struct redact *redact_new(enum redact_protocol protocol, int client_dir);

/* Bytes moved. At most 40 bytes are held back until a later call, which emits them in front,
 * with the time of the call in which the first of them came. */
void redact_feed(struct redact *redact, int dir, const struct chunk *chunk, redact_emit_fn *emit,
		 void *context);

/* `size` bytes are missing here: call it before telling so in the log. It emits what is held
 * of this direction, or its mark. */
void redact_gap(struct redact *redact, int dir, uint64_t size, redact_emit_fn *emit, void *context);

/* The connection ends: as redact_gap(), for both directions. */
void redact_end(struct redact *redact, redact_emit_fn *emit, void *context);

void redact_free(struct redact **redact); /* NULL afterwards */

#endif
