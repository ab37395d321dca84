/* SPDX-License-Identifier: MIT */
/* The clocks of this host. The engine has none: records tell it the time. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#include "base/str.h"

#define CLOCK_NS_PER_MS INT64_C(1000000)
#define CLOCK_NS_PER_S	INT64_C(1000000000)

/* CLOCK_MONOTONIC, which is never set back: the clock of records. */
int64_t clock_now_ns(void);
int64_t clock_now_ms(void);

/* CLOCK_REALTIME: since 1970. */
int64_t clock_realtime_ns(void);
int64_t clock_boot_ns(void); /* since the boot, suspended time included */
/* How many seconds east of UTC the local time is at that moment. Looks whether the zone was changed. */
int32_t clock_utc_offset(int64_t realtime_ns);
/* The same for a zone, as in the variable TZ, at that moment and at each change in the CLOCK_ZONE_YEARS
 * after it: "3600 1774746000=7200 1792890000=3600" is appended, seconds since 1970 before the '='. */
#define CLOCK_ZONE_YEARS 5
void clock_zone(const char *tz, int64_t realtime_ns, struct str *text);

#endif
