// SPDX-License-Identifier: MIT
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "dovecot/multiplex.h"

#define TEXT(text) text, sizeof(text) - 1

/* What is read of a stream that comes in pieces of `size` bytes. */
static void read_pieces(const char *stream, size_t len, size_t size, struct str *out)
{
	struct multiplex multiplex = {0};
	size_t at, part;

	for (at = 0; at < len; at += part) {
		part = len - at < size ? len - at : size;
		multiplex_read(&multiplex, stream + at, part, out);
	}
	multiplex_break(&multiplex, out);
}

/* However it is cut. */
static void is_read(const char *stream, size_t len, const char *text, size_t text_len)
{
	struct str out = {0};
	size_t size;

	for (size = 1; size <= len; size++) {
		read_pieces(stream, len, size, &out);
		assert_int_equal(out.len, text_len);
		if (text_len)
			assert_memory_equal(out.data, text, text_len);
		str_clear(&out);
	}
	str_free(&out);
}

static void streams(void **state)
{
	is_read(TEXT("\x03\xfe\0\0a1 OK\r\n"), TEXT("a1 OK\r\n"));
	is_read(TEXT("a1 OK\r\n"), TEXT("a1 OK\r\n"));
	is_read(TEXT("a\x03\xfe\0\1compress\n\x03\xfe\0\0b"), TEXT("ab"));
	is_read(TEXT("\x03\xfe\0\1x\x03y\x03\x03\xfe\1\x03\xfe\0\0z"), TEXT("z"));
	is_read(TEXT("a\x03\xfe\1\xfe\0b"), TEXT("a\x03\xfe\0b"));
	is_read(TEXT("a\x03\x03\xfe\1b"), TEXT("a\x03\x03"
					       "b"));
	is_read(TEXT("\x03\x03\x03x\xfe\x03"), TEXT("\x03\x03\x03x\xfe\x03"));
	is_read(TEXT("\x03\xfe\0\x03\x03\xfe\0\0a"), TEXT("a"));
	/* what Dovecot's proxy would refuse, or what ends in the middle, is there */
	is_read(TEXT("a\x03\xfe\2b"), TEXT("a\x03\xfe\2b"));
	is_read(TEXT("a\x03\xfe\x03\xfe\0\1b"), TEXT("a\x03\xfe"));
	is_read(TEXT("a\x03\xfe"), TEXT("a\x03\xfe"));
	is_read(TEXT("a\x03\xfe\0"), TEXT("a\x03\xfe\0"));
	is_read(TEXT("a\x03\xfe\0\1b\x03\xfe\0"), TEXT("a"));
}

static void missing_bytes(void **state)
{
	struct multiplex multiplex = {0};
	struct str out = {0};

	multiplex_read(&multiplex, TEXT("\x03\xfe\0\1side\x03"), &out);
	multiplex_break(&multiplex, &out);
	assert_int_equal(out.len, 0);
	multiplex_read(&multiplex, TEXT("main\x03"), &out);
	multiplex_break(&multiplex, &out);
	multiplex_read(&multiplex, TEXT("\xfe\0\1x"), &out);
	assert_int_equal(out.len, strlen("main") + 1 + 4);
	assert_memory_equal(out.data, "main\x03\xfe\0\1x", out.len);
	str_free(&out);
}

static void append_escaped(struct str *stream, unsigned char byte, unsigned char next)
{
	if (byte == 0x03 && (next == 0xfe || rand() % 2))
		str_append(stream, "\x03\xfe\1", 3);
	else
		str_append(stream, &byte, 1);
}

/* As o_stream_multiplex_send_stream() sends it. */
static void random_streams(void **state)
{
	static const unsigned char bytes[] = {0, 1, 3, 0xfe, 'a'};
	struct str stream = {0}, main_channel = {0};
	unsigned int round, part, i;
	unsigned char text[8];

	srand(1);
	for (round = 0; round < 300; round++) {
		str_clear(&stream);
		str_clear(&main_channel);
		for (part = 0; part < 5; part++) {
			unsigned char channel = rand() % 2 ? 0 : rand() % 4;

			str_append(&stream, "\x03\xfe\0", 3);
			str_append(&stream, &channel, 1);
			for (i = 0; i < sizeof(text); i++)
				text[i] = bytes[rand() % sizeof(bytes)];
			for (i = 0; i < sizeof(text); i++) /* its last byte can be the prefix's */
				append_escaped(&stream, text[i],
					       i + 1 < sizeof(text) ? text[i + 1] : 0xfe);
			if (channel == 0)
				str_append(&main_channel, text, sizeof(text));
		}
		is_read(stream.data, stream.len, str_text(&main_channel), main_channel.len);
	}
	str_free(&stream);
	str_free(&main_channel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams),
		cmocka_unit_test(missing_bytes),
		cmocka_unit_test(random_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
