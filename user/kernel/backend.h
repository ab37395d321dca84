/* SPDX-License-Identifier: MIT */
/*
 * By which hooks the kernel side learns of bytes. A backend is a row in
 * backends[] and a file bpf/at_NAME.bpf.c; the bodies are the same.
 */
#ifndef BACKEND_H
#define BACKEND_H

struct rawtap_bpf;

struct backend_program {
	const char *name;
	const char
		*function; /* that may be missing: not every kernel has it; NULL: always needed */
};

struct backend {
	const char *name;
	const char *needs;			/* in words, for `rawtap check` */
	const struct backend_program *programs; /* that only this one uses; ends with a NULL name */
};

extern const struct backend backends[];
extern const unsigned int backends_count;

/* Can it be used here? Found out by loading and attaching its programs, never by the kernel's
 * version. 0 or -errno. */
int backend_probe(const struct backend *backend);

/* Switches off the programs of all other backends. To be called before loading. */
void backend_select(const struct backend *backend, struct rawtap_bpf *skeleton);

#endif
