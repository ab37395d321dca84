// SPDX-License-Identifier: MIT
#include "records/event.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The fixed part of a type's payload, bytes. */
static const struct {
	const char *name;
	size_t size;
} types[] = {
#define X(name, number, payload) [number] = {#name, sizeof(struct payload)},
	RL_RECORD_TYPES(X)
#undef X
};

#define TYPES_COUNT (sizeof(types) / sizeof(types[0]))

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* Checks the values, once the sizes are right. `extra`: bytes after the payload's fixed part. */
static bool is_valid(const struct event *event, size_t extra)
{
	switch (event->type) {
	case RL_DATA:
		return event->data->size == extra && event->data->dir <= RL_OUT &&
		       event->data->class <= RL_CLASS_MAX &&
		       event->data->offset <= UINT64_MAX - extra;
	case RL_SETTING:
	case RL_FACT_SETTINGS:
	case RL_FACT_USERS:
		return event->setting->size == extra && extra &&
		       event->setting->text[extra - 1] == '\0';
	case RL_GAP:
		return !extra && event->gap->dir <= RL_OUT && event->gap->class <= RL_CLASS_MAX &&
		       event->gap->offset <= UINT64_MAX - event->gap->size;
	case RL_SOCK_OPEN:
		return !extra && event->open->class <= RL_CLASS_MAX &&
		       (event->open->family != RL_AF_UNIX ||
			ends(event->open->path, sizeof(event->open->path)));
	case RL_GROUPS:
		return extra / sizeof(*event->groups->gids) >= event_gids(event);
	case RL_PROC_EXEC:
		return !extra && ends(event->proc->comm, sizeof(event->proc->comm));
	case RL_FACT_MASTER:
		return !extra && event->master->status <= RL_MASTER_WHOSE &&
		       ends(event->master->version, sizeof(event->master->version)) &&
		       ends(event->master->base_dir, sizeof(event->master->base_dir));
	case RL_FACT_LOG:
		return !extra && event->log->status <= RL_LOG_LATE && event->log->serial >= 1;
	case RL_FACT_WRITE:
		return !extra && event->write->status <= RL_WRITE_GOES_ON;
	case RL_CLOCK:
	case RL_PROC_EXIT:
	case RL_SOCK_CLOSE:
	case RL_STATS:
	case RL_TLS_BEGIN:
	case RL_LINK:
		return !extra;
	}
	return false;
}

int event_parse(const void *data, size_t size, struct event *event_r)
{
	const struct rl_rec *rec = data;

	if (size < sizeof(*rec) || rec->len > size || rec->len < sizeof(*rec))
		return -EINVAL;
	if (rec->type >= TYPES_COUNT || !types[rec->type].name ||
	    rec->len - sizeof(*rec) < types[rec->type].size)
		return -EINVAL;
	event_r->rec = rec;
	event_r->type = rec->type;
	event_r->payload = rec + 1;
	return is_valid(event_r, rec->len - sizeof(*rec) - types[rec->type].size) ? 0 : -EINVAL;
}

uint64_t event_bytes(const struct event *event)
{
	if (event->type == RL_DATA)
		return event->data->size;
	return event->type == RL_GAP ? event->gap->size : 0;
}

int event_dir(const struct event *event)
{
	return event->type == RL_GAP ? event->gap->dir : event->data->dir;
}

uint64_t event_offset(const struct event *event)
{
	return event->type == RL_GAP ? event->gap->offset : event->data->offset;
}

uint32_t event_gids(const struct event *event)
{
	return event->groups->count < RL_GROUPS_MAX ? event->groups->count : RL_GROUPS_MAX;
}

const char *event_type_name(unsigned int type)
{
	return type < TYPES_COUNT && types[type].name ? types[type].name : "?";
}

const char *event_gap_text(unsigned int reason)
{
	switch ((enum rl_gap_reason)reason) {
#define X(name, number, text)                                                                      \
	case RL_GAP_##name:                                                                        \
		return text;
		RL_GAP_REASONS(X)
#undef X
	}
	return "unknown reason";
}

void settings_add(struct str *text, const char *name, const char *value)
{
	str_append(text, name, strlen(name) + 1);
	str_append(text, value, strlen(value) + 1);
}

bool settings_next(const char **at, const char *end, const char **name_r, const char **value_r)
{
	const char *name = *at, *value;

	if (name >= end)
		return false;
	value = name + strlen(name) + 1;
	if (value >= end)
		return false;
	*at = value + strlen(value) + 1;
	*name_r = name;
	*value_r = value;
	return true;
}

const char *settings_get(const char *text, size_t size, const char *name)
{
	const char *at = text, *its, *value;

	while (settings_next(&at, text + size, &its, &value))
		if (strcmp(its, name) == 0)
			return value;
	return NULL;
}

const char *log_error_text(int error)
{
	switch (error) {
#define X(name, number, text)                                                                      \
	case number:                                                                               \
		return text;
		RL_ERRORS(X)
#undef X
	}
	return strerror(error);
}
