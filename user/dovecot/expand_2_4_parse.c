// SPDX-License-Identifier: MIT
/* lib-var-expand/var-expand-lexer.l and var-expand-parser.y, 2.4.1. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dovecot/expand_2_4.h"
#include "dovecot/expand_parts.h"

#define OPERATORS "+-*/%" /* in the order of enum var_expand_statement_operator */
#define CALCULATE "calculate"

/* Other tokens are their character. */
enum {
	TOKEN_ERROR = -1,
	TOKEN_END = 0,
	TOKEN_NUMBER = '0',
	TOKEN_TEXT = '"',
	TOKEN_NAME = 'a',
};

struct parser {
	const char *at;
	int token;
	struct str text; /* of TOKEN_NUMBER, TOKEN_TEXT, TOKEN_NAME */
	struct str *why;
};

static int fail(struct parser *parser, const char *why)
{
	if (!parser->why->len)
		str_append_text(parser->why, why);
	return -EINVAL;
}

/* lib/unichar.c: uni_utf8_get_char() */
int utf8_char(const char *text)
{
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000, UINT32_MAX, UINT32_MAX};
	const unsigned char *bytes = (const unsigned char *)text;
	int len = 1, i;
	uint32_t c;

	if (bytes[0] < 0x80)
		return 1;
	while (len < 7 && bytes[0] & 0x80 >> len)
		len++;
	if (len == 1 || len == 7)
		return -1;
	c = bytes[0] & 0x7f >> len;
	for (i = 1; i < len; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return bytes[i] ? -1 : 0;
		c = c << 6 | (bytes[i] & 0x3f);
	}
	return c < lowest[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? -1 : len;
}

static bool is_utf8(const char *text)
{
	int len;

	for (; *text; text += len) {
		len = utf8_char(text);
		if (len <= 0)
			return false;
	}
	return true;
}

/* Appends so many bytes, which must be UTF-8 by themselves, as Dovecot sees no more at a time. */
static int take_bytes(struct parser *parser, size_t size)
{
	struct str bytes = {0};
	int ret = 0;

	str_append(&bytes, parser->at, size);
	if (!is_utf8(str_text(&bytes)))
		ret = fail(parser, "Invalid UTF-8 string");
	str_append(&parser->text, str_text(&bytes), bytes.len);
	str_free(&bytes);
	parser->at += size;
	return ret;
}

/* So many digits become a byte. */
static int take_code(struct parser *parser, size_t digits, int base)
{
	char text[4] = "", *end;
	unsigned long code;
	unsigned char byte;

	memcpy(text, parser->at, digits);
	code = strtoul(text, &end, base);
	if (*end || code > 255)
		return fail(parser, "Invalid character escape");
	byte = code;
	str_append(&parser->text, &byte, 1);
	parser->at += digits;
	return 0;
}

/* What follows a backslash. */
static int take_escape(struct parser *parser)
{
	static const char codes[] = "\\\"'trn", meanings[] = "\\\"'\t\r\n";
	const char *code;
	size_t digits;

	parser->at += strspn(parser->at, "\n"); /* no rule of the lexer has it, so it is skipped */
	digits = strspn(parser->at, "0123456789");
	if (digits)
		return take_code(parser, digits < 3 ? digits : 3, 8);
	if (*parser->at == 'x' && strspn(parser->at + 1, "0123456789abcdefABCDEF") >= 2) {
		parser->at++;
		return take_code(parser, 2, 16);
	}
	code = *parser->at ? strchr(codes, *parser->at) : NULL;
	if (!code)
		return fail(parser, "Invalid character escape");
	str_append(&parser->text, meanings + (code - codes), 1);
	parser->at++;
	return 0;
}

static int lex_text(struct parser *parser)
{
	char stop[] = {*parser->at++, '\\', '\0'};
	int ret = 0;

	while (!ret && *parser->at && *parser->at != stop[0]) {
		if (*parser->at != '\\') {
			ret = take_bytes(parser, strcspn(parser->at, stop));
		} else {
			parser->at++;
			ret = take_escape(parser);
		}
	}
	if (ret)
		return TOKEN_ERROR;
	if (!*parser->at)
		return TOKEN_END;
	parser->at++;
	return TOKEN_TEXT;
}

static bool is_name(char c, bool is_first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80 ||
	       (!is_first && c && strchr("0123456789_/;:.-", c));
}

static int lex_name(struct parser *parser)
{
	size_t len = 1;

	while (is_name(parser->at[len], false))
		len++;
	return take_bytes(parser, len) ? TOKEN_ERROR : TOKEN_NAME;
}

/* Reads the next token. What can't begin one is skipped: the lexer echoes it, to nobody. */
static void next(struct parser *parser)
{
	size_t digits;

	str_clear(&parser->text);
	while (*parser->at && !is_name(*parser->at, true) &&
	       !strchr("}%|(),=+-*/\"'0123456789", *parser->at))
		parser->at++;
	digits = strspn(parser->at, "0123456789");
	if (digits) {
		str_append(&parser->text, parser->at, digits);
		parser->at += digits;
		parser->token = TOKEN_NUMBER;
	} else if (*parser->at == '"' || *parser->at == '\'') {
		parser->token = lex_text(parser);
	} else if (is_name(*parser->at, true)) {
		parser->token = lex_name(parser);
	} else {
		parser->token = *parser->at ? *parser->at++ : TOKEN_END;
	}
}

static int unexpected(struct parser *parser)
{
	struct str why = {0};
	int ret;

	if (parser->token == TOKEN_END)
		str_append_text(&why, "syntax error: a variable has no end");
	else if (parser->text.len)
		str_printf(&why, "syntax error: '%s' is not expected", str_text(&parser->text));
	else
		str_printf(&why, "syntax error: '%c' is not expected", parser->token);
	ret = fail(parser, str_text(&why));
	str_free(&why);
	return ret;
}

static char *take_text(struct parser *parser)
{
	char *text = mem_strdup(str_text(&parser->text)); /* ends at a NUL */

	next(parser);
	return text;
}

static struct call *add_call(struct program *program, char *name)
{
	program->calls = mem_resize(program->calls, (program->count + 1) * sizeof(*program->calls));
	program->calls[program->count] = (struct call){.name = name};
	return &program->calls[program->count++];
}

static struct arg *add_arg(struct call *call)
{
	call->args = mem_resize(call->args, (call->count + 1) * sizeof(*call->args));
	call->args[call->count] = (struct arg){0};
	return &call->args[call->count++];
}

static int parse_number(struct parser *parser, struct arg *arg)
{
	struct str digits = {0};
	int ret = 0;

	arg->type = ARG_NUMBER;
	if (parser->token == '-') {
		str_append_text(&digits, "-");
		next(parser);
	}
	if (parser->token != TOKEN_NUMBER)
		ret = unexpected(parser);
	str_append_text(&digits, str_text(&parser->text));
	if (!ret && !number_parse(str_text(&digits), &arg->number))
		ret = fail(parser, "Not a number");
	str_free(&digits);
	next(parser);
	return ret;
}

static int parse_value(struct parser *parser, struct arg *arg)
{
	switch (parser->token) {
	case TOKEN_TEXT:
	case TOKEN_NAME:
		arg->type = parser->token == TOKEN_TEXT ? ARG_TEXT : ARG_VARIABLE;
		arg->text = take_text(parser);
		return 0;
	case TOKEN_NUMBER:
	case '-':
		return parse_number(parser, arg);
	default:
		return unexpected(parser);
	}
}

/* VALUE, or KEY=VALUE: then what was read first is the key. */
static int parse_arg(struct parser *parser, struct call *call)
{
	struct arg *arg = add_arg(call);
	int ret = parse_value(parser, arg);
	char *c;

	if (ret || parser->token != '=' || arg->type != ARG_VARIABLE) {
		call->positional++;
		return ret;
	}
	arg->name = arg->text;
	arg->text = NULL;
	for (c = arg->name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	next(parser);
	return parse_value(parser, arg);
}

static int parse_args(struct parser *parser, struct call *call)
{
	int ret;

	do {
		next(parser);
		ret = parse_arg(parser, call);
	} while (!ret && parser->token == ',');
	if (!ret && parser->token != ')')
		ret = unexpected(parser);
	next(parser);
	return ret;
}

/* "+ 1": the call of a filter, too. */
static int parse_calculation(struct parser *parser, struct program *program)
{
	struct call *call = add_call(program, mem_strdup(CALCULATE));
	struct arg *arg = add_arg(call);

	arg->type = ARG_NUMBER;
	arg->number = strchr(OPERATORS, parser->token) - OPERATORS;
	call->positional = 2;
	next(parser);
	arg = add_arg(call);
	return parser->token == TOKEN_TEXT ? unexpected(parser) : parse_value(parser, arg);
}

/* NAME [(ARGUMENTS)] [OPERATOR NUMBER], or nothing */
static int parse_filter(struct parser *parser, struct program *program)
{
	struct call *call;
	int ret = 0;

	if (parser->token != TOKEN_NAME)
		return 0;
	call = add_call(program, take_text(parser));
	if (parser->token == '(')
		ret = parse_args(parser, call);
	if (!ret && parser->token > 0 && strchr(OPERATORS, parser->token))
		ret = parse_calculation(parser, program);
	return ret;
}

int program_parse(const char **text, struct program *program_r, struct str *why)
{
	struct parser parser = {.at = *text, .why = why};
	int ret;

	*program_r = (struct program){0};
	str_clear(why);
	do {
		next(&parser);
		ret = parse_filter(&parser, program_r);
	} while (!ret && parser.token == '|');
	if (!ret && parser.token != '}')
		ret = unexpected(&parser);
	if (ret)
		program_free(program_r);
	*text = parser.at;
	str_free(&parser.text);
	return ret;
}

void program_free(struct program *program)
{
	struct call *call;
	struct arg *arg;

	for (call = program->calls; call < program->calls + program->count; call++) {
		for (arg = call->args; arg < call->args + call->count; arg++) {
			free(arg->name);
			free(arg->text);
			str_free(&arg->value);
		}
		free(call->args);
		free(call->name);
	}
	free(program->calls);
	*program = (struct program){0};
}
