// SPDX-License-Identifier: MIT
/* lib-var-expand/expansion-program.c and expansion-statement.c, 2.4.1. */
#include "dovecot/expand_2_4.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dovecot/expand_parts.h"

#define SIZE_MOST 8192 /* of a text, since 2.4.3 */

/* A value that was binary before stays so if one is set again, as in Dovecot. */
static void value_unset(struct run *run)
{
	str_clear(&run->value);
	run->set = run->varies = false;
}

static void delay_error(struct run *run, const char *name)
{
	str_clear(&run->delayed);
	str_printf(&run->delayed, "%s%s%s", name, *name ? ": " : "", str_text(&run->why));
}

static const struct filter *filter_find(const struct run *run, const char *name)
{
	static const struct filter *const tables[] = {filters_of_text, filters_of_bytes,
						      filters_of_choice};
	const struct filter *filter;
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (filter = tables[i]; filter->name; filter++)
			if (!strcmp(filter->name, name) &&
			    (!filter->is_new || run->expander->has_switch))
				return filter;
	return NULL;
}

/* The kind of the argument that it calls so; 0: it does not know it. */
static char named_kind(const struct filter *filter, const char *name)
{
	const char *at = filter->named;
	size_t len = strlen(name);

	for (; at && *at; at += strcspn(at, " ") + 1)
		if (!strncmp(at, name, len) && at[len] == ':')
			return at[len + 1];
	return 0;
}

/* The kind of its positional argument; 0: it is surplus. */
static char positional_kind(const struct filter *filter, unsigned int position)
{
	size_t most = strlen(filter->kinds);

	if (position < most)
		return filter->kinds[position];
	return filter->surplus == SURPLUS_REPEATS ? filter->kinds[most - 1] : 0;
}

static int eval_args(struct run *run, const struct filter *filter, struct call *call)
{
	bool is_lenient = filter->surplus == SURPLUS_IGNORED, varies = false;
	unsigned int position = 0;
	struct arg *arg;
	char kind;
	int ret;

	if (call->positional < filter->needs)
		return run_fail(run, -EINVAL, "Missing parameters");
	for (arg = call->args; arg < call->args + call->count; arg++) {
		kind = arg->name ? named_kind(filter, arg->name) :
				   positional_kind(filter, position++);
		if (!kind && is_lenient && call->positional)
			continue;
		if (!kind && arg->name)
			return run_fail(run, -EINVAL, "Unsupported key '%s'", arg->name);
		if (!kind)
			return run_fail(run, -EINVAL, "Too many positional parameters");
		ret = arg_eval(run, arg, kind);
		if (ret < 0)
			return ret;
		varies = varies || ret == VARIES;
	}
	return varies ? VARIES : 0;
}

static int run_filter(struct run *run, const struct filter *filter, struct call *call)
{
	int ret = filter->kinds ? eval_args(run, filter, call) : 0;

	if (ret < 0)
		return ret;
	if (filter->action && !run->set && !run->varies)
		return run_fail(run, -EINVAL, "No value to %s", filter->action);
	if (ret || (filter->action && run->varies && !call->count))
		return VARIES;
	return filter->run(run, call);
}

/* The first call of a program: a variable, rather than a filter of that name. True: it was one. */
static bool run_variable(struct run *run, const struct call *call, int *ret_r)
{
	struct str value = {0};

	*ret_r = variable_get(run, call->name, &value);
	if (*ret_r == 0)
		value_set_text(run, str_text(&value));
	str_free(&value);
	return *ret_r != -EINVAL;
}

static int check_args(struct run *run, const struct call *call)
{
	const struct arg *arg;
	int ret = 0;

	for (arg = call->args; !ret && arg < call->args + call->count; arg++)
		if (arg->type == ARG_VARIABLE)
			ret = variable_check(run, arg->text);
	return ret;
}

static int run_call(struct run *run, struct call *call, bool is_first)
{
	const struct filter *filter = filter_find(run, call->name);
	bool failed_before = run->delayed.len > 0;
	int ret = check_args(run, call);

	if (ret || (is_first && run_variable(run, call, &ret)))
		goto out;
	if (is_first && !filter) {
		value_unset(run);
		delay_error(run, "");
		return 0;
	}
	ret = filter ? run_filter(run, filter, call) :
		       run_fail(run, -ENOTSUP, "No such function '%s'", call->name);
	if (ret == -EINVAL) {
		value_unset(run);
		if (failed_before) /* not even `default` helps after two errors */
			return run_fail(run, ret, "%s", str_text(&run->delayed));
		delay_error(run, call->name);
		return 0;
	}
out:
	str_clear(&run->delayed);
	if (ret == VARIES) {
		value_unset(run);
		run->varies = true;
		run->binary = run->binary || (filter && filter->makes_binary);
	}
	return ret < 0 ? ret : 0;
}

static int run_program(struct run *run, struct program *program, struct str *out)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i + 1 < program->count && !ret; i++)
		if (run->expander->safe_is_last && !strcmp(program->calls[i].name, "safe"))
			ret = run_fail(run, -EINVAL, "safe: it must be the last filter");
	for (i = 0; i < program->count && !ret; i++)
		ret = run_call(run, &program->calls[i], i == 0);
	if (ret || !program->count)
		return ret;
	if (run->delayed.len && !(run->binary && run->expander->forgives))
		return run_fail(run, -EINVAL, "%s", str_text(&run->delayed));
	if (!run->set && !run->varies && !run->binary)
		return run_fail(run, -EINVAL, "Dovecot crashes of an error that `safe` hides");
	if (run->binary)
		digest_append_hex(&run->value, out);
	else
		str_append(out, str_text(&run->value), run->value.len);
	value_unset(run);
	str_clear(&run->delayed);
	run->binary = false;
	return 0;
}

/* What it needs to know of the text so far. */
struct progress {
	bool begun;   /* something came */
	bool is_void; /* the last thing that came was %{}, and not the first */
};

static int expand_program(struct run *run, const char **text, struct progress *progress,
			  struct str *out)
{
	struct program program;
	int ret = program_parse(text, &program, &run->why);

	if (ret)
		return ret;
	if (!program.count)
		progress->is_void = progress->begun && run->expander->dies_of_void;
	else if (progress->is_void)
		ret = run_fail(run, -EINVAL, "Dovecot crashes after %%{}");
	if (!ret)
		ret = run_program(run, &program, out);
	progress->begun = true;
	program_free(&program);
	return ret;
}

static int expand_literal(struct run *run, const char **text, struct progress *progress,
			  struct str *out)
{
	size_t len = **text == '%' ? 1 : strcspn(*text, "%");
	bool is_brace = !strncmp(*text, "%%{", 3);

	if (run->expander->loses_y && **text == 'y' && len == 1) {
		*text += len;
		return 0;
	}
	if (progress->is_void)
		return run_fail(run, -EINVAL, "Dovecot crashes after %%{}");
	str_append(out, *text + is_brace, is_brace ? 2 : len);
	*text += is_brace ? 3 : len;
	progress->begun = true;
	return 0;
}

static int expand_text(struct run *run, const char *text, struct str *out)
{
	struct progress progress = {0};
	int ret = 0;

	if (!strchr(text, '%')) {
		str_append_text(out, text);
		return 0;
	}
	if (run->expander->has_switch && strlen(text) > SIZE_MOST)
		return run_fail(run, -EINVAL, "it has more than %d bytes", SIZE_MOST);
	while (*text && !ret) {
		if (!strncmp(text, "%{", 2)) {
			text += 2;
			ret = expand_program(run, &text, &progress, out);
		} else {
			ret = expand_literal(run, &text, &progress, out);
		}
	}
	return ret;
}

static int expand_all(struct run *run, const char *text, struct str *out)
{
	int ret = expand_text(run, text, out);

	str_free(&run->value);
	str_free(&run->delayed);
	return ret ? -EINVAL : 0;
}

static int check_2_4(const struct expander *expander, const char *text, struct str *error)
{
	struct run run = {.expander = expander};
	struct str out = {0};
	int ret = expand_all(&run, text, &out);

	if (ret) {
		str_clear(error);
		str_append_text(error, str_text(&run.why));
	}
	str_free(&run.why);
	str_free(&out);
	return ret;
}

static int expand_2_4(const struct expander *expander, const char *text,
		      const struct expand_vars *vars, struct str *out)
{
	struct run run = {.expander = expander, .vars = vars};
	struct str result = {0};
	int ret = expand_all(&run, text, &result);

	if (!ret)
		str_append_text(out, str_text(&result));
	str_free(&run.why);
	str_free(&result);
	return ret;
}

#define EVERY .check = check_2_4, .expand = expand_2_4, .is_old = expand_is_old

const struct expander expander_2_4_0 = {
	EVERY,
	.dies_of_void = true,
	.forgives = true,
	.signed_divisor = true,
};
const struct expander expander_2_4_1 = {
	EVERY, .loses_y = true, .dies_of_void = true, .forgives = true, .signed_divisor = true,
};
const struct expander expander_2_4_2 = {
	EVERY,
	.loses_y = true,
	.dies_of_void = true,
	.forgives = true,
	.perl_regex = true,
	.signed_divisor = true,
};
const struct expander expander_2_4_3 = {
	EVERY,
	.perl_regex = true,
	.has_switch = true,
	.signed_divisor = true,
};
const struct expander expander_2_4_4 = {
	EVERY,
	.perl_regex = true,
	.has_switch = true,
};
const struct expander expander_2_4 = {
	EVERY,
	.perl_regex = true,
	.has_switch = true,
	.safe_is_last = true,
};
