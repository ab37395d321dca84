/* SPDX-License-Identifier: MIT */
/*
 * A record whose bytes were checked: lengths agree, texts end with NUL, enums
 * are in range. Nothing above this layer sees an unchecked record.
 */
#ifndef EVENT_H
#define EVENT_H

#include <stddef.h>

#include "rl_abi.h"

struct event {
	const struct rl_rec *rec;
	enum rl_type type;
	union {
		const void *payload;
		const struct rl_clock *clock;
		const struct rl_setting *setting;
		const struct rl_proc *proc;
		const struct rl_open *open;
		const struct rl_groups *groups;
		const struct rl_data *data;
		const struct rl_gap *gap;
		const struct rl_close *close;
		const struct rl_master *master;
		const struct rl_log *log;
		const struct rl_write *write;
		const struct rl_stats *stats;
		const struct rl_tls *tls;
	};
};

/* `data` is 8-byte aligned and stays as long as the event is used. 0; -EINVAL: malformed. */
int event_parse(const void *data, size_t size, struct event *event_r);

/* "DATA"; "?" for a number that is no type. */
const char *event_type_name(unsigned int type);

/* The text of a gap's reason. */
const char *event_gap_text(unsigned int reason);

#endif
