// SPDX-License-Identifier: MIT
#include "sink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "rl_abi.h"

const char *sink_serial_text(uint32_t serial, char text_r[SINK_SERIAL_LEN])
{
	text_r[0] = '\0';
	if (serial > 1)
		snprintf(text_r, SINK_SERIAL_LEN, "-%" PRIu32, serial);
	return text_r;
}

int sink_file_name(const struct log_place *place, uint32_t serial, int dir, char *name_r,
		   size_t size)
{
	const char *extension = place->tcp ? "rawlog" : dir == RL_IN ? "in" : "out";
	char suffix[SINK_SERIAL_LEN];
	int len = snprintf(name_r, size, "%s%s.%s", place->name, sink_serial_text(serial, suffix),
			   extension);

	return len > 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}
