// SPDX-License-Identifier: MIT
#include "redact/redact.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "redact/redact_internal.h"

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
	mem_wipe(redact, sizeof(*redact)); /* has parts of lines */
	free(redact);
}

static void emit_out(struct redact *redact)
{
	struct side *side = &redact->sides[redact->chunk->dir];
	bool holds = side->held.len > 0, emits = side->out.len > 0;
	struct chunk chunk = *redact->chunk;

	if (emits) {
		chunk.data = (const unsigned char *)side->out.data;
		chunk.len = side->out.len;
		chunk.more |= holds;
		redact->emit(&chunk, redact->context);
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

void redact_feed(struct redact *redact, const struct chunk *chunk, redact_emit_fn *emit,
		 void *context)
{
	if (!chunk->len)
		return;
	if (redact->done && redact->state == CLIENT_BEGIN) {
		emit(chunk, context);
		return;
	}
	redact->chunk = chunk;
	redact->emit = emit;
	redact->context = context;
	if (chunk->dir == redact->client_dir)
		redact_client(redact, chunk->data, chunk->len);
	else
		redact_server(redact, chunk->data, chunk->len);
	emit_out(redact);
}

/* What is held is from an earlier chunk here, so it is emitted directly, with that one's time. */
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
	redact_client_flush(redact);
}
