/* SPDX-License-Identifier: MIT */
/* A struct log_place as bytes, for another process of the same program. */
#ifndef PLACE_PACK_H
#define PLACE_PACK_H

#include "base/str.h"
#include "rawlog/sink.h"

/* Appends it, without `tcp`. */
void place_pack(const struct log_place *place, struct str *out);
/* Pointers in `place_r` are into `data`, which must be aligned to 8 bytes, and into the program.
 * False: these are not the bytes of a place. */
bool place_unpack(const void *data, size_t size, struct log_place *place_r);

#endif
