// SPDX-License-Identifier: MIT
/*
 * If an input's first byte is even, it has any bytes of both sides; if it is
 * odd, it says what a well-behaved client and a server that answers in order
 * do. Always: in whatever pieces the bytes arrive, what comes out is the same.
 * In the second case also: no secret comes out and, unless a command is sent
 * before an authentication's end, exactly the expected marks do.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "redact/redact.h"
#include "rl_abi.h"
#include "base/str.h"

#define SECRET	   "s3cr3t"
#define B64	   "cmVkYWN0ZWQ="
#define QUOTED	   "\"redacted\""
#define EVENTS_MAX 400
#define SENT_MAX   100

/* What one side sent; a gap has no text. */
struct event {
	int dir;
	char *text;
	size_t len;
};

struct events {
	struct event events[EVENTS_MAX];
	unsigned int count;
};

static void add(struct events *events, int dir, const char *text, size_t len)
{
	if (events->count < EVENTS_MAX)
		events->events[events->count++] =
			(struct event){dir, text ? mem_dup(text, len) : NULL, len};
}

static void collect(const struct chunk *chunk, void *context)
{
	struct str *out = context;

	assert(chunk->len);
	str_append(&out[chunk->dir], chunk->data, chunk->len);
}

/* Feeds pieces of `size` bytes, each in memory of its own. */
static void feed(struct redact *redact, const struct event *event, size_t size, struct str out[2])
{
	size_t pos, len;

	for (pos = 0; pos < event->len; pos += len) {
		struct chunk chunk = {.continues = pos > 0, .dir = event->dir};
		void *copy;

		len = size < event->len - pos ? size : event->len - pos;
		copy = mem_dup(event->text + pos, len);
		chunk.data = copy;
		chunk.len = len;
		chunk.more = pos + len < event->len;
		redact_feed(redact, &chunk, collect, out);
		free(copy);
	}
}

static void run(const struct events *events, enum redact_protocol protocol, int client_dir,
		size_t size, struct str out[2])
{
	struct redact *redact = redact_new(protocol, client_dir);
	unsigned int i;

	for (i = 0; i < events->count; i++) {
		const struct event *event = &events->events[i];

		if (event->text)
			feed(redact, event, size, out);
		else
			redact_gap(redact, event->dir, event->len, collect, out);
	}
	redact_end(redact, collect, out);
	redact_free(&redact);
}

static void check_same(const struct str *a, const struct str *b)
{
	assert(a->len == b->len);
	assert(!a->len || memcmp(a->data, b->data, a->len) == 0);
}

/* Returns what comes out; the caller frees it. */
static void run_all(const struct events *events, enum redact_protocol protocol, struct str out[2])
{
	static const size_t sizes[] = {1, 2, 3, 7};
	unsigned int i;
	int dir;

	run(events, protocol, RL_IN, SIZE_MAX, out);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct str again[2] = {{0}};

		run(events, protocol, RL_IN, sizes[i], again);
		for (dir = RL_IN; dir <= RL_OUT; dir++) {
			check_same(&out[dir], &again[dir]);
			str_free(&again[dir]);
		}
	}
}

static void events_free(struct events *events, struct str out[2])
{
	while (events->count)
		free(events->events[--events->count].text);
	str_free(&out[RL_IN]);
	str_free(&out[RL_OUT]);
}

/* Any bytes: one says whose follow, how many, and whether they are a gap. */
static void any_bytes(enum redact_protocol protocol, const uint8_t *data, size_t len)
{
	struct events events = {.count = 0};
	struct str out[2] = {{0}};

	while (len) {
		unsigned int op = *data++;
		size_t size = op >> 2;

		len--;
		if ((op & 3) == 3) {
			add(&events, size & 1, NULL, size / 2);
			continue;
		}
		size = size < len ? size : len;
		add(&events, op & 1, (const char *)data, size);
		data += size;
		len -= size;
	}
	run_all(&events, protocol, out);
	events_free(&events, out);
}

/* A command that waits for its reply. */
struct sent {
	const char *tag;
	unsigned int rounds; /* how many challenges the server sends before it */
	bool login;	     /* a login, which fails */
};

struct world {
	enum redact_protocol protocol;
	const uint8_t *data;
	size_t left;
	struct events events;
	struct str expect;
	struct sent sent[SENT_MAX];
	unsigned int first, count; /* of sent[] */
	unsigned int responses;	   /* of the first SASL command: sent before their challenges */
	bool sasl;		   /* a SASL command is in sent[] */
	bool overtaken;		   /* a command was sent before its end */
	bool greeted;
};

static unsigned int take(struct world *world, unsigned int choices)
{
	if (!world->left)
		return 0;
	world->left--;
	return *world->data++ % choices;
}

static void client(struct world *world, const char *text, const char *expect)
{
	add(&world->events, RL_IN, text, strlen(text));
	str_append_text(&world->expect, expect);
}

static void server(struct world *world, const char *text)
{
	add(&world->events, RL_OUT, text, strlen(text));
}

static void sent(struct world *world, struct sent what)
{
	world->overtaken |= world->sasl;
	world->sasl |= what.rounds > 0;
	world->sent[world->first + world->count++] = what;
}

/* Replaces %T by the tag. */
static void with_tag(char *to, size_t size, const char *text, const char *tag)
{
	const char *place = strstr(text, "%T");

	if (!place)
		snprintf(to, size, "%s", text);
	else
		snprintf(to, size, "%.*s%s%s", (int)(place - text), text, tag, place + 2);
}

struct form {
	const char *text, *expect;
	bool login; /* a login, which fails */
	unsigned int rounds;
};

#define ORDINARY(text)		   ((struct form){text, text, false, 0})
#define FAILS(text, expect)	   ((struct form){text, expect, true, 0})
#define SASL(text, expect, rounds) ((struct form){text, expect, true, rounds})

static const struct form imap_forms[] = {
	ORDINARY("%T NOOP\r\n"),
	ORDINARY("%T CAPABILITY\n"),
	ORDINARY("%T ID (\"x\" \"%T LOGIN a b\")\r\n"),
	ORDINARY("%T ID (\"x\" {17+}\r\na LOGIN s3cr3 t\r\n \"y\" NIL)\r\n"),
	ORDINARY("%T X {3+}\r\n}\r\n {0+}\r\n\r\n"),
	FAILS("%T LOGIN " SECRET " " SECRET "\r\n", "%T LOGIN " QUOTED " " QUOTED "\r\n"),
	FAILS("%T login \"x\" \"" SECRET "\\\"" SECRET "\"\n", "%T login " QUOTED " " QUOTED "\n"),
	FAILS("%T LOGIN {6+}\r\n" SECRET " {8+}\r\n" SECRET "\r\n\r\n",
	      "%T LOGIN {8+}\r\nredacted {8+}\r\nredacted\r\n"),
	FAILS("%T LOGIN x{6+}\r\n" SECRET " " SECRET "\r\n",
	      "%T LOGIN " QUOTED "\r\n" QUOTED "\r\n"),
	FAILS("%T LOGIN (" SECRET " " SECRET "\r\n", "%T LOGIN " QUOTED "\r\n"),
	SASL("%T AUTHENTICATE PLAIN\r\n", "%T AUTHENTICATE PLAIN\r\n", 1),
	SASL("%T AUTHENTICATE LOGIN\r\n", "%T AUTHENTICATE LOGIN\r\n", 2),
	SASL("%T AUTHENTICATE CRAM-MD5 " SECRET "\r\n", "%T AUTHENTICATE CRAM-MD5 " B64 "\r\n", 1),
	SASL("%T AUTHENTICATE " SECRET "\r\n", "%T AUTHENTICATE REDACTED\r\n", 1),
};

static const struct form pop3_forms[] = {
	ORDINARY("CAPA\r\n"),
	ORDINARY("USER x\r\n"),
	ORDINARY("AUTH\r\n"),
	FAILS("PASS " SECRET " " SECRET "\r\n", "PASS redacted\r\n"),
	FAILS("apop x " SECRET "\n", "apop redacted\n"),
	SASL("AUTH PLAIN\r\n", "AUTH PLAIN\r\n", 1),
	SASL("AUTH LOGIN\r\n", "AUTH LOGIN\r\n", 2),
	SASL("AUTH CRAM-MD5 " SECRET "\r\n", "AUTH CRAM-MD5 " B64 "\r\n", 1),
	SASL("AUTH " SECRET " " SECRET "\r\n", "AUTH REDACTED " B64 "\r\n", 1),
};

static const struct form smtp_forms[] = {
	ORDINARY("EHLO x\r\n"),
	ORDINARY("NOOP AUTH PLAIN x\r\n"),
	ORDINARY("MAIL FROM:<x>\r\n"),
	ORDINARY("RSET\r\n"),
	SASL("AUTH PLAIN\r\n", "AUTH PLAIN\r\n", 1),
	SASL("AUTH LOGIN\r\n", "AUTH LOGIN\r\n", 2),
	SASL("AUTH CRAM-MD5 " SECRET "\r\n", "AUTH CRAM-MD5 " B64 "\r\n", 1),
	SASL("AUTH " SECRET " " SECRET "\r\n", "AUTH REDACTED " B64 "\r\n", 1),
};

static struct sent *first_sasl(struct world *world)
{
	unsigned int i;

	for (i = 0; i < world->count; i++)
		if (world->sent[world->first + i].rounds)
			return &world->sent[world->first + i];
	return NULL;
}

static void send_command(struct world *world)
{
	static const char *const tags[] = {"a", "b", "LOGON", "a"};
	static const struct {
		const struct form *forms;
		unsigned int count;
	} all[] = {
		{imap_forms, sizeof(imap_forms) / sizeof(imap_forms[0])},
		{pop3_forms, sizeof(pop3_forms) / sizeof(pop3_forms[0])},
		{smtp_forms, sizeof(smtp_forms) / sizeof(smtp_forms[0])},
	};
	const struct form *form =
		&all[world->protocol].forms[take(world, all[world->protocol].count)];
	const char *tag = tags[take(world, 4)];
	char text[200], expect[200];

	/* before the last response, the command would be taken for a response */
	if (world->first + world->count == SENT_MAX ||
	    (world->sasl && (form->rounds || world->responses < first_sasl(world)->rounds)))
		return;
	with_tag(text, sizeof(text), form->text, tag);
	with_tag(expect, sizeof(expect), form->expect, tag);
	client(world, text, expect);
	sent(world, (struct sent){.tag = tag, .login = form->login, .rounds = form->rounds});
}

/* A response, perhaps before its challenge. */
static void send_response(struct world *world)
{
	struct sent *sasl = first_sasl(world);

	if (!sasl || world->responses == sasl->rounds)
		return;
	world->responses++;
	if (take(world, 4) == 0)
		client(world, "*\r\n", "*\r\n");
	else
		client(world, SECRET "\r\n", B64 "\r\n");
}

static void reply(struct world *world, const char *tag, bool ok)
{
	char text[100];

	if (world->protocol == REDACT_IMAP)
		snprintf(text, sizeof(text), "* x\r\n%s %s x\r\n", tag, ok ? "OK" : "NO");
	else if (world->protocol == REDACT_POP3)
		snprintf(text, sizeof(text), ok ? "+OK x\r\n" : "-ERR x\r\n");
	else
		snprintf(text, sizeof(text), ok ? "250-x\r\n250 x\r\n" : "500 x\r\n");
	server(world, text);
}

/* The server answers the first command. */
static void answer(struct world *world)
{
	struct sent *command = &world->sent[world->first];

	if (!world->greeted) {
		server(world, world->protocol == REDACT_IMAP ? "* OK x\r\n" :
			      world->protocol == REDACT_POP3 ? "+OK x\r\n" :
							       "220 x\r\n");
		world->greeted = true;
		return;
	}
	if (!world->count)
		return;
	if (command->rounds) {
		static const char *const challenges[] = {"+ x\r\n", "+ x\r\n", "334 x\r\n"};
		unsigned int rounds = command->rounds;

		if (world->responses < rounds)
			return;
		/* all responses were sent; the challenges come now, one by one or together */
		for (; rounds; rounds--)
			server(world, challenges[world->protocol]);
		world->sasl = false;
		world->responses = 0;
	}
	reply(world, command->tag, !command->login);
	world->first++;
	world->count--;
}

/* A challenge, then its response. */
static void challenge(struct world *world)
{
	struct sent *sasl = first_sasl(world);

	if (!world->greeted || !sasl || sasl != &world->sent[world->first] || world->responses)
		return;
	while (world->responses < sasl->rounds) {
		server(world, world->protocol == REDACT_SMTP ? "334 x\r\n" : "+ x\r\n");
		send_response(world);
	}
	world->sasl = false;
	world->responses = 0;
	reply(world, sasl->tag, false);
	world->first++;
	world->count--;
}

/* A mail, in which nothing is a secret. */
static void send_mail(struct world *world)
{
	static const char text[] = "AUTH PLAIN s3cr3\r\n..\r\n.\r\n";

	if (world->protocol != REDACT_SMTP || world->count || !world->greeted)
		return;
	if (take(world, 2)) {
		client(world, "DATA\r\n", "DATA\r\n");
		server(world, "354 x\r\n");
		client(world, text, text);
		server(world, "250 x\r\n");
	} else {
		client(world, "MAIL x\r\n", "MAIL x\r\n");
		client(world, "BDAT 12\r\nAUTH PLAIN xRSET\r\n", "BDAT 12\r\nAUTH PLAIN xRSET\r\n");
		server(world, "250 x\r\n250 x\r\n250 x\r\n");
	}
}

/* A successful login, then bytes that must all pass. */
static void finish(struct world *world)
{
	static const char *const last[] = {"a LOGIN s3cr3t s3cr3t\r\n", "PASS s3cr3t\r\n",
					   "AUTH PLAIN s3cr3t\r\n"};
	static const char *const marked[] = {"a LOGIN " QUOTED " " QUOTED "\r\n",
					     "PASS redacted\r\n", "AUTH PLAIN " B64 "\r\n"};
	static const char *const forwarded = "x LOGIN y z\r\nPASS x\r\nAUTH PLAIN x\r\nx {9}\r\n";

	while (world->sasl && world->responses < first_sasl(world)->rounds)
		send_response(world);
	while (world->count || !world->greeted)
		answer(world);
	client(world, last[world->protocol], marked[world->protocol]);
	server(world, world->protocol == REDACT_IMAP ? "a OK x\r\n" :
		      world->protocol == REDACT_POP3 ? "+OK x\r\n" :
						       "235 x\r\n");
	client(world, forwarded, forwarded);
}

static void well_behaved(enum redact_protocol protocol, const uint8_t *data, size_t len)
{
	struct world world = {.protocol = protocol, .data = data, .left = len};
	struct str out[2] = {{0}};

	while (world.left && world.events.count < EVENTS_MAX / 2) {
		switch (take(&world, 8)) {
		case 0:
		case 1:
		case 2:
			send_command(&world);
			break;
		case 3:
			send_response(&world);
			break;
		case 4:
		case 5:
			answer(&world);
			break;
		case 6:
			challenge(&world);
			break;
		case 7:
			send_mail(&world);
			break;
		}
	}
	finish(&world);
	run_all(&world.events, protocol, out);
	assert(!out[RL_IN].len || !memmem(out[RL_IN].data, out[RL_IN].len, SECRET, strlen(SECRET)));
	if (!world.overtaken)
		check_same(&out[RL_IN], &world.expect);
	events_free(&world.events, out);
	str_free(&world.expect);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!len)
		return 0;
	if (data[0] & 1)
		well_behaved(data[0] / 2 % 3, data + 1, len - 1);
	else
		any_bytes(data[0] / 2 % 3, data + 1, len - 1);
	return 0;
}
