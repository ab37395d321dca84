// SPDX-License-Identifier: MIT
#include "rules/rules.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rl_abi.h"

/* The new rule, with copies of the strings. NULL: there are too many rules. */
static struct rule *append_copy(struct rules *rules, const struct rule *rule)
{
	struct rule *copy;

	if (rules->count == RULES_MAX)
		return NULL;
	copy = &rules->all[rules->count++];
	*copy = *rule;
	copy->protocol = mem_strdup(rule->protocol);
	copy->dir = mem_strdup(rule->dir);
	return copy;
}

static struct log_flags flags_for(const struct mode *mode, const struct log_flags *flags)
{
	return mode->takes_flags ? *flags : (struct log_flags){.timestamps = true};
}

struct rule *rules_add(struct rules *rules, const struct mode *mode, const char *protocol,
		       const struct log_flags *flags, const char *dir)
{
	struct rule rule = {
		.mode = mode,
		.protocol = (char *)protocol,
		.flags = flags_for(mode, flags),
		.format = mode->format,
		.dir = (char *)dir,
	};

	return append_copy(rules, &rule);
}

int rules_merge(struct rules *rules, const struct rules *others)
{
	const struct rule *rule;
	unsigned int i;

	for (rule = others->all; rule < others->all + others->count; rule++)
		if (!append_copy(rules, rule))
			return -E2BIG;
	for (i = 0; i < others->masks_count; i++)
		rules_add_mask(rules, others->masks[i]);
	rules->redact |= others->redact;
	return 0;
}

int rules_set_options(struct rules *rules, const struct log_options *options, bool instead,
		      struct str *error)
{
	bool flags_taken = !options->flags_given;
	struct rule *rule;

	for (rule = rules->all; rule < rules->all + rules->count; rule++) {
		if (!rule->mode->takes_flags || !options->flags_given)
			continue;
		flags_taken = true;
		if (instead)
			rule->flags = options->flags;
		else
			log_flags_add(&rule->flags, &options->flags);
	}
	if (flags_taken)
		return 0;
	log_flags_names(error);
	str_append_text(error, " are for --rawlog only, which is not enabled");
	return -EINVAL;
}

const struct rule *rules_find(const struct rules *rules, const struct mode *mode,
			      const char *protocol)
{
	const struct rule *rule;

	for (rule = rules->all; rule < rules->all + rules->count; rule++)
		if (rule->mode == mode && !rule->protocol == !protocol &&
		    (!protocol || strcmp(rule->protocol, protocol) == 0))
			return rule;
	return NULL;
}

bool rules_take(const struct rules *rules, unsigned int index, enum traffic traffic,
		const char *protocol)
{
	const struct rule *rule = &rules->all[index];

	if (rule->mode->traffic != traffic)
		return false;
	if (rule->protocol)
		return strcmp(rule->protocol, protocol) == 0;
	return rule->mode->home_dir || !rules_find(rules, rule->mode, protocol);
}

bool rules_need(const struct rules *rules, const struct service *service)
{
	unsigned int i;

	for (i = 0; i < rules->count; i++)
		if (rules_take(rules, i, service->client, service->protocol) ||
		    rules_take(rules, i, service->relay, service->protocol))
			return true;
	return false;
}

bool rules_record(const struct rules *rules, enum traffic traffic)
{
	unsigned int i;

	for (i = 0; i < rules->count; i++)
		if (rules->all[i].mode->traffic == traffic)
			return true;
	return false;
}

bool rules_need_tls(const struct rules *rules)
{
	unsigned int i;

	for (i = 0; i < rules->count; i++)
		if (rules->all[i].mode->tls != TLS_NONE)
			return true;
	return false;
}

bool rules_need_root(const struct rules *rules)
{
	unsigned int i;

	for (i = 0; i < rules->count; i++)
		if (rules->all[i].mode->root_files)
			return true;
	return false;
}

bool rules_need_zone(const struct rules *rules)
{
	unsigned int i;

	for (i = 0; i < rules->count; i++)
		if (rules->all[i].mode->iostream)
			return true;
	return false;
}

bool rules_have_variable(const struct rules *rules, const char *name)
{
	unsigned int i;

	for (i = 0; i < rules->count; i++)
		if (rules->all[i].mode->variables && strstr(rules->all[i].dir, name))
			return true;
	return false;
}

bool rules_have(const struct rules *rules, const struct mode *mode, const char *protocol)
{
	const struct rule *rule;

	for (rule = rules->all; rule < rules->all + rules->count; rule++)
		if (rule->mode == mode &&
		    (!rule->protocol || strcmp(rule->protocol, protocol) == 0))
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
	while (rules->count) {
		free(rules->all[--rules->count].protocol);
		free(rules->all[rules->count].dir);
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

/* For each member: save_NAME appends its words, load_NAME sets it. */

static void save_mode(const struct rule *rule, struct str *text)
{
	save_word(text, rule->mode->name);
}

static int load_mode(struct rule *rule, const char *name)
{
	rule->mode = mode_find(name);
	if (!rule->mode)
		return -EINVAL;
	rule->format = rule->mode->format;
	return 0;
}

static void save_protocol(const struct rule *rule, struct str *text)
{
	save_word(text, rule->protocol ? rule->protocol : "");
}

static int load_protocol(struct rule *rule, const char *protocol)
{
	rule->protocol = *protocol ? mem_strdup(protocol) : NULL;
	return 0;
}

static void save_flags(const struct rule *rule, struct str *text)
{
	str_append_text(text, "-");
	log_flags_text(&rule->flags, text);
	save_word(text, "");
}

static int load_flags(struct rule *rule, const char *letters)
{
	struct log_flags flags = {0};

	if (*letters++ != '-')
		return -EINVAL;
	for (; *letters; letters++)
		if (log_flags_set(&flags, *letters, NULL))
			return -EINVAL;
	rule->flags = flags_for(rule->mode, &flags);
	return 0;
}

static void save_dir(const struct rule *rule, struct str *text)
{
	if (!rule->dir)
		return;
	save_word(text, "dir");
	save_word(text, rule->dir);
}

static int load_dir(struct rule *rule, const char *dir)
{
	if (rule->dir || rule->mode->home_dir)
		return -EINVAL;
	rule->dir = mem_strdup(dir);
	return 0;
}

/* A stream says it only if the mode does not. */
static void save_format(const struct rule *rule, struct str *text)
{
	if (rule->format == rule->mode->format)
		return;
	save_word(text, "format");
	save_word(text, rule->format->name);
}

static int load_format(struct rule *rule, const char *name)
{
	rule->format = format_find(name);
	return rule->format ? 0 : -EINVAL;
}

struct member {
	const char *name;
	void (*save)(const struct rule *rule, struct str *text);
	int (*load)(struct rule *rule, const char *value);
};
#define MEMBER(type, name) {#name, save_##name, load_##name},
static const struct member head[] = {RULE_HEAD(MEMBER)}, settings[] = {RULE_SETTINGS(MEMBER)};
#define HEAD_COUNT     (sizeof(head) / sizeof(head[0]))
#define SETTINGS_COUNT (sizeof(settings) / sizeof(settings[0]))

static void save_rule(const struct rule *rule, struct str *text)
{
	unsigned int i;

	save_word(text, "way");
	for (i = 0; i < HEAD_COUNT; i++)
		head[i].save(rule, text);
	for (i = 0; i < SETTINGS_COUNT; i++)
		settings[i].save(rule, text);
}

void rules_save(const struct rules *rules, struct str *text)
{
	unsigned int i;

	for (i = 0; i < rules->count; i++)
		save_rule(&rules->all[i], text);
	for (i = 0; i < rules->masks_count; i++) {
		save_word(text, "user");
		save_word(text, rules->masks[i]);
	}
	if (rules->redact)
		save_word(text, "redact");
	save_word(text, "end");
}

/* What follows "way". */
static int load_rule(struct rules *rules, const char **text, const char *end)
{
	const char *value;
	struct rule *rule;
	unsigned int i;

	if (rules->count == RULES_MAX)
		return -EINVAL;
	rule = &rules->all[rules->count++];
	*rule = (struct rule){0};
	for (i = 0; i < HEAD_COUNT; i++) {
		value = load_word(text, end);
		if (!value || head[i].load(rule, value))
			return -EINVAL;
	}
	return 0;
}

/* A setting of the last rule. */
static int load_setting(struct rules *rules, const char *name, const char *value)
{
	unsigned int i;

	for (i = 0; rules->count && value && i < SETTINGS_COUNT; i++)
		if (strcmp(settings[i].name, name) == 0)
			return settings[i].load(&rules->all[rules->count - 1], value);
	return -EINVAL;
}

/* What follows `word`, up to the next one. */
static int load_entry(struct rules *rules, const char *word, const char **text, const char *end)
{
	const char *mask;

	if (strcmp(word, "way") == 0)
		return load_rule(rules, text, end);
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
	return load_setting(rules, word, load_word(text, end));
}

/* Does each rule have a directory, unless its mode has one? */
static int check_dirs(const struct rules *rules)
{
	unsigned int i;

	for (i = 0; i < rules->count; i++)
		if (!rules->all[i].dir != !!rules->all[i].mode->home_dir)
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
