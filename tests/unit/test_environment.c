// SPDX-License-Identifier: MIT
#include "unit.h"

#include "dovecot/environment.h"

/* `value` NULL: there is none. */
static void check(const char *text, const char *value)
{
	struct str out = {0};

	assert_int_equal(environment_get(text, "TZ", &out), value != NULL);
	assert_string_equal(str_text(&out), value ? value : "");
	str_free(&out);
}

static void words(void **state)
{
	check("TZ CORE_OUTOFMEM TZ=Europe/Paris DEBUG=1", "Europe/Paris");
	check("TZ=a\tTZ=b", "b");
	check("TZ=", "");
	check("", NULL);
	check("TZ", NULL);
	check("XTZ=a TZX=b X=TZ=c", NULL);
}

static void lists(void **state)
{
	check("PATH = %{env:PATH}\nTZ = Europe/Paris\n", "Europe/Paris");
	check("TZ = a b", "a b");
	check("PATH = %{env:PATH}\nTZ = %{env:TZ}\n", NULL);
	check("X = TZ=c\nTZX = b\nXTZ = a", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
