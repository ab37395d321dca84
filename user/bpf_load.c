// SPDX-License-Identifier: MIT
#include "bpf_load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "log.h"
#include "rl_maps.h" /* before the skeleton, which uses its types */
#include "rawtap.skel.h"
#include "service.h"

/* libbpf's messages, one level lower: what they mean for us, we say ourselves. */
static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[1024];

	if (!log_is_debug() || level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("libbpf: %s", text);
	return 0;
}

static void configure(struct rawtap_bpf *skeleton, size_t ring_size)
{
	bpf_map__set_max_entries(skeleton->maps.ring, ring_size);
	skeleton->rodata->config = (struct rl_config){
		.ring_size = ring_size,
		.data_limit = ring_size - ring_size / 8,
		.wakeup_size = ring_size / 8,
	};
}

void bpf_side_service(const struct service *service, struct rl_service *value_r)
{
	memset(value_r, 0, sizeof(*value_r));
	value_r->role = service->role;
	value_r->suffix_len = strlen(service->login_suffix);
	memcpy(value_r->login_suffix, service->login_suffix, value_r->suffix_len);
}

static int fill_services(struct rawtap_bpf *skeleton)
{
	const struct service *service;
	struct rl_service_key key;
	struct rl_service value;
	int ret;

	for (service = services; service < services + services_count; service++) {
		memset(&key, 0, sizeof(key));
		memcpy(key.comm, service->comm, strlen(service->comm));
		bpf_side_service(service, &value);
		ret = bpf_map__update_elem(skeleton->maps.services, &key, sizeof(key), &value,
					   sizeof(value), BPF_ANY);
		if (ret)
			return ret;
	}
	return 0;
}

/* An iterator of a map needs the map named at attachment; the skeleton can't know. */
static int attach_sockets(struct bpf_side *side)
{
	union bpf_iter_link_info info = {0};
	DECLARE_LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info,
			    .link_info_len = sizeof(info));

	info.map.map_fd = bpf_map__fd(side->skeleton->maps.socks);
	side->sockets = bpf_program__attach_iter(side->skeleton->progs.iter__sockets, &options);
	return side->sockets ? 0 : -errno;
}

int bpf_side_start(struct bpf_side *side, const char *backend_name, size_t ring_size, char *error_r,
		   size_t error_size)
{
	const char *step;
	int ret;

	*side = (struct bpf_side){0};
	if (access(BPF_BTF_PATH, R_OK)) {
		snprintf(error_r, error_size, "kernel type information (%s): %s", BPF_BTF_PATH,
			 BPF_BTF_TODO);
		return -ENOTSUP;
	}
	libbpf_set_print(print_libbpf);
	side->backend = backend_choose(backend_name, error_r, error_size);
	if (!side->backend)
		return -ENOTSUP;
	side->skeleton = rawtap_bpf__open();
	if (!side->skeleton) {
		snprintf(error_r, error_size, "opening the BPF object: %s", strerror(errno));
		return -errno;
	}
	backend_select(side->backend, side->skeleton);
	configure(side->skeleton, ring_size);
	bpf_program__set_autoattach(side->skeleton->progs.iter__sockets, false);

	step = "loading";
	ret = rawtap_bpf__load(side->skeleton);
	if (!ret)
		ret = fill_services(side->skeleton);
	if (!ret) {
		step = "attaching";
		ret = attach_sockets(side);
	}
	if (!ret)
		ret = rawtap_bpf__attach(side->skeleton);
	if (ret) {
		snprintf(error_r, error_size, "%s the BPF programs: %s; `rawtap check` tells more",
			 step, strerror(-ret));
		bpf_side_stop(side);
	}
	return ret;
}

void bpf_side_detach(struct bpf_side *side)
{
	rawtap_bpf__detach(side->skeleton);
}

void bpf_side_stop(struct bpf_side *side)
{
	bpf_link__destroy(side->sockets);
	rawtap_bpf__destroy(side->skeleton);
	*side = (struct bpf_side){0};
}
