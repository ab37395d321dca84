// SPDX-License-Identifier: MIT
#include "config/opts.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "rawlog/format.h"

#define RECORD COMMAND_RECORD
#define REPLAY COMMAND_REPLAY
#define CHECK  COMMAND_CHECK
#define ANY    (RECORD | REPLAY | CHECK)

struct opt_spec;

/* What an option does. GO_ON, or the exit status. */
typedef int opt_action(struct opts *opts, const struct opt_spec *spec, const char *argument);
#define GO_ON (-1)

static opt_action set_true, set_text, set_flag, set_ring_size, add_dir, add_mask, print_version,
	print_help;

struct opt_spec {
	char letter; /* '\0': none */
	const char *name;
	const char *argument; /* NULL: none */
	int commands;	      /* that take it */
	opt_action *action;
	size_t member;		 /* set_true, set_text: offset in struct opts */
	const struct mode *mode; /* add_dir */
	const char *help;
};

#define MEMBER(name) offsetof(struct opts, name), NULL
#define MODE(mode)   0, &(mode)
#define NOTHING	     0, NULL

static const struct opt_spec specs[] = {
	{0, "rawlog", NULL, RECORD | CHECK, set_true, MEMBER(rawlog),
	 "users who have HOME/dovecot.rawlog/ (the default)"},
	{0, "rawlog-dir", "[PROTO=]DIR", RECORD | CHECK, add_dir, MODE(mode_rawlog_dir),
	 "mail sessions, as rawlog_dir does; or tcp:HOST:PORT"},
	{'R', "login-rawlog-dir", "[PROTO=]DIR", RECORD | CHECK, add_dir, MODE(mode_login),
	 "before the login; below $base_dir/login if relative"},
	{0, "lmtp-rawlog-dir", "DIR", RECORD | CHECK, add_dir, MODE(mode_lmtp),
	 "LMTP clients, as lmtp_rawlog_dir does"},
	{0, "lmtp-proxy-rawlog-dir", "DIR", RECORD | CHECK, add_dir, MODE(mode_lmtp_proxy),
	 "LMTP's next servers, as lmtp_proxy_rawlog_dir does"},
	{0, "submission-relay-rawlog-dir", "DIR", RECORD | CHECK, add_dir, MODE(mode_relay),
	 "submission's relay server"},
	{0, "redact", NULL, RECORD | REPLAY, set_true, MEMBER(rules.redact),
	 "replace credentials in logs of logins"},
	{'c', "config", "FILE", RECORD, set_text, MEMBER(config),
	 "enable what the manual's configuration blocks in FILE do"},
	{'u', "user", "MASK", RECORD | REPLAY, add_mask, NOTHING,
	 "only these users (repeatable; * and ?)"},
	{'b', NULL, NULL, RECORD | REPLAY, set_flag, NOTHING,
	 "put each read or write between <<< and >>>"},
	{'t', NULL, NULL, RECORD | REPLAY, set_flag, NOTHING,
	 "a timestamp at the beginning of each line"},
	{'I', NULL, NULL, RECORD | REPLAY, set_flag, NOTHING,
	 "start the file names with the client's IP address"},
	{'f', NULL, "in|out", RECORD | REPLAY, set_flag, NOTHING,
	 "write only *.in, or only *.out files"},
	{'i', NULL, NULL, RECORD | REPLAY, set_flag, NOTHING, "the same as -f in"},
	{'o', NULL, NULL, RECORD | REPLAY, set_flag, NOTHING, "the same as -f out"},
	{0, "base-dir", "DIR", RECORD | CHECK, set_text, MEMBER(base_dir),
	 "only the Dovecot with this base_dir (default: all)"},
	{0, "dovecot-config", "FILE", RECORD, set_text, MEMBER(dovecot_config),
	 "Dovecot's configuration, for -c (default: the running one's)"},
	{'D', "debug", NULL, RECORD | REPLAY, set_true, MEMBER(debug),
	 "say for each session why it is recorded or not"},
	{0, "save", "FILE", RECORD, set_text, MEMBER(save),
	 "also save the event stream, for replay"},
	{0, "ring-size", "SIZE", RECORD, set_ring_size, NOTHING,
	 "buffer between kernel and rawtap (K, M, G; default: 64M)"},
	{0, "backend", "NAME", RECORD | CHECK, set_text, MEMBER(backend),
	 "use this kernel backend (see rawtap check)"},
	{0, "root", "DIR", REPLAY, set_text, MEMBER(root),
	 "write below this directory (default: .)"},
	{'V', "version", NULL, ANY, print_version, NOTHING, "print the version"},
	{'h', "help", NULL, ANY, print_help, NOTHING, "print this list"},
};
#define SPECS_COUNT (sizeof(specs) / sizeof(specs[0]))

/* What getopt_long() returns for options without a letter begins here. */
#define NO_LETTER 256

static int spec_value(const struct opt_spec *spec)
{
	return spec->letter ? spec->letter : NO_LETTER + (int)(spec - specs);
}

static const struct opt_spec *spec_find(int value)
{
	const struct opt_spec *spec;

	for (spec = specs; spec < specs + SPECS_COUNT; spec++)
		if (spec_value(spec) == value)
			return spec;
	return NULL;
}

static const struct {
	const char *name;
	enum command command;
} commands[] = {
	{"record", COMMAND_RECORD},
	{"replay", COMMAND_REPLAY},
	{"check", COMMAND_CHECK},
};

#define LABEL_LEN 64

/* As --help shows it: "-c, --config", "-b", "--root". */
static const char *spec_label(const struct opt_spec *spec, char label_r[LABEL_LEN])
{
	char letter[] = {'-', spec->letter, '\0'};

	snprintf(label_r, LABEL_LEN, "%s%s%s%s", spec->letter ? letter : "",
		 spec->letter && spec->name ? ", " : "", spec->name ? "--" : "",
		 spec->name ? spec->name : "");
	return label_r;
}

static int print_version(struct opts *opts, const struct opt_spec *spec, const char *argument)
{
	printf("rawtap %s\n", RAWTAP_VERSION);
	return 0;
}

static int print_help(struct opts *opts, const struct opt_spec *help, const char *argument)
{
	char left[2 * LABEL_LEN], label[LABEL_LEN];
	const struct opt_spec *spec;

	printf("usage: rawtap [record] [OPTIONS]   record until SIGINT or SIGTERM\n"
	       "       rawtap replay FILE [--root DIR] [OPTIONS]\n"
	       "                                   the same files from a saved stream, without root\n"
	       "       rawtap check                can this host be recorded?\n\n");
	for (spec = specs; spec < specs + SPECS_COUNT; spec++) {
		snprintf(left, sizeof(left), "%s%s %s", spec->letter ? "" : "    ",
			 spec_label(spec, label), spec->argument ? spec->argument : "");
		printf("  %-36s  %s\n", left, spec->help);
	}
	printf("\nExit status: 0; 1 it could not start or run; 2 wrong usage; 3 bytes were lost.\n");
	return 0;
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

static int wrong_value(const char *expected, const char *argument)
{
	log_error("%s, not '%s'; see rawtap --help", expected, argument);
	return 2;
}

static int wrong_use(const char *what, const struct opt_spec *spec)
{
	char label[LABEL_LEN];

	return wrong(what, spec_label(spec, label));
}

static int set_true(struct opts *opts, const struct opt_spec *spec, const char *argument)
{
	*(bool *)((char *)opts + spec->member) = true;
	return GO_ON;
}

static int set_text(struct opts *opts, const struct opt_spec *spec, const char *argument)
{
	*(const char **)(void *)((char *)opts + spec->member) = argument;
	return GO_ON;
}

static int set_flag(struct opts *opts, const struct opt_spec *spec, const char *argument)
{
	opts->log.flags_given = true;
	if (log_flags_set(&opts->log.flags, spec->letter, argument))
		return wrong_value("-f takes 'in' or 'out'", argument);
	if (opts->log.flags.only[0] && opts->log.flags.only[1])
		return wrong("-f in (-i) and -f out (-o) can't be used together", NULL);
	return GO_ON;
}

static int set_ring_size(struct opts *opts, const struct opt_spec *spec, const char *argument)
{
	return parse_size(argument, &opts->ring_size) ?
		       wrong_value("--ring-size takes 128K to 1G", argument) :
		       GO_ON;
}

static int add_mask(struct opts *opts, const struct opt_spec *spec, const char *argument)
{
	rules_add_mask(&opts->rules, argument);
	return GO_ON;
}

static int wrong_protocol(const struct mode *mode, const char *protocol)
{
	struct str text = {0};
	int status;

	str_append_text(&text, "the protocol is one of ");
	mode_protocols(mode, &text);
	status = wrong_value(text.data, protocol);
	str_free(&text);
	return status;
}

/* [PROTO=]DIR, where the mode has several protocols. A directory that is called like this can be
 * given as ./a=b. */
static int add_dir(struct opts *opts, const struct opt_spec *spec, const char *argument)
{
	size_t len = strspn(argument, "abcdefghijklmnopqrstuvwxyz0123456789-");
	const char *dir = argument;
	struct str protocol = {0};
	int ret = GO_ON;

	if (mode_protocols(spec->mode, NULL) > 1 && argument[len] == '=') {
		str_append(&protocol, argument, len);
		dir = argument + len + 1;
	}
	if (protocol.data && !mode_has_protocol(spec->mode, protocol.data))
		ret = wrong_protocol(spec->mode, protocol.data);
	else if (!*dir)
		ret = wrong_use("this option needs a directory", spec);
	else if (rules_find(&opts->rules, spec->mode, protocol.data))
		ret = wrong_use("this option is given twice", spec);
	else
		rules_add(&opts->rules, spec->mode, protocol.data, &(struct log_flags){0}, dir);
	str_free(&protocol);
	return ret;
}

/* What getopt_long() needs, made from the table. */
static void tables(char letters[2 * SPECS_COUNT + 2], struct option names[SPECS_COUNT + 1])
{
	const struct opt_spec *spec;

	*letters++ = ':';
	for (spec = specs; spec < specs + SPECS_COUNT; spec++) {
		if (spec->letter) {
			*letters++ = spec->letter;
			if (spec->argument)
				*letters++ = ':';
		}
		if (spec->name)
			*names++ = (struct option){spec->name, spec->argument != NULL, NULL,
						   spec_value(spec)};
	}
	*letters = '\0';
	*names = (struct option){0};
}

/* getopt_long() refused an option: its argument is missing, it takes none, or it is unknown. */
static int wrong_option(int value, const char *typed)
{
	const struct opt_spec *spec = spec_find(optopt);
	char text[] = {'-', (char)optopt, '\0'};

	if (value == ':')
		return wrong_use("this option needs an argument", spec);
	if (spec)
		return wrong_use("this option takes no argument", spec);
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
	int value, ret;

	*opts = (struct opts){.command = COMMAND_RECORD, .ring_size = RING_SIZE_DEFAULT};
	tables(letters, names);
	take_command(opts, &argc, &argv);
	optind = 0; /* GNU's getopt() starts again */
	opterr = 0;
	while ((value = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		spec = spec_find(value);
		if (!spec)
			return wrong_option(value, argv[optind - 1]);
		if (!(spec->commands & opts->command))
			return wrong_use("this command does not take the option", spec);
		ret = spec->action(opts, spec, optarg);
		if (ret != GO_ON)
			return ret;
	}
	if (opts->command == COMMAND_REPLAY) {
		if (optind == argc)
			return wrong("replay needs the file of a saved stream", NULL);
		opts->replay = argv[optind++];
	}
	return optind == argc ? GO_ON : wrong("too many arguments", argv[optind]);
}

void opts_free(struct opts *opts)
{
	rules_free(&opts->rules);
}
