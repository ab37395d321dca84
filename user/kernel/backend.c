// SPDX-License-Identifier: MIT
#include "kernel/backend.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/preemption.h"
#include "rl_maps.h" /* before the skeleton, which uses its types */
#include "rawtap.skel.h"

static const struct backend_program sock_programs[] = {
	{"tp_btf__sock_send_length", NULL},
	{"tp_btf__sock_recv_length", NULL},
	{NULL, NULL},
};

static const struct backend_program fexit_programs[] = {
	{"fexit__tcp_sendmsg", NULL},
	{"fexit__tcp_recvmsg", NULL},
	{"fexit__unix_stream_sendmsg", NULL},
	{"fexit__unix_stream_recvmsg", NULL},
	{"fexit__tcp_splice_read", NULL},
	{"fexit__unix_stream_splice_read", NULL},
	{"fexit__tcp_sendpage",
	 "tcp_sendpage"}, /* not since 6.5, where its bytes pass tcp_sendmsg */
	{"fexit__unix_stream_sendpage", "unix_stream_sendpage"},
	{NULL, NULL},
};

const struct backend backends[] = {
	{"sock", 700, "the tracepoints sock_send_length and sock_recv_length (Linux 6.3 or later)",
	 sock_programs},
	{"fexit", 0,
	 "BPF trampolines on the sockets' functions (Linux 5.17 or later, not everywhere)",
	 fexit_programs},
};
const unsigned int backends_count = sizeof(backends) / sizeof(backends[0]);

/* Is the program one of the copies of the row's? */
static bool is_copy(const char *program, const struct backend_program *row)
{
	size_t len = strlen(row->name);

	return strncmp(program, row->name, len) == 0 && strncmp(program + len, "__", 2) == 0;
}

static bool is_of(const struct backend *backend, const char *program)
{
	const struct backend_program *row;

	for (row = backend->programs; row->name; row++)
		if (is_copy(program, row))
			return true;
	return false;
}

static bool is_of_any(const char *program)
{
	unsigned int i;

	for (i = 0; i < backends_count; i++)
		if (is_of(&backends[i], program))
			return true;
	return false;
}

/* Leaves out what hooks a function that this kernel does not have. To look for one takes long. */
static void leave_out(const struct backend *backend, struct rawtap_bpf *skeleton)
{
	const struct backend_program *row;
	struct bpf_program *program;

	for (row = backend->programs; row->name; row++) {
		if (!row->function ||
		    libbpf_find_vmlinux_btf_id(row->function, BPF_TRACE_FEXIT) > 0)
			continue;
		bpf_object__for_each_program(program, skeleton->obj)
			if (is_copy(bpf_program__name(program), row))
				bpf_program__set_autoload(program, false);
	}
}

unsigned int backend_copies(const struct backend *backend)
{
	return kernel_version() >= backend->preempted_since && kernel_preempts() ? RL_COPIES : 1;
}

/* The copy's number, with which its name ends; 0 if it has none. */
static unsigned int copy_of(const char *program)
{
	const char *end = strrchr(program, '_');

	return end ? strtoul(end + 1, NULL, 10) : 0;
}

void backend_select(const struct backend *backend, struct rawtap_bpf *skeleton, unsigned int copies)
{
	struct bpf_program *program;
	const char *name;

	bpf_object__for_each_program(program, skeleton->obj) {
		name = bpf_program__name(program);
		bpf_program__set_autoload(program,
					  copy_of(name) < copies &&
						  (!is_of_any(name) || is_of(backend, name)));
	}
	leave_out(backend, skeleton);
}

int backend_attach(struct rawtap_bpf *skeleton)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, skeleton->obj)
		bpf_program__set_autoattach(program, is_of_any(bpf_program__name(program)));
	return rawtap_bpf__attach(skeleton);
}

int backend_probe(const struct backend *backend)
{
	struct rawtap_bpf *skeleton = rawtap_bpf__open();
	struct bpf_program *program;
	int ret;

	if (!skeleton)
		return -errno;
	bpf_object__for_each_program(program, skeleton->obj)
		bpf_program__set_autoload(program, is_of(backend, bpf_program__name(program)));
	leave_out(backend, skeleton);
	bpf_map__set_max_entries(skeleton->maps.ring, 4096);
	ret = rawtap_bpf__load(skeleton);
	if (!ret)
		ret = rawtap_bpf__attach(skeleton);
	rawtap_bpf__destroy(skeleton);
	return ret == -ESRCH ? -EOPNOTSUPP : ret; /* the kernel has no such hook */
}
