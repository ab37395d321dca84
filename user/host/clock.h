/* SPDX-License-Identifier: MIT */
/* The clocks of this host. The engine has none: records tell it the time. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define CLOCK_NS_PER_MS INT64_C(1000000)
#define CLOCK_NS_PER_S	INT64_C(1000000000)

/* CLOCK_MONOTONIC, which is never set back: the clock of records. */
int64_t clock_now_ns(void);
int64_t clock_now_ms(void);

/* CLOCK_REALTIME: since 1970. */
int64_t clock_realtime_ns(void);
/* How many seconds east of UTC the local time is at that moment. */
int32_t clock_utc_offset(int64_t realtime_ns);

#endif
