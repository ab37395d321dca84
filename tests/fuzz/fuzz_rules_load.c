// SPDX-License-Identifier: MIT
/* An input is the text of rules in a saved stream, then a user's name. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rules/rules.h"

/* Rules that were loaded, saved and loaded again, must be saved the same. */
static void check_round_trip(const struct rules *rules)
{
	struct rules again = {0};
	struct str text = {0}, text_again = {0};

	rules_save(rules, &text);
	assert(rules_load(&again, text.data, text.len) == 0);
	rules_save(&again, &text_again);
	assert(text.len == text_again.len && memcmp(text.data, text_again.data, text.len) == 0);
	rules_free(&again);
	str_free(&text);
	str_free(&text_again);
}

static void check_masks(const struct rules *rules, const char *user)
{
	unsigned int i;

	rules_want_user(rules, user);
	for (i = 0; i < rules->masks_count; i++)
		assert(strpbrk(rules->masks[i], "*?") ||
		       wildcard_match(rules->masks[i], rules->masks[i]));
	assert(wildcard_match(user, "*"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rules rules = {0};
	char *text = mem_dup(data, len), *user = mem_alloc(len + 1);
	int ret = rules_load(&rules, text, len);

	assert(ret == 0 || ret == -EINVAL);
	assert(rules.count <= RULES_MAX);
	memcpy(user, data, len);
	if (ret == 0)
		check_round_trip(&rules);
	check_masks(&rules, user);
	rules_free(&rules);
	free(text);
	free(user);
	return 0;
}
