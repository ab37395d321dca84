/* SPDX-License-Identifier: MIT */
/*
 * For the tests of redact.h. A case is a script of what both sides send, and
 * what must come out. Every case is fed as it stands, byte by byte, and in
 * random pieces, with Dovecot as the server and as the client. Secrets contain
 * the word SECRET.
 */
#ifndef REDACT_CASE_H
#define REDACT_CASE_H

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "redact/redact.h"
#include "rl_abi.h"
#include "base/str.h"

#define RANDOM_ROUNDS 40
#define STEPS_MAX     12

struct step {
	enum { END, CLIENT, SERVER, CLIENT_GAP, SERVER_GAP } what;
	const char *data;
	size_t len;
};

/* Releases of clang-format differ in where they put a macro's lone braces. */
/* clang-format off */
#define C(text)	 {CLIENT, BYTES(text)}
#define S(text)	 {SERVER, BYTES(text)}
#define C_GAP(n) {CLIENT_GAP, NULL, (n)}
#define S_GAP(n) {SERVER_GAP, NULL, (n)}
#define CASE(protocol, client, ...) CASE_SERVER(protocol, client, NULL, __VA_ARGS__)
#define CASE_SERVER(protocol, client, server, ...)                                                 \
	{REDACT_##protocol, {__VA_ARGS__, {END, NULL, 0}}, BYTES(client), server}
/* clang-format on */

struct redact_case {
	enum redact_protocol protocol;
	struct step steps[STEPS_MAX]; /* the last one is END */
	const char *client;	      /* what must come out; "[gap]" stands for a gap */
	size_t client_len;
	const char *server; /* likewise; NULL: all that it sent */
};

struct result {
	struct str out[2];
};

static inline void collect(const struct chunk *chunk, void *context)
{
	struct result *result = context;

	assert_true(chunk->len > 0);
	str_append(&result->out[chunk->dir], chunk->data, chunk->len);
}

static inline void feed_pieces(struct redact *redact, int dir, const struct step *step, size_t max,
			       struct result *result)
{
	size_t pos, size;

	for (pos = 0; pos < step->len; pos += size) {
		size_t left = step->len - pos;
		struct chunk chunk = {.continues = pos > 0, .dir = dir};
		void *copy;

		size = max < 2 ? max : 1 + (size_t)random() % max;
		size = !size || size > left ? left : size;
		copy = guard_dup(step->data + pos, size);
		chunk.data = copy;
		chunk.len = size;
		chunk.more = size < left;
		redact_feed(redact, &chunk, collect, result);
		guard_free(copy, size);
	}
}

/* Feeds the case in random pieces of at most `max` bytes; 0: as it stands. */
static inline void run(const struct redact_case *c, int client_dir, size_t max,
		       struct result *result)
{
	struct redact *redact = redact_new(c->protocol, client_dir);
	const struct step *step;

	*result = (struct result){0};
	for (step = c->steps; step->what != END; step++) {
		bool client = step->what == CLIENT || step->what == CLIENT_GAP;
		int dir = client ? client_dir : !client_dir;

		if (step->what == CLIENT || step->what == SERVER) {
			feed_pieces(redact, dir, step, max, result);
		} else {
			redact_gap(redact, dir, step->len, collect, result);
			str_append_text(&result->out[dir], "[gap]");
		}
	}
	redact_end(redact, collect, result);
	redact_free(&redact);
	assert_null(redact);
}

static inline void server_bytes(const struct redact_case *c, struct str *out)
{
	const struct step *step;

	if (c->server)
		str_append_text(out, c->server);
	for (step = c->steps; !c->server && step->what != END; step++) {
		if (step->what == SERVER)
			str_append(out, step->data, step->len);
		else if (step->what == SERVER_GAP)
			str_append_text(out, "[gap]");
	}
}

static inline void same(const struct str *out, const char *expect, size_t len)
{
	if (out->len != len || memcmp(str_text(out), expect, len) != 0)
		print_message("expected: %.*s\n     got: %s\n", (int)len, expect, str_text(out));
	assert_int_equal(out->len, len);
	assert_memory_equal(str_text(out), expect, len);
}

static inline void check(const struct redact_case *c, int client_dir, size_t max)
{
	struct str server = {0};
	struct result result;

	run(c, client_dir, max, &result);
	server_bytes(c, &server);
	same(&result.out[client_dir], c->client, c->client_len);
	same(&result.out[!client_dir], str_text(&server), server.len);
	assert_null(memmem(c->client, c->client_len, BYTES("SECRET")));
	str_free(&server);
	str_free(&result.out[0]);
	str_free(&result.out[1]);
}

static inline void check_cases(const struct redact_case *cases, size_t count)
{
	unsigned int round;

	for (; count; cases++, count--) {
		check(cases, RL_IN, 0);
		check(cases, RL_OUT, 0);
		check(cases, RL_IN, 1);
		check(cases, RL_OUT, 1);
		for (round = 0; round < RANDOM_ROUNDS; round++)
			check(cases, RL_IN, 2 + round % 12);
	}
}

#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof((cases)[0]))

#define Q "\"redacted\""
#define B "cmVkYWN0ZWQ="

#define PASSES(protocol, ...) CASE(protocol, __VA_ARGS__, C(__VA_ARGS__))

#define POP3_GREETING S("+OK Dovecot ready.\r\n")
#define SMTP_GREETING S("220-x\r\n220 x\r\n")

#endif
