// SPDX-License-Identifier: MIT
#include "unit.h"

#include <string.h>

#include "config/opts.h"
#include "rl_abi.h"
#include "base/str.h"

#define ARGS_MAX 16

/* Parses a command line, without the program's name. */
static int parse(struct opts *opts, const char *line)
{
	static char copy[256];
	char *argv[ARGS_MAX] = {(char *)"rawtap"}, *save = NULL, *word;
	int argc = 1;

	assert_true(strlen(line) < sizeof(copy));
	memcpy(copy, line, strlen(line) + 1);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	assert_true(argc < ARGS_MAX);
	return opts_parse(opts, argc, argv);
}

static int status_of(const char *line)
{
	struct opts opts;
	int status = parse(&opts, line);

	opts_free(&opts);
	return status;
}

static void commands(void **state)
{
	struct opts opts;

	assert_int_equal(parse(&opts, ""), -1);
	assert_int_equal(opts.command, COMMAND_RECORD);
	assert_int_equal(opts.ring_size, RING_SIZE_DEFAULT);
	assert_false(opts.log.flags_given);
	assert_int_equal(parse(&opts, "record --rawlog"), -1);
	assert_int_equal(opts.command, COMMAND_RECORD);
	assert_true(opts.rawlog);
	assert_int_equal(parse(&opts, "check --backend sock"), -1);
	assert_int_equal(opts.command, COMMAND_CHECK);
	assert_string_equal(opts.backend, "sock");
	assert_int_equal(status_of("--help"), 0);
	assert_int_equal(status_of("-h"), 0);
	assert_int_equal(status_of("replay -h"), 0);
	assert_int_equal(status_of("-V"), 0);
	assert_int_equal(status_of("--version"), 0);
}

static void wrong_usage(void **state)
{
	static const char *const lines[] = {
		"-x",
		"--nothing",
		"-bx",
		"-xb",
		"-c",
		"--save",
		"-u",
		"-f",
		"-f both",
		"-f in -o",
		"-i -o",
		"-f in -f out",
		"-io",
		"more",
		"record more",
		"--debug=1",
		"--rawlog=x",
		"replay",
		"replay one two",
		"check more",
		"replay x --save y",
		"replay x -c y",
		"replay x --ring-size 1M",
		"replay --rawlog x",
		"check -b",
		"check -u x",
		"check --root x",
		"--root x",
		"record --root x",
	};
	unsigned int i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(status_of(lines[i]), 2);
	assert_int_equal(status_of("-b"), -1); /* no state of getopt() is left over */
}

static void flags(void **state)
{
	struct opts opts;

	assert_int_equal(parse(&opts, "-btI"), -1);
	assert_true(opts.log.flags_given && opts.log.flags.boundaries &&
		    opts.log.flags.timestamps && opts.log.flags.ip_in_name);
	assert_int_equal(parse(&opts, "-f in -i"), -1);
	assert_true(opts.log.flags.only[RL_IN] && !opts.log.flags.only[RL_OUT]);
	assert_int_equal(parse(&opts, "-fout"), -1);
	assert_true(!opts.log.flags.only[RL_IN] && opts.log.flags.only[RL_OUT]);
	assert_int_equal(parse(&opts, "-o -t"), -1);
	assert_true(opts.log.flags.only[RL_OUT] && opts.log.flags.timestamps);
}

/* The command line takes each letter that sets a flag, as getopt() is told to take it elsewhere. */
static void all_flags(void **state)
{
	struct str letters = {0};
	struct opts opts;
	char line[] = "-? in";
	const char *letter;

	log_flags_getopt(&letters);
	for (letter = letters.data; *letter; letter++) {
		if (*letter == ':')
			continue;
		line[1] = *letter;
		line[2] = letter[1] == ':' ? ' ' : '\0';
		assert_int_equal(parse(&opts, line), -1);
		assert_true(opts.log.flags_given);
	}
	str_free(&letters);
}

static void replay(void **state)
{
	struct opts opts;

	assert_int_equal(parse(&opts, "replay file --root dir -t"), -1);
	assert_int_equal(opts.command, COMMAND_REPLAY);
	assert_string_equal(opts.replay, "file");
	assert_string_equal(opts.root, "dir");
	assert_int_equal(parse(&opts, "replay -b --root=dir file"), -1);
	assert_string_equal(opts.replay, "file");
	assert_int_equal(parse(&opts, "replay -- -b"), -1);
	assert_string_equal(opts.replay, "-b");
	assert_false(opts.log.flags_given);
}

static void check_rule(const struct rule *rule, const struct mode *mode, const char *protocol,
		       const char *dir)
{
	assert_ptr_equal(rule->mode, mode);
	assert_int_equal(!rule->protocol, !protocol);
	if (protocol)
		assert_string_equal(rule->protocol, protocol);
	assert_string_equal(rule->dir, dir);
	assert_true(rule->flags.timestamps && !rule->flags.boundaries);
}

static void directories(void **state)
{
	struct opts opts;

	assert_int_equal(parse(&opts, "--rawlog-dir /var/log/%u --rawlog-dir imap=tcp:[::1]:514 "
				      "--rawlog-dir pop3=%h/a=b -R raw -R submission=/s -b"),
			 -1);
	assert_int_equal(opts.rules.count, 5);
	check_rule(&opts.rules.all[0], &mode_rawlog_dir, NULL, "/var/log/%u");
	check_rule(&opts.rules.all[1], &mode_rawlog_dir, "imap", "tcp:[::1]:514");
	check_rule(&opts.rules.all[2], &mode_rawlog_dir, "pop3", "%h/a=b");
	check_rule(&opts.rules.all[3], &mode_login, NULL, "raw");
	check_rule(&opts.rules.all[4], &mode_login, "submission", "/s");
	assert_false(opts.rawlog);
	opts_free(&opts);
	assert_int_equal(parse(&opts,
			       "--lmtp-rawlog-dir imap=x --lmtp-proxy-rawlog-dir=/p "
			       "--submission-relay-rawlog-dir ~/%d --login-rawlog-dir=./a=b"),
			 -1);
	assert_int_equal(opts.rules.count, 4);
	check_rule(&opts.rules.all[0], &mode_lmtp, NULL, "imap=x");
	check_rule(&opts.rules.all[1], &mode_lmtp_proxy, NULL, "/p");
	check_rule(&opts.rules.all[2], &mode_relay, NULL, "~/%d");
	check_rule(&opts.rules.all[3], &mode_login, NULL, "./a=b");
	opts_free(&opts);
	assert_int_equal(parse(&opts, "check -R logs --rawlog-dir x --lmtp-rawlog-dir y"), -1);
	assert_int_equal(opts.rules.count, 3);
	opts_free(&opts);
}

static void wrong_directories(void **state)
{
	static const char *const lines[] = {
		"-R",
		"--rawlog-dir",
		"--rawlog-dir=",
		"-R imap=",
		"--lmtp-rawlog-dir=",
		"--submission-relay-rawlog-dir=",
		"--rawlog-dir lmtp=/x",
		"--rawlog-dir imaps=/x",
		"--rawlog-dir ima=/x",
		"-R imap-login=/x",
		"--rawlog-dir =/x",
		"-R a -R b",
		"-R imap=a -R imap=b",
		"--rawlog-dir a -R b --rawlog-dir c",
		"--lmtp-rawlog-dir a --lmtp-rawlog-dir a",
		"--lmtp-proxy-rawlog-dir a --lmtp-proxy-rawlog-dir b",
		"--submission-relay-rawlog-dir a --submission-relay-rawlog-dir b",
		"replay x -R a",
		"replay x --rawlog-dir a",
		"replay x --lmtp-rawlog-dir a",
		"replay x --submission-relay-rawlog-dir a",
		"check --redact",
		"--redact=yes",
	};
	unsigned int i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(status_of(lines[i]), 2);
}

static void redact(void **state)
{
	struct opts opts;

	assert_int_equal(parse(&opts, "-R logs"), -1);
	assert_false(opts.rules.redact);
	opts_free(&opts);
	assert_int_equal(parse(&opts, "--redact -R logs --redact"), -1);
	assert_true(opts.rules.redact);
	opts_free(&opts);
	assert_int_equal(parse(&opts, "replay --redact file"), -1);
	assert_true(opts.rules.redact);
	opts_free(&opts);
}

static void users(void **state)
{
	struct opts opts;

	assert_int_equal(parse(&opts, "-u a* --user b --user=c -u ?d"), -1);
	assert_int_equal(opts.rules.masks_count, 4);
	assert_string_equal(opts.rules.masks[0], "a*");
	assert_string_equal(opts.rules.masks[3], "?d");
	opts_free(&opts);
	assert_int_equal(opts.rules.masks_count, 0);
}

/* 0: refused. */
static size_t ring_size(const char *text)
{
	struct opts opts;
	struct str line = {0};
	int status;

	str_printf(&line, "--ring-size %s", text);
	status = parse(&opts, line.data);
	str_free(&line);
	assert_true(status == -1 || status == 2);
	return status == -1 ? opts.ring_size : 0;
}

static void ring_sizes(void **state)
{
	assert_int_equal(ring_size("131072"), 128 << 10);
	assert_int_equal(ring_size("128K"), 128 << 10);
	assert_int_equal(ring_size("128k"), 128 << 10);
	assert_int_equal(ring_size("129K"), 256 << 10);
	assert_int_equal(ring_size("1M"), 1 << 20);
	assert_int_equal(ring_size("16M"), 16 << 20);
	assert_int_equal(ring_size("17M"), 32 << 20);
	assert_int_equal(ring_size("1G"), 1 << 30);
	assert_int_equal(ring_size("1073741824"), 1 << 30);
}

static void wrong_ring_sizes(void **state)
{
	static const char *const texts[] = {
		"0",
		"1",
		"131071",
		"127K",
		"1073741825",
		"1025M",
		"2G",
		"-1",
		"-1M",
		"M",
		"x",
		"1MB",
		"1 M",
		"1T",
		"1.5M",
		"0x1M",
		"+-1",
		"1M1",
		"99999999999999999999",
		"18446744073709551615G",
		"17179869185G",
		"16777216M",
	};
	unsigned int i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(ring_size(texts[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),    cmocka_unit_test(wrong_usage),
		cmocka_unit_test(flags),       cmocka_unit_test(replay),
		cmocka_unit_test(directories), cmocka_unit_test(wrong_directories),
		cmocka_unit_test(redact),      cmocka_unit_test(users),
		cmocka_unit_test(ring_sizes),  cmocka_unit_test(wrong_ring_sizes),
		cmocka_unit_test(all_flags),
	};

	return cmocka_run_group_tests_name("opts", tests, NULL, NULL);
}
