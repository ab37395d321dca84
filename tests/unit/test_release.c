// SPDX-License-Identifier: MIT
#include "unit.h"

#include "dovecot/release.h"

static const struct release *known(const char *version)
{
	bool is_known = false;
	const struct release *release = release_find(version, &is_known);

	assert_non_null(release);
	assert_true(is_known);
	return release;
}

static const struct release *nearest(const char *version)
{
	bool is_known = true;
	const struct release *release = release_find(version, &is_known);

	assert_non_null(release);
	assert_false(is_known);
	return release;
}

static void versions(void **state)
{
	const struct release *old = known("2.3.19.1 (9b53102964)");
	const struct release *new = known("2.4.1-4 (7d8c0e5759)");

	assert_string_equal(old->name, "2.3");
	assert_ptr_equal(old->login, &login_layout_2_3);
	assert_ptr_equal(old->proxy, &proxy_rules_2_3);
	assert_false(old->tcp_lines);
	assert_ptr_equal(known("2.3.17"), old);
	assert_false(old->one_helo);
	assert_true(known("2.3.0")->one_helo && known("2.3.16")->one_helo);
	assert_ptr_equal(known("2.3.21.1 (d492236fa0)"), old);
	assert_string_equal(new->name, "2.4");
	assert_ptr_equal(new->login, &login_layout_2_4);
	assert_ptr_equal(new->proxy, &proxy_rules_2_4);
	assert_ptr_equal(known("2.4.4")->proxy, &proxy_rules_2_4);
	assert_ptr_equal(known("2.4.5-1")->proxy, &proxy_rules_2_4_5);
	assert_true(new->tcp_lines);
	assert_ptr_equal(old->expander, &expander_2_3);
	assert_ptr_equal(known("2.4.1"), new);
}

/* Of 2.4 each had mistakes of its own in variables. */
static void expanders(void **state)
{
	static const struct {
		const char *version;
		const struct expander *expander;
	} rows[] = {
		{"2.4.0", &expander_2_4_0}, {"2.4.1-4 (x)", &expander_2_4_1},
		{"2.4.2", &expander_2_4_2}, {"2.4.3", &expander_2_4_3},
		{"2.4.4", &expander_2_4_4}, {"2.4.5-1", &expander_2_4},
		{"2.4.10", &expander_2_4},  {"2.4.21", &expander_2_4},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(known(rows[i].version)->name, "2.4");
		assert_ptr_equal(known(rows[i].version)->expander, rows[i].expander);
		assert_ptr_equal(known(rows[i].version)->login, &login_layout_2_4);
	}
}

static void unknown_versions(void **state)
{
	const struct release *old = known("2.3.0"), *new = known("2.4.99");

	assert_ptr_equal(nearest("2.2.36"), old);
	assert_ptr_equal(nearest("1.2.17"), old);
	assert_ptr_equal(nearest("0.0.0"), old);
	assert_ptr_equal(nearest("2.5.0"), new);
	assert_ptr_equal(nearest("2.30.1"), new);
	assert_ptr_equal(nearest("2.10.0 (x)"), new);
	assert_ptr_equal(nearest("3.1.2 (pro)"), new);
	assert_ptr_equal(nearest("12.3.1"), new);
}

static void no_versions(void **state)
{
	static const char *const texts[] = {"",	      "2",	"2.3",	    "2.3 x",
					    "x2.3.1", " 2.3.1", "-2.3.1",   "2.-3.1",
					    "2..3.1", ".2.3.1", "99999.3.1"};
	bool is_known;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (release_find(texts[i], &is_known))
			fail_msg("'%s'", texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),
		cmocka_unit_test(expanders),
		cmocka_unit_test(unknown_versions),
		cmocka_unit_test(no_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
