/* SPDX-License-Identifier: MIT */
/* The command line. One table in opts.c drives parsing and --help: an option is a row. */
#ifndef OPTS_H
#define OPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/rules.h"

enum command { COMMAND_RECORD = 1 << 0, COMMAND_REPLAY = 1 << 1, COMMAND_CHECK = 1 << 2 };

/* The strings are argv's, which must outlive it; `rules` has copies. NULL: not given. */
struct opts {
	enum command command;
	struct rules rules;	/* -u, --redact, and the modes with a directory of their own */
	bool rawlog;		/* --rawlog */
	const char *config;	/* -c */
	struct log_options log; /* -b -t -I -f -i -o */
	const char *base_dir;
	const char *dovecot_config;
	bool debug;
	const char *save;
	size_t ring_size; /* bytes; a power of two */
	const char *backend;
	const char *replay; /* the file */
	const char *root;   /* --root */
};

#define RING_SIZE_DEFAULT (64u << 20)
#define RING_SIZE_MIN	  (128u << 10)
#define RING_SIZE_MAX	  (1u << 30)

/* Fills `opts`; opts_free() in any case. -1: go on; else the exit status: 0: --help or --version
 * was printed; 2: wrong usage, which was logged. */
int opts_parse(struct opts *opts, int argc, char *argv[]);
/* Frees what `opts` owns: the rules. */
void opts_free(struct opts *opts);

#endif
