// SPDX-License-Identifier: MIT
/* What may be private is wiped before its memory is given back. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "engine/held.h"
#include "engine/model.h"
#include "engine/tls.h"

/* What was wiped last. */
static const void *wiped;
static size_t wiped_size;

/* In place of libc's: freed memory can't be looked at. */
void explicit_bzero(void *data, size_t size)
{
	wiped = data;
	wiped_size = size;
	memset(data, 0, size);
}

static void assert_zero(const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		assert_int_equal(data[i], 0);
}

static void wipe(void **state)
{
	char data[8] = "secrets";

	mem_wipe(data + 1, 3);
	assert_memory_equal(data, "s\0\0\0ets", 8);
	mem_wipe(data, 0);
	assert_int_equal(data[0], 's');
	mem_wipe(NULL, 0);
	mem_wipe(data, sizeof(data));
	assert_zero(data, sizeof(data));
}

static void freed(void **state)
{
	struct str str = {0}, copy;

	str_append_text(&str, "a password");
	copy = str;
	str_free(&str);
	assert_ptr_equal(wiped, copy.data);
	assert_int_equal(wiped_size, copy.cap);
	str_free(&str);
}

static void grown(void **state)
{
	struct str str = {0}, old;

	str_append_text(&str, "a password");
	old = str;
	while (str.cap == old.cap)
		str_append_text(&str, "!");
	assert_ptr_equal(wiped, old.data);
	assert_int_equal(wiped_size, old.cap);
	assert_memory_equal(str.data, "a password!", 11);
	str_free(&str);
}

static void cleared(void **state)
{
	struct str str = {0};

	str_append_text(&str, "a password");
	str_clear(&str);
	assert_zero(str.data, 11);
	str_free(&str);
}

static void consumed(void **state)
{
	struct str str = {0};

	str_append_text(&str, "a password");
	str_consume(&str, 2);
	assert_string_equal(str.data, "password");
	assert_zero(str.data + 8, 3);
	str_consume(&str, 8);
	assert_zero(str.data, 11);
	str_free(&str);
}

static void held(void **state)
{
	const struct {
		struct rl_rec rec;
		char text[8];
	} record = {{.len = sizeof(record)}, "secret"};
	struct held_queue queue = {0};
	struct held *first;

	held_add(&queue, &record.rec);
	held_add(&queue, &record.rec);
	first = held_take(&queue);
	wiped = NULL;
	held_free(&first);
	assert_null(first);
	assert_int_equal(wiped_size, sizeof(record));
	wiped_size = 0;
	held_clear(&queue);
	assert_int_equal(wiped_size, sizeof(record));
}

/* A client's last words without TLS. */
static void last_words(void **state)
{
	struct engine engine = {0};
	struct sock sock = {.tls.last = " secret\r\n"};

	tls_free(&engine, &sock);
	assert_ptr_equal(wiped, sock.tls.last);
	assert_zero(sock.tls.last, sizeof(sock.tls.last));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wipe),	      cmocka_unit_test(freed),	  cmocka_unit_test(grown),
		cmocka_unit_test(cleared),    cmocka_unit_test(consumed), cmocka_unit_test(held),
		cmocka_unit_test(last_words),
	};

	return cmocka_run_group_tests_name("wipe", tests, NULL, NULL);
}
