// SPDX-License-Identifier: MIT
#include "engine/held.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "records/event.h"

void held_add(struct held_queue *queue, const struct rl_rec *rec)
{
	struct held *held = mem_alloc(offsetof(struct held, rec) + rec->len);

	memcpy(&held->rec, rec, rec->len);
	DL_APPEND(queue->first, held);
	queue->size += rec->len;
}

struct held *held_take(struct held_queue *queue)
{
	struct held *held = queue->first;

	if (!held)
		return NULL;
	DL_DELETE(queue->first, held);
	queue->size -= held->rec.len;
	return held;
}

void held_append(struct held_queue *queue, struct held_queue *tail)
{
	DL_CONCAT(queue->first, tail->first);
	queue->size += tail->size;
	*tail = (struct held_queue){0};
}

bool held_has_bytes(const struct held_queue *queue)
{
	const struct held *held;
	struct event event;

	DL_FOREACH(queue->first, held) {
		if (event_parse(&held->rec, held->rec.len, &event) == 0 && event_bytes(&event))
			return true;
	}
	return false;
}

void held_clear(struct held_queue *queue)
{
	struct held *held;

	while ((held = held_take(queue)) != NULL)
		free(held);
}
