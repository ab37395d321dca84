/* SPDX-License-Identifier: MIT */
/*
 * Where the TLS probes go: which files, which functions, at which offsets.
 *
 * A process of Dovecot's that does TLS maps Dovecot's module for OpenSSL, and
 * no other program does: the module's PLT sees Dovecot's calls only. If its PLT
 * can't be used, the functions themselves in libssl and libcrypto are probed,
 * which every program on the host calls.
 *
 * Only trusted files are read and probed (trusted_file.h). Such a file stays
 * open, and the probe is attached by its descriptor: to the file that was
 * looked at, whatever its name leads to by then.
 */
#ifndef TLS_PROBES_H
#define TLS_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/procfs.h"
#include "base/str.h"

struct elf_object;

/* What Dovecot's module calls (lib-ssl-iostream of 2.3.19.1). X(constant, function) */
#define TLS_FUNCTIONS(X)                                                                           \
	X(TLS_BIO_NEW_BIO_PAIR, BIO_new_bio_pair) /* iostream-openssl.c */                         \
	X(TLS_SSL_SET_BIO, SSL_set_bio)                                                            \
	X(TLS_BIO_WRITE, BIO_write)                                                                \
	X(TLS_SSL_FREE, SSL_free)                                                                  \
	X(TLS_SSL_READ, SSL_read)   /* istream-openssl.c */                                        \
	X(TLS_SSL_WRITE, SSL_write) /* ostream-openssl.c */

enum tls_function {
#define X(constant, function) constant,
	TLS_FUNCTIONS(X)
#undef X
		TLS_FUNCTIONS_COUNT
};

const char *tls_function_name(enum tls_function function);

struct tls_file {
	char *path;			    /* for people: as the processes that map it see it */
	char open_path[PROCFS_FD_PATH_LEN]; /* to attach to */
	int fd;				    /* -1: not trusted, so not read and not probed */
	dev_t dev;
	ino_t ino;
	struct elf_object *object; /* while it is being looked at */
};

/* One place to attach to. */
struct tls_probe {
	enum tls_function function;
	const struct tls_file *file; /* one file for all probes in it */
	uint64_t offset;	     /* in the file */
	bool is_plt;		     /* false: the function itself, called by every program */
};

/* Zero-initialise; tls_probes_free() when nothing is to be attached any more. New probes are added at
 * the end, so that the first n stay what they are: but the array may move. */
struct tls_probes {
	struct tls_probe *probes;
	size_t count;
	struct tls_file **files; /* all that were looked at, refused ones too: each once */
	size_t files_count;
};

/*
 * Adds the module that a process maps, if it maps one that is not known yet;
 * also one that was deleted since (an upgrade). Needs root's power to follow
 * /proc/PID/map_files. 0, also for a process that has ended; -errno: a module
 * can't be probed, and nothing of it was added; `error` then says which and
 * why: a text for people, without a newline, appended with "; " to what is
 * there. Of each module that is reported once.
 */
int tls_probes_add_process(struct tls_probes *probes, pid_t pid, struct str *error);

/* Adds the modules in the folders where Dovecot's packages put it, for when no process maps one
 * yet. The same results; -ENOENT: there is none. */
int tls_probes_add_usual(struct tls_probes *probes, struct str *error);

/* What was found, a line for each file, as `rawtap check` shows it, on standard output. */
void tls_probes_print(const struct tls_probes *probes);

void tls_probes_free(struct tls_probes *probes); /* closes the files; empty afterwards */

#endif
