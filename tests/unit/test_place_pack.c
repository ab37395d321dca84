// SPDX-License-Identifier: MIT
#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "output/place_pack.h"

static const uint32_t groups[] = {5, 4294967295, 0};

static const struct log_place place = {
	.session = 7,
	.rule = 31,
	.turn = 1,
	.tgid = 4711,
	.groups = groups,
	.groups_count = 3,
	.format = &format_single,
	.files = {true, false},
	.chroot = "/jail",
	.base = "/home/u1",
	.dir = "",
	.name = "20190619-124200.502.1",
	.iostream = true,
	.uid = 1000,
	.gid = 1001,
};

static void check_same(const struct log_place *a, const struct log_place *b)
{
	assert_int_equal(a->session, b->session);
	assert_int_equal(a->rule, b->rule);
	assert_int_equal(a->turn, b->turn);
	assert_int_equal(a->tgid, b->tgid);
	assert_int_equal(a->groups_count, b->groups_count);
	if (a->groups_count)
		assert_memory_equal(a->groups, b->groups, a->groups_count * sizeof(*a->groups));
	assert_ptr_equal(a->format, b->format);
	assert_int_equal(a->files[0], b->files[0]);
	assert_int_equal(a->files[1], b->files[1]);
	assert_int_equal(!a->chroot, !b->chroot);
	if (a->chroot)
		assert_string_equal(a->chroot, b->chroot);
	assert_string_equal(a->base, b->base);
	assert_string_equal(a->dir, b->dir);
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->iostream, b->iostream);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
	assert_null(b->tcp);
}

static void round_trip(void **state)
{
	struct log_place plain = place, back;
	struct str packed = {0};

	place_pack(&place, &packed);
	assert_true(place_unpack(packed.data, packed.len, &back));
	check_same(&place, &back);
	plain.groups = NULL;
	plain.groups_count = 0;
	plain.chroot = NULL;
	plain.format = &format_pair;
	plain.iostream = false;
	str_clear(&packed);
	place_pack(&plain, &packed);
	assert_true(place_unpack(packed.data, packed.len, &back));
	check_same(&plain, &back);
	str_free(&packed);
}

/* However short they are cut, they are refused, and nothing behind them is read. */
static void cut(void **state)
{
	struct str packed = {0};
	struct log_place back;
	char *exact;
	size_t size;

	place_pack(&place, &packed);
	for (size = 0; size < packed.len; size++) {
		exact = size ? mem_dup(packed.data, size) : NULL;
		assert_false(place_unpack(exact, size, &back));
		free(exact);
	}
	str_free(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(cut),
	};

	return cmocka_run_group_tests_name("place_pack", tests, NULL, NULL);
}
