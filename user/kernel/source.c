// SPDX-License-Identifier: MIT
#include "kernel/source.h"

#include "base/log.h"
#include "base/mem.h" /* before uthash: its allocations */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "host/clock.h"
#include "host/dovecot_master.h"
#include "rl_maps.h" /* before the skeleton, which uses its types */
#include "rawtap.skel.h"
#include "dovecot/service.h"

/* How many records source_consume() takes at most, so that signals and timers are not kept waiting. */
#define BATCH 4096

/* A socket whose SOCK_OPEN was in the stream, and whose SOCK_CLOSE was not yet. */
struct known {
	__u64 cookie;
	__u16 role; /* of the process that it belongs to */
	bool ended; /* that process has: in the list source->ended, not in the process's */
	struct owner *owner;
	struct known *prev, *next; /* of the same list */
	UT_hash_handle hh;
};

/* A process that has such sockets. */
struct owner {
	__u32 tgid;
	struct known *socks;
	UT_hash_handle hh;
};

struct source {
	struct bpf_side *side;
	struct ring_buffer *ring;
	source_record_fn *record;
	void *context;
	struct known *known;  /* by cookie */
	struct owner *owners; /* by tgid */
	struct known *ended;  /* sockets whose process has ended, to be looked at next */
	unsigned int taken;   /* records in this batch */
	size_t taken_bytes;   /* of the ring, since the start */
	__u64 map_full;	      /* updates that were refused here */
};

static struct owner *owner_of(struct source *source, __u32 tgid)
{
	struct owner *owner;

	HASH_FIND(hh, source->owners, &tgid, sizeof(tgid), owner);
	if (!owner) {
		owner = mem_alloc(sizeof(*owner));
		owner->tgid = tgid;
		HASH_ADD(hh, source->owners, tgid, sizeof(owner->tgid), owner);
	}
	return owner;
}

/* Takes the socket out of its process's list, or out of the list of those whose process has ended. */
static void disown(struct source *source, struct known *known)
{
	struct owner *owner = known->owner;

	if (!owner) {
		if (known->ended)
			DL_DELETE(source->ended, known);
	} else {
		DL_DELETE(owner->socks, known);
		if (!owner->socks) {
			HASH_DELETE(hh, source->owners, owner);
			free(owner);
		}
	}
	known->owner = NULL;
	known->ended = false;
}

static void remember(struct source *source, const struct rl_rec *rec, __u16 role)
{
	struct known *known;

	HASH_FIND(hh, source->known, &rec->cookie, sizeof(rec->cookie), known);
	if (known) {
		disown(source, known);
	} else {
		known = mem_alloc(sizeof(*known));
		known->cookie = rec->cookie;
		HASH_ADD(hh, source->known, cookie, sizeof(known->cookie), known);
	}
	known->role = role;
	known->owner = owner_of(source, rec->tgid);
	DL_APPEND(known->owner->socks, known);
}

/* Its sockets have probably ended, too. */
static void process_ended(struct source *source, __u32 tgid)
{
	struct known *known;
	struct owner *owner;

	HASH_FIND(hh, source->owners, &tgid, sizeof(tgid), owner);
	if (!owner)
		return;
	DL_FOREACH(owner->socks, known) {
		known->owner = NULL;
		known->ended = true;
	}
	DL_CONCAT(source->ended, owner->socks);
	HASH_DELETE(hh, source->owners, owner);
	free(owner);
}

/* Called by ring_buffer__consume(). A negative result ends the batch; the record is taken even so. */
static int on_record(void *context, void *data, size_t size)
{
	struct source *source = context;
	const struct rl_rec *rec = data;

	source->taken_bytes += size;
	if (size >= sizeof(*rec) + sizeof(struct rl_open) && rec->type == RL_SOCK_OPEN)
		remember(source, rec, ((const struct rl_open *)(rec + 1))->role);
	else if (size >= sizeof(*rec) && rec->type == RL_PROC_EXIT)
		process_ended(source, rec->tgid);
	/* the ring has records of a few constant sizes, of which only `len` bytes count */
	if (size >= sizeof(*rec) && rec->len <= size)
		size = rec->len;
	source->record(source->context, data, size);
	return ++source->taken >= BATCH ? -E2BIG : 0;
}

static void forget(struct source *source, struct known *known)
{
	disown(source, known);
	/* clang's analyzer does not see that the table is freed with the last of them alone */
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference,clang-analyzer-unix.Malloc) */
	HASH_DELETE(hh, source->known, known);
	free(known);
}

struct source *source_new(struct bpf_side *side, source_record_fn *record, void *context)
{
	struct source *source = mem_alloc(sizeof(*source));

	source->side = side;
	source->record = record;
	source->context = context;
	source->ring =
		ring_buffer__new(bpf_map__fd(side->skeleton->maps.ring), on_record, source, NULL);
	if (!source->ring)
		source_free(&source);
	return source;
}

void source_free(struct source **source_p)
{
	struct source *source = *source_p;
	struct known *known, *next;

	*source_p = NULL;
	if (!source)
		return;
	HASH_ITER(hh, source->known, known, next)
		forget(source, known);
	ring_buffer__free(source->ring);
	free(source);
}

int source_fd(const struct source *source)
{
	return ring_buffer__epoll_fd(source->ring);
}

int source_consume(struct source *source)
{
	int ret;

	source->taken = 0;
	ret = ring_buffer__consume(source->ring);
	return ret < 0 && ret != -E2BIG ? ret : (int)source->taken;
}

/* Takes all that is in the ring now, but not for ever if records are added meanwhile. */
static int consume_all(struct source *source)
{
	size_t until =
		source->taken_bytes + bpf_map__max_entries(source->side->skeleton->maps.ring);
	int ret;

	do {
		ret = source_consume(source);
	} while (ret > 0 && source->taken_bytes < until);
	return ret;
}

/* Adds a record of user space's to the stream. */
static void add_record(struct source *source, struct rl_rec head, const void *payload, size_t size)
{
	struct {
		struct rl_rec head;
		char payload[sizeof(struct rl_stats)];
	} record = {.head = head};

	record.head.len = sizeof(head) + size;
	record.head.time_ns = clock_now_ns();
	memcpy(record.payload, payload, size);
	source->record(source->context, &record, record.head.len);
}

/* Does the kernel side know this process as a master? */
static bool is_master(struct source *source, __u32 tgid)
{
	struct rl_service value;

	return bpf_map__lookup_elem(source->side->skeleton->maps.procs, &tgid, sizeof(tgid), &value,
				    sizeof(value), 0) == 0 &&
	       value.role == RL_ROLE_MASTER;
}

/* For processes that are running already what on_exec() of bpf/on_proc.bpf.h does for later ones. */
static void on_process(void *context, const struct found_process *process)
{
	struct source *source = context;
	struct bpf_map *procs = source->side->skeleton->maps.procs;
	struct rl_proc proc = {.parent_tgid = process->parent, .role = process->service->role};
	struct rl_service value;
	__u32 tgid = process->pid;
	int ret;

	if (!bpf_side_wants(source->side, process->service))
		return;
	if (proc.role == RL_ROLE_MASTER && process->uid != 0) {
		proc.role = RL_ROLE_STRANGER;
	} else {
		if (proc.role != RL_ROLE_MASTER && !is_master(source, process->parent))
			return;
		bpf_side_service(source->side, process->service, &value);
		ret = bpf_map__update_elem(procs, &tgid, sizeof(tgid), &value, sizeof(value),
					   BPF_NOEXIST);
		if (ret == -EEXIST)
			return; /* its exec was seen: the record is in the ring */
		if (ret) {	/* nothing of it will come */
			source->map_full++;
			return;
		}
	}
	memcpy(proc.comm, process->service->name, strnlen(process->service->name, RL_COMM_LEN - 1));
	add_record(source, (struct rl_rec){.type = RL_PROC_EXEC, .flags = RL_F_FOUND, .tgid = tgid},
		   &proc, sizeof(proc));
}

/* Reads an iterator that prints nothing. 0 or -errno. */
static int run_iterator(const struct bpf_link *link)
{
	char none[64];
	ssize_t len;
	int fd = bpf_iter_create(bpf_link__fd(link));

	if (fd < 0)
		return fd;
	while ((len = read(fd, none, sizeof(none))) > 0)
		;
	len = len < 0 ? -errno : 0;
	close(fd);
	return len;
}

int source_scan(struct source *source)
{
	int ret = dovecot_scan(on_process, source);

	/* marks the sockets that exist already, so that they are not taken for new ones; tells of mail
	 * processes' clients */
	if (!ret)
		ret = run_iterator(source->side->files);
	return ret;
}

/* Adds a socket's SOCK_CLOSE, with the bytes that passed as far as the kernel side's maps know
 * them. */
static void add_close(struct source *source, struct known *known, __u16 flags)
{
	struct rawtap_bpf *skeleton = source->side->skeleton;
	const __u64 *cookie = &known->cookie;
	struct rl_announced announced;
	struct rl_close end = {0};
	struct rl_tail tail;
	int dir;

	if (bpf_map__lookup_elem(skeleton->maps.tails, cookie, sizeof(*cookie), &tail, sizeof(tail),
				 0) == 0) {
		memcpy(end.end, tail.end, sizeof(end.end));
		bpf_map__delete_elem(skeleton->maps.tails, cookie, sizeof(*cookie), 0);
	}
	if (bpf_map__lookup_elem(skeleton->maps.announced_socks, cookie, sizeof(*cookie),
				 &announced, sizeof(announced), 0) == 0) {
		for (dir = RL_IN; dir <= RL_OUT; dir++)
			if (announced.end[dir] > end.end[dir])
				end.end[dir] = announced.end[dir];
		bpf_map__delete_elem(skeleton->maps.announced_socks, cookie, sizeof(*cookie), 0);
	}
	bpf_map__delete_elem(skeleton->maps.verdicts, cookie, sizeof(*cookie), 0);
	if (source->side->tls)
		bpf_map__delete_elem(skeleton->maps.tls_socks, cookie, sizeof(*cookie), 0);
	add_record(source,
		   (struct rl_rec){.type = RL_SOCK_CLOSE, .flags = flags, .cookie = *cookie}, &end,
		   sizeof(end));
	forget(source, known);
}

/* Runs a program of type syscall, on our behalf alone. 0 or -errno. */
static int run_program(const struct bpf_program *program)
{
	return bpf_prog_test_run_opts(bpf_program__fd(program), NULL);
}

/*
 * Asks the kernel about sockets, and adds SOCK_CLOSE for those that are gone. Their last records were
 * in the ring before the answer, so they are taken first. `ended`: their process has ended; then one
 * that the kernel side has not noted, for want of space, is taken for gone. 0 or -errno.
 */
static int ask_some(struct source *source, struct known *const *socks, unsigned int count,
		    bool ended)
{
	struct rawtap_bpf *skeleton = source->side->skeleton;
	struct rl_asked *asked = skeleton->bss->asked;
	unsigned int i;
	int ret;

	for (i = 0; i < count; i++)
		asked[i].cookie = socks[i]->cookie;
	skeleton->bss->asked_count = count;
	ret = run_program(skeleton->progs.ask__sockets);
	if (ret)
		return ret;
	ret = consume_all(source);
	for (i = 0; i < count; i++)
		if (asked[i].answer == RL_ANSWER_GONE ||
		    (asked[i].answer == RL_ANSWER_UNKNOWN && ended))
			add_close(source, socks[i], 0);
	return ret < 0 ? ret : 0;
}

static int ask(struct source *source, struct known *const *socks, unsigned int count, bool ended)
{
	unsigned int at, part;
	int ret = 0;

	for (at = 0; at < count && !ret; at += part) {
		part = count - at < RL_ASKED_MAX ? count - at : RL_ASKED_MAX;
		ret = ask_some(source, socks + at, part, ended);
	}
	return ret;
}

bool source_has_ended(const struct source *source)
{
	return source->ended != NULL;
}

int source_sweep_ended(struct source *source)
{
	struct known **socks, *known;
	unsigned int count, i = 0;
	int ret;

	DL_COUNT(source->ended, known, count);
	socks = mem_alloc((count + 1) * sizeof(*socks));
	while ((known = source->ended) != NULL) {
		disown(source, known);
		socks[i++] = known;
	}
	ret = ask(source, socks, count, true);
	free(socks);
	return ret;
}

int source_sweep(struct source *source)
{
	unsigned int count = HASH_COUNT(source->known), i = 0;
	struct known **socks = mem_alloc((count + 1) * sizeof(*socks)), *known, *next;
	int ret;

	HASH_ITER(hh, source->known, known, next)
		socks[i++] = known;
	ret = ask(source, socks, count, false);
	free(socks);
	if (!ret && source->side->tls)
		ret = run_program(source->side->skeleton->progs.ask__processes);
	return ret;
}

/* Which is harmless as long as a copy of it runs: see bpf/copies.bpf.h. */
static void tell_left_out(struct rawtap_bpf *skeleton)
{
	struct bpf_prog_info info;
	struct bpf_program *program;
	__u32 size = sizeof(info);

	bpf_object__for_each_program(program, skeleton->obj) {
		memset(&info, 0, sizeof(info));
		if (bpf_program__fd(program) >= 0 &&
		    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0 &&
		    info.recursion_misses)
			log_debug("the kernel left out %llu runs of %s", info.recursion_misses,
				  bpf_program__name(program));
	}
}

static void add_stats(struct source *source)
{
	int cpus = libbpf_num_possible_cpus(), cpu;
	struct rl_stats *each, sum = {0};
	__u32 zero = 0;

	if (cpus <= 0)
		return;
	each = mem_alloc(cpus * sizeof(*each));
	if (bpf_map__lookup_elem(source->side->skeleton->maps.stats, &zero, sizeof(zero), each,
				 cpus * sizeof(*each), 0) == 0)
		for (cpu = 0; cpu < cpus; cpu++) {
#define X(field, text) sum.field += each[cpu].field;
			RL_COUNTERS(X)
#undef X
		}
	free(each);
	sum.map_full += source->map_full;
	tell_left_out(source->side->skeleton);
	add_record(source, (struct rl_rec){.type = RL_STATS}, &sum, sizeof(sum));
}

int source_finish(struct source *source)
{
	struct known *known, *next;
	int ret = consume_all(source), error;

	error = source_sweep(source);
	ret = ret < 0 ? ret : error;
	error = run_iterator(source->side->sockets);
	ret = ret < 0 ? ret : error;
	HASH_ITER(hh, source->known, known, next)
		add_close(source, known, RL_F_LIVE);
	add_stats(source);
	return ret;
}

void source_verdict(struct source *source, __u64 cookie, __u16 role, bool record)
{
	struct rl_decision decision = {
		.verdict = record ? RL_VERDICT_RECORD : RL_VERDICT_MUTE,
		.role = role,
	};
	__u32 verdict = decision.verdict;
	struct known *known;

	HASH_FIND(hh, source->known, &cookie, sizeof(cookie), known);
	if (!known || known->role != role)
		return;

	/* if the map is full, records of the socket continue to come, and the engine drops them */
	bpf_map__update_elem(source->side->skeleton->maps.verdicts, &cookie, sizeof(cookie),
			     &decision, sizeof(decision), BPF_ANY);
	if (source->side->tls)
		bpf_map__update_elem(source->side->skeleton->maps.tls_socks, &cookie,
				     sizeof(cookie), &verdict, sizeof(verdict), BPF_EXIST);
}

void source_forget(struct source *source, __u32 tgid, __u64 time_ns)
{
	struct bpf_map *procs = source->side->skeleton->maps.procs;
	struct rl_service value;

	if (bpf_map__lookup_elem(procs, &tgid, sizeof(tgid), &value, sizeof(value), 0) ||
	    value.begun_ns > time_ns)
		return;
	/* not removed: then its end would not be told */
	value = (struct rl_service){
		.role = RL_ROLE_STRANGER,
		.exec_id = value.exec_id,
		.begun_ns = value.begun_ns,
	};
	bpf_map__update_elem(procs, &tgid, sizeof(tgid), &value, sizeof(value), BPF_EXIST);
}
