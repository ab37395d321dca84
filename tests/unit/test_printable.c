// SPDX-License-Identifier: MIT
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "base/printable.h"

static void assert_shown(const char *text, size_t size, const char *expect)
{
	char *data = guard_dup(text, size);
	struct str out = {0};

	printable_append(&out, data, size);
	assert_string_equal(str_text(&out), expect);
	str_free(&out);
	guard_free(data, size);
}

/* What is escaped byte for byte, after and before something that is not. */
static void assert_hidden(const char *text, size_t size)
{
	struct str in = {0}, expect = {0};
	size_t i;

	str_append_text(&in, "a");
	str_append(&in, text, size);
	str_append_text(&in, "z");
	str_append_text(&expect, "a");
	for (i = 0; i < size; i++)
		str_printf(&expect, "\\x%02x", (unsigned char)text[i]);
	str_append_text(&expect, "z");
	assert_shown(in.data, in.len, expect.data);
	str_free(&in);
	str_free(&expect);
}

static void plain(void **state)
{
	static const char *const texts[] = {
		"",
		" !\"#$%&'()*+,-./0123456789:;<=>?@AZ[\\]^_`az{|}~",
		"\xc2\xa1\xc3\xa9\xdf\xbf", /* the shortest of two bytes, a letter, the longest */
		"e\xcc\x81",		    /* a letter and a mark */
		"\xe0\xa4\x85\xe4\xb8\xad", /* letters of three bytes */
		"\xe2\x80\x90\xe2\x80\xa7", /* punctuation beside the format characters */
		"\xe2\x82\xac\xef\xbf\xbd", /* symbols */
		"\xf0\x90\x80\x80\xf0\x9f\x98\x80", /* of four bytes */
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_shown(texts[i], strlen(texts[i]), texts[i]);
}

static void ascii_controls(void **state)
{
	char c;

	for (c = 0; c < ' '; c++)
		assert_hidden(&c, 1);
	assert_hidden(BYTES("\x7f"));
	assert_shown(BYTES("\x1b[2J\n\0"), "\\x1b[2J\\x0a\\x00");
}

static void each_kind(void **state)
{
	assert_hidden(BYTES("\xc2\x80"));	  /* C1 */
	assert_hidden(BYTES("\xc2\x9b"));	  /* CSI */
	assert_hidden(BYTES("\xc2\xa0"));	  /* no-break space */
	assert_hidden(BYTES("\xc2\xad"));	  /* soft hyphen */
	assert_hidden(BYTES("\xd8\x9c"));	  /* Arabic letter mark */
	assert_hidden(BYTES("\xe1\x85\xa0"));	  /* a letter without a shape */
	assert_hidden(BYTES("\xe2\x80\x8b"));	  /* zero width space */
	assert_hidden(BYTES("\xe2\x80\x8f"));	  /* right-to-left mark */
	assert_hidden(BYTES("\xe2\x80\xa8"));	  /* line separator */
	assert_hidden(BYTES("\xe2\x80\xa9"));	  /* paragraph separator */
	assert_hidden(BYTES("\xe2\x80\xae"));	  /* U+202E: right-to-left override */
	assert_hidden(BYTES("\xe2\x81\xa6"));	  /* U+2066: left-to-right isolate */
	assert_hidden(BYTES("\xe3\x80\x80"));	  /* ideographic space */
	assert_hidden(BYTES("\xee\x80\x80"));	  /* private use */
	assert_hidden(BYTES("\xef\xb7\x90"));	  /* a noncharacter */
	assert_hidden(BYTES("\xef\xb8\x8f"));	  /* a variation selector */
	assert_hidden(BYTES("\xef\xbb\xbf"));	  /* byte order mark */
	assert_hidden(BYTES("\xef\xbf\xbf"));	  /* U+FFFF */
	assert_hidden(BYTES("\xf0\x9f\xbf\xbe")); /* U+1FFFE */
	assert_hidden(BYTES("\xf3\xa0\x81\x81")); /* a tag */
	assert_hidden(BYTES("\xf3\xb0\x80\x80")); /* private use, plane 15 */
	assert_hidden(BYTES("\xf4\x8f\xbf\xbf")); /* U+10FFFF */
}

static void malformed(void **state)
{
	assert_hidden(BYTES("\x80"));
	assert_hidden(BYTES("\x9b")); /* CSI where the terminal does not use UTF-8 */
	assert_hidden(BYTES("\xbf\xbf"));
	assert_hidden(BYTES("\xfe"));
	assert_hidden(BYTES("\xff"));
	assert_hidden(BYTES("\xf8\x88\x80\x80\x80"));
	assert_hidden(BYTES("\xed\xa0\x80"));	  /* a surrogate */
	assert_hidden(BYTES("\xed\xbf\xbf"));	  /* another */
	assert_hidden(BYTES("\xf4\x90\x80\x80")); /* beyond Unicode */
	assert_hidden(BYTES("\xf7\xbf\xbf\xbf"));
	assert_shown(BYTES("\xc3\xc3\xa9"), "\\xc3\xc3\xa9");
	assert_shown(BYTES("\xe2\x82\x1b\xe2\x82\xac"), "\\xe2\\x82\\x1b\xe2\x82\xac");
}

static void overlong(void **state)
{
	assert_hidden(BYTES("\xc0\x80"));
	assert_hidden(BYTES("\xc1\x81")); /* A */
	assert_hidden(BYTES("\xc1\xbf"));
	assert_hidden(BYTES("\xe0\x80\x9b"));
	assert_hidden(BYTES("\xe0\x83\xa9")); /* U+00E9 */
	assert_hidden(BYTES("\xe0\x9f\xbf"));
	assert_hidden(BYTES("\xf0\x80\x80\x9b"));
	assert_hidden(BYTES("\xf0\x8f\xbf\xbd"));
}

/* Nothing is read beyond the end, and what is cut off is shown. */
static void truncated(void **state)
{
	static const char *const whole[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	struct str expect = {0};
	size_t i, len, at;

	for (i = 0; i < 3; i++) {
		for (len = 1; len < strlen(whole[i]); len++) {
			str_clear(&expect);
			for (at = 0; at < len; at++)
				str_printf(&expect, "\\x%02x", (unsigned char)whole[i][at]);
			assert_shown(whole[i], len, expect.data);
			assert_hidden(whole[i], len);
		}
	}
	str_free(&expect);
}

static void appends(void **state)
{
	struct str out = {0};

	str_append_text(&out, "\x1b");
	printable_append(&out, BYTES("\x1b"));
	assert_string_equal(out.data, "\x1b\\x1b");
	str_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),     cmocka_unit_test(ascii_controls),
		cmocka_unit_test(each_kind), cmocka_unit_test(malformed),
		cmocka_unit_test(overlong),  cmocka_unit_test(truncated),
		cmocka_unit_test(appends),
	};

	return cmocka_run_group_tests_name("printable", tests, NULL, NULL);
}
