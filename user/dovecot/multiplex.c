// SPDX-License-Identifier: MIT
#include "dovecot/multiplex.h"

#include <stdbool.h>
#include <string.h>

/* What begins an escape; then what it is, and of a CHANNEL its number. */
static const uint8_t prefix[] = {0x03, 0xfe};
enum { CHANNEL = 0, PREFIX_BYTE = 1 }; /* enum multiplex_istream_switch_type */

static void append(const struct multiplex *multiplex, const void *data, size_t len, struct str *out)
{
	if (multiplex->channel == 0)
		str_append(out, data, len);
}

static void append_held(struct multiplex *multiplex, struct str *out)
{
	append(multiplex, multiplex->held, multiplex->held_len, out);
	multiplex->held_len = 0;
}

/* A byte in or behind the prefix. False: there was no escape, and it counts by itself. */
static bool read_escape(struct multiplex *multiplex, uint8_t byte, struct str *out)
{
	size_t at = multiplex->held_len;

	if (at < sizeof(prefix) ? byte == prefix[at] : at == sizeof(prefix) && byte == CHANNEL) {
		multiplex->held[multiplex->held_len++] = byte;
		return true;
	}
	if (at > sizeof(prefix)) {
		multiplex->held_len = 0;
		multiplex->channel = byte;
		return true;
	}
	if (at == sizeof(prefix) && byte == PREFIX_BYTE) {
		multiplex->held_len = 0;
		append(multiplex, prefix, 1, out);
		return true;
	}
	append_held(multiplex, out);
	return false;
}

void multiplex_read(struct multiplex *multiplex, const void *data, size_t len, struct str *out)
{
	const uint8_t *at = data, *end = at + len, *next;

	while (at < end) {
		if ((multiplex->held_len || *at == prefix[0]) && read_escape(multiplex, *at, out)) {
			at++;
			continue;
		}
		if (*at == prefix[0]) /* behind a byte of the prefix that began no escape */
			continue;
		next = memchr(at, prefix[0], end - at);
		next = next ? next : end;
		append(multiplex, at, next - at, out);
		at = next;
	}
}

void multiplex_break(struct multiplex *multiplex, struct str *out)
{
	append_held(multiplex, out);
	multiplex->channel = 0;
}
