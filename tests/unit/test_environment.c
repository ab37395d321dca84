// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>

#include "dovecot/environment.h"

static void check(const char *text, int known, const char *value)
{
	struct str out = {0};

	assert_int_equal(environment_get(text, "TZ", &out), known);
	assert_string_equal(str_text(&out), value);
	str_free(&out);
}

static void words(void **state)
{
	check("TZ CORE_OUTOFMEM TZ=Europe/Paris DEBUG=1", 1, "Europe/Paris");
	check("TZ=a\tTZ=b", 1, "b");
	check("TZ=a TZ", 1, "a");
	check("TZ=", 1, "");
	check("TZ=$x", 1, "$x");
	check("TZ=%{env:TZ}", 1, "%{env:TZ}");
	check("", 0, "");
	check("TZ", -ENODATA, "");
	check("XTZ=a TZX=b X=TZ=c TZY", 0, "");
}

static void lists(void **state)
{
	check("PATH = %{env:PATH}\nTZ = Europe/Paris\n", 1, "Europe/Paris");
	check("PATH = %{env:PATH}\nTZ = %{env:TZ}\n", -ENODATA, "");
	check("TZ = a%{env:TZ}", -ENODATA, "");
	check("TZ = a b", -ENODATA, "");
	check("TZ = $ENV:ZONE", -ENODATA, "");
	check("TZ = \nX = 1", -ENODATA, "");
	check("X = TZ=c\nTZX = b\nXTZ = a", 0, "");
}

static void not_known(void **state)
{
	static const char *const own[] = {"GENERATION", "SOCKET12_SETTINGS", "DOVECOT_HOSTNAME",
					  "SSL_KEY_PASSWORD", "NOTIFY_SOCKET"};
	struct str out = {0};
	size_t i;

	check(NULL, -ENODATA, "");
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		assert_true(environment_is_own(own[i]));
		assert_int_equal(environment_get("X=1", own[i], &out), -ENODATA);
	}
	assert_false(environment_is_own("MALLOC_MMAP_THRESHOLD_"));
	assert_false(environment_is_own("TZ"));
	str_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(lists),
		cmocka_unit_test(not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
