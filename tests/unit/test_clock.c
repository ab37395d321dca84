// SPDX-License-Identifier: MIT
#include "unit.h"

#include <stdlib.h>
#include <time.h>

#include "host/clock.h"

static void test_now(void **state)
{
	struct timespec before, after;
	int64_t ns, ms, real;

	clock_gettime(CLOCK_MONOTONIC, &before);
	ns = clock_now_ns();
	ms = clock_now_ms();
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(ns >= before.tv_sec * CLOCK_NS_PER_S + before.tv_nsec);
	assert_true(ns <= after.tv_sec * CLOCK_NS_PER_S + after.tv_nsec);
	assert_true(ms >= ns / 1000000 && ms <= after.tv_sec * 1000 + after.tv_nsec / 1000000);

	clock_gettime(CLOCK_REALTIME, &before);
	real = clock_realtime_ns();
	clock_gettime(CLOCK_REALTIME, &after);
	assert_true(real >= before.tv_sec * CLOCK_NS_PER_S + before.tv_nsec);
	assert_true(real <= after.tv_sec * CLOCK_NS_PER_S + after.tv_nsec);
}

/* In Central Europe: the second in which summer time begins, or ends, and the one before. */
static void test_utc_offset(void **state)
{
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	assert_int_equal(clock_utc_offset(1553993999 * CLOCK_NS_PER_S), 3600);
	assert_int_equal(clock_utc_offset(1553994000 * CLOCK_NS_PER_S), 7200);
	assert_int_equal(clock_utc_offset(1572137999 * CLOCK_NS_PER_S), 7200);
	assert_int_equal(clock_utc_offset(1572138000 * CLOCK_NS_PER_S), 3600);
	setenv("TZ", "NST3:30", 1);
	tzset();
	assert_int_equal(clock_utc_offset(0), -12600);
}

/* The host's zone is set again, while we run. */
static void test_zone_is_set(void **state)
{
	setenv("TZ", "NST3:30", 1);
	assert_int_equal(clock_utc_offset(0), -12600);
	setenv("TZ", "UTC0", 1);
	assert_int_equal(clock_utc_offset(0), 0);
}

static void test_zone(void **state)
{
	struct str text = {0};

	setenv("TZ", "NST3:30", 1);
	clock_zone("CET-1CEST,M3.5.0,M10.5.0/3", 1553993999 * CLOCK_NS_PER_S, &text);
	assert_memory_equal(text.data, "3600 1553994000=7200 1572138000=3600 1585443600=", 48);
	str_clear(&text);
	clock_zone("JST-9", 0, &text);
	assert_string_equal(text.data, "32400");
	assert_string_equal(getenv("TZ"), "NST3:30");
	assert_int_equal(clock_utc_offset(0), -12600);
	unsetenv("TZ");
	str_clear(&text);
	clock_zone("", 0, &text);
	assert_string_equal(text.data, "0");
	assert_null(getenv("TZ"));
	str_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_now),
		cmocka_unit_test(test_utc_offset),
		cmocka_unit_test(test_zone_is_set),
		cmocka_unit_test(test_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
