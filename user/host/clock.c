// SPDX-License-Identifier: MIT
#include "host/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

static int64_t read_clock(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

int64_t clock_now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_now_ms(void)
{
	return clock_now_ns() / CLOCK_NS_PER_MS;
}

int64_t clock_realtime_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_boot_ns(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

static int32_t offset_at(time_t seconds)
{
	struct tm tm;

	localtime_r(&seconds, &tm);
	return tm.tm_gmtoff;
}

int32_t clock_utc_offset(int64_t realtime_ns)
{
	tzset(); /* localtime_r() does not look at /etc/localtime again */
	return offset_at(realtime_ns / CLOCK_NS_PER_S);
}

/* Between `from` and `until` the offset changes: the first second of the new one. */
static time_t change_between(time_t from, time_t until)
{
	int32_t before = offset_at(from);
	time_t middle;

	while (until - from > 1) {
		middle = from + (until - from) / 2;
		if (offset_at(middle) == before)
			from = middle;
		else
			until = middle;
	}
	return until;
}

static void set_zone(const char *tz)
{
	if (tz)
		setenv("TZ", tz, 1);
	else
		unsetenv("TZ");
	tzset();
}

#define DAY_S (24 * 60 * 60)

void clock_zone(const char *tz, int64_t realtime_ns, struct str *text)
{
	time_t now = realtime_ns / CLOCK_NS_PER_S, day = now, change;
	const char *variable = getenv("TZ");
	char *own = variable ? mem_strdup(variable) : NULL;

	set_zone(tz);
	str_printf(text, "%" PRId32, offset_at(now));
	for (; day < now + CLOCK_ZONE_YEARS * 365 * DAY_S; day += DAY_S) {
		if (offset_at(day) == offset_at(day + DAY_S))
			continue;
		change = change_between(day, day + DAY_S);
		str_printf(text, " %" PRId64 "=%" PRId32, (int64_t)change, offset_at(change));
	}
	set_zone(own);
	free(own);
}
