// SPDX-License-Identifier: MIT
#include "rawlog/format.h"

#include <errno.h>
#include <string.h>

#include "rl_abi.h"

const struct format *const formats[] = {&format_pair, &format_single};
const unsigned int formats_count = sizeof(formats) / sizeof(formats[0]);

const struct format *format_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < formats_count; i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	return NULL;
}

int log_flags_set(struct log_flags *flags, int letter, const char *argument)
{
	switch (letter) {
	case 'b':
		flags->boundaries = true;
		return 0;
	case 't':
		flags->timestamps = true;
		return 0;
	case 'I':
		flags->ip_in_name = true;
		return 0;
	case 'i':
		flags->only[RL_IN] = true;
		return 0;
	case 'o':
		flags->only[RL_OUT] = true;
		return 0;
	case 'f':
		if (strcmp(argument, "in") == 0)
			flags->only[RL_IN] = true;
		else if (strcmp(argument, "out") == 0)
			flags->only[RL_OUT] = true;
		else
			return -EINVAL;
		return 0;
	default:
		return -EINVAL;
	}
}

void log_flags_add(struct log_flags *flags, const struct log_flags *more)
{
	flags->boundaries |= more->boundaries;
	flags->timestamps |= more->timestamps;
	flags->ip_in_name |= more->ip_in_name;
	if (more->only[RL_IN] || more->only[RL_OUT])
		memcpy(flags->only, more->only, sizeof(flags->only));
}

void log_flags_text(const struct log_flags *flags, struct str *text)
{
	str_append_text(text, flags->boundaries ? "b" : "");
	str_append_text(text, flags->timestamps ? "t" : "");
	str_append_text(text, flags->ip_in_name ? "I" : "");
	str_append_text(text, flags->only[RL_IN] ? "i" : "");
	str_append_text(text, flags->only[RL_OUT] ? "o" : "");
}

bool log_flags_has(const struct log_flags *flags, int dir)
{
	return flags->only[dir] || !flags->only[!dir];
}

int format_file(const struct format *format, int dir)
{
	return format->extension[dir] ? dir : RL_IN;
}

bool format_has_file(const struct format *format, const struct log_flags *flags, int file)
{
	int dir;

	for (dir = RL_IN; dir <= RL_OUT; dir++)
		if (log_flags_has(flags, dir) && format_file(format, dir) == file)
			return true;
	return false;
}

void format_init(struct format_state *state)
{
	*state = (struct format_state){.line_ended = true, .at_line_start = true};
}

void format_free(struct format_state *state)
{
	str_free(&state->held[RL_IN]);
	str_free(&state->held[RL_OUT]);
}
