// SPDX-License-Identifier: MIT
#include "output/place_pack.h"

#include <string.h>

/* In front of the groups and of the texts, each with its NUL. */
struct packed {
	struct log_place place; /* without pointers */
	bool chroot;
};

#define TEXTS 5

void place_pack(const struct log_place *place, struct str *out)
{
	const char *const texts[TEXTS] = {
		place->format->name,
		place->base,
		place->dir,
		place->name,
		place->chroot ? place->chroot : "",
	};
	struct packed head = {.place = *place, .chroot = place->chroot != NULL};
	unsigned int i;

	head.place.groups = NULL;
	head.place.format = NULL;
	head.place.tcp = head.place.chroot = head.place.base = NULL;
	head.place.dir = head.place.name = NULL;
	str_append(out, &head, sizeof(head));
	if (place->groups_count)
		str_append(out, place->groups, place->groups_count * sizeof(*place->groups));
	for (i = 0; i < TEXTS; i++)
		str_append(out, texts[i], strlen(texts[i]) + 1);
}

bool place_unpack(const void *data, size_t size, struct log_place *place_r)
{
	const struct packed *head = data;
	const char *texts[TEXTS], *at = (const char *)(head + 1), *end = (const char *)data + size;
	unsigned int i;

	if (size < sizeof(*head) ||
	    (size - sizeof(*head)) / sizeof(*place_r->groups) < head->place.groups_count)
		return false;
	*place_r = head->place;
	place_r->groups = (const uint32_t *)(const void *)at;
	at += head->place.groups_count * sizeof(*place_r->groups);
	for (i = 0; i < TEXTS; i++) {
		texts[i] = at;
		at = at < end ? memchr(at, '\0', end - at) : NULL;
		if (!at)
			return false;
		at++;
	}
	place_r->format = format_find(texts[0]);
	place_r->base = texts[1];
	place_r->dir = texts[2];
	place_r->name = texts[3];
	place_r->chroot = head->chroot ? texts[4] : NULL;
	return place_r->format != NULL;
}
