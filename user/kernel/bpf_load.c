// SPDX-License-Identifier: MIT
#include "kernel/bpf_load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/backend.h"
#include "kernel/copies.h"
#include "host/dovecot_master.h"
#include "base/log.h"
#include "base/mem.h"
#include "rl_maps.h" /* before the skeleton, which uses its types */
#include "rawtap.skel.h"
#include "dovecot/service.h"

/* For -D only: our own messages say what libbpf's mean for rawtap. */
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

void bpf_side_take_messages(void)
{
	libbpf_set_print(print_libbpf);
}

/* An LRU map gets all its memory when it is created, so it is made small where it is not needed. */
#define UNUSED_MAP_ENTRIES 64

static void configure(struct rawtap_bpf *skeleton, size_t ring_size, bool tls, unsigned int copies)
{
	if (!tls) {
		bpf_map__set_max_entries(skeleton->maps.pairs, UNUSED_MAP_ENTRIES);
	}
	bpf_map__set_max_entries(skeleton->maps.ring, ring_size);
	skeleton->rodata->config = (struct rl_config){
		.ring_size = ring_size,
		.data_limit = ring_size - ring_size / 8,
		.wakeup_size = ring_size / 8,
		.copies = copies,
	};
}

bool bpf_side_wants(const struct bpf_side *side, const struct service *service)
{
	if (service->role == RL_ROLE_MAIL && log_is_debug())
		return true; /* so that -D can say why they are not recorded */
	return service->role == RL_ROLE_MASTER || rules_need(side->rules, service);
}

void bpf_side_service(const struct bpf_side *side, const struct service *service,
		      struct rl_service *value_r)
{
	size_t len = strlen(service->login_suffix);

	memset(value_r, 0, sizeof(*value_r));
	value_r->role = service->role;
	if (side->tls &&
	    (service->role != RL_ROLE_MAIL || rules_record(side->rules, service->relay)))
		value_r->flags |= RL_SERVICE_TLS;
	if (rules_record(side->rules, service->relay))
		value_r->flags |= RL_SERVICE_RELAY;
	memcpy(value_r->login.text + RL_SUFFIX_LEN - len, service->login_suffix, len);
	memset(value_r->login_mask.text + RL_SUFFIX_LEN - len, 0xff, len);
}

static int fill_services(const struct bpf_side *side)
{
	const struct service *service;
	struct rl_service_key key;
	struct rl_service value;
	int ret;

	for (service = services; service < services + services_count; service++) {
		if (!bpf_side_wants(side, service))
			continue;
		memset(&key, 0, sizeof(key));
		memcpy(key.comm, service->name, strnlen(service->name, RL_COMM_LEN - 1));
		bpf_side_service(side, service, &value);
		ret = bpf_map__update_elem(side->skeleton->maps.services, &key, sizeof(key), &value,
					   sizeof(value), BPF_ANY);
		if (ret)
			return ret;
	}
	return 0;
}

/* The skeleton can't attach an iterator of a map's elements: the map is named at attachment. */
static int attach_sockets(struct bpf_side *side)
{
	union bpf_iter_link_info info = {0};
	DECLARE_LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info,
			    .link_info_len = sizeof(info));

	info.map.map_fd = bpf_map__fd(side->skeleton->maps.socks);
	side->sockets = bpf_program__attach_iter(side->skeleton->progs.iter__sockets, &options);
	return side->sockets ? 0 : -errno;
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* The programs for TLS are loaded only if a rule looks into it. The probes are attached later, by
 * attach_probe(). */
static void select_tls(struct bpf_side *side)
{
	struct rawtap_bpf *skeleton = side->skeleton;
	struct bpf_program *program;
	const char *name;

	bpf_object__for_each_program(program, skeleton->obj) {
		name = bpf_program__name(program);
		if (!side->tls && (starts(name, "uprobe__") || starts(name, "uretprobe__") ||
				   starts(name, "tp_btf__inet_sock_set_state__")))
			bpf_program__set_autoload(program, false);
	}
	bpf_program__set_autoload(skeleton->progs.ask__processes, side->tls);
}

/* First the hooks of sockets: before a process is tracked, their copies must know their places.
 * Iterators and probes have their own functions. */
static int attach_hooks(struct bpf_side *side)
{
	struct bpf_program *program;
	int ret = backend_attach(side->skeleton);

	if (!ret)
		ret = copies_start(side->skeleton);
	if (ret)
		return ret;
	bpf_object__for_each_program(program, side->skeleton->obj)
		bpf_program__set_autoattach(program,
					    starts(bpf_program__name(program), "tp_btf__"));
	return rawtap_bpf__attach(side->skeleton); /* those that are not attached yet */
}

static int attach_files(struct bpf_side *side)
{
	side->files = bpf_program__attach_iter(side->skeleton->progs.iter__files, NULL);
	return side->files ? 0 : -errno;
}

/* Attaches the function's entry program, or its return program. 0, also if it has none; -errno. */
static int attach_probe(struct bpf_side *side, const struct tls_probe *probe, bool is_return)
{
	struct bpf_program *program;
	struct bpf_link *link;
	char name[64];

	snprintf(name, sizeof(name), "%s__%s", is_return ? "uretprobe" : "uprobe",
		 tls_function_name(probe->function));
	program = bpf_object__find_program_by_name(side->skeleton->obj, name);
	if (!program)
		return 0;
	link = bpf_program__attach_uprobe(program, is_return, -1, probe->file->open_path,
					  probe->offset);
	if (!link)
		return -errno;
	side->probe_links = mem_resize(side->probe_links,
				       (side->probe_links_count + 1) * sizeof(*side->probe_links));
	side->probe_links[side->probe_links_count++] = link;
	return 0;
}

struct tls_scan {
	struct tls_probes *probes;
	const struct bpf_side *side;
	struct str *warnings;
};

static void on_process(void *context, const struct found_process *process)
{
	const struct tls_scan *scan = context;

	if (process->service->role != RL_ROLE_MASTER &&
	    (!scan->side || bpf_side_wants(scan->side, process->service)))
		tls_probes_add_process(scan->probes, process->pid, scan->warnings);
}

int bpf_side_find_tls(const struct bpf_side *side, struct tls_probes *probes, struct str *warnings,
		      struct str *error)
{
	struct tls_scan scan = {probes, side, warnings};
	int ret = dovecot_scan(on_process, &scan);

	if (ret) {
		str_printf(error, "/proc: %s", strerror(-ret));
		return ret;
	}
	ret = tls_probes_add_usual(probes, error);
	if (ret != -ENOENT || (!probes->count && !warnings->len))
		return ret;
	str_clear(error); /* running processes have it in another folder */
	if (probes->count)
		return 0;
	str_append_text(error, warnings->data); /* which can't be probed, and there is no other */
	str_clear(warnings);
	return -ENOEXEC;
}

static int attach_probes(struct bpf_side *side, struct str *error)
{
	const struct tls_probe *probe;
	int ret;

	while (side->probes_attached < side->probes.count) {
		probe = &side->probes.probes[side->probes_attached];
		ret = attach_probe(side, probe, false);
		if (!ret)
			ret = attach_probe(side, probe, true);
		if (ret) {
			str_printf(error, "TLS probe on %s of %s: %s",
				   tls_function_name(probe->function), probe->file->path,
				   strerror(-ret));
			return ret;
		}
		if (!probe->is_plt)
			log_warn("%s is probed in %s, which slows down every program that calls "
				 "it: the PLT of Dovecot's module can't be used",
				 tls_function_name(probe->function), probe->file->path);
		side->probes_attached++;
	}
	return 0;
}

void bpf_side_new_tls(struct bpf_side *side, struct str *text)
{
	if (!side->tls)
		return;
	if (tls_probes_add_usual(&side->probes, text) == -ENOENT)
		str_clear(text); /* it is in another folder, or being replaced at this moment */
	if (side->probes_attached == side->probes.count)
		return;
	str_printf(text,
		   "%s%s is new and can't be probed while rawtap runs: restart rawtap, or TLS "
		   "connections of processes that use it are recorded as ciphertext",
		   text->len ? "; " : "", side->probes.probes[side->probes_attached].file->path);
	side->probes_attached = side->probes.count;
}

static int start_tls(struct bpf_side *side, struct str *error)
{
	struct str warnings = {0};
	int ret;

	if (!side->tls)
		return 0;
	ret = bpf_side_find_tls(side, &side->probes, &warnings, error);
	if (warnings.len)
		log_warn("%s", str_text(&warnings));
	str_free(&warnings);
	return ret ? ret : attach_probes(side, error);
}

static void detach_tls(struct bpf_side *side)
{
	while (side->probe_links_count)
		bpf_link__destroy(side->probe_links[--side->probe_links_count]);
}

static void unload(struct bpf_side *side)
{
	bpf_link__destroy(side->files);
	bpf_link__destroy(side->sockets);
	rawtap_bpf__destroy(side->skeleton);
	side->files = side->sockets = NULL;
	side->skeleton = NULL;
}

/* Loads and attaches all but the probes, with side->backend. 0; -errno: `step_r` says what failed. */
static int load(struct bpf_side *side, size_t ring_size, const char **step_r)
{
	unsigned int copies;
	int ret;

	*step_r = "opening";
	side->skeleton = rawtap_bpf__open();
	if (!side->skeleton)
		return -errno;
	copies = side->skeleton->rodata->config.all_copies ? RL_COPIES :
							     backend_copies(side->backend);
	backend_select(side->backend, side->skeleton, copies);
	configure(side->skeleton, ring_size, side->tls, copies);
	select_tls(side);

	*step_r = "loading";
	ret = rawtap_bpf__load(side->skeleton);
	if (!ret)
		ret = fill_services(side);
	if (!ret) {
		*step_r = "attaching";
		ret = attach_sockets(side);
	}
	if (!ret)
		ret = attach_files(side);
	if (!ret)
		ret = attach_hooks(side);
	if (ret)
		unload(side);
	return ret;
}

/* With the first backend that works, or the one of this name. Only after a failure backend_probe()
 * finds out whether the backend is to blame: attaching takes long if it patches functions. */
static int load_any(struct bpf_side *side, const char *backend_name, size_t ring_size,
		    struct str *error)
{
	const struct backend *backend;
	const char *step;
	int ret = -ENOTSUP, lack;

	for (backend = backends; backend < backends + backends_count; backend++) {
		if (backend_name && strcmp(backend_name, backend->name) != 0)
			continue;
		side->backend = backend;
		ret = load(side, ring_size, &step);
		if (!ret) {
			str_clear(error);
			break;
		}
		lack = backend_probe(backend);
		if (!lack) {
			str_clear(error);
			str_printf(error, "%s the BPF programs: %s; `rawtap check` says more", step,
				   strerror(-ret));
			break;
		}
		str_printf(error, "%sbackend %s needs %s: %s", error->len ? "; " : "",
			   backend->name, backend->needs, strerror(-lack));
	}
	if (!side->backend)
		str_printf(error, "there is no backend '%s'", backend_name);
	return ret;
}

int bpf_side_start(struct bpf_side *side, const struct rules *rules, const char *backend_name,
		   size_t ring_size, struct str *error)
{
	int ret;

	*side = (struct bpf_side){.rules = rules, .tls = rules_need_tls(rules)};
	if (access(BPF_BTF_PATH, R_OK)) {
		str_printf(error, "kernel type information (%s): %s", BPF_BTF_PATH, BPF_BTF_TODO);
		return -ENOTSUP;
	}
	bpf_side_take_messages();
	ret = load_any(side, backend_name, ring_size, error);
	if (!ret)
		ret = start_tls(side, error);
	if (ret)
		bpf_side_stop(side);
	return ret;
}

void bpf_side_detach(struct bpf_side *side)
{
	detach_tls(side);
	rawtap_bpf__detach(side->skeleton);
}

void bpf_side_stop(struct bpf_side *side)
{
	detach_tls(side);
	free(side->probe_links);
	tls_probes_free(&side->probes);
	unload(side);
	*side = (struct bpf_side){0};
}
