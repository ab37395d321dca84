/* SPDX-License-Identifier: MIT */
/*
 * A backend is a set of kernel hooks that see the bytes of sockets: a row in
 * backends[] and a file bpf/at_NAME.bpf.c. The handlers that the hooks call are
 * the same for all backends.
 */
#ifndef BACKEND_H
#define BACKEND_H

struct rawtap_bpf;

struct backend_program {
	const char *name; /* without the copy's number: all copies */
	/* The kernel function that it hooks, if not every kernel has that: where it is missing, the
	 * program is left out. NULL: always needed. */
	const char *function;
};

struct backend {
	const char *name;
	/* The kernel_version() since which its programs can be preempted, if the kernel preempts. */
	unsigned int preempted_since;
	const char *needs;			/* what it needs, for messages */
	const struct backend_program *programs; /* its own; the last one has the name NULL */
};

/* In the order of preference. */
extern const struct backend backends[];
extern const unsigned int backends_count;

/* Can it be used here? Loads, attaches and unloads its programs to find out. 0; -EOPNOTSUPP: the
 * kernel has no such hooks; -errno. */
int backend_probe(const struct backend *backend);

/* How many copies of each program are needed here: bpf/copies.bpf.h. */
unsigned int backend_copies(const struct backend *backend);

/* Switches off the programs of all other backends, and copies beyond so many. Call it after opening the
 * skeleton, before loading it. */
void backend_select(const struct backend *backend, struct rawtap_bpf *skeleton,
		    unsigned int copies);

/* Attaches the selected backend's programs, and no others. 0 or -errno. */
int backend_attach(struct rawtap_bpf *skeleton);

#endif
