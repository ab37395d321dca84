// SPDX-License-Identifier: MIT
#include "unit.h"

#include <string.h>

#include "output/mounts.h"

static const char points[] = "/\0/home\0/home/big disk\0/srv/mail\0/home/big disk/inner\0/homes";

static void by_text(void **state)
{
	static const struct {
		const char *path, *point;
	} cases[] = {
		{"/etc/passwd", "/"},
		{"/", "/"},
		{"", "/"},
		{"/home", "/home"},
		{"/home/", "/home"},
		{"/home/u1", "/home"},
		{"/homestead/u1", "/"},
		{"/homes/u1", "/homes"},
		{"/home/big disk/u2", "/home/big disk"},
		{"/home/big disk/inner", "/home/big disk/inner"},
		{"/home/big diskette", "/home"},
		{"/srv", "/"},
		{"/srv/mail/../x", "/srv/mail"},
	};
	struct mounts mounts = {.fd = -1};
	unsigned int i;

	str_append(&mounts.points, points, sizeof(points));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(mounts_point(&mounts, cases[i].path), cases[i].point);
	mounts_close(&mounts);
}

/* Of this host: /proc is mounted wherever this runs. */
static void real(void **state)
{
	struct mounts mounts;

	assert_int_equal(mounts_open(&mounts), 0);
	assert_string_equal(mounts_point(&mounts, "/proc/self/status"), "/proc");
	assert_int_equal(mounts_read(&mounts), 0);
	assert_string_equal(mounts_point(&mounts, "/proc/1/status"), "/proc");
	mounts_close(&mounts);
	assert_int_equal(mounts.fd, -1);
}

static void none(void **state)
{
	struct mounts mounts = {.fd = -1};

	assert_string_equal(mounts_point(&mounts, "/home/u1"), "/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_text),
		cmocka_unit_test(real),
		cmocka_unit_test(none),
	};

	return cmocka_run_group_tests_name("mounts", tests, NULL, NULL);
}
