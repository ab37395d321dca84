// SPDX-License-Identifier: MIT
#include "opts.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define RECORD COMMAND_RECORD
#define REPLAY COMMAND_REPLAY
#define ANY    (COMMAND_RECORD | COMMAND_REPLAY | COMMAND_CHECK)

/* Options without a letter. */
enum {
	OPT_RAWLOG = 256,
	OPT_RAWLOG_DIR,
	OPT_LMTP_RAWLOG_DIR,
	OPT_LMTP_PROXY_RAWLOG_DIR,
	OPT_RELAY_RAWLOG_DIR,
	OPT_REDACT,
	OPT_BASE_DIR,
	OPT_DOVECOT_CONFIG,
	OPT_SAVE,
	OPT_RING_SIZE,
	OPT_BACKEND,
	OPT_ROOT
};

struct opt_spec {
	int letter; /* or OPT_* */
	const char *name;
	const char *argument; /* NULL: none */
	int commands;	      /* that take it */
	const char *help;
};

static const struct opt_spec specs[] = {
	{OPT_RAWLOG, "rawlog", NULL, RECORD | COMMAND_CHECK,
	 "the home rule: users with HOME/dovecot.rawlog/ (the default)"},
	{OPT_RAWLOG_DIR, "rawlog-dir", "[PROTO=]DIR", RECORD | COMMAND_CHECK,
	 "rawlog_dir, with variables, or tcp:HOST:PORT"},
	{'R', "login-rawlog-dir", "[PROTO=]DIR", RECORD | COMMAND_CHECK,
	 "pre-login; relative: below $base_dir/login"},
	{OPT_LMTP_RAWLOG_DIR, "lmtp-rawlog-dir", "DIR", RECORD | COMMAND_CHECK,
	 "lmtp_rawlog_dir: LMTP clients"},
	{OPT_LMTP_PROXY_RAWLOG_DIR, "lmtp-proxy-rawlog-dir", "DIR", RECORD | COMMAND_CHECK,
	 "lmtp_proxy_rawlog_dir: LMTP's next servers"},
	{OPT_RELAY_RAWLOG_DIR, "submission-relay-rawlog-dir", "DIR", RECORD | COMMAND_CHECK,
	 "submission's relay; with variables"},
	{OPT_REDACT, "redact", NULL, RECORD | REPLAY, "replace credentials in the logs by a mark"},
	{'c', "config", "FILE", RECORD, "the manual's configuration blocks, word for word"},
	{'u', "user", "MASK", RECORD | REPLAY, "only these users (repeatable; * and ?)"},
	{'b', NULL, NULL, RECORD | REPLAY, "put each read or write between <<< and >>>"},
	{'t', NULL, NULL, RECORD | REPLAY, "a timestamp at the beginning of each line"},
	{'I', NULL, NULL, RECORD | REPLAY, "include the IP address in the file names"},
	{'f', NULL, "in|out", RECORD | REPLAY, "log only to *.in, or only to *.out files"},
	{'i', NULL, NULL, RECORD | REPLAY, "as -f in"},
	{'o', NULL, NULL, RECORD | REPLAY, "as -f out"},
	{OPT_BASE_DIR, "base-dir", "DIR", RECORD | COMMAND_CHECK,
	 "only this Dovecot instance (default: every one)"},
	{OPT_DOVECOT_CONFIG, "dovecot-config", "FILE", RECORD,
	 "Dovecot's configuration, for -c (default: the running one's)"},
	{'D', "debug", NULL, RECORD | REPLAY,
	 "say, for every session, why it is or is not recorded"},
	{OPT_SAVE, "save", "FILE", RECORD, "also save the event stream, for replay"},
	{OPT_RING_SIZE, "ring-size", "SIZE", RECORD,
	 "memory between kernel and rawtap, K, M or G (default: 64M)"},
	{OPT_BACKEND, "backend", "NAME", RECORD | COMMAND_CHECK, "force a kernel backend"},
	{OPT_ROOT, "root", "DIR", REPLAY, "write below this directory (default: .)"},
	{'V', "version", NULL, ANY, "print the version"},
	{'h', "help", NULL, ANY, "print this"},
};
#define SPECS_COUNT (sizeof(specs) / sizeof(specs[0]))

static const struct {
	const char *name;
	enum command command;
} commands[] = {
	{"record", COMMAND_RECORD},
	{"replay", COMMAND_REPLAY},
	{"check", COMMAND_CHECK},
};

/* As --help shows it: "-c, --config", "-b", "--root". */
static const char *spec_label(const struct opt_spec *spec)
{
	static char label[64];
	char letter[] = {'-', (char)spec->letter, '\0'};
	bool has_letter = spec->letter < 256;

	snprintf(label, sizeof(label), "%s%s%s%s", has_letter ? letter : "",
		 has_letter && spec->name ? ", " : "", spec->name ? "--" : "",
		 spec->name ? spec->name : "");
	return label;
}

static void print_help(void)
{
	const struct opt_spec *spec;
	char left[128];

	printf("usage: rawtap [record] [OPTIONS]   record until SIGINT or SIGTERM\n"
	       "       rawtap replay FILE [--root DIR] [OPTIONS]\n"
	       "                                   the same files from a saved stream, without root\n"
	       "       rawtap check                can this host be recorded?\n\n");
	for (spec = specs; spec < specs + SPECS_COUNT; spec++) {
		snprintf(left, sizeof(left), "%s%s %s", spec->letter < 256 ? "" : "    ",
			 spec_label(spec), spec->argument ? spec->argument : "");
		printf("  %-36s  %s\n", left, spec->help);
	}
	printf("\nExit status: 0; 1 it could not start or run; 2 wrong usage; 3 bytes were lost.\n");
}

static int parse_size(const char *text, size_t *size_r)
{
	static const char units[] = "KMG";
	unsigned long long number;
	const char *unit;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || end == text || text[0] == '-')
		return -EINVAL;
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (*end && (!unit || end[1] || number > RING_SIZE_MAX))
		return -EINVAL;
	if (unit)
		number <<= 10 * (unit - units + 1);
	if (number < RING_SIZE_MIN || number > RING_SIZE_MAX)
		return -ERANGE;
	for (*size_r = RING_SIZE_MIN; *size_r < number; *size_r *= 2)
		;
	return 0;
}

static int wrong(const char *what, const char *argument)
{
	log_error("%s%s%s; see rawtap --help", what, argument ? ": " : "",
		  argument ? argument : "");
	return 2;
}

static int take_flag(struct opts *opts, int letter, const char *argument)
{
	opts->flags_given = true;
	if (log_flags_set(&opts->flags, letter, argument))
		return wrong("-f takes 'in' or 'out', not", argument);
	if (opts->flags.only[0] && opts->flags.only[1])
		return wrong("only *.in and only *.out files together leave nothing to log", NULL);
	return -1;
}

static const struct opt_spec *spec_find(int letter)
{
	const struct opt_spec *spec;

	for (spec = specs; spec < specs + SPECS_COUNT; spec++)
		if (spec->letter == letter)
			return spec;
	return NULL;
}

static const char *const protocols[] = {"imap", "pop3", "submission"};

static bool is_protocol(const char *text, size_t len)
{
	unsigned int i;

	for (i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (strlen(protocols[i]) == len && strncmp(protocols[i], text, len) == 0)
			return true;
	return false;
}

/* [PROTO=]DIR. A directory that looks like it can be written ./a=b. */
static int take_dir(struct opts *opts, const struct mode *mode, int letter, const char *argument)
{
	bool several = letter == OPT_RAWLOG_DIR || letter == 'R';
	size_t len = strspn(argument, "abcdefghijklmnopqrstuvwxyz0123456789-");
	const char *dir = argument;
	struct str protocol = {0};
	int ret = -1;

	if (several && argument[len] == '=') {
		if (!is_protocol(argument, len))
			return wrong("the protocol is one of imap, pop3, submission, not",
				     argument);
		str_append(&protocol, argument, len);
		dir = argument + len + 1;
	}
	if (!*dir)
		ret = wrong("this option takes a directory", spec_label(spec_find(letter)));
	else if (rules_find(&opts->rules, mode, protocol.data))
		ret = wrong("this is given twice", spec_label(spec_find(letter)));
	else
		rules_add(&opts->rules, mode, protocol.data, &(struct log_flags){0}, dir);
	str_free(&protocol);
	return ret;
}

static int take(struct opts *opts, int letter, const char *argument)
{
	switch (letter) {
	case OPT_RAWLOG_DIR:
		return take_dir(opts, &mode_rawlog_dir, letter, argument);
	case 'R':
		return take_dir(opts, &mode_login, letter, argument);
	case OPT_LMTP_RAWLOG_DIR:
		return take_dir(opts, &mode_lmtp, letter, argument);
	case OPT_LMTP_PROXY_RAWLOG_DIR:
		return take_dir(opts, &mode_lmtp_proxy, letter, argument);
	case OPT_RELAY_RAWLOG_DIR:
		return take_dir(opts, &mode_relay, letter, argument);
	case OPT_REDACT:
		opts->rules.redact = true;
		return -1;
	case OPT_RAWLOG:
		opts->rawlog = true;
		return -1;
	case 'c':
		opts->config = argument;
		return -1;
	case 'u':
		rules_add_mask(&opts->rules, argument);
		return -1;
	case OPT_BASE_DIR:
		opts->base_dir = argument;
		return -1;
	case OPT_DOVECOT_CONFIG:
		opts->dovecot_config = argument;
		return -1;
	case 'D':
		opts->debug = true;
		return -1;
	case OPT_SAVE:
		opts->save = argument;
		return -1;
	case OPT_RING_SIZE:
		return parse_size(argument, &opts->ring_size) ?
			       wrong("--ring-size takes 128K to 1G, not", argument) :
			       -1;
	case OPT_BACKEND:
		opts->backend = argument;
		return -1;
	case OPT_ROOT:
		opts->root = argument;
		return -1;
	case 'V':
		printf("rawtap %s\n", RAWTAP_VERSION);
		return 0;
	case 'h':
		print_help();
		return 0;
	default:
		return take_flag(opts, letter, argument);
	}
}

/* What getopt_long() needs, made from the table. */
static void tables(char letters[2 * SPECS_COUNT + 2], struct option names[SPECS_COUNT + 1])
{
	const struct opt_spec *spec;

	*letters++ = ':';
	for (spec = specs; spec < specs + SPECS_COUNT; spec++) {
		if (spec->letter < 256) {
			*letters++ = spec->letter;
			if (spec->argument)
				*letters++ = ':';
		}
		if (spec->name)
			*names++ = (struct option){spec->name, spec->argument != NULL, NULL,
						   spec->letter};
	}
	*letters = '\0';
	*names = (struct option){0};
}

/* What getopt_long() complains of: an option without its argument, or one that is none of ours. */
static int wrong_option(int letter, const char *typed)
{
	const struct opt_spec *spec = spec_find(optopt);
	char text[] = {'-', (char)optopt, '\0'};

	if (letter == ':')
		return wrong("this option takes an argument", spec_label(spec));
	if (spec)
		return wrong("this option takes no argument", spec_label(spec));
	return wrong("no such option", optopt ? text : typed);
}

static void take_command(struct opts *opts, int *argc, char ***argv)
{
	unsigned int i;

	for (i = 0; *argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp((*argv)[1], commands[i].name) != 0)
			continue;
		opts->command = commands[i].command;
		--*argc;
		++*argv;
		return;
	}
}

int opts_parse(struct opts *opts, int argc, char *argv[])
{
	char letters[2 * SPECS_COUNT + 2];
	struct option names[SPECS_COUNT + 1];
	const struct opt_spec *spec;
	int letter, ret;

	*opts = (struct opts){.command = COMMAND_RECORD, .ring_size = RING_SIZE_DEFAULT};
	tables(letters, names);
	take_command(opts, &argc, &argv);
	optind = 0; /* begin anew, GNU's way */
	opterr = 0;
	while ((letter = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		spec = spec_find(letter);
		if (!spec)
			return wrong_option(letter, argv[optind - 1]);
		if (!(spec->commands & opts->command))
			return wrong("this command does not take the option", spec_label(spec));
		ret = take(opts, letter, optarg);
		if (ret >= 0)
			return ret;
	}
	if (opts->command == COMMAND_REPLAY) {
		if (optind == argc)
			return wrong("replay takes the file of a saved stream", NULL);
		opts->replay = argv[optind++];
	}
	return optind == argc ? -1 : wrong("too many arguments", argv[optind]);
}

void opts_free(struct opts *opts)
{
	rules_free(&opts->rules);
}
