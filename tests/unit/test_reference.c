// SPDX-License-Identifier: MIT
#include "unit.h"

#include <string.h>

#include "dovecot/reference.h"

static void whole_words(void **state)
{
	static const struct {
		const char *value, *found;
	} cases[] = {
		{"$SET:base_dir", "$SET:base_dir"},
		{"$ENV:HOME", "$ENV:HOME"},
		{"$mail_plugins quota", "$mail_plugins"},
		{"/logs \t $SET:a/b $c", "$SET:a/b"},
		{"$", "$"},
		{"", NULL},
		{"  ", NULL},
		{"/logs/$SET:base_dir", NULL},
		{"%{home}/a$ b$c", NULL},
	};
	size_t i, len;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *found = reference_find(cases[i].value, &len);

		assert_int_equal(found != NULL, cases[i].found != NULL);
		if (!found)
			continue;
		assert_int_equal(len, strlen(cases[i].found));
		assert_memory_equal(found, cases[i].found, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_words),
	};

	return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
