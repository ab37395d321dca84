/* SPDX-License-Identifier: MIT */
/* The clocks of this host. The engine has none: it is told by records. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define CLOCK_NS_PER_MS INT64_C(1000000)
#define CLOCK_NS_PER_S	INT64_C(1000000000)

/* Since some moment in the past, never set back (CLOCK_MONOTONIC): the clock of records. */
int64_t clock_now_ns(void);
int64_t clock_now_ms(void);

/* Since 1970 (CLOCK_REALTIME), and how many seconds east of UTC the local time is then. */
int64_t clock_realtime_ns(void);
int32_t clock_utc_offset(int64_t realtime_ns);

#endif
