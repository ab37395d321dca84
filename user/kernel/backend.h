/* SPDX-License-Identifier: MIT */
/*
 * A backend is the set of kernel hooks by which the kernel side sees bytes: a
 * row in backends[] and a file bpf/at_NAME.bpf.c. What the hooks call is the
 * same for all.
 */
#ifndef BACKEND_H
#define BACKEND_H

struct rawtap_bpf;

struct backend_program {
	const char *name;
	const char *function; /* its hook, if not every kernel has it; NULL: always needed */
};

struct backend {
	const char *name;
	const char *needs;			/* in words, for `rawtap check` */
	const struct backend_program *programs; /* that only this one uses; ends with a NULL name */
};

extern const struct backend backends[];
extern const unsigned int backends_count;

/* Can it be used here? Loads, attaches and unloads its programs to find out; the kernel's version
 * is not asked. 0 or -errno. */
int backend_probe(const struct backend *backend);

/* Switches off the programs of all other backends. Call it before loading. */
void backend_select(const struct backend *backend, struct rawtap_bpf *skeleton);

#endif
