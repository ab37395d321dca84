// SPDX-License-Identifier: MIT
/*
 * What comes out and when. Little is ever held back: keywords and tags pass as
 * they come, since only what follows is a secret; a mark comes out with the
 * first byte of what it stands for. Held are a SASL mechanism, a literal's
 * size, a lone "=" or "*", a CR.
 */
#include "redact.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "redact_state.h"

static struct side *client_side(struct redact *redact)
{
	return &redact->sides[redact->client_dir];
}

/* What was held since an earlier chunk is one chunk, with that one's time. */
static void emit_held(struct redact *redact, const char *data, size_t len)
{
	struct side *side = client_side(redact);
	const struct chunk chunk = {
		.data = (const unsigned char *)data,
		.len = len,
		.realtime_ns = side->held_ns,
		.continues = side->held_continues,
		.more = side->held_more,
		.dir = redact->client_dir,
	};

	assert(!side->out.len);
	if (len)
		redact->emit(redact->client_dir, &chunk, redact->context);
	side->held_earlier = false;
}

void redact_put(struct redact *redact, int dir, const void *data, size_t len)
{
	str_append(&redact->sides[dir].out, data, len);
}

void redact_put_text(struct redact *redact, const char *text)
{
	redact_put(redact, redact->client_dir, text, strlen(text));
}

void redact_hold(struct redact *redact, unsigned char c)
{
	str_append(&client_side(redact)->held, &c, 1);
}

static void settle(struct redact *redact, const char *data, size_t len)
{
	struct side *side = client_side(redact);

	if (side->held_earlier)
		emit_held(redact, data, len);
	else
		redact_put(redact, redact->client_dir, data, len);
	str_clear(&side->held);
}

void redact_replace(struct redact *redact, const char *mark)
{
	settle(redact, mark, strlen(mark));
}

void redact_release(struct redact *redact)
{
	const struct side *side = client_side(redact);

	if (side->held.len)
		settle(redact, side->held.data, side->held.len);
}

void redact_drop(struct redact *redact)
{
	settle(redact, "", 0);
}

struct redact *redact_new(enum redact_protocol protocol, int client_dir)
{
	struct redact *redact = mem_alloc(sizeof(*redact));

	redact->protocol = protocol;
	redact->client_dir = client_dir;
	return redact;
}

void redact_free(struct redact **redact_p)
{
	struct redact *redact = *redact_p;
	int dir;

	*redact_p = NULL;
	if (!redact)
		return;
	for (dir = 0; dir < 2; dir++) {
		str_free(&redact->sides[dir].out);
		str_free(&redact->sides[dir].held);
	}
	free(redact);
}

static void emit_out(struct redact *redact, int dir)
{
	struct side *side = &redact->sides[dir];
	bool holds = side->held.len > 0, emits = side->out.len > 0;
	struct chunk chunk = *redact->chunk;

	if (emits) {
		chunk.data = (const unsigned char *)side->out.data;
		chunk.len = side->out.len;
		chunk.more |= holds;
		redact->emit(dir, &chunk, redact->context);
		str_clear(&side->out);
	}
	if (!holds)
		return;
	if (!side->held_earlier) {
		side->held_ns = chunk.realtime_ns;
		side->held_continues = chunk.continues || emits;
	}
	side->held_more = redact->chunk->more;
	side->held_earlier = true;
}

void redact_feed(struct redact *redact, int dir, const struct chunk *chunk, redact_emit_fn *emit,
		 void *context)
{
	if (!chunk->len)
		return;
	if (redact->done && redact->state == CLIENT_BEGIN) {
		emit(dir, chunk, context);
		return;
	}
	redact->chunk = chunk;
	redact->emit = emit;
	redact->context = context;
	if (dir == redact->client_dir)
		redact_client(redact, chunk->data, chunk->len);
	else
		redact_server(redact, chunk->data, chunk->len);
	emit_out(redact, dir);
}

/* Held bytes come out with their own time: they are always of an earlier chunk here. */
void redact_gap(struct redact *redact, int dir, uint64_t size, redact_emit_fn *emit, void *context)
{
	redact->emit = emit;
	redact->context = context;
	if (dir == redact->client_dir)
		redact_client_gap(redact, size);
	else
		redact_server_gap(redact);
}

void redact_end(struct redact *redact, redact_emit_fn *emit, void *context)
{
	redact->emit = emit;
	redact->context = context;
	redact_client_settle(redact);
}
