// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "config/doveconf_words.h"
#include "rl_abi.h"

static void check_flags(const char *executable, int ret, const char *letters)
{
	struct log_flags flags;

	assert_int_equal(doveconf_script_flags(executable, &flags), ret);
	if (ret != 1)
		return;
	assert_int_equal(flags.boundaries, strchr(letters, 'b') != NULL);
	assert_int_equal(flags.timestamps, strchr(letters, 't') != NULL);
	assert_int_equal(flags.ip_in_name, strchr(letters, 'I') != NULL);
	assert_int_equal(flags.only[RL_IN], strchr(letters, 'i') != NULL);
	assert_int_equal(flags.only[RL_OUT], strchr(letters, 'o') != NULL);
}

static void script_flags(void **state)
{
	check_flags("script-login -d rawlog", 1, "");
	check_flags("script-login rawlog -t", 1, "t");
	check_flags("/usr/lib/dovecot/script-login  -d\t/usr/lib/dovecot/rawlog -b -t -I", 1,
		    "btI");
	check_flags("script-login -d rawlog -btI", 1, "btI");
	check_flags("script-login -d rawlog -f in", 1, "i");
	check_flags("script-login -d rawlog -fout -b", 1, "ob");
	check_flags("script-login -d rawlog -i", 1, "i");
	check_flags("script-login -d rawlog -o -t", 1, "ot");
	check_flags(" script-login -d rawlog -t ", 1, "t");
	/* what follows rawlog's own options is the next program */
	check_flags("script-login -d rawlog -t imap -b", 1, "t");
	check_flags("script-login -d rawlog -- -b", 1, "");
}

static void script_runs_something_else(void **state)
{
	check_flags("", 0, "");
	check_flags("   ", 0, "");
	check_flags("rawlog -t", 0, "");
	check_flags("script-login", 0, "");
	check_flags("script-login -d", 0, "");
	check_flags("script-login -d /usr/local/bin/hello rawlog", 0, "");
	check_flags("script-login2 -d rawlog", 0, "");
	check_flags("script-login/ -d rawlog", 0, "");
	check_flags("script-login -d rawlogger", 0, "");
}

static void script_flags_make_no_sense(void **state)
{
	check_flags("script-login -d rawlog -x", -EINVAL, "");
	check_flags("script-login -d rawlog -f", -EINVAL, "");
	check_flags("script-login -d rawlog -f both", -EINVAL, "");
	check_flags("script-login -d rawlog -f in -f out", -EINVAL, "");
	check_flags("script-login -d rawlog -i -o", -EINVAL, "");
	check_flags("script-login -d rawlog -tz", -EINVAL, "");
	check_flags("script-login -d rawlog --timestamps", -EINVAL, "");
	check_flags("script-login -d rawlog -t", 1, "t"); /* no state of getopt() is left over */
}

static void check_postlogin(const char *executable, const char *expect)
{
	struct str name = {0};

	assert_int_equal(doveconf_postlogin_name(executable, &name), expect != NULL);
	assert_string_equal(str_text(&name), expect ? expect : "");
	str_free(&name);
}

static void postlogin_name(void **state)
{
	check_postlogin("imap postlogin", "postlogin");
	check_postlogin("imap -D imap-postlogin", "imap-postlogin");
	check_postlogin("imap -a auth -t 60 -u user name", "name");
	check_postlogin("imap -a auth", NULL);
	check_postlogin("imap", NULL);
	check_postlogin("", NULL);
	check_postlogin("  ", NULL);
	check_postlogin("imap -t", NULL);
	check_postlogin("imap\tpostlogin other", "postlogin");
	check_postlogin("imap -- postlogin", "postlogin");
	check_postlogin("imap postlogin -D", "postlogin");
	check_postlogin("imap -a auth -D", NULL);
	check_postlogin("imap -o mail_debug=yes -k postlogin", "postlogin");
	check_postlogin("submission postlogin", "postlogin");
}

static void check_login_dir(const char *executable, int ret, const char *expect)
{
	struct str dir = {0};

	assert_int_equal(doveconf_login_dir(executable, "imap-login", &dir), ret);
	assert_string_equal(str_text(&dir), expect);
	str_free(&dir);
}

static void login_dir(void **state)
{
	check_login_dir("imap-login -R rawlogs", 1, "rawlogs");
	check_login_dir("imap-login -Rrawlogs", 1, "rawlogs");
	check_login_dir("/usr/lib/dovecot/imap-login  -R  /var/log/raw logs", 1, "/var/log/raw");
	check_login_dir("imap-login -D -S -l imap -R rawlogs login", 1, "rawlogs");
	check_login_dir("imap-login -DR rawlogs", 1, "rawlogs");
	check_login_dir("imap-login login -R rawlogs -D", 1, "rawlogs");
	check_login_dir("imap-login -o verbose_ssl=yes -k -R rawlogs", 1, "rawlogs");
	check_login_dir("imap-login -R one -R two", 1, "two");
	check_login_dir("imap-login -R -D", 1, "-D");
}

static void no_login_dir(void **state)
{
	check_login_dir("", 0, "");
	check_login_dir("  ", 0, "");
	check_login_dir("imap-login", 0, "");
	check_login_dir("imap-login -D login", 0, "");
	check_login_dir("imap-login -l -Rrawlogs", 0, ""); /* "-Rrawlogs" is the argument of -l */
	check_login_dir("imap-login -- -R rawlogs", 0, "");
	check_login_dir("imap-login -D -o x=-R", 0, "");
	check_login_dir("pop3-login -R rawlogs", 0, "");
	check_login_dir("script-login imap-login -R rawlogs", 0, "");
	check_login_dir("imap-login/ -R rawlogs", 0, "");
}

static void login_words_make_no_sense(void **state)
{
	check_login_dir("imap-login -R", -EINVAL, "");
	check_login_dir("imap-login -R rawlogs -x", -EINVAL, "");
	check_login_dir("imap-login -R rawlogs -b", -EINVAL, "");
	check_login_dir("imap-login --rawlog rawlogs", -EINVAL, "");
	check_login_dir("imap-login -R rawlogs", 1,
			"rawlogs"); /* no state of getopt() is left over */
}

/* More words than there is room for are cut. */
static void many_words(void **state)
{
	struct str text = {0}, name = {0};
	struct log_flags flags;
	int i;

	str_append_text(&text, "script-login -d rawlog");
	for (i = 0; i < 1000; i++)
		str_append_text(&text, " -t");
	assert_int_equal(doveconf_script_flags(text.data, &flags), 1);
	assert_true(flags.timestamps);
	assert_true(doveconf_postlogin_name(text.data, &name));
	assert_string_equal(name.data, "rawlog");
	str_clear(&text);
	str_clear(&name);
	str_append_text(&text, "imap-login -R rawlogs");
	for (i = 0; i < 1000; i++)
		str_append_text(&text, " -D");
	assert_int_equal(doveconf_login_dir(text.data, "imap-login", &name), 1);
	assert_string_equal(name.data, "rawlogs");
	str_free(&text);
	str_free(&name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(script_flags),
		cmocka_unit_test(script_runs_something_else),
		cmocka_unit_test(script_flags_make_no_sense),
		cmocka_unit_test(postlogin_name),
		cmocka_unit_test(login_dir),
		cmocka_unit_test(no_login_dir),
		cmocka_unit_test(login_words_make_no_sense),
		cmocka_unit_test(many_words),
	};

	return cmocka_run_group_tests_name("doveconf", tests, NULL, NULL);
}
