/* SPDX-License-Identifier: MIT */
/*
 * The kernel side, as user space handles it: open, choose a backend, load,
 * attach, detach. Nothing is pinned: when rawtap ends, for whatever reason, the
 * kernel removes its programs and maps.
 */
#ifndef BPF_LOAD_H
#define BPF_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "rl_maps.h"
#include "rules/rules.h"
#include "probes/tls_probes.h"

struct rawtap_bpf;
struct bpf_link;
struct backend;
struct service;

/* The kernel's type information, without which nothing can be loaded; and what to do then. */
#define BPF_BTF_PATH "/sys/kernel/btf/vmlinux"
#define BPF_BTF_TODO "missing; boot a kernel with CONFIG_DEBUG_INFO_BTF=y, as Debian's are"

/*
 * Zero-initialise. bpf_side_start() fills it; from then on it owns the skeleton
 * (programs, maps, their links), the iterators, the probes with their open
 * files, and the probes' links, until bpf_side_stop(). The rules are the
 * caller's and must outlive it. It must not be moved: others point to it.
 */
struct bpf_side {
	struct rawtap_bpf *skeleton;
	struct bpf_link *sockets; /* the iterator of the tracked sockets */
	const struct backend *backend;
	const struct rules *rules;
	bool tls;		/* a rule looks into TLS */
	struct bpf_link *files; /* the iterator of processes' files */
	struct tls_probes probes;
	size_t probes_attached; /* so many of `probes` are attached, or were reported as too late */
	struct bpf_link **probe_links;
	size_t probe_links_count;
};

/* From now on libbpf's messages are log_debug()'s. */
void bpf_side_take_messages(void);

/*
 * Opens, loads and attaches all that `rules` need. `backend_name` NULL: the
 * first backend that works. `ring_size`: bytes, a power of two. Logs warnings.
 * 0; -errno: nothing stays loaded, and `error`, which must be empty, gets one
 * line that says what failed, why, and what to do.
 */
int bpf_side_start(struct bpf_side *side, const struct rules *rules, const char *backend_name,
		   size_t ring_size, struct str *error);

/*
 * Adds to `probes` where the TLS probes go: in the modules that running
 * processes of Dovecot's map, of the services that `side` looks at (NULL: of
 * all services), and in the modules in the usual folders. Attaches nothing; the
 * caller frees `probes`, also after an error. 0; -errno, with one line in
 * `error`. `warnings` gets one line, if there are modules that running
 * processes map but that can't be probed.
 */
int bpf_side_find_tls(const struct bpf_side *side, struct tls_probes *probes, struct str *warnings,
		      struct str *error);

/*
 * Is there a TLS module in the usual folders that was not there at the start?
 * It can't be probed any more: a uprobe needs CAP_SYS_ADMIN
 * (kernel/events/core.c, 6.1 to 6.18), which is dropped by then. Appends one
 * line about that to `text`, once for each module.
 */
void bpf_side_new_tls(struct bpf_side *side, struct str *text);

/* Does the kernel side look at this service's processes? */
bool bpf_side_wants(const struct bpf_side *side, const struct service *service);
/* A row of services[] as the kernel side takes it. */
void bpf_side_service(const struct bpf_side *side, const struct service *service,
		      struct rl_service *value_r);

/* Stops all programs. The maps are kept, for source_finish(). */
void bpf_side_detach(struct bpf_side *side);
/* Frees everything, also if it is zeroed or bpf_side_start() failed. Zeroed afterwards. */
void bpf_side_stop(struct bpf_side *side);

#endif
