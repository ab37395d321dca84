// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "rl_abi.h"
#include "rules/rules.h"

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* For each member of a rule. */

static bool same_mode(const struct rule *a, const struct rule *b)
{
	return a->mode == b->mode;
}

static bool same_protocol(const struct rule *a, const struct rule *b)
{
	return same_text(a->protocol, b->protocol);
}

static bool same_flags(const struct rule *a, const struct rule *b)
{
	return memcmp(&a->flags, &b->flags, sizeof(a->flags)) == 0;
}

static bool same_dir(const struct rule *a, const struct rule *b)
{
	return same_text(a->dir, b->dir);
}

static bool same_format(const struct rule *a, const struct rule *b)
{
	return a->format == b->format;
}

static void check_same(const struct rules *a, const struct rules *b)
{
	unsigned int i;

	assert_int_equal(a->count, b->count);
	for (i = 0; i < a->count; i++) {
#define X(type, name) assert_true(same_##name(&a->all[i], &b->all[i]));
		RULE_HEAD(X)
		RULE_SETTINGS(X)
#undef X
	}
	assert_int_equal(a->redact, b->redact);
	assert_int_equal(a->masks_count, b->masks_count);
	for (i = 0; i < a->masks_count; i++)
		assert_string_equal(a->masks[i], b->masks[i]);
}

/* Saved and loaded, the rules are the same; a saved text that is cut anywhere is refused. */
static void check_round_trip(const struct rules *rules)
{
	struct rules loaded = {0};
	struct str text = {0};
	size_t len;

	rules_save(rules, &text);
	for (len = 0; len < text.len; len++) {
		char *part = guard_dup(text.data, len);

		assert_int_equal(rules_load(&loaded, part, len), -EINVAL);
		rules_free(&loaded);
		guard_free(part, len);
	}
	assert_int_equal(rules_load(&loaded, text.data, text.len), 0);
	check_same(rules, &loaded);
	rules_free(&loaded);
	str_free(&text);
}

static void round_trip(void **state)
{
	static const char *const protocols[] = {NULL, "imap", "pop3"};
	struct rules rules = {0};
	unsigned int bits, i;

	check_round_trip(&rules);
	for (bits = 0; bits < 32; bits++) {
		const struct log_flags flags = {
			.boundaries = bits & 1,
			.timestamps = bits & 2,
			.ip_in_name = bits & 4,
			.only = {bits & 8, bits & 16},
		};

		assert_non_null(rules_add(&rules, &mode_home, protocols[bits % 3], &flags, NULL));
	}
	assert_null(rules_add(&rules, &mode_home, NULL, &(struct log_flags){0}, NULL));
	for (i = 0; i < 3; i++)
		rules_add_mask(&rules, i ? "*@example.org" : "");
	check_round_trip(&rules);
	rules_free(&rules);
	assert_int_equal(rules.count + rules.masks_count, 0);
}

static const struct log_flags none;

/* Each member has several values in these rules: else a round trip says nothing of it. */
static void check_varied(const struct rules *rules)
{
	unsigned int i;

#define X(type, name)                                                                              \
	for (i = 1; i < rules->count && same_##name(&rules->all[0], &rules->all[i]); i++)          \
		;                                                                                  \
	assert_true(i < rules->count);
	RULE_HEAD(X)
	RULE_SETTINGS(X)
#undef X
}

static void round_trip_dirs(void **state)
{
	static const char *const dirs[] = {"/var/log/%u", "raw logs", "end", "-t", "", "tcp:h:1"};
	const struct log_flags all = {
		.boundaries = true, .ip_in_name = true, .only = {true, false}};
	struct rules rules = {0}, merged = {0};
	unsigned int i;

	for (i = 0; i < 30; i++)
		assert_non_null(rules_add(&rules, modes[1 + i % (modes_count - 1)],
					  i % 2 ? "imap" : NULL, &all, dirs[i % 6]));
	assert_ptr_equal(modes[0], &mode_home); /* the only one without a directory */
	assert_non_null(rules_add(&rules, &mode_home, NULL, &all, NULL));
	check_round_trip(&rules);
	assert_int_equal(rules_merge(&merged, &rules), 0);
	check_same(&rules, &merged);
	rules_free(&merged);
	rules.redact = true;
	rules_add_mask(&rules, "redact");
	for (i = 0; i < rules.count; i++)
		rules.all[i].format = formats[i % formats_count];
	check_round_trip(&rules);
	check_varied(&rules);
	/* --rawlog-dir always has timestamps, and takes no other flag */
	assert_true(rules.all[0].flags.timestamps && !rules.all[0].flags.boundaries &&
		    !rules.all[0].flags.ip_in_name && log_flags_has(&rules.all[0].flags, RL_OUT));
	assert_true(!rules.all[30].flags.timestamps && rules.all[30].flags.boundaries);
	rules_free(&rules);
}

/* Each rule takes its own traffic, and of this the protocol that it names. */
static void rule_takes(void **state)
{
	struct rules rules = {0};
	unsigned int i;

	rules_add(&rules, &mode_login, "imap", &none, "imap");
	rules_add(&rules, &mode_login, NULL, &none, "others");
	rules_add(&rules, &mode_rawlog_dir, "pop3", &none, "pop3");
	rules_add(&rules, &mode_home, NULL, &none, NULL);
	rules_add(&rules, &mode_home, "imap", &none, NULL);
	rules_add(&rules, &mode_lmtp, NULL, &none, "lmtp");
	assert_true(rules_take(&rules, 0, TRAFFIC_LOGIN, "imap"));
	assert_false(rules_take(&rules, 0, TRAFFIC_LOGIN, "pop3"));
	assert_false(rules_take(&rules, 0, TRAFFIC_MAIL, "imap"));
	assert_false(rules_take(&rules, 1, TRAFFIC_LOGIN, "imap"));
	assert_true(rules_take(&rules, 1, TRAFFIC_LOGIN, "pop3"));
	assert_true(rules_take(&rules, 1, TRAFFIC_LOGIN, "submission"));
	assert_false(rules_take(&rules, 2, TRAFFIC_MAIL, "imap"));
	assert_true(rules_take(&rules, 2, TRAFFIC_MAIL, "pop3"));
	/* one mode does not exclude another */
	assert_true(rules_take(&rules, 3, TRAFFIC_MAIL, "imap"));
	assert_true(rules_take(&rules, 4, TRAFFIC_MAIL, "imap"));
	assert_false(rules_take(&rules, 4, TRAFFIC_MAIL, "submission"));
	assert_true(rules_take(&rules, 5, TRAFFIC_LMTP, "lmtp"));
	for (i = 0; i < rules.count; i++) {
		assert_false(rules_take(&rules, i, TRAFFIC_NONE, "imap"));
		assert_false(rules_take(&rules, i, TRAFFIC_RELAY, "submission"));
		assert_false(rules_take(&rules, i, TRAFFIC_LMTP_PROXY, "lmtp"));
	}
	rules_free(&rules);
}

/* Which services and which traffic the rules need, and which protocols have a rule. */
static void needs(void **state)
{
	static const struct {
		const struct mode *mode;
		const char *protocol;
		enum traffic traffic;
		const char *services; /* the programs' names */
		bool variables;
	} cases[] = {
		{&mode_home, NULL, TRAFFIC_MAIL, " imap pop3 submission ", false},
		{&mode_home, "pop3", TRAFFIC_MAIL, " pop3 ", false},
		{&mode_rawlog_dir, NULL, TRAFFIC_MAIL, " imap pop3 submission ", true},
		{&mode_rawlog_dir, "imap", TRAFFIC_MAIL, " imap ", true},
		{&mode_login, NULL, TRAFFIC_LOGIN, " imap-login pop3-login submission-login ",
		 false},
		{&mode_login, "submission", TRAFFIC_LOGIN, " submission-login ", false},
		{&mode_lmtp, NULL, TRAFFIC_LMTP, " lmtp ", false},
		{&mode_lmtp_proxy, NULL, TRAFFIC_LMTP_PROXY, " lmtp ", false},
		{&mode_relay, NULL, TRAFFIC_RELAY, " submission ", true},
	};
	unsigned int i, j;
	enum traffic traffic;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rules rules = {0};

		assert_false(rules_record(&rules, cases[i].traffic));
		rules_add(&rules, cases[i].mode, cases[i].protocol, &none, "dir");
		for (j = 0; j < services_count; j++) {
			char word[32];

			snprintf(word, sizeof(word), " %s ", services[j].name);
			assert_int_equal(rules_need(&rules, &services[j]),
					 strstr(cases[i].services, word) != NULL);
		}
		for (traffic = TRAFFIC_MAIL; traffic <= TRAFFIC_RELAY; traffic++)
			assert_int_equal(rules_record(&rules, traffic),
					 traffic == cases[i].traffic);
		assert_int_equal(rules_have_variable(&rules, ""), cases[i].variables);
		rules_free(&rules);
	}
}

static void finds(void **state)
{
	struct rules rules = {0};

	rules_add(&rules, &mode_login, "imap", &none, "imap");
	assert_ptr_equal(rules_find(&rules, &mode_login, "imap"), &rules.all[0]);
	assert_null(rules_find(&rules, &mode_login, "pop3"));
	assert_null(rules_find(&rules, &mode_login, NULL));
	assert_null(rules_find(&rules, &mode_rawlog_dir, "imap"));
	assert_true(rules_have(&rules, &mode_login, "imap"));
	assert_false(rules_have(&rules, &mode_login, "pop3"));
	rules_add(&rules, &mode_login, NULL, &none, "others");
	assert_ptr_equal(rules_find(&rules, &mode_login, NULL), &rules.all[1]);
	assert_null(rules_find(&rules, &mode_login, "pop3"));
	assert_true(rules_have(&rules, &mode_login, "pop3"));
	assert_false(rules_have(&rules, &mode_home, "pop3"));
	rules_free(&rules);
}

static int load(const char *text, size_t size)
{
	char *copy = guard_dup(text, size);
	struct rules rules = {0};
	int ret = rules_load(&rules, copy, size);

	rules_free(&rules);
	guard_free(copy, size);
	return ret;
}

static void malformed(void **state)
{
	struct str many = {0};
	unsigned int i;

	assert_int_equal(load(BYTES("end\0")), 0);
	assert_int_equal(load(BYTES("")), -EINVAL);
	assert_int_equal(load(BYTES("\0")), -EINVAL);
	assert_int_equal(load(BYTES("end")), -EINVAL);
	assert_int_equal(load(BYTES("end\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("user\0")), -EINVAL);
	assert_int_equal(load(BYTES("other\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0rawlog\0\0-bt\0end\0")), 0);
	assert_int_equal(load(BYTES("way\0rawlog\0\0bt\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0rawlog\0\0\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0rawlog\0\0-x\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0rawlog\0\0-f\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0other\0\0-\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0login\0imap\0-t\0dir\0logs\0end\0")), 0);
	assert_int_equal(load(BYTES("way\0relay\0\0-\0dir\0\0redact\0end\0")), 0);
	assert_int_equal(load(BYTES("redact\0redact\0end\0")), 0);
	/* a directory is missing, is one too many, is of nobody, or of the mode that has its own */
	assert_int_equal(load(BYTES("way\0login\0\0-t\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0login\0\0-t\0dir\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0login\0\0-t\0dir\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0login\0\0-t\0dir\0a\0dir\0b\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("dir\0a\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0rawlog\0\0-\0format\0single\0end\0")), 0);
	assert_int_equal(load(BYTES("way\0rawlog\0\0-\0format\0\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0rawlog\0\0-\0format\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0rawlog\0\0-\0dir\0a\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("way\0lmtp\0\0-t\0way\0lmtp\0\0-t\0dir\0a\0end\0")), -EINVAL);
	assert_int_equal(load(BYTES("redact\0yes\0end\0")), -EINVAL);
	for (i = 0; i <= RULES_MAX; i++)
		str_append(&many, BYTES("way\0rawlog\0imap\0-\0"));
	str_append(&many, BYTES("end\0"));
	assert_int_equal(load(many.data, many.len), -EINVAL);
	str_free(&many);
}

/* The plainest definition of * and ?, to compare with. */
static bool matches_slowly(const char *text, const char *mask)
{
	if (!*mask)
		return !*text;
	if (*mask == '*')
		return matches_slowly(text, mask + 1) || (*text && matches_slowly(text + 1, mask));
	return *text && (*mask == '?' || (*mask | 0x20) == (*text | 0x20)) &&
	       matches_slowly(text + 1, mask + 1);
}

/* The word with this number, of all words of up to `len_max` of these letters; false: there is none. */
static bool word_of(unsigned int number, const char *letters, char *word_r, size_t len_max)
{
	size_t count = strlen(letters), len = 0;

	for (; number; number = (number - 1) / count) {
		if (len == len_max)
			return false;
		word_r[len++] = letters[(number - 1) % count];
	}
	word_r[len] = '\0';
	return true;
}

static void wildcards(void **state)
{
	char text[5], mask[6];
	unsigned int i, j;

	for (i = 0; word_of(i, "abA", text, 4); i++)
		for (j = 0; word_of(j, "aB*?", mask, 5); j++)
			assert_int_equal(wildcard_match(text, mask), matches_slowly(text, mask));
	assert_true(wildcard_match("u1@example.org", "*@EXAMPLE.org"));
	assert_false(wildcard_match("u1@example.orga", "*@example.org"));
	/* many stars must not take exponential time */
	assert_false(wildcard_match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
				    "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"));
}

static void wanted_users(void **state)
{
	struct rules rules = {0};

	assert_true(rules_want_user(&rules, "anybody"));
	rules_add_mask(&rules, "u1");
	rules_add_mask(&rules, "v*");
	assert_true(rules_want_user(&rules, "U1"));
	assert_true(rules_want_user(&rules, "v"));
	assert_false(rules_want_user(&rules, "u11"));
	assert_false(rules_want_user(&rules, ""));
	rules_clear_masks(&rules);
	assert_true(rules_want_user(&rules, "anybody"));
	rules_free(&rules);
}

static void flags(void **state)
{
	struct log_flags flags = {0};

	assert_true(log_flags_has(&flags, RL_IN) && log_flags_has(&flags, RL_OUT));
	assert_int_equal(log_flags_set(&flags, 'f', "in"), 0);
	assert_true(log_flags_has(&flags, RL_IN) && !log_flags_has(&flags, RL_OUT));
	flags = (struct log_flags){0};
	assert_int_equal(log_flags_set(&flags, 'o', NULL), 0);
	assert_true(!log_flags_has(&flags, RL_IN) && log_flags_has(&flags, RL_OUT));
	assert_int_equal(log_flags_set(&flags, 'f', "both"), -EINVAL);
	assert_int_equal(log_flags_set(&flags, 'f', ""), -EINVAL);
	assert_int_equal(log_flags_set(&flags, 'x', NULL), -EINVAL);
	assert_int_equal(log_flags_set(&flags, 'f', NULL), -EINVAL);
	assert_int_equal(log_flags_set(&flags, '?', NULL), -EINVAL);
}

/* Each member of struct log_flags has a letter that needs no argument. */
static void letters(void **state)
{
	struct str getopt_text = {0}, names = {0}, text = {0};
	struct log_flags set = {0}, all;
	const char *letter;

	memset(&all, true, sizeof(all));
	log_flags_getopt(&getopt_text);
	assert_string_equal(getopt_text.data, "btIf:io");
	log_flags_names(&names);
	assert_string_equal(names.data, "-b, -t, -I, -f, -i and -o");
	log_flags_text(&all, &text);
	assert_string_equal(text.data, "btIio");
	for (letter = text.data; *letter; letter++)
		assert_int_equal(log_flags_set(&set, *letter, NULL), 0);
	assert_memory_equal(&set, &all, sizeof(all));
	str_free(&getopt_text);
	str_free(&names);
	str_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(malformed),
		cmocka_unit_test(wildcards),  cmocka_unit_test(wanted_users),
		cmocka_unit_test(flags),      cmocka_unit_test(round_trip_dirs),
		cmocka_unit_test(rule_takes), cmocka_unit_test(needs),
		cmocka_unit_test(finds),      cmocka_unit_test(letters),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
