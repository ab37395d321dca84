// SPDX-License-Identifier: MIT
/*
 * What comes out and when. Little is ever held back: keywords and tags pass as
 * they come, since only what follows is a secret; a mark comes out with the
 * first byte of what it stands for. Held are a SASL mechanism, a literal's
 * size, a lone "=" or "*", a CR.
 */
#include <assert.h>
#include <string.h>

#include "redact/redact_internal.h"

struct side *redact_client_side(struct redact *redact)
{
	return &redact->sides[redact->client_dir];
}

/* What was held since an earlier chunk is one chunk, with that one's time. */
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
	str_append(&redact_client_side(redact)->held, &c, 1);
}

static void settle(struct redact *redact, const char *data, size_t len)
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
	settle(redact, mark, strlen(mark));
}

void redact_release(struct redact *redact)
{
	const struct side *side = redact_client_side(redact);

	if (side->held.len)
		settle(redact, side->held.data, side->held.len);
}

void redact_drop(struct redact *redact)
{
	settle(redact, "", 0);
}
