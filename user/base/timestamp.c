// SPDX-License-Identifier: MIT
#include "base/timestamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

void timestamp_name(int64_t realtime_ns, int32_t utc_offset, char text_r[TIMESTAMP_NAME_LEN])
{
	time_t seconds = realtime_ns / NS_PER_S + utc_offset;
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	gmtime_r(&seconds, &tm);
	strftime(text_r, TIMESTAMP_NAME_LEN, "%Y%m%d-%H%M%S", &tm);
}

int timestamp_stamp(int64_t realtime_ns, char text_r[TIMESTAMP_STAMP_LEN])
{
	return snprintf(text_r, TIMESTAMP_STAMP_LEN, "%" PRId64 ".%06" PRId64 " ",
			realtime_ns / NS_PER_S, realtime_ns % NS_PER_S / 1000);
}
