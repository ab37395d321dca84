// SPDX-License-Identifier: MIT
/* The filters of 2.4 that make text of text: lib-var-expand/expansion-filter.c, 2.4.1. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dovecot/expand_2_4.h"
#include "dovecot/expand_parts.h"

#define FILL_MAX 4096 /* Dovecot has no limit; no path is longer */

static int fn_lookup(struct run *run, struct call *call)
{
	struct str value = {0};
	int ret = variable_get(run, str_text(&arg_at(call, 0)->value), &value);

	if (!ret)
		value_set_text(run, str_text(&value));
	str_free(&value);
	return ret;
}

static int fn_literal(struct run *run, struct call *call)
{
	value_set_text(run, str_text(&arg_at(call, 0)->value));
	return 0;
}

static int fn_concat(struct run *run, struct call *call)
{
	struct str result = {0};
	unsigned int i;

	if (run->varies)
		return VARIES;
	if (run->set)
		str_append(&result, str_text(&run->value), run->value.len);
	for (i = 0; i < call->count; i++)
		str_append_text(&result, str_text(&call->args[i].value));
	value_set_data(run, &result);
	return 0;
}

static int fn_lower(struct run *run, struct call *call)
{
	char *c;

	for (c = run->value.data; *c; c++) /* of binary data, up to a NUL */
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	return 0;
}

static int fn_upper(struct run *run, struct call *call)
{
	char *c;

	for (c = run->value.data; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c -= 'a' - 'A';
	return 0;
}

static int fn_reverse(struct run *run, struct call *call)
{
	struct str reversed = {0};
	size_t i;

	for (i = run->value.len; i > 0; i--)
		str_append(&reversed, run->value.data + i - 1, 1);
	value_set_data(run, &reversed);
	return 0;
}

static int out_of_bounds(struct run *run, const char *what)
{
	return run_fail(run, -EINVAL, "%s out of bounds", what);
}

/* substr(OFFSET[, LENGTH]); negative ones count from the end. */
static int fn_substr(struct run *run, struct call *call)
{
	const struct arg *len_arg = arg_at(call, 1);
	intmax_t off = arg_at(call, 0)->number, len, used = (intmax_t)run->value.len;
	struct str part = {0};

	if (run->varies)
		return VARIES;
	len = len_arg ? len_arg->number : used;
	if (off < -used || off > used)
		return out_of_bounds(run, "Offset");
	if (len < -used || len > used)
		return out_of_bounds(run, "Length");
	if (off < 0)
		off += used;
	if (!len_arg)
		len = used - off;
	else if (len < 0)
		len += used - off;
	if (len_arg && !len_arg->number)
		len = 0;
	else if (len < 0 || len + off > used)
		return out_of_bounds(run, "Length");
	str_append(&part, str_text(&run->value) + off, len);
	value_set_data(run, &part);
	return 0;
}

/* truncate(BYTES), or truncate(bits=BITS) */
static int fn_truncate(struct run *run, struct call *call)
{
	const struct arg *bits = arg_named(call, "bits"), *arg = bits ? bits : arg_at(call, 0);
	struct str part = {0};
	intmax_t len;
	unsigned int i;

	if (!arg)
		return run_fail(run, -EINVAL, "Missing parameters");
	for (i = 0; i < call->count; i++)
		if (call->args[i].number < 0)
			return out_of_bounds(run, "Value of");
	if (run->varies)
		return VARIES;
	len = arg->number;
	if (!bits && (size_t)len > run->value.len + 1 && !run->expander->has_switch)
		return run_fail(run, -ENOTSUP, "Dovecot crashes of a value that is shorter");
	str_append(&part, str_text(&run->value), run->value.len);
	if (bits && (size_t)len / 8 + (len % 8 != 0) <= part.len)
		digest_keep_bits(&part, len);
	else if (!bits && (size_t)len < part.len)
		part.data[part.len = len] = '\0';
	else if (!bits && (size_t)len > part.len && !run->expander->has_switch)
		str_append(&part, "", 1);
	value_set_data(run, &part);
	return 0;
}

static int fn_ldap_dn(struct run *run, struct call *call)
{
	struct str dn = {0};
	const char *c;

	for (c = str_text(&run->value); *c; c++)
		str_append(&dn, *c == '.' ? ",dc=" : c, *c == '.' ? 4 : 1);
	value_set_data(run, &dn);
	return 0;
}

static unsigned int count_tokens(const char *text, const char *separator)
{
	unsigned int count = 1;

	for (; (text = strstr(text, separator)); text += strlen(separator))
		count++;
	return count;
}

static int index_of(struct run *run, const char *separator, intmax_t position)
{
	const char *text = str_text(&run->value), *end;
	unsigned int count = count_tokens(text, separator);
	char *token;

	if (position < 0)
		position += count;
	if (position < 0 || position >= count)
		return out_of_bounds(run, "Position");
	for (; position; position--)
		text = strstr(text, separator) + strlen(separator);
	end = strstr(text, separator);
	token = mem_strdup(text);
	if (end)
		token[end - text] = '\0';
	value_set_text(run, token);
	free(token);
	return 0;
}

static int fn_index(struct run *run, struct call *call)
{
	const char *separator = str_text(&arg_at(call, 0)->value);
	intmax_t position = arg_at(call, 1)->number;

	if (position < INT_MIN || position > INT_MAX)
		return out_of_bounds(run, "Position");
	if (!*separator) /* Dovecot does not come to an end */
		return run_fail(run, -ENOTSUP, "index: an empty separator");
	return run->varies ? VARIES : index_of(run, separator, position);
}

static int fn_username(struct run *run, struct call *call)
{
	return index_of(run, "@", 0);
}

static int fn_domain(struct run *run, struct call *call)
{
	const char *at = strchr(str_text(&run->value), '@');
	char *domain = mem_strdup(at ? at + 1 : "");

	value_set_text(run, domain);
	free(domain);
	return 0;
}

/* One field of lib/strescape.c: t_strsplit_tabescaped(), up to a NUL in it */
static void append_unescaped(const char *field, size_t len, struct str *out)
{
	static const char codes[] = "01trn", meanings[] = "\0\001\t\r\n";
	const char *code;
	size_t i;

	for (i = 0; i < len; i++) {
		code = field + i;
		if (*code == '\001') {
			if (++i == len)
				return;
			code = strchr(codes, field[i]);
			code = code ? meanings + (code - codes) : field + i;
			if (!*code)
				return;
		}
		str_append(out, code, 1);
	}
}

static int fn_list(struct run *run, struct call *call)
{
	const struct arg *arg = arg_at(call, 0);
	const char *field = str_text(&run->value), *separator = arg ? str_text(&arg->value) : ",";
	struct str list = {0};

	if (run->varies)
		return VARIES;
	for (;; field++) {
		size_t len = strcspn(field, "\t");

		append_unescaped(field, len, &list);
		field += len;
		if (!*field)
			break;
		str_append_text(&list, separator);
	}
	value_set_text(run, str_text(&list));
	str_free(&list);
	return 0;
}

/* lfill and rfill(LENGTH[, FILLER]); a filler of several bytes can make it longer. */
static int fn_fill(struct run *run, struct call *call)
{
	const struct arg *filler_arg = arg_at(call, 1);
	const char *filler = filler_arg ? str_text(&filler_arg->value) : "0";
	intmax_t most = arg_at(call, 0)->number;
	bool is_left = call->name[0] == 'l';
	struct str fill = {0}, result = {0};

	if (most < 1 || most > INT_MAX)
		return out_of_bounds(run, "Fill length");
	if (most > FILL_MAX || !*filler)
		return run_fail(run, -ENOTSUP, "%s: to more than %d bytes, or with nothing",
				call->name, FILL_MAX);
	if (run->varies)
		return VARIES;
	while (run->value.len + fill.len < (size_t)most)
		str_append_text(&fill, filler);
	str_append_text(&result, is_left ? str_text(&fill) : "");
	str_append(&result, str_text(&run->value), run->value.len);
	str_append_text(&result, is_left ? "" : str_text(&fill));
	str_free(&fill);
	value_set_data(run, &result);
	return 0;
}

/* lib/str-sanitize.c: str_sanitize_append_utf8() */
static int fn_text(struct run *run, struct call *call)
{
	static const char replacement[] = "\xef\xbf\xbd", ellipsis[] = "\xe2\x80\xa6";
	const char *text = str_text(&run->value);
	struct str result = {0};
	size_t last = 0;
	int len;

	for (; *text; text += len < 0 ? 1 : len) {
		len = utf8_char(text);
		if (!len) { /* cut off: and with it goes what stands before it */
			struct str shorter = {0};

			str_append(&shorter, str_text(&result), last);
			str_append_text(&shorter, ellipsis);
			str_free(&result);
			result = shorter;
			break;
		}
		last = result.len;
		if (len < 0 || (unsigned char)*text < ' ' || *text == 127)
			str_append_text(&result, replacement);
		else
			str_append(&result, text, len);
	}
	value_set_text(run, str_text(&result));
	str_free(&result);
	return 0;
}

static int fn_safe(struct run *run, struct call *call)
{
	return run->varies ? VARIES : 0; /* nothing is escaped in directories */
}

const struct filter filters_of_text[] = {
	{"lookup", .kinds = "s", .needs = 1, .surplus = SURPLUS_IGNORED, .run = fn_lookup},
	{"literal", .kinds = "a", .needs = 1, .surplus = SURPLUS_IGNORED, .run = fn_literal},
	{"concat", .kinds = "a", .needs = 1, .surplus = SURPLUS_REPEATS, .run = fn_concat},
	{"lower", .action = "lower", .kinds = "", .run = fn_lower},
	{"upper", .action = "upper", .kinds = "", .run = fn_upper},
	{"reverse", .action = "reverse", .kinds = "", .run = fn_reverse},
	{"substr", .action = "substring", .kinds = "nn", .needs = 1, .run = fn_substr},
	{"truncate", .action = "truncate", .kinds = "n", .named = "bits:n ", .run = fn_truncate},
	{"ldap_dn", .action = "convert to ldap_dn", .kinds = "", .run = fn_ldap_dn},
	{"index", .action = "index", .kinds = "sn", .needs = 2, .run = fn_index},
	{"username", .action = "get username from", .kinds = "", .run = fn_username},
	{"domain", .action = "get domain from", .kinds = "", .run = fn_domain},
	{"list", .action = "generate list from", .kinds = "s", .run = fn_list},
	{"lfill", .action = "fill", .kinds = "ns", .needs = 1, .run = fn_fill},
	{"rfill", .action = "fill", .kinds = "ns", .needs = 1, .run = fn_fill},
	{"text", .action = "text", .kinds = "", .run = fn_text},
	{"safe", .run = fn_safe},
	{0},
};
