// SPDX-License-Identifier: MIT
/* The filters of 2.4 for numbers, hashes and encodings: lib-var-expand/expansion-filter.c, 2.4.1. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dovecot/expand_2_4.h"
#include "dovecot/expand_parts.h"

#define PADDING_MAX 256 /* before 2.4.3 Dovecot has no limit */

static int not_a_number(struct run *run)
{
	return run_fail(run, -EINVAL, "Input is not a number");
}

static void set_number(struct run *run, uintmax_t number)
{
	struct str text = {0};

	str_printf(&text, "%ju", number);
	value_set_text(run, str_text(&text));
	str_free(&text);
}

/* The number that the last eight bytes are. */
static uintmax_t binary_number(const struct str *data)
{
	size_t i = data->len > sizeof(uintmax_t) ? data->len - sizeof(uintmax_t) : 0;
	uintmax_t number = 0;

	for (; i < data->len; i++)
		number = number << 8 | (unsigned char)data->data[i];
	return number;
}

/* As numbers of two's complement: they may overflow. */
static intmax_t calculate(char op, intmax_t left, intmax_t right)
{
	switch (op) {
	case '+':
		return (intmax_t)((uintmax_t)left + (uintmax_t)right);
	case '-':
		return (intmax_t)((uintmax_t)left - (uintmax_t)right);
	case '*':
		return (intmax_t)((uintmax_t)left * (uintmax_t)right);
	case '/':
		return left / right;
	default:
		return left % right;
	}
}

static int check_divisor(struct run *run, intmax_t right)
{
	if (right > 0 || (right < -1 && run->expander->signed_divisor))
		return 0;
	if (right == -1 && run->expander->signed_divisor) /* the least number by it: a crash */
		return run_fail(run, -ENOTSUP, "calculate: a division by -1");
	return run_fail(run, -EINVAL, "Division must be by positive integer");
}

/* calculate(OPERATOR, NUMBER): of "+ NUMBER". Without NUMBER it is the operator's. */
static int fn_calculate(struct run *run, struct call *call)
{
	static const char operators[] = "+-*/%";
	const struct arg *which = arg_at(call, 0), *arg = arg_at(call, 1);
	intmax_t right = arg ? arg->number : which->number, left;
	struct str text = {0};
	int ret = 0;
	char op;

	if (which->type != ARG_NUMBER)
		return run_fail(run, -EINVAL, "Missing operator");
	if (which->number < 0 || which->number >= (intmax_t)sizeof(operators) - 1)
		return run_fail(run, -ENOTSUP, "calculate: Dovecot crashes of operator %jd",
				which->number);
	op = operators[which->number];
	if (op == '/' || op == '%')
		ret = check_divisor(run, right);
	if (ret)
		return ret;
	if (run->varies)
		return VARIES;
	if (run->binary && op == '%') {
		if (right <= 0)
			return run_fail(run, -EINVAL, "Binary modulo must be positive integer");
		set_number(run, binary_number(&run->value) % (uintmax_t)right);
		return 0;
	}
	if (!number_parse(str_text(&run->value), &left))
		return not_a_number(run);
	str_printf(&text, "%jd", calculate(op, left, right));
	value_set_data(run, &text);
	return 0;
}

static int hash(struct run *run, struct call *call, const char *algorithm)
{
	const struct digest *digest = digest_find(algorithm, strlen(algorithm));
	const struct arg *rounds = arg_named(call, "rounds"), *salt = arg_named(call, "salt");
	struct str data = {0};

	if (!digest)
		return run_fail(run, -EINVAL, "Unsupported algorithm '%s'", algorithm);
	if (rounds && rounds->number > DIGEST_ROUNDS_MAX)
		return run_fail(run, -ENOTSUP, "more than %d rounds", DIGEST_ROUNDS_MAX);
	if (run->varies)
		return VARIES;
	str_append(&data, str_text(&run->value), run->value.len);
	if (!rounds || rounds->number > 0)
		digest_rounds(digest, rounds ? (unsigned int)rounds->number : 1,
			      salt ? &salt->value : &(struct str){0}, &data);
	value_set_binary(run, &data);
	return 0;
}

static int fn_hash(struct run *run, struct call *call)
{
	return hash(run, call, str_text(&arg_at(call, 0)->value));
}

static int fn_named_hash(struct run *run, struct call *call)
{
	return hash(run, call, call->name);
}

/* pad=0 or 1, url=0 or 1 */
static int base64_flags(struct run *run, struct call *call, bool *pad_r, bool *url_r)
{
	unsigned int i;

	*pad_r = true;
	*url_r = false;
	for (i = 0; i < call->count; i++) { /* each can come often; saying it once is enough */
		const struct arg *arg = &call->args[i];

		if (arg->number != 0 && arg->number != 1)
			return run_fail(run, -EINVAL, "'%jd' is not 0 or 1", arg->number);
		if (!strcmp(arg->name, "pad") && !arg->number)
			*pad_r = false;
		if (!strcmp(arg->name, "url") && arg->number)
			*url_r = true;
	}
	return 0;
}

static int fn_base64(struct run *run, struct call *call)
{
	size_t size = BASE64_ENCODE_RAW_LENGTH(run->value.len), i;
	bool pad, url;
	char *text;
	int ret = base64_flags(run, call, &pad, &url);

	if (ret || run->varies)
		return ret ? ret : VARIES;
	text = mem_alloc(size + 1);
	base64_encode_raw(text, run->value.len, (const uint8_t *)str_text(&run->value));
	for (i = 0; i < size; i++) {
		if (url && text[i] == '+')
			text[i] = '-';
		else if (url && text[i] == '/')
			text[i] = '_';
		else if (!pad && text[i] == '=')
			text[i] = '\0';
	}
	value_set_text(run, text);
	free(text);
	return 0;
}

/* Six bits; -1: white space; -2: something else. */
static int base64_value(char c, bool url)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const char *digit = c ? strchr(digits, c) : NULL;

	if (digit)
		return (int)(digit - digits);
	if (c == (url ? '-' : '+'))
		return 62;
	if (c == (url ? '_' : '/'))
		return 63;
	return c && strchr(" \t\r\n", c) ? -1 : -2;
}

/* What comes behind something else is ignored. Where padding is not wanted, white space isn't,
 * either: the flags have the same number. */
static int fn_unbase64(struct run *run, struct call *call)
{
	struct str data = {0};
	unsigned int bits = 0, count = 0;
	unsigned char byte;
	bool pad, url;
	size_t i;
	int ret = base64_flags(run, call, &pad, &url), value;

	if (ret || run->varies)
		return ret ? ret : VARIES;
	for (i = 0; i < run->value.len; i++) {
		value = base64_value(run->value.data[i], url);
		if (value == -1 && pad)
			continue;
		if (value < 0)
			break;
		bits = bits << 6 | (unsigned int)value;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		byte = bits >> count;
		str_append(&data, &byte, 1);
	}
	value_set_binary(run, &data);
	return 0;
}

static int check_padding(struct run *run, intmax_t width)
{
	if (width < -PADDING_MAX || width > PADDING_MAX)
		return run_fail(run, -ENOTSUP, "more than %d bytes of padding", PADDING_MAX);
	return 0;
}

/* hex(WIDTH): filled with zeros, or cut, on the left; with a negative one on the right. */
static int fn_hex(struct run *run, struct call *call)
{
	const struct arg *arg = arg_at(call, 0);
	intmax_t width = arg ? arg->number : 0;
	size_t most = width < 0 ? -width : width;
	struct str digits = {0}, hex = {0};
	uintmax_t number;

	if (check_padding(run, width))
		return -ENOTSUP;
	if (run->varies)
		return VARIES;
	if (!number_parse_unsigned(str_text(&run->value), 10, &number))
		return not_a_number(run);
	str_printf(&digits, "%jx", number);
	if (width <= 0)
		str_append(&hex, digits.data, width && digits.len > most ? most : digits.len);
	while (hex.len + (width > 0 ? digits.len : 0) < most)
		str_append_text(&hex, "0");
	if (width > 0)
		str_append_text(&hex, digits.data + (digits.len > most ? digits.len - most : 0));
	str_free(&digits);
	value_set_data(run, &hex);
	return 0;
}

static int fn_unhex(struct run *run, struct call *call)
{
	uintmax_t number;

	if (!number_parse_unsigned(str_text(&run->value), 16, &number))
		return run_fail(run, -EINVAL, "Input is not a hex number");
	set_number(run, number);
	return 0;
}

static int fn_hexlify(struct run *run, struct call *call)
{
	const struct arg *arg = arg_at(call, 0);
	intmax_t width = arg ? arg->number : 0;
	struct str digits = {0}, hex = {0};

	if (width < 0)
		return run_fail(run, -EINVAL, "Width must be positive");
	if (run->varies)
		return VARIES;
	digest_append_hex(&run->value, &digits);
	if (check_padding(run, width > (intmax_t)digits.len ? width - (intmax_t)digits.len : 0)) {
		str_free(&digits);
		return -ENOTSUP;
	}
	while (hex.len + digits.len < (size_t)width)
		str_append_text(&hex, "0");
	str_append(&hex, str_text(&digits),
		   width && (size_t)width < digits.len ? (size_t)width : digits.len);
	str_free(&digits);
	value_set_text(run, str_text(&hex));
	str_free(&hex);
	return 0;
}

static int fn_unhexlify(struct run *run, struct call *call)
{
	const char *text = str_text(&run->value);
	struct str data = {0};
	char digits[3] = "";
	unsigned char byte;
	uintmax_t number;

	if (run->value.len % 2)
		return run_fail(run, -EINVAL, "Not a hex value");
	for (; *text; text += 2) {
		memcpy(digits, text, 2);
		if (!digits[1] || !number_parse_unsigned(digits, 16, &number)) {
			str_free(&data);
			return run_fail(run, -EINVAL, "Not a hex value");
		}
		byte = number;
		str_append(&data, &byte, 1);
	}
	value_set_binary(run, &data);
	return 0;
}

/* benumber and lenumber: one, two, four or eight bytes */
static int fn_number(struct run *run, struct call *call)
{
	size_t len = run->value.len, i;
	bool is_big = call->name[0] == 'b';
	uintmax_t number = 0;

	if (len != 1 && len != 2 && len != 4 && len != 8)
		return run_fail(run, -EINVAL, "Cannot convert '%zu' bytes to number", len);
	for (i = 0; i < len; i++)
		number = number << 8 | (unsigned char)run->value.data[is_big ? i : len - 1 - i];
	set_number(run, number);
	return 0;
}

/* The plugin var_expand_crypt's */
static int fn_unsupported(struct run *run, struct call *call)
{
	return run_fail(run, -ENOTSUP, "the filter %s is not supported", call->name);
}

#define HASHES "rounds:n salt:s "
#define FLAGS  "pad:n url:n "

const struct filter filters_of_bytes[] = {
	{"calculate", .action = "calculate", .kinds = "nn", .needs = 1, .run = fn_calculate},
	{"hash", .action = "hash", .kinds = "s", .needs = 1, .named = HASHES, .run = fn_hash,
	 .makes_binary = true},
	{"md5", .action = "md5", .kinds = "", .named = HASHES, .run = fn_named_hash,
	 .makes_binary = true},
	{"sha1", .action = "sha1", .kinds = "", .named = HASHES, .run = fn_named_hash,
	 .makes_binary = true},
	{"sha256", .action = "sha256", .kinds = "", .named = HASHES, .run = fn_named_hash,
	 .makes_binary = true},
	{"sha384", .action = "sha384", .kinds = "", .named = HASHES, .run = fn_named_hash,
	 .makes_binary = true},
	{"sha512", .action = "sha512", .kinds = "", .named = HASHES, .run = fn_named_hash,
	 .makes_binary = true},
	{"base64", .action = "base64", .kinds = "", .named = FLAGS, .run = fn_base64},
	{"unbase64", .action = "unbase64", .kinds = "", .named = FLAGS, .run = fn_unbase64,
	 .makes_binary = true},
	{"hex", .action = "hex", .kinds = "n", .run = fn_hex},
	{"unhex", .action = "unhex", .kinds = "", .run = fn_unhex},
	{"hexlify", .action = "hexlify", .kinds = "n", .surplus = SURPLUS_IGNORED,
	 .run = fn_hexlify},
	{"unhexlify", .action = "unhexlify", .kinds = "", .run = fn_unhexlify,
	 .makes_binary = true},
	{"benumber", .action = "convert to number", .kinds = "", .run = fn_number},
	{"lenumber", .action = "convert to number", .kinds = "", .run = fn_number},
	{"encrypt", .run = fn_unsupported},
	{"decrypt", .run = fn_unsupported},
	{0},
};
