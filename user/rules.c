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
	if (mode->lib)
		way->flags = (struct log_flags){.timestamps = true};
	way->dir = dir ? mem_strdup(dir) : NULL;
	return way;
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

int log_flags_set(struct log_flags *flags, int letter, const char *argument)
{
	switch (letter) {
	case 'b':
		flags->boundaries = true;
		return 0;
	case 't':
		flags->timestamps = true;
		return 0;
	case 'I':
		flags->ip_in_name = true;
		return 0;
	case 'i':
		flags->only[RL_IN] = true;
		return 0;
	case 'o':
		flags->only[RL_OUT] = true;
		return 0;
	case 'f':
		if (strcmp(argument, "in") == 0)
			flags->only[RL_IN] = true;
		else if (strcmp(argument, "out") == 0)
			flags->only[RL_OUT] = true;
		else
			return -EINVAL;
		return 0;
	default:
		return -EINVAL;
	}
}

static void save_word(struct str *text, const char *word)
{
	str_append(text, word, strlen(word) + 1);
}

void rules_save(const struct rules *rules, struct str *text)
{
	const struct way *way;
	unsigned int i;

	for (way = rules->ways; way < rules->ways + rules->ways_count; way++) {
		save_word(text, "way");
		save_word(text, way->mode->name);
		save_word(text, way->protocol ? way->protocol : "");
		str_append_text(text, "-");
		str_append_text(text, way->flags.boundaries ? "b" : "");
		str_append_text(text, way->flags.timestamps ? "t" : "");
		str_append_text(text, way->flags.ip_in_name ? "I" : "");
		str_append_text(text, way->flags.only[RL_IN] ? "i" : "");
		save_word(text, way->flags.only[RL_OUT] ? "o" : "");
		if (way->dir) {
			save_word(text, "dir");
			save_word(text, way->dir);
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

/* Of the way before it. */
static int load_dir(struct rules *rules, const char *dir)
{
	struct way *way = rules->ways_count ? &rules->ways[rules->ways_count - 1] : NULL;

	if (!dir || !way || way->dir || way->mode->home_dir)
		return -EINVAL;
	way->dir = mem_strdup(dir);
	return 0;
}

/* A way of this mode makes no sense without one. */
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
	const char *end = text + size, *word, *argument;

	while ((word = load_word(&text, end)) != NULL) {
		if (strcmp(word, "end") == 0)
			return text == end ? check_dirs(rules) : -EINVAL;
		if (strcmp(word, "way") == 0) {
			if (load_way(rules, &text, end))
				return -EINVAL;
		} else if (strcmp(word, "dir") == 0) {
			if (load_dir(rules, load_word(&text, end)))
				return -EINVAL;
		} else if (strcmp(word, "redact") == 0) {
			rules->redact = true;
		} else if (strcmp(word, "user") == 0 &&
			   (argument = load_word(&text, end)) != NULL) {
			rules_add_mask(rules, argument);
		} else {
			return -EINVAL;
		}
	}
	return -EINVAL;
}
