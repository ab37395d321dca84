// SPDX-License-Identifier: MIT
#include "rawlog/format.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "rl_abi.h"

const struct format *const formats[] = {&format_pair, &format_single, &format_lines};
const unsigned int formats_count = sizeof(formats) / sizeof(formats[0]);

const struct format *format_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < formats_count; i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	return NULL;
}

/* The letters, in the order in which texts have them. */
static const struct {
	char letter;
	const char *argument; /* that it takes: a row for each; NULL: none */
	size_t member;	      /* of struct log_flags, a bool */
} letters[] = {
	{'b', NULL, offsetof(struct log_flags, boundaries)},
	{'t', NULL, offsetof(struct log_flags, timestamps)},
	{'I', NULL, offsetof(struct log_flags, ip_in_name)},
	{'f', "in", offsetof(struct log_flags, only[RL_IN])},
	{'f', "out", offsetof(struct log_flags, only[RL_OUT])},
	{'i', NULL, offsetof(struct log_flags, only[RL_IN])},
	{'o', NULL, offsetof(struct log_flags, only[RL_OUT])},
};
#define LETTERS_COUNT (sizeof(letters) / sizeof(letters[0]))

/* Is it the first row of its letter? */
static bool is_first(unsigned int row)
{
	return row == 0 || letters[row].letter != letters[row - 1].letter;
}

int log_flags_set(struct log_flags *flags, int letter, const char *argument)
{
	unsigned int i;

	for (i = 0; i < LETTERS_COUNT; i++) {
		if (letters[i].letter != letter)
			continue;
		if (letters[i].argument &&
		    (!argument || strcmp(letters[i].argument, argument) != 0))
			continue;
		*(bool *)((char *)flags + letters[i].member) = true;
		return 0;
	}
	return -EINVAL;
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
	unsigned int i;

	for (i = 0; i < LETTERS_COUNT; i++)
		if (!letters[i].argument &&
		    *(const bool *)((const char *)flags + letters[i].member))
			str_append(text, &letters[i].letter, 1);
}

void log_flags_getopt(struct str *text)
{
	unsigned int i;

	for (i = 0; i < LETTERS_COUNT; i++)
		if (is_first(i))
			str_printf(text, "%c%s", letters[i].letter, letters[i].argument ? ":" : "");
}

void log_flags_names(struct str *text)
{
	unsigned int i;

	for (i = 0; i < LETTERS_COUNT; i++) {
		if (!is_first(i))
			continue;
		if (i)
			str_append_text(text, i == LETTERS_COUNT - 1 ? " and " : ", ");
		str_printf(text, "-%c", letters[i].letter);
	}
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
