// SPDX-License-Identifier: MIT
#include "rules.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "rl_abi.h"

struct way *rules_add(struct rules *rules, const struct mode *mode, const char *protocol,
		      const struct log_flags *flags, const char *dir)
{
	struct way *way;

	if (rules->ways_count == RULES_WAYS_MAX)
		return NULL;
	way = &rules->ways[rules->ways_count++];
	way->mode = mode;
	way->protocol = mem_strdup(protocol);
	way->flags = *flags;
	if (mode->iostream)
		way->flags = (struct log_flags){.timestamps = true};
	way->dir = mem_strdup(dir);
	return way;
}

int rules_merge(struct rules *rules, const struct rules *others)
{
	const struct way *way;
	unsigned int i;

	for (way = others->ways; way < others->ways + others->ways_count; way++)
		if (!rules_add(rules, way->mode, way->protocol, &way->flags, way->dir))
			return -E2BIG;
	for (i = 0; i < others->masks_count; i++)
		rules_add_mask(rules, others->masks[i]);
	rules->redact |= others->redact;
	return 0;
}

unsigned int rules_set_flags(struct rules *rules, const struct log_flags *flags, bool instead)
{
	unsigned int count = 0;
	struct way *way;

	for (way = rules->ways; way < rules->ways + rules->ways_count; way++) {
		if (way->mode->iostream)
			continue;
		count++;
		if (instead)
			way->flags = *flags;
		else
			log_flags_add(&way->flags, flags);
	}
	return count;
}

const struct way *rules_find(const struct rules *rules, const struct mode *mode,
			     const char *protocol)
{
	const struct way *way;

	for (way = rules->ways; way < rules->ways + rules->ways_count; way++)
		if (way->mode == mode && !way->protocol == !protocol &&
		    (!protocol || strcmp(way->protocol, protocol) == 0))
			return way;
	return NULL;
}

bool rules_way_takes(const struct rules *rules, unsigned int index, enum traffic traffic,
		     const char *protocol)
{
	const struct way *way = &rules->ways[index];

	if (way->mode->traffic != traffic)
		return false;
	if (way->protocol)
		return strcmp(way->protocol, protocol) == 0;
	return way->mode->home_dir || !rules_find(rules, way->mode, protocol);
}

bool rules_need(const struct rules *rules, const struct service *service)
{
	unsigned int i;

	for (i = 0; i < rules->ways_count; i++)
		if (rules_way_takes(rules, i, service->client, service->protocol) ||
		    rules_way_takes(rules, i, service->relay, service->protocol))
			return true;
	return false;
}

bool rules_record(const struct rules *rules, enum traffic traffic)
{
	unsigned int i;

	for (i = 0; i < rules->ways_count; i++)
		if (rules->ways[i].mode->traffic == traffic)
			return true;
	return false;
}

bool rules_need_tls(const struct rules *rules)
{
	unsigned int i;

	for (i = 0; i < rules->ways_count; i++)
		if (rules->ways[i].mode->tls != TLS_NONE)
			return true;
	return false;
}

bool rules_need_root(const struct rules *rules)
{
	unsigned int i;

	for (i = 0; i < rules->ways_count; i++)
		if (rules->ways[i].mode->root_files)
			return true;
	return false;
}

bool rules_have_variable(const struct rules *rules, const char *name)
{
	unsigned int i;

	for (i = 0; i < rules->ways_count; i++)
		if (rules->ways[i].mode->variables && strstr(rules->ways[i].dir, name))
			return true;
	return false;
}

bool rules_have(const struct rules *rules, const struct mode *mode, const char *protocol)
{
	const struct way *way;

	for (way = rules->ways; way < rules->ways + rules->ways_count; way++)
		if (way->mode == mode && (!way->protocol || strcmp(way->protocol, protocol) == 0))
			return true;
	return false;
}

void rules_add_mask(struct rules *rules, const char *mask)
{
	rules->masks = mem_resize(rules->masks, (rules->masks_count + 1) * sizeof(*rules->masks));
	rules->masks[rules->masks_count++] = mem_strdup(mask);
}

void rules_clear_masks(struct rules *rules)
{
	while (rules->masks_count)
		free(rules->masks[--rules->masks_count]);
	free(rules->masks);
	rules->masks = NULL;
}

void rules_free(struct rules *rules)
{
	while (rules->ways_count) {
		free(rules->ways[--rules->ways_count].protocol);
		free(rules->ways[rules->ways_count].dir);
	}
	rules_clear_masks(rules);
}

bool rules_want_user(const struct rules *rules, const char *user)
{
	unsigned int i;

	for (i = 0; i < rules->masks_count; i++)
		if (wildcard_match(user, rules->masks[i]))
			return true;
	return rules->masks_count == 0;
}

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

bool wildcard_match(const char *text, const char *mask)
{
	const char *star = NULL, *retry = NULL;

	while (*text) {
		if (*mask == '*') {
			star = ++mask;
			retry = text;
		} else if (*mask == '?' || same_letter(*mask, *text)) {
			mask++;
			text++;
		} else if (star) { /* the star takes one byte more */
			mask = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*mask == '*')
		mask++;
	return *mask == '\0';
}

static void save_word(struct str *text, const char *word)
{
	str_append(text, word, strlen(word) + 1);
}

/* The next word, or NULL at the end. */
static const char *load_word(const char **text, const char *end)
{
	const char *word = *text;
	size_t len = strnlen(word, end - word);

	if (word + len == end)
		return NULL;
	*text = word + len + 1;
	return word;
}

/* A way begins with its mode, protocol and flags; its other settings follow, as rows of way_words. */
static void save_way(const struct way *way, struct str *text)
{
	save_word(text, "way");
	save_word(text, way->mode->name);
	save_word(text, way->protocol ? way->protocol : "");
	str_append_text(text, "-");
	log_flags_text(&way->flags, text);
	save_word(text, "");
}

static int load_way(struct rules *rules, const char **text, const char *end)
{
	const char *name = load_word(text, end), *protocol = load_word(text, end);
	const char *letters = load_word(text, end);
	const struct mode *mode = name ? mode_find(name) : NULL;
	struct log_flags flags = {0};

	if (!mode || !protocol || !letters || *letters++ != '-')
		return -EINVAL;
	for (; *letters; letters++)
		if (*letters == 'f' || log_flags_set(&flags, *letters, NULL))
			return -EINVAL;
	return rules_add(rules, mode, *protocol ? protocol : NULL, &flags, NULL) ? 0 : -EINVAL;
}

static const char *way_dir(const struct way *way)
{
	return way->dir;
}

static int way_load_dir(struct way *way, const char *dir)
{
	if (way->dir || way->mode->home_dir)
		return -EINVAL;
	way->dir = mem_strdup(dir);
	return 0;
}

/* What a way has besides, as WORD VALUE; NULL: nothing to save. */
static const struct way_word {
	const char *word;
	const char *(*value)(const struct way *way);
	int (*load)(struct way *way, const char *value);
} way_words[] = {
	{"dir", way_dir, way_load_dir},
};
#define WAY_WORDS_COUNT (sizeof(way_words) / sizeof(way_words[0]))

void rules_save(const struct rules *rules, struct str *text)
{
	const struct way *way;
	unsigned int i;

	for (way = rules->ways; way < rules->ways + rules->ways_count; way++) {
		save_way(way, text);
		for (i = 0; i < WAY_WORDS_COUNT; i++) {
			if (!way_words[i].value(way))
				continue;
			save_word(text, way_words[i].word);
			save_word(text, way_words[i].value(way));
		}
	}
	for (i = 0; i < rules->masks_count; i++) {
		save_word(text, "user");
		save_word(text, rules->masks[i]);
	}
	if (rules->redact)
		save_word(text, "redact");
	save_word(text, "end");
}

static int load_way_word(struct rules *rules, const char *word, const char *value)
{
	struct way *way = rules->ways_count ? &rules->ways[rules->ways_count - 1] : NULL;
	unsigned int i;

	for (i = 0; way && value && i < WAY_WORDS_COUNT; i++)
		if (strcmp(way_words[i].word, word) == 0)
			return way_words[i].load(way, value);
	return -EINVAL;
}

/* What follows `word`, up to the next one. */
static int load_entry(struct rules *rules, const char *word, const char **text, const char *end)
{
	const char *mask;

	if (strcmp(word, "way") == 0)
		return load_way(rules, text, end);
	if (strcmp(word, "redact") == 0) {
		rules->redact = true;
		return 0;
	}
	if (strcmp(word, "user") == 0) {
		mask = load_word(text, end);
		if (mask)
			rules_add_mask(rules, mask);
		return mask ? 0 : -EINVAL;
	}
	return load_way_word(rules, word, load_word(text, end));
}

/* A way has a directory, or its mode has one. */
static int check_dirs(const struct rules *rules)
{
	unsigned int i;

	for (i = 0; i < rules->ways_count; i++)
		if (!rules->ways[i].dir != !!rules->ways[i].mode->home_dir)
			return -EINVAL;
	return 0;
}

int rules_load(struct rules *rules, const char *text, size_t size)
{
	const char *end = text + size, *word;

	while ((word = load_word(&text, end)) != NULL) {
		if (strcmp(word, "end") == 0)
			return text == end ? check_dirs(rules) : -EINVAL;
		if (load_entry(rules, word, &text, end))
			return -EINVAL;
	}
	return -EINVAL;
}
