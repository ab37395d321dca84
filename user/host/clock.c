// SPDX-License-Identifier: MIT
#include "host/clock.h"

#include <time.h>

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

int32_t clock_utc_offset(int64_t realtime_ns)
{
	time_t seconds = realtime_ns / CLOCK_NS_PER_S;
	struct tm tm;

	localtime_r(&seconds, &tm);
	return tm.tm_gmtoff;
}
