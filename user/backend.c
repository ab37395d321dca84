// SPDX-License-Identifier: MIT
#include "backend.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "rl_maps.h" /* before the skeleton, which uses its types */
#include "rawtap.skel.h"

static const char *const sock_programs[] = {
	"tp_btf__sock_send_length",
	"tp_btf__sock_recv_length",
	NULL,
};

/* In the order of preference. */
const struct backend backends[] = {
	{"sock", "the tracepoints sock_send_length and sock_recv_length (Linux 6.3 or later)",
	 sock_programs},
};
const unsigned int backends_count = sizeof(backends) / sizeof(backends[0]);

static bool is_of(const struct backend *backend, const char *program)
{
	const char *const *name;

	for (name = backend->programs; *name; name++)
		if (strcmp(*name, program) == 0)
			return true;
	return false;
}

void backend_select(const struct backend *backend, struct rawtap_bpf *skeleton)
{
	struct bpf_program *program;
	unsigned int i;

	bpf_object__for_each_program(program, skeleton->obj) {
		for (i = 0; i < backends_count; i++)
			if (&backends[i] != backend &&
			    is_of(&backends[i], bpf_program__name(program)))
				bpf_program__set_autoload(program, false);
	}
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
	bpf_map__set_max_entries(skeleton->maps.ring, 4096);
	ret = rawtap_bpf__load(skeleton);
	if (!ret)
		ret = rawtap_bpf__attach(skeleton);
	rawtap_bpf__destroy(skeleton);
	return ret;
}

const struct backend *backend_choose(const char *name, char *error_r, size_t size)
{
	const struct backend *backend;
	size_t used = 0;
	int ret;

	error_r[0] = '\0';
	for (backend = backends; backend < backends + backends_count; backend++) {
		if (name && strcmp(name, backend->name) != 0)
			continue;
		ret = backend_probe(backend);
		if (ret == 0)
			return backend;
		used += snprintf(error_r + used, size - used, "%sbackend %s needs %s: %s",
				 used ? "; " : "", backend->name, backend->needs, strerror(-ret));
		if (used >= size)
			break;
	}
	if (!error_r[0])
		snprintf(error_r, size, "no backend is called '%s'", name);
	return NULL;
}
