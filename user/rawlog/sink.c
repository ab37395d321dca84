// SPDX-License-Identifier: MIT
#include "rawlog/sink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

const char *sink_serial_text(uint32_t serial, char text_r[SINK_SERIAL_LEN])
{
	text_r[0] = '\0';
	if (serial > 1)
		snprintf(text_r, SINK_SERIAL_LEN, "-%" PRIu32, serial);
	return text_r;
}

int sink_file_name(const struct log_place *place, uint32_t serial, int file, char *name_r,
		   size_t size)
{
	char suffix[SINK_SERIAL_LEN];
	int len = snprintf(name_r, size, "%s%s.%s", place->name, sink_serial_text(serial, suffix),
			   place->format->extension[file]);

	return len > 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}
