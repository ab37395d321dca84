/* SPDX-License-Identifier: MIT */
/* Timestamps as they stand in file names and in logs. `realtime_ns`: nanoseconds since 1970, UTC.
 * Pure: no clock, no time zone of this host. */
#ifndef TIMESTAMP_H
#define TIMESTAMP_H

#include <stdint.h>

/* "20190619-124200", in the zone that is `utc_offset` seconds east of UTC. */
#define TIMESTAMP_NAME_LEN 32
void timestamp_name(int64_t realtime_ns, int32_t utc_offset, char text_r[TIMESTAMP_NAME_LEN]);

/* "1560948120.000042 ", as Dovecot's timestamps (util/rawlog.c, 2.3.19.1). Returns its length. */
#define TIMESTAMP_STAMP_LEN 48
int timestamp_stamp(int64_t realtime_ns, char text_r[TIMESTAMP_STAMP_LEN]);

#endif
