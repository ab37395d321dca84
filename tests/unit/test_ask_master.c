// SPDX-License-Identifier: MIT
/* What a process says about a master, which can be cut short, or nonsense. */
#include "unit.h"

#include <string.h>

#include "commands/ask_master.h"
#include "records/event.h"
#include "rules/needs.h"

#define SETTINGS     "mail_home\0/home/%u\0hostname\0host\0" /* and a NUL */
#define SETTINGS_LEN (sizeof(SETTINGS) - 1)

static const struct rl_master good = {
	.status = RL_MASTER_OK, .version = "2.3.19.1 (9b53102964)", .base_dir = "/run/dovecot"};

/* Reads a fact and settings, of which only so many bytes have come. */
static struct rl_master read_part(const struct rl_master *fact, size_t len, struct str *settings)
{
	struct str said = {0};
	struct rl_master read;

	str_append(&said, fact, sizeof(*fact));
	str_append(&said, SETTINGS, SETTINGS_LEN);
	said.len = len;
	ask_master_read(&said, 0, &read, settings);
	str_free(&said);
	return read;
}

static void assert_silent(const struct rl_master *fact)
{
	const struct rl_master silent = {.status = RL_MASTER_SILENT};

	assert_memory_equal(fact, &silent, sizeof(silent));
}

static void test_cut_short(void **state)
{
	struct str settings = {0};
	struct rl_master read;
	size_t len, whole;

	for (len = 0; len <= sizeof(good) + SETTINGS_LEN; len++) {
		read = read_part(&good, len, &settings);
		if (len < sizeof(good)) {
			assert_silent(&read);
			assert_int_equal(settings.len, 0);
			continue;
		}
		assert_memory_equal(&read, &good, sizeof(good));
		whole = len - sizeof(good) < 19		  ? 0 :
			len - sizeof(good) < SETTINGS_LEN ? 19 :
							    SETTINGS_LEN;
		assert_int_equal(settings.len, whole);
		assert_memory_equal(str_text(&settings), SETTINGS, whole);
	}
	str_free(&settings);
}

static void test_nothing(void **state)
{
	struct str said = {0}, settings = {0};
	struct rl_master read;

	ask_master_read(&said, 0, &read, &settings);
	assert_silent(&read);
	assert_int_equal(settings.len, 0);
}

/* Empty is not the same as not said. What mail_home needs is needed, too. */
static void test_unread(void **state)
{
	static const struct {
		const char *said;
		size_t len;
		unsigned int needs;
		const char *unread;
	} cases[] = {
#define SAID(text) text, sizeof(text)
		{"", 0, NEED_HOME | NEED_ZONE, "mail_home, zone"},
		{SAID("mail_home\0"), NEED_HOME, NULL},
		{SAID("mail_home\0/%{hostname}/%{env:X}\0zone\0"), NEED_HOME | NEED_ZONE,
		 "hostname, import_environment"},
		{SAID("mail_home\0/x\0zone"), NEED_HOME | NEED_ZONE, "zone"},
		{SAID("hostname\0mx"), NEED_HOSTNAME | NEED_ENVIRONMENT, "import_environment"},
	};
	struct str said = {0}, settings = {0};
	struct rl_master read;
	const char *unread;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		str_clear(&said);
		str_append(&said, &good, sizeof(good));
		str_append(&said, cases[i].said, cases[i].len);
		ask_master_read(&said, cases[i].needs, &read, &settings);
		unread = settings_get(str_text(&settings), settings.len, "unread");
		if (cases[i].unread)
			assert_string_equal(unread, cases[i].unread);
		else
			assert_null(unread);
	}
	str_free(&said);
	str_free(&settings);
}

/* Only a master that is recorded has settings. */
static void test_refused(void **state)
{
	struct rl_master fact = good, read;
	struct str settings = {0};

	fact.status = RL_MASTER_VERSION;
	read = read_part(&fact, sizeof(fact) + SETTINGS_LEN, &settings);
	assert_memory_equal(&read, &fact, sizeof(fact));
	assert_int_equal(settings.len, 0);
}

static void test_nonsense(void **state)
{
	struct rl_master facts[] = {good, good, good, good};
	struct str settings = {0};
	struct rl_master read;
	unsigned int i;

	facts[0].status = RL_MASTER_WHOSE + 1;
	facts[1].pad = 1;
	memset(facts[2].version, 'x', sizeof(facts[2].version));
	memset(facts[3].base_dir, 'x', sizeof(facts[3].base_dir));
	for (i = 0; i < 4; i++) {
		read = read_part(&facts[i], sizeof(good) + SETTINGS_LEN, &settings);
		assert_silent(&read);
		assert_int_equal(settings.len, 0);
	}
}

/* Who calls it with anything else is told nothing. */
static void test_arguments(void **state)
{
	static const char *const wrong[][4] = {
		{"1", "2"},	  {"", "2", "3"},	    {"-1", "2", "3"},
		{"1", "2x", "3"}, {"4294967296", "2", "3"}, {"1", "2", "4294967296"}};
	unsigned int i;
	int argc;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		for (argc = 0; argc < 4 && wrong[i][argc]; argc++)
			;
		assert_int_equal(ask_master_run(argc, (char *const *)wrong[i]), 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_short), cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_unread),	  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nonsense),  cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
