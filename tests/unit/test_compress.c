// SPDX-License-Identifier: MIT
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/str.h"
#include "compress/compress.h"
#include "rl_abi.h"

#define BEGIN_IN  "c COMPRESS DEFLATE\r\n"
#define BEGIN_OUT "c OK Begin compression (0.001 secs).\r\n"

/* What has come out. A loss is in the text as "[SIZE]", a system call's end as "|". */
struct came {
	struct compress *compress;
	struct str text[2];
	uint64_t lost[2];
	bool blocks;
};

static void on_text(const struct chunk *chunk, void *context)
{
	struct came *came = context;
	struct str *text = &came->text[chunk->dir];

	assert_true(chunk->len || (chunk->continues && !chunk->more));
	if (came->blocks && text->len && !chunk->continues)
		str_append_text(text, "|");
	str_append(text, chunk->data, chunk->len);
}

static void on_lost(int dir, uint64_t size, int64_t realtime_ns, void *context)
{
	struct came *came = context;

	assert_true(size > 0);
	came->lost[dir] += size;
	str_printf(&came->text[dir], "[%d]", (int)size);
}

static struct compress_out out_of(struct came *came)
{
	return (struct compress_out){on_text, on_lost, came};
}

/* One system call's, in records of `size` bytes. */
static void feed(struct came *came, int dir, const void *data, size_t len, size_t size)
{
	const struct compress_out out = out_of(came);
	size_t at, part;

	for (at = 0; at < len; at += part) {
		part = len - at < size ? len - at : size;
		compress_feed(came->compress,
			      &(struct chunk){
				      .data = (const unsigned char *)data + at,
				      .len = part,
				      .continues = at > 0,
				      .more = at + part < len,
				      .dir = dir,
			      },
			      &out);
	}
}

static void feed_text(struct came *came, int dir, const char *text)
{
	feed(came, dir, text, strlen(text), SIZE_MAX);
}

static void gap(struct came *came, int dir, uint64_t size)
{
	const struct compress_out out = out_of(came);

	compress_gap(came->compress, dir, size, 0, &out);
	str_append_text(&came->text[dir], "<gap>");
}

static void is(struct came *came, int dir, const char *text)
{
	assert_string_equal(str_text(&came->text[dir]), text);
}

static void end(struct came *came)
{
	const struct compress_out out = out_of(came);

	compress_end(came->compress, 0, &out);
}

static void setup(struct came *came)
{
	*came = (struct came){.compress = compress_new(true)};
}

static void release(struct came *came)
{
	compress_free(&came->compress);
	str_free(&came->text[RL_IN]);
	str_free(&came->text[RL_OUT]);
}

/* As Dovecot and its clients do it: a flush behind each text. */
struct deflater {
	z_stream z;
	struct str out;
};

static void deflater_init(struct deflater *deflater)
{
	*deflater = (struct deflater){0};
	assert_int_equal(deflateInit2(&deflater->z, 6, Z_DEFLATED, -MAX_WBITS, 8, 0), Z_OK);
}

static void deflater_free(struct deflater *deflater)
{
	deflateEnd(&deflater->z);
	str_free(&deflater->out);
}

static const struct str *deflate_bytes(struct deflater *deflater, const void *data, size_t len,
				       int flush)
{
	unsigned char piece[4096];

	str_clear(&deflater->out);
	deflater->z.next_in = (unsigned char *)data;
	deflater->z.avail_in = len;
	do {
		deflater->z.next_out = piece;
		deflater->z.avail_out = sizeof(piece);
		deflate(&deflater->z, flush);
		str_append(&deflater->out, piece, sizeof(piece) - deflater->z.avail_out);
	} while (!deflater->z.avail_out);
	return &deflater->out;
}

static const struct str *deflated(struct deflater *deflater, const char *text)
{
	return deflate_bytes(deflater, text, strlen(text), Z_SYNC_FLUSH);
}

static void both_directions(void **state)
{
	struct deflater in, out;
	size_t size;

	for (size = 1; size < 40; size++) {
		struct came came;
		const struct str *bytes;

		setup(&came);
		came.blocks = true;
		deflater_init(&in);
		deflater_init(&out);
		feed(&came, RL_IN, "a NOOP\r\n" BEGIN_IN, strlen("a NOOP\r\n" BEGIN_IN), size);
		feed(&came, RL_OUT, "a OK x\r\n" BEGIN_OUT, strlen("a OK x\r\n" BEGIN_OUT), size);
		bytes = deflated(&in, "d NOOP\r\n");
		feed(&came, RL_IN, bytes->data, bytes->len, size);
		bytes = deflated(&out, "d OK\r\n");
		feed(&came, RL_OUT, bytes->data, bytes->len, size);
		bytes = deflated(&in, "e NOOP\r\n");
		feed(&came, RL_IN, bytes->data, bytes->len, size);
		end(&came);
		is(&came, RL_IN, "a NOOP\r\n" BEGIN_IN "|d NOOP\r\n|e NOOP\r\n");
		is(&came, RL_OUT, "a OK x\r\n" BEGIN_OUT "|d OK\r\n");
		assert_int_equal(came.lost[RL_IN] + came.lost[RL_OUT], 0);
		deflater_free(&in);
		deflater_free(&out);
		release(&came);
	}
}

/* Does compression begin? */
static bool begins(const char *const talk[][2])
{
	const struct str *bytes;
	struct deflater out;
	struct came came;
	bool inflates;
	unsigned int i;

	setup(&came);
	deflater_init(&out);
	for (i = 0; talk[i][0] || talk[i][1]; i++) {
		if (talk[i][0])
			feed_text(&came, RL_IN, talk[i][0]);
		if (talk[i][1])
			feed_text(&came, RL_OUT, talk[i][1]);
	}
	str_clear(&came.text[RL_OUT]);
	bytes = deflated(&out, "inflated");
	feed(&came, RL_OUT, bytes->data, bytes->len, SIZE_MAX);
	inflates = came.text[RL_OUT].len == strlen("inflated") &&
		   memcmp(came.text[RL_OUT].data, "inflated", came.text[RL_OUT].len) == 0;
	deflater_free(&out);
	release(&came);
	return inflates;
}

#define TALK(...) begins((const char *const[][2]){__VA_ARGS__, {NULL, NULL}})

static void where_it_begins(void **state)
{
	assert_true(TALK({BEGIN_IN, BEGIN_OUT}));
	assert_true(TALK({"c compress deflate\n", "c OK Begin compression.\r\n"}));
	assert_true(TALK({"a NOOP\r\n" BEGIN_IN, "* 1 EXISTS\r\na OK x\r\n" BEGIN_OUT}));
	assert_true(TALK({BEGIN_IN, "c NO x\r\n"},
			 {"d COMPRESS DEFLATE\r\n", "d OK Begin compression.\r\n"}));
	/* one tag for all */
	assert_true(TALK({"c NOOP\r\n" BEGIN_IN, "c OK NOOP completed.\r\n" BEGIN_OUT}));
	/* behind literals */
	assert_true(TALK({"a APPEND INBOX {3}\r\n", "+ OK\r\n"}, {"{9}\r\n", "a OK x\r\n"},
			 {BEGIN_IN, BEGIN_OUT}));
	assert_true(TALK({"a APPEND INBOX ~{3+}\r\n\r\n\r\n\r\n" BEGIN_IN, BEGIN_OUT}));
	assert_true(TALK({BEGIN_IN, "* 1 FETCH (BODY[] {3}\r\n{9} FLAGS ())\r\n" BEGIN_OUT}));
	/* literals that do not come, or are none */
	assert_true(TALK({"a APPEND x {900}\r\n", "a NO x\r\n"}, {BEGIN_IN, BEGIN_OUT}));
	assert_true(TALK({"a SELECT x{900}\r\n" BEGIN_IN, "a BAD x\r\n" BEGIN_OUT}));
	assert_true(TALK({BEGIN_IN, "a NO no mailbox x{900}\r\n* OK {900}\r\n" BEGIN_OUT}));
	assert_true(TALK({BEGIN_IN, "* LIST () \"/\" \"x{900}\"\r\n" BEGIN_OUT}));
}

static void where_it_does_not_begin(void **state)
{
	assert_false(TALK({"a NOOP\r\n", BEGIN_OUT}));
	assert_false(TALK({"d COMPRESS DEFLATE\r\n", BEGIN_OUT}));
	assert_false(TALK({BEGIN_IN, "c NO x\r\n"}));
	assert_false(TALK({BEGIN_IN, "c BAD x\r\n"}));
	assert_false(TALK({BEGIN_IN, "c OK x\r\n"}));
	assert_false(TALK({BEGIN_IN, "* c OK Begin compression.\r\n"}));
	assert_false(TALK({BEGIN_IN, "+ " BEGIN_OUT}));
	assert_false(TALK({"a APPEND INBOX {20}\r\n" BEGIN_IN, BEGIN_OUT}));
	assert_false(TALK({BEGIN_IN, "* 1 FETCH (BODY[] {99}\r\n" BEGIN_OUT}));
}

static void before_the_answer(void **state)
{
	struct deflater in;
	const struct str *bytes;
	struct came came;

	setup(&came);
	came.blocks = true;
	deflater_init(&in);
	bytes = deflated(&in, "d NOOP\r\n");
	feed_text(&came, RL_IN, BEGIN_IN "d NOOP\r\nc COMPRESS X\r\n");
	is(&came, RL_IN, BEGIN_IN);
	feed_text(&came, RL_OUT, "c BAD x\r\n");
	is(&came, RL_IN, BEGIN_IN "d NOOP\r\nc COMPRESS X\r\n");
	feed_text(&came, RL_OUT, "c NO x\r\n");
	feed_text(&came, RL_IN, BEGIN_IN);
	feed(&came, RL_IN, bytes->data, bytes->len, SIZE_MAX);
	feed_text(&came, RL_OUT, BEGIN_OUT);
	is(&came, RL_IN, BEGIN_IN "d NOOP\r\nc COMPRESS X\r\n|" BEGIN_IN "|d NOOP\r\n");
	end(&came);
	deflater_free(&in);
	release(&came);
}

static void never_answered(void **state)
{
	struct came came;

	setup(&came);
	feed_text(&came, RL_IN, BEGIN_IN "rest" BEGIN_IN "more");
	end(&came);
	is(&came, RL_IN, BEGIN_IN "rest" BEGIN_IN "more");
	release(&came);
}

/* More than what is held before the answer. */
static void too_much_before_the_answer(void **state)
{
	static char much[200 * 1024];
	struct came came;

	setup(&came);
	memset(much, 'x', sizeof(much));
	feed_text(&came, RL_IN, BEGIN_IN);
	feed(&came, RL_IN, much, sizeof(much), SIZE_MAX);
	feed(&came, RL_IN, much, sizeof(much), SIZE_MAX);
	feed_text(&came, RL_OUT, "c NO x\r\n");
	feed_text(&came, RL_IN, "d NOOP\r\n");
	is(&came, RL_IN, BEGIN_IN "[409600]d NOOP\r\n");
	release(&came);
	setup(&came);
	feed_text(&came, RL_IN, BEGIN_IN);
	feed(&came, RL_IN, much, sizeof(much), SIZE_MAX);
	feed(&came, RL_IN, much, sizeof(much), SIZE_MAX);
	feed_text(&came, RL_OUT, BEGIN_OUT);
	feed_text(&came, RL_IN, "d NOOP\r\n");
	end(&came);
	is(&came, RL_IN, BEGIN_IN "[409600][8]");
	release(&came);
}

static void begun(struct came *came, struct deflater *in, struct deflater *out)
{
	setup(came);
	deflater_init(in);
	deflater_init(out);
	feed_text(came, RL_IN, BEGIN_IN);
	feed_text(came, RL_OUT, BEGIN_OUT);
	str_clear(&came->text[RL_IN]);
	str_clear(&came->text[RL_OUT]);
}

static void damage(void **state)
{
	struct deflater in, out;
	const struct str *bytes;
	struct came came;
	size_t len;

	begun(&came, &in, &out);
	bytes = deflated(&in, "d NOOP\r\n");
	feed(&came, RL_IN, bytes->data, bytes->len, SIZE_MAX);
	feed(&came, RL_IN, "\xff\xff\xff\xff", 4, SIZE_MAX);
	bytes = deflated(&in, "e NOOP\r\n");
	len = bytes->len;
	feed(&came, RL_IN, bytes->data, len, SIZE_MAX);
	feed(&came, RL_IN, bytes->data, len, SIZE_MAX);
	assert_memory_equal(str_text(&came.text[RL_IN]), "d NOOP\r\n[", 9);
	assert_in_range(came.lost[RL_IN], 1, 4);
	end(&came);
	assert_in_range(came.lost[RL_IN], 1 + 2 * len, 4 + 2 * len);
	bytes = deflated(&out, "x"); /* the other direction goes on */
	feed(&came, RL_OUT, bytes->data, bytes->len, SIZE_MAX);
	is(&came, RL_OUT, "x");
	deflater_free(&in);
	deflater_free(&out);
	release(&came);
}

/* What follows is read by nobody. */
static void end_of_deflate(void **state)
{
	struct deflater in, out;
	const struct str *bytes;
	struct came came;

	begun(&came, &in, &out);
	bytes = deflate_bytes(&in, "d NOOP\r\n", 8, Z_FINISH);
	feed(&came, RL_IN, bytes->data, bytes->len, SIZE_MAX);
	is(&came, RL_IN, "d NOOP\r\n");
	feed_text(&came, RL_IN, "more");
	end(&came);
	is(&came, RL_IN, "d NOOP\r\n[4]");
	deflater_free(&in);
	deflater_free(&out);
	release(&came);
}

static void bytes_are_missing(void **state)
{
	static const char much[] = "1234567";
	struct deflater in, out;
	const struct str *bytes;
	struct came came;

	begun(&came, &in, &out);
	gap(&came, RL_OUT, 7);
	bytes = deflated(&out, "d OK\r\n");
	feed(&came, RL_OUT, bytes->data, 9, 1);
	is(&came, RL_OUT, "<gap>[9]");
	feed_text(&came, RL_OUT, much);
	feed_text(&came, RL_OUT, much);
	is(&came, RL_OUT, "<gap>[9]");
	gap(&came, RL_OUT, 7);
	feed_text(&came, RL_OUT, much);
	end(&came);
	is(&came, RL_OUT, "<gap>[9][14]<gap>[7]");
	deflater_free(&in);
	deflater_free(&out);
	release(&came);
}

static void answer_is_missing(void **state)
{
	struct deflater in;
	const struct str *bytes;
	struct came came;

	setup(&came);
	deflater_init(&in);
	feed_text(&came, RL_IN, BEGIN_IN);
	gap(&came, RL_OUT, strlen(BEGIN_OUT));
	bytes = deflated(&in, "d NOOP\r\n");
	feed(&came, RL_IN, bytes->data, bytes->len, SIZE_MAX);
	is(&came, RL_IN, BEGIN_IN "d NOOP\r\n");
	feed(&came, RL_OUT, "abc\0\0\xff\xff", 7, SIZE_MAX);
	is(&came, RL_OUT, "<gap>[7]");
	release(&came);
	/* the server speaks first */
	setup(&came);
	feed_text(&came, RL_IN, BEGIN_IN);
	gap(&came, RL_OUT, strlen(BEGIN_OUT));
	feed(&came, RL_OUT, "abc\0\0\xff\xff", 7, SIZE_MAX);
	feed(&came, RL_IN, bytes->data, bytes->len, SIZE_MAX);
	is(&came, RL_IN, BEGIN_IN "d NOOP\r\n");
	release(&came);
	/* it was refused */
	setup(&came);
	feed_text(&came, RL_IN, BEGIN_IN);
	gap(&came, RL_OUT, 20);
	feed_text(&came, RL_IN, "d NOOP\r\n");
	feed_text(&came, RL_OUT, "d OK x\r\n");
	is(&came, RL_IN, BEGIN_IN "d NOOP\r\n");
	is(&came, RL_OUT, "<gap>d OK x\r\n");
	release(&came);
	deflater_free(&in);
}

static void command_is_missing(void **state)
{
	struct deflater in, out;
	const struct str *bytes;
	struct came came;

	setup(&came);
	deflater_init(&in);
	deflater_init(&out);
	gap(&came, RL_IN, strlen(BEGIN_IN));
	feed_text(&came, RL_OUT, BEGIN_OUT);
	bytes = deflated(&out, "d OK\r\n");
	feed(&came, RL_OUT, bytes->data, bytes->len, SIZE_MAX);
	is(&came, RL_OUT, BEGIN_OUT "d OK\r\n");
	release(&came);
	/* and it is seen late */
	setup(&came);
	feed_text(&came, RL_OUT, BEGIN_OUT);
	gap(&came, RL_IN, strlen(BEGIN_IN) + 10);
	bytes = deflated(&in, "e NOOP\r\n");
	feed(&came, RL_IN, bytes->data, bytes->len, SIZE_MAX);
	assert_int_equal(came.lost[RL_IN], bytes->len);
	deflater_free(&in);
	deflater_free(&out);
	release(&came);
}

/* In a literal no command is missing; and what follows a gap is text, if it looks so. */
static void text_is_missing(void **state)
{
	struct came came;

	setup(&came);
	feed_text(&came, RL_IN, "a APPEND x {20+}\r\n");
	gap(&came, RL_IN, 20);
	feed_text(&came, RL_IN, "\r\n\1\2\3\4");
	is(&came, RL_IN, "a APPEND x {20+}\r\n<gap>\r\n\1\2\3\4");
	gap(&came, RL_OUT, 100);
	feed_text(&came, RL_OUT, "* 1 FETCH\r\n\xfc\r\n");
	is(&came, RL_OUT, "<gap>* 1 FETCH\r\n\xfc\r\n");
	release(&came);
}

static void on_bomb(const struct chunk *chunk, void *context)
{
	size_t *sum = context;

	assert_in_range(chunk->len, 0, 64 * 1024);
	*sum += chunk->len;
}

static void much_of_little(void **state)
{
	static char much[1000 * 1000];
	struct deflater in, out;
	const struct str *bytes;
	struct came came;
	size_t sum = 0;
	const struct compress_out to_sum = {on_bomb, on_lost, &sum};

	begun(&came, &in, &out);
	bytes = deflate_bytes(&in, much, sizeof(much), Z_SYNC_FLUSH);
	assert_in_range(bytes->len, 1, 2000);
	compress_feed(came.compress,
		      &(struct chunk){
			      .data = (const unsigned char *)bytes->data,
			      .len = bytes->len,
			      .dir = RL_IN,
		      },
		      &to_sum);
	assert_int_equal(sum, sizeof(much));
	deflater_free(&in);
	deflater_free(&out);
	release(&came);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions),
		cmocka_unit_test(where_it_begins),
		cmocka_unit_test(where_it_does_not_begin),
		cmocka_unit_test(before_the_answer),
		cmocka_unit_test(never_answered),
		cmocka_unit_test(too_much_before_the_answer),
		cmocka_unit_test(damage),
		cmocka_unit_test(end_of_deflate),
		cmocka_unit_test(bytes_are_missing),
		cmocka_unit_test(answer_is_missing),
		cmocka_unit_test(command_is_missing),
		cmocka_unit_test(text_is_missing),
		cmocka_unit_test(much_of_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
