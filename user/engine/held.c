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

void held_free(struct held **held_p)
{
	struct held *held = *held_p;

	*held_p = NULL;
	mem_wipe(&held->rec, held->rec.len);
	free(held);
}

void held_append(struct held_queue *queue, struct held_queue *tail)
{
	DL_CONCAT(queue->first, tail->first);
	queue->size += tail->size;
	*tail = (struct held_queue){0};
}

void held_move_before(struct held_queue *queue, struct held_queue *from, uint64_t time_ns)
{
	struct held *held;

	while (from->first && from->first->rec.time_ns < time_ns) {
		held = held_take(from);
		DL_APPEND(queue->first, held);
		queue->size += held->rec.len;
	}
}

void gap_record_grow(struct gap_record *record, const struct event *event)
{
	if (!event_bytes(event))
		return;
	if (!record->rec.len) {
		*record = (struct gap_record){.rec = *event->rec};
		record->rec.type = RL_GAP;
		record->rec.len = sizeof(*record);
		record->rec.flags &= RL_F_TLS;
		record->gap.dir = event_dir(event);
		record->gap.class = event->type == RL_GAP ? event->gap->class : event->data->class;
		record->gap.offset = event_offset(event);
	}
	record->gap.size = event_offset(event) + event_bytes(event) - record->gap.offset;
}

void held_replace_by_gaps(struct held_queue *queue, unsigned int reason)
{
	struct gap_record gaps[2] = {0};
	struct event event;
	struct held *held;
	int dir;

	while ((held = held_take(queue)) != NULL) {
		if (event_parse(&held->rec, held->rec.len, &event) == 0 && event_bytes(&event))
			gap_record_grow(&gaps[event_dir(&event)], &event);
		held_free(&held);
	}
	for (dir = RL_IN; dir <= RL_OUT; dir++) {
		if (!gaps[dir].rec.len)
			continue;
		gaps[dir].gap.reason = reason;
		held_add(queue, &gaps[dir].rec);
	}
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
		held_free(&held);
}
