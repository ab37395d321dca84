// SPDX-License-Identifier: MIT
/* An input is one record, valid or not. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "records/event.h"
#include "base/mem.h"

/* What the users of an event rely on. */
static void check_event(const struct event *event, size_t len)
{
	size_t payload = event->rec->len - sizeof(*event->rec);

	assert(event->rec->len <= len && event->payload == event->rec + 1);
	assert(strcmp(event_type_name(event->type), "?") != 0);
	if (event->type == RL_DATA) {
		assert(event->data->size == payload - sizeof(*event->data));
		assert(event->data->offset + event->data->size >= event->data->offset);
		assert(event->data->dir <= RL_OUT && event->data->class <= RL_CLASS_OTHER);
	} else if (event->type == RL_GAP) {
		assert(event->gap->offset + event->gap->size >= event->gap->offset);
		assert(event->gap->dir <= RL_OUT && event_gap_text(event->gap->reason)[0]);
	} else if (event->type == RL_SOCK_OPEN) {
		assert(strlen(event->open->path) < sizeof(event->open->path));
	} else if (event->type == RL_PROC_EXEC) {
		assert(strlen(event->proc->comm) < sizeof(event->proc->comm));
	} else if (event->type == RL_FACT_MASTER) {
		assert(strlen(event->master->version) < sizeof(event->master->version));
		assert(strlen(event->master->base_dir) < sizeof(event->master->base_dir));
	} else if (event->type == RL_SETTING) {
		assert(event->setting->text[event->setting->size - 1] == '\0');
	}
}

static void check_bytes(const uint8_t *data, size_t len)
{
	void *copy = mem_dup(data, len); /* aligned */
	struct event event;
	int ret = event_parse(copy, len, &event);

	assert(ret == 0 || ret == -EINVAL);
	if (ret == 0)
		check_event(&event, len);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rl_rec rec;
	uint8_t *fixed;

	check_bytes(data, len);
	if (len < sizeof(rec))
		return 0;
	/* the same with the right length, so that the checks go beyond that */
	memcpy(&rec, data, sizeof(rec));
	rec.len = len;
	rec.type %= RL_STATS + 1;
	fixed = mem_dup(data, len);
	memcpy(fixed, &rec, sizeof(rec));
	check_bytes(fixed, len);
	free(fixed);
	return 0;
}
