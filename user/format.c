// SPDX-License-Identifier: MIT
#include "format.h"

#include "rl_abi.h"

bool log_flags_has(const struct log_flags *flags, int dir)
{
	return flags->only[dir] || !flags->only[!dir];
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
