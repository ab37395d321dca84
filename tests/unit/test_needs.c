// SPDX-License-Identifier: MIT
#include "unit.h"

#include "rules/needs.h"

static void directories(void **state)
{
	static const struct {
		const char *dir;
		unsigned int needs;
	} cases[] = {
		{"/logs", 0},
		{"/home/hostname/env/%u/%%h", 0},
		{"tcp:host:24", 0},
		{"tcp:host", NEED_HOME},
		{"logs", NEED_HOME},
		{"~/logs", NEED_HOME},
		{"", NEED_HOME},
		{"/a/%h", NEED_HOME},
		{"/a/%Lh", NEED_HOME},
		{"/a/%1.2Lh", NEED_HOME},
		{"/a/%u%h", NEED_HOME},
		{"/a/%{home}", NEED_HOME},
		{"%{owner_home | md5}/x", NEED_HOME},
		{"/%{hostname}", NEED_HOSTNAME},
		{"/%{system:hostname}", NEED_HOSTNAME},
		{"/%{env:X}", NEED_ENVIRONMENT},
		{"%{user}/%{hostname}%{env:X}", NEED_HOME | NEED_HOSTNAME | NEED_ENVIRONMENT},
		{"/a/100%", 0},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (needs_of_dir(cases[i].dir) != cases[i].needs)
			fail_msg("%s: %u", cases[i].dir, needs_of_dir(cases[i].dir));
}

static unsigned int of_rule(const struct mode *mode, const char *dir)
{
	struct rules rules = {0};
	unsigned int needs;

	rules_add(&rules, mode, NULL, &(struct log_flags){0}, dir);
	needs = needs_of_rules(&rules);
	rules_free(&rules);
	return needs;
}

/* Only where a directory has variables do they count; but all of Dovecot's own files have its zone. */
static void of_rules(void **state)
{
	assert_int_equal(of_rule(&mode_home, NULL), 0);
	assert_int_equal(of_rule(&mode_lmtp, "/%{hostname}"), NEED_ZONE);
	assert_int_equal(of_rule(&mode_rawlog_dir, "/%u"), NEED_ZONE);
	assert_int_equal(of_rule(&mode_rawlog_dir, "/%{hostname}"), NEED_ZONE | NEED_HOSTNAME);
	assert_int_equal(of_rule(&mode_relay, "~/x"), NEED_ZONE | NEED_HOME);
}

static void names(void **state)
{
	unsigned int needs = NEED_HOME | NEED_HOSTNAME | NEED_ENVIRONMENT | NEED_ZONE;

	assert_string_equal(needs_next(&needs), "mail_home");
	assert_string_equal(needs_next(&needs), "hostname");
	assert_string_equal(needs_next(&needs), "import_environment");
	assert_string_equal(needs_next(&needs), "zone");
	assert_null(needs_next(&needs));
	assert_int_equal(needs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories),
		cmocka_unit_test(of_rules),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("needs", tests, NULL, NULL);
}
