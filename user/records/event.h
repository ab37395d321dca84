/* SPDX-License-Identifier: MIT */
/*
 * A record whose bytes were checked: lengths agree, texts end with NUL, enums
 * are in range. The engine sees no other records.
 */
#ifndef EVENT_H
#define EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
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
		const struct rl_link *link;
	};
};

/* Checks a record of at most `size` bytes. `data` is 8-byte aligned, stays the caller's, and must
 * outlive the event, which points into it. 0; -EINVAL: malformed. */
int event_parse(const void *data, size_t size, struct event *event_r);

/* Names and values, as FACT_SETTINGS and FACT_USERS have them: appends one; the first one from *at on, which
 * is behind it then. False: there is none. */
void settings_add(struct str *text, const char *name, const char *value);
bool settings_next(const char **at, const char *end, const char **name_r, const char **value_r);
/* A setting's value among those of FACT_SETTINGS, whose text has `size` bytes. NULL: it is not there. */
const char *settings_get(const char *text, size_t size, const char *name);

/* An error of FACT_LOG or FACT_WRITE. */
const char *log_error_text(int error);

/* How many bytes of a connection it stands for: those of DATA, or those that a GAP says are missing. */
uint64_t event_bytes(const struct event *event);

/* Of a DATA or GAP: its direction (enum rl_dir), and the offset of its first byte. */
int event_dir(const struct event *event);
uint64_t event_offset(const struct event *event);

/* Of GROUPS: how many gids it has. */
uint32_t event_gids(const struct event *event);

/* "DATA"; "?" for a number that is no type. */
const char *event_type_name(unsigned int type);

/* What the log says of an enum rl_gap_reason. */
const char *event_gap_text(unsigned int reason);

#endif
