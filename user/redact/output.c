// SPDX-License-Identifier: MIT
/*
 * What is put out, and when. Little is held back: tags and keywords pass at
 * once, since only what follows them is secret, and a mark is put out with the
 * first byte that it replaces. Held are only a SASL mechanism, a literal's size,
 * a response of "=" or "*", and a CR.
 */
#include <assert.h>
#include <string.h>

#include "redact/redact_internal.h"

struct side *redact_client_side(struct redact *redact)
{
	return &redact->sides[redact->client_dir];
}

/* What is held since an earlier chunk is emitted as a chunk of its own, with that one's time. */
static void emit_held(struct redact *redact, const char *data, size_t len)
{
	struct side *side = redact_client_side(redact);
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
		redact->emit(&chunk, redact->context);
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
	str_append(&redact_client_side(redact)->held, &c, 1);
}

/* Puts out `data` in place of what is held. */
static void put_for_held(struct redact *redact, const char *data, size_t len)
{
	struct side *side = redact_client_side(redact);

	if (side->held_earlier)
		emit_held(redact, data, len);
	else
		redact_put(redact, redact->client_dir, data, len);
	str_clear(&side->held);
}

void redact_replace(struct redact *redact, const char *mark)
{
	put_for_held(redact, mark, strlen(mark));
}

void redact_release(struct redact *redact)
{
	const struct side *side = redact_client_side(redact);

	if (side->held.len)
		put_for_held(redact, side->held.data, side->held.len);
}

void redact_drop(struct redact *redact)
{
	put_for_held(redact, "", 0);
}
