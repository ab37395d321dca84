// SPDX-License-Identifier: MIT
#include "unit.h"

#include "dovecot/release.h"

static void versions(void **state)
{
	const struct release *old = release_find("2.3.19.1 (9b53102964)");
	const struct release *new = release_find("2.4.1-4 (7d8c0e5759)");

	assert_non_null(old);
	assert_ptr_equal(old->login, &login_layout_2_3);
	assert_ptr_equal(old->proxy, &proxy_rules_2_3);
	assert_false(old->tcp_lines);
	assert_ptr_equal(release_find("2.3.0"), old);
	assert_ptr_equal(release_find("2.3.21.1 (d492236fa0)"), old);
	assert_non_null(new);
	assert_ptr_equal(new->login, &login_layout_2_4);
	assert_ptr_equal(new->proxy, &proxy_rules_2_4);
	assert_true(new->tcp_lines);
	assert_ptr_equal(release_find("2.4.0"), new);
	assert_ptr_equal(release_find("2.4.5"), new);
}

static void unknown(void **state)
{
	static const char *const versions[] = {"",	"2.3",	  "2.4",    "2.2.36",
					       "2.5.0", "2.30.1", "12.3.1", "x2.3.1"};
	size_t i;

	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		assert_null(release_find(versions[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),
		cmocka_unit_test(unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
