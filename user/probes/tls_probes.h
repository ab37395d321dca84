/* SPDX-License-Identifier: MIT */
/*
 * Where the TLS probes go: which files, which functions, at which offsets.
 *
 * Only processes of Dovecot's map Dovecot's TLS module, so probes on its PLT
 * see Dovecot's calls only. If the PLT can't be used, the functions themselves
 * in libssl and libcrypto are probed, which every program on the host calls.
 *
 * Only trusted files are read and probed (trusted_file.h). Such a file stays
 * open, and the probe is attached through its descriptor: so it is the file
 * that was checked, even if another one has its name by then.
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

/* The functions of OpenSSL's that are probed, and which file of lib-ssl-iostream (2.3.19.1) calls
 * them. X(constant, function) */
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
	char *path;			    /* for messages: as processes that map it see it */
	char open_path[PROCFS_FD_PATH_LEN]; /* to attach to: leads to `fd` */
	int fd;				    /* -1: not trusted, so not read and not probed */
	dev_t dev;
	ino_t ino;
	struct elf_object *object; /* NULL but while modules are added */
};

/* One place to attach to. */
struct tls_probe {
	enum tls_function function;
	const struct tls_file *file; /* of tls_probes.files */
	uint64_t offset;	     /* in the file */
	bool is_plt;		     /* false: the function itself, called by every program */
};

/* Zero-initialise; tls_probes_free() when nothing has to be attached any more. New probes are added
 * at the end, so indices stay valid; pointers into `probes` do not. */
struct tls_probes {
	struct tls_probe *probes;
	size_t count;
	struct tls_file *
		*files; /* all that were looked at, also those that were refused; each once */
	size_t files_count;
};

/*
 * Adds the TLS module that a process maps, unless it is known already; also one
 * that was deleted since (by an upgrade). Needs CAP_SYS_ADMIN or
 * CAP_CHECKPOINT_RESTORE. 0, also for a process that has ended; -errno: the
 * module can't be probed, and no probe was added. `error` then gets a text that
 * says which module and why, after "; " if it is not empty. For each module
 * this is reported once.
 */
int tls_probes_add_process(struct tls_probes *probes, pid_t pid, struct str *error);

/* Adds the modules in the folders where Dovecot's packages put them, in case that no process maps one
 * yet. Results as above; -ENOENT: there is none. */
int tls_probes_add_usual(struct tls_probes *probes, struct str *error);

/* Prints the probes on standard output, a line for each file, for `rawtap check`. */
void tls_probes_print(const struct tls_probes *probes);

void tls_probes_free(struct tls_probes *probes); /* closes the files; empty afterwards */

#endif
