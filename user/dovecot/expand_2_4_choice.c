// SPDX-License-Identifier: MIT
/* The filters of 2.4 that choose: lib-var-expand/expansion-filter-if.c, 2.4.1 and, for `switch`, 2.4.4;
 * and `default` and `regexp`. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dovecot/expand_2_4.h"
#include "dovecot/expand_parts.h"

#define GROUPS 10

/* An operator, and for which orders of the two sides it is true. */
static const struct comparison {
	const char *name;
	bool is_number, less, equal, greater;
	enum { ORDER, LIKE, NOT_LIKE, REGEX, NOT_REGEX } kind;
} comparisons[] = {
	{"==", .is_number = true, .equal = true},
	{"<", .is_number = true, .less = true},
	{"<=", .is_number = true, .less = true, .equal = true},
	{">", .is_number = true, .greater = true},
	{">=", .is_number = true, .equal = true, .greater = true},
	{"!=", .is_number = true, .less = true, .greater = true},
	{"eq", .equal = true},
	{"lt", .less = true},
	{"le", .less = true, .equal = true},
	{"gt", .greater = true},
	{"ge", .equal = true, .greater = true},
	{"ne", .less = true, .greater = true},
	{"*", .kind = LIKE},
	{"!*", .kind = NOT_LIKE},
	{"~", .kind = REGEX},
	{"!~", .kind = NOT_REGEX},
};

static const struct comparison *comparison_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++)
		if (!strcmp(name, comparisons[i].name))
			return &comparisons[i];
	return NULL;
}

/* In a check, for mistakes: the text is not known, but the pattern is. */
static int regex_compile(struct run *run, regex_t *regex, const char *pattern)
{
	char message[200];
	int code;

	if (run->expander->perl_regex)
		return run_fail(run, -ENOTSUP,
				"regular expressions of this release (Perl's) are "
				"not supported");
	code = regcomp(regex, pattern, REG_EXTENDED);
	if (!code)
		return 0;
	regerror(code, regex, message, sizeof(message));
	return run_fail(run, -EINVAL, "regular expression: %s", message);
}

static int regex_match(struct run *run, const char *text, const char *pattern, bool *result_r)
{
	regex_t regex;
	int ret = regex_compile(run, &regex, pattern);

	if (ret)
		return ret;
	*result_r = !regexec(&regex, text, 0, NULL, 0);
	regfree(&regex);
	return 0;
}

/* Both sides are known. */
static int compare_values(struct run *run, const struct comparison *row, const struct arg *lhs,
			  const struct arg *rhs, bool *result_r)
{
	const char *left = str_text(&lhs->value), *right = str_text(&rhs->value);
	int order, ret;

	switch (row->kind) {
	case LIKE:
	case NOT_LIKE:
		*result_r = expand_like(left, right) == (row->kind == LIKE);
		return 0;
	case REGEX:
	case NOT_REGEX:
		ret = regex_match(run, left, right, result_r);
		*result_r = *result_r == (row->kind == REGEX);
		return ret;
	case ORDER:
		break;
	}
	order = row->is_number ? (lhs->number > rhs->number) - (lhs->number < rhs->number) :
				 strcmp(left, right);
	*result_r = order < 0 ? row->less : order > 0 ? row->greater : row->equal;
	return 0;
}

/* `lhs` NULL: it is not known. */
static int compare(struct run *run, const struct comparison *row, struct arg *lhs, struct arg *rhs,
		   bool *result_r)
{
	char kind = row->is_number ? 'n' : 's';
	int left = lhs ? arg_eval(run, lhs, kind) : VARIES, right = arg_eval(run, rhs, kind), ret;
	bool is_regex = row->kind == REGEX || row->kind == NOT_REGEX;

	*result_r = false;
	if (left < 0 || right < 0)
		return left < 0 ? left : right;
	if (!left && !right)
		return compare_values(run, row, lhs, rhs, result_r);
	ret = is_regex ? regex_match(run, "", right ? "" : str_text(&rhs->value), result_r) : 0;
	return ret ? ret : VARIES;
}

static int set_to(struct run *run, struct arg *arg)
{
	int ret = arg_eval(run, arg, 'a');

	if (!ret)
		value_set_text(run, str_text(&arg->value));
	return ret;
}

/* What `if` and `switch` begin with: [LHS,] OPERATOR. Without LHS it is the value. */
struct choice {
	const struct comparison *row;
	struct arg *lhs, value;
	unsigned int next; /* argument */
};

/* The value as the left-hand side. */
static int choose_value(struct run *run, struct choice *choice)
{
	choice->value.type = choice->row->is_number ? ARG_NUMBER : ARG_TEXT;
	if (run->varies)
		return 0;
	choice->lhs = &choice->value;
	if (choice->row->is_number && !number_parse(str_text(&run->value), &choice->value.number))
		return run_fail(run, -EINVAL, "Input is not a number");
	choice->value.text = mem_strdup(str_text(&run->value));
	return 0;
}

/* 0, or VARIES: the operator is not known. choice_end() ends it after an error, too. */
static int choice_begin(struct run *run, struct call *call, bool has_lhs, struct choice *choice)
{
	struct arg *op = &call->args[has_lhs ? 1 : 0];
	int ret = arg_eval(run, op, 's');

	*choice = (struct choice){.next = has_lhs ? 2 : 1, .lhs = has_lhs ? &call->args[0] : NULL};
	if (ret)
		return ret;
	choice->row = comparison_find(str_text(&op->value));
	if (!choice->row)
		return run_fail(run, -EINVAL, "Unsupported comparator '%s'", str_text(&op->value));
	return has_lhs ? 0 : choose_value(run, choice);
}

static void choice_end(struct choice *choice)
{
	free(choice->value.text);
	str_free(&choice->value.value);
}

/* In a check: it is not known which one it will be. An error only if it is one in all of them. */
static int set_to_any(struct run *run, struct call *call, unsigned int first, unsigned int step)
{
	int ret = -EINVAL, each;

	for (; first < call->count; first += step) {
		each = arg_eval(run, &call->args[first], 'a');
		ret = each < 0 ? ret : VARIES;
	}
	return ret;
}

static int check_count(struct run *run, const struct call *call, unsigned int least,
		       unsigned int most)
{
	if (call->positional < call->count)
		return run_fail(run, -EINVAL, "Unsupported key");
	if (!call->args || call->count < least)
		return run_fail(run, -EINVAL, "Missing parameters");
	if (call->count > most)
		return run_fail(run, -EINVAL, "Too many positional parameters");
	return 0;
}

/* [LHS,] OPERATOR, RHS, THEN, ELSE */
static int fn_if(struct run *run, struct call *call)
{
	bool has_lhs = run->varies ? call->count == 5 : !run->set, result = false;
	int ret = check_count(run, call, has_lhs ? 5 : 4, has_lhs ? 5 : 4);
	struct choice choice;

	if (ret)
		return ret;
	ret = choice_begin(run, call, has_lhs, &choice);
	if (!ret)
		ret = compare(run, choice.row, choice.lhs, &call->args[choice.next], &result);
	choice_end(&choice);
	if (ret < 0)
		return ret;
	if (ret == VARIES || run->varies)
		return set_to_any(run, call, choice.next + 1, 1);
	return set_to(run, &call->args[choice.next + (result ? 1 : 2)]);
}

/* In a check, where it is not known whether there is a value: that depends on the operator's place. */
static bool is_operator(const struct arg *arg)
{
	return arg->type == ARG_TEXT && comparison_find(arg->text);
}

/* [LHS,] OPERATOR, CONDITION, VALUE, ...[, DEFAULT] */
static int fn_switch(struct run *run, struct call *call)
{
	bool has_lhs = run->varies ? call->count && !is_operator(&call->args[0]) : !run->set;
	int ret = check_count(run, call, has_lhs ? 4 : 3, UINT_MAX);
	struct arg *found = NULL;
	struct choice choice;
	bool result = false;
	unsigned int i;

	if (ret)
		return ret;
	ret = choice_begin(run, call, has_lhs, &choice);
	for (i = choice.next; !ret && !found && i < call->count; i += 2) {
		if (i + 1 < call->count)
			ret = compare(run, choice.row, choice.lhs, &call->args[i], &result);
		if (!ret && (result || i + 1 == call->count))
			found = &call->args[result ? i + 1 : i];
	}
	choice_end(&choice);
	if (ret < 0)
		return ret;
	if (ret == VARIES || run->varies)
		return VARIES;
	return found ? set_to(run, found) : run_fail(run, -EINVAL, "No default value provided");
}

static int fn_default(struct run *run, struct call *call)
{
	int ret;

	if (run->set && run->value.len)
		return 0;
	if (!call->count) {
		if (!run->varies)
			value_set_text(run, "");
		return run->varies ? VARIES : 0;
	}
	if (call->positional < call->count)
		return run->varies ? VARIES : run_fail(run, -EINVAL, "Unsupported key");
	ret = arg_eval(run, &call->args[0], 'a');
	if (ret == -ENOTSUP || run->varies)
		return ret == -ENOTSUP ? ret : VARIES;
	if (!ret && call->count > 1)
		return run_fail(run, -EINVAL, "Too many positional parameters");
	if (!ret)
		value_set_text(run, str_text(&call->args[0].value));
	return ret;
}

/* The replacement with its groups, \0 to \9; there is no other backslash in it. */
static int replace(struct run *run, const char *with, const regmatch_t groups[GROUPS],
		   struct str *out)
{
	const regmatch_t *group;
	size_t len;

	for (; *with; with += len) {
		len = strcspn(with, "\\");
		str_append(out, with, len);
		if (!with[len])
			break;
		group = &groups[with[len + 1] - '0'];
		if (group->rm_so == -1)
			return run_fail(run, -EINVAL, "Invalid capture group");
		str_append(out, str_text(&run->value) + group->rm_so, group->rm_eo - group->rm_so);
		len += 2;
	}
	return 0;
}

/* Dovecot does not come to an end with a backslash before something else than a digit. */
static bool has_other_backslash(const char *text)
{
	for (; (text = strchr(text, '\\')); text++)
		if (text[1] < '0' || text[1] > '9')
			return true;
	return false;
}

/* The match becomes the whole value; where nothing matches it stays as it is. */
static int fn_regexp(struct run *run, struct call *call)
{
	const char *with = str_text(&arg_at(call, 1)->value);
	regmatch_t groups[GROUPS];
	struct str result = {0};
	regex_t regex;
	int ret = regex_compile(run, &regex, str_text(&arg_at(call, 0)->value));

	if (ret)
		return ret;
	if (has_other_backslash(with))
		ret = run_fail(run, -ENOTSUP, "regexp: a backslash without a digit");
	else if (run->varies)
		ret = VARIES;
	else if (!regexec(&regex, str_text(&run->value), GROUPS, groups, 0))
		ret = replace(run, with, groups, &result);
	else
		str_append(&result, str_text(&run->value), run->value.len);
	regfree(&regex);
	if (!ret)
		value_set_data(run, &result);
	str_free(&result);
	return ret;
}

const struct filter filters_of_choice[] = {
	{"default", .run = fn_default},
	{"if", .run = fn_if},
	{"switch", .run = fn_switch, .is_new = true},
	{"regexp", .action = "regexp", .kinds = "ss", .needs = 2, .run = fn_regexp},
	{0},
};
