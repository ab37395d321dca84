// SPDX-License-Identifier: MIT
/* %{if;LHS;OP;RHS;THEN[;ELSE]}: lib/var-expand-if.c. */
#include <errno.h>
#include <regex.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dovecot/expand_2_3.h"
#include "dovecot/expand_parts.h"

#define PARAMS 5

enum param {
	LHS,
	OP,
	RHS,
	THEN,
	ELSE,
};

struct condition {
	struct str text[PARAMS];
	bool varies[PARAMS]; /* it has variables in it */
};

/* An operator, and for which orders of the two sides it is true. */
struct comparison {
	const char *name;
	bool is_number;
	bool less, equal, greater;
};

static const struct comparison comparisons[] = {
	{"==", true, .equal = true},
	{"<", true, .less = true},
	{"<=", true, .less = true, .equal = true},
	{">", true, .greater = true},
	{">=", true, .equal = true, .greater = true},
	{"!=", true, .less = true, .greater = true},
	{"eq", false, .equal = true},
	{"lt", false, .less = true},
	{"le", false, .less = true, .equal = true},
	{"gt", false, .greater = true},
	{"ge", false, .equal = true, .greater = true},
	{"ne", false, .less = true, .greater = true},
};

static int regex_match(struct expansion *x, const char *text, const char *pattern, bool *result_r)
{
	char message[200];
	regex_t regex;
	int code = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);

	if (code) {
		regerror(code, &regex, message, sizeof(message));
		return expansion_fail(x, -EINVAL, "if: regular expression '%s': %s", pattern,
				      message);
	}
	*result_r = !regexec(&regex, text, 0, NULL, 0);
	regfree(&regex);
	return 0;
}

static int compare_numbers(struct expansion *x, const struct condition *condition, int *order_r)
{
	intmax_t numbers[PARAMS] = {0};
	int i;

	for (i = LHS; i <= RHS; i += RHS - LHS) {
		if (x->is_check && condition->varies[i])
			continue;
		if (!number_parse(str_text(&condition->text[i]), &numbers[i]))
			return expansion_fail(x, -EINVAL, "if: '%s' is not a number",
					      str_text(&condition->text[i]));
	}
	*order_r = (numbers[LHS] > numbers[RHS]) - (numbers[LHS] < numbers[RHS]);
	return 0;
}

static int compare(struct expansion *x, const struct condition *condition, bool *result_r)
{
	const char *lhs = str_text(&condition->text[LHS]), *op = str_text(&condition->text[OP]),
		   *rhs = str_text(&condition->text[RHS]);
	const struct comparison *row;
	bool is_not = *op == '!';
	int order, ret;
	size_t i;

	*result_r = false;
	for (i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
		row = &comparisons[i];
		if (strcmp(op, row->name) != 0)
			continue;
		order = strcmp(lhs, rhs);
		if (row->is_number && compare_numbers(x, condition, &order))
			return -EINVAL;
		*result_r = order < 0 ? row->less : order > 0 ? row->greater : row->equal;
		return 0;
	}
	if (!strcmp(op + is_not, "*")) {
		*result_r = expand_like(lhs, rhs) != is_not;
		return 0;
	}
	if (!strcmp(op + is_not, "~")) {
		if (x->is_check && condition->varies[RHS])
			return 0;
		ret = regex_match(x, lhs, rhs, result_r);
		*result_r = *result_r != is_not;
		return ret;
	}
	if (x->is_check && condition->varies[OP])
		return 0;
	return expansion_fail(x, -EINVAL, "if: unknown operator '%s'", op);
}

/* Appends the parameter at `text` to `param`, without its backslashes, and returns where it ends: at
 * a ';' outside of %{}, or at a ':' there, which ends the last one. `maybe_variable`: there was a
 * '%', so the next '{' opens a variable, even in a later parameter. */
static const char *split(const char *text, struct str *param, bool *maybe_variable)
{
	bool is_escaped = false;
	unsigned int depth = 0;

	for (; *text; text++) {
		if (*text == '\\') {
			is_escaped = true;
			continue;
		}
		if (is_escaped)
			is_escaped = false;
		else if (*text == '%')
			*maybe_variable = true;
		else if (*maybe_variable && *text == '{')
			depth++, *maybe_variable = false;
		else if (depth > 0 && *text == '}')
			depth--;
		else if (!depth && (*text == ';' || *text == ':'))
			break;
		str_append(param, text, 1);
	}
	return text;
}

/* Splits the parameters, without expanding them. As in Dovecot an empty last one does not count: it
 * is as if ELSE was missing. */
static int parse_params(struct expansion *x, const char *text, struct condition *condition)
{
	struct str more = {0}, *param;
	bool maybe_variable = false;
	unsigned int count = 0;

	for (;; text++) {
		param = count < PARAMS ? &condition->text[count] : &more;
		str_clear(param);
		text = split(text, param, &maybe_variable);
		if (*text != ';') {
			count += param->len > 0;
			break;
		}
		count++;
	}
	str_free(&more);
	if (count < PARAMS - 1 || count > PARAMS)
		return expansion_fail(x, -EINVAL, "if: takes four or five parameters, not %u",
				      count);
	return 0;
}

static int expand_params(struct expansion *x, struct condition *condition)
{
	struct str text;
	int i, ret = 0;

	for (i = 0; i < PARAMS && !ret; i++) {
		text = condition->text[i];
		condition->text[i] = (struct str){0};
		condition->varies[i] = strchr(str_text(&text), '%');
		ret = x->text(x, str_text(&text), &condition->text[i]);
		str_free(&text);
	}
	return ret;
}

int expand_if(struct expansion *x, const char *key, const char *field, struct str *out)
{
	struct condition condition = {0};
	struct str input = {0};
	const char *params;
	bool result;
	int ret, i;

	str_printf(&input, "%s:%s", key, field);
	params = strchr(input.data, ';');
	if (params)
		ret = parse_params(x, params + 1, &condition);
	else
		ret = expansion_fail(x, -EINVAL, "if: takes four or five parameters, not 0");
	if (!ret)
		ret = expand_params(x, &condition);
	if (!ret)
		ret = compare(x, &condition, &result);
	if (!ret)
		str_append_text(out, str_text(&condition.text[result ? THEN : ELSE]));
	for (i = 0; i < PARAMS; i++)
		str_free(&condition.text[i]);
	str_free(&input);
	return ret;
}
