// SPDX-License-Identifier: MIT
#include "output/sink_host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "output/as_user.h"
#include "output/file_pair.h"
#include "base/mem.h"
#include "host/procfs.h"
#include "base/str.h"
#include "output/tcp_conn.h"

struct sink_host {
	struct sink sink;
	void (*answer)(void *context, const struct rl_log *fact);
	void *context;
	struct file_pairs pairs;
	struct tcp_conns *connections;
};

static struct sink_host *of(struct sink *sink)
{
	return (struct sink_host *)sink;
}

#define AGAIN_MAX 16

static int open_how(int at, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
	int tries = AGAIN_MAX;
	long fd;

	/* with RESOLVE_IN_ROOT, ".." gives EAGAIN while directories are renamed: openat2(2) */
	do {
		fd = syscall(SYS_openat2, at, path, &how, sizeof(how));
	} while (fd < 0 && errno == EAGAIN && --tries);
	return fd < 0 ? -errno : (int)fd;
}

/*
 * A handle of what `path` names, inside the directory `root` if there is a
 * chroot: links are followed, but do not lead out of it.
 */
static int open_path(const struct log_place *place, int root, const char *path, uint64_t flags)
{
	return open_how(root, path, O_PATH | flags,
			RESOLVE_NO_MAGICLINKS | (place->chroot ? RESOLVE_IN_ROOT : 0));
}

/* Does Dovecot take this error for "there is no directory", and not log it? */
static bool is_missing(const struct log_place *place, int error)
{
	return error == ENOENT || (place->iostream && error == EACCES);
}

static int look_failed(const struct log_place *place, int error, struct rl_log *fact_r)
{
	fact_r->error = error;
	fact_r->status = is_missing(place, error) ? RL_LOG_MISSING : RL_LOG_LSTAT_FAILED;
	return -1;
}

/* As the rawlog program, which looks with lstat(): a symbolic link is no directory. A handle; -1:
 * `fact_r` says why. */
static int look_rawlog_program(const struct log_place *place, int root, struct rl_log *fact_r)
{
	int home = open_path(place, root, place->base, O_DIRECTORY), dir, error;
	struct stat st = {0};

	if (home < 0)
		return look_failed(place, -home, fact_r);
	dir = openat(home, place->dir, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	error = dir < 0 || fstat(dir, &st) < 0 ? errno : 0;
	close(home);
	if (!error && S_ISDIR(st.st_mode))
		return dir;
	if (dir >= 0)
		close(dir);
	if (error)
		return look_failed(place, error, fact_r);
	fact_r->status = RL_LOG_NOT_DIR;
	return -1;
}

/*
 * As lib/iostream-rawlog.c, which looks with stat() and does not check that it
 * is a directory: if it is none, creating the files fails. A relative path
 * begins at Dovecot's working directory, which is "/" if it could not enter the
 * base (lib-storage/mail-storage-service.c, 2.3.19.1). A handle; -1: `fact_r`
 * says why.
 */
static int look_iostream(const struct log_place *place, int root, struct rl_log *fact_r)
{
	struct str path = {0};
	int base, dir;

	if (place->dir[0] && place->dir[0] != '/') {
		base = open_path(place, root, place->base, O_DIRECTORY);
		if (base >= 0)
			close(base);
		str_printf(&path, "%s/", base >= 0 ? place->base : "");
	}
	str_append_text(&path, place->dir);
	dir = open_path(place, root, str_text(&path), 0);
	str_free(&path);
	return dir < 0 ? look_failed(place, -dir, fact_r) : dir;
}

/* Takes the first free name. The name can be that of a log of Dovecot's own (lib/iostream-rawlog.c),
 * to which Dovecot would append: two logs in one file. */
static void create_files(const struct log_place *place, int at, struct file_pair *pair_r,
			 struct rl_log *fact_r)
{
	int ret;

	do {
		ret = file_pair_create(place, at, fact_r->serial, pair_r);
	} while (ret == -EEXIST && ++fact_r->serial <= SINK_SERIAL_MAX);
	fact_r->status = ret ? RL_LOG_CREATE_FAILED : RL_LOG_OPENED;
	fact_r->error = -ret;
}

/* Runs as the user. */
static void look_and_create(const struct log_place *place, int root, struct file_pair *pair_r,
			    struct rl_log *fact_r)
{
	int dir = place->iostream ? look_iostream(place, root, fact_r) :
				    look_rawlog_program(place, root, fact_r);

	if (dir < 0)
		return;
	create_files(place, dir, pair_r, fact_r);
	close(dir);
}

/* A directory's access can depend on the groups that Dovecot gave this user. If `place` has none, the
 * process has them, if it still runs and is still this user's. */
static int become(const struct log_place *place)
{
	struct procfs_status status;

	if (place->groups_count)
		return as_user_begin(place->uid, place->gid, place->groups, place->groups_count);
	if (!place->tgid || procfs_status(place->tgid, &status) || status.uid != place->uid)
		status.groups_count = 0;
	return as_user_begin(place->uid, place->gid, status.groups, status.groups_count);
}

/* As the user; the chroot, which only the administrator can set, is opened as root. */
static void create_as_user(const struct log_place *place, struct file_pair *pair_r,
			   struct rl_log *fact_r)
{
	int root = AT_FDCWD, ret;

	if (place->chroot)
		root = open_how(AT_FDCWD, place->chroot, O_PATH | O_DIRECTORY,
				RESOLVE_NO_MAGICLINKS);
	ret = root == AT_FDCWD || root >= 0 ? become(place) : root;
	if (ret == 0) {
		look_and_create(place, root, pair_r, fact_r);
		as_user_end();
	} else {
		look_failed(place, -ret, fact_r);
	}
	if (root >= 0)
		close(root);
}

static void connect_log(struct sink_host *host, const struct log_place *place,
			struct file_pair *pair_r, struct rl_log *fact_r)
{
	int ret;

	*pair_r = (struct file_pair){
		.used = true,
		.session = place->session,
		.rule = place->rule,
		.fds = {-1, -1},
	};
	ret = tcp_conns_connect(host->connections, place->tcp, &pair_r->tcp);
	fact_r->status = ret ? RL_LOG_CREATE_FAILED : RL_LOG_OPENED;
	fact_r->error = -ret;
}

static void host_create(struct sink *sink, const struct log_place *place)
{
	struct rl_log fact = {.session = place->session, .rule = place->rule, .serial = 1};
	struct file_pair pair;

	if (place->tcp)
		connect_log(of(sink), place, &pair, &fact);
	else
		create_as_user(place, &pair, &fact);
	if (fact.status == RL_LOG_OPENED)
		file_pairs_add(&of(sink)->pairs, &pair);
	of(sink)->answer(of(sink)->context, &fact);
}

static int host_claim(struct sink *sink, const struct log_place *place, uint32_t serial)
{
	return file_pairs_find(&of(sink)->pairs, place->session, place->rule);
}

static int host_write(struct sink *sink, int handle, int dir, const void *data, size_t size)
{
	struct file_pairs *pairs = &of(sink)->pairs;
	struct tcp_conn *tcp = pairs->all[handle].tcp;

	return tcp ? tcp_conn_write(tcp, data, size) :
		     file_pairs_write(pairs, handle, dir, data, size);
}

static void host_sizes(struct sink *sink, int handle, __u64 sizes_r[2])
{
	const struct file_pair *pair = &of(sink)->pairs.all[handle];

	memcpy(sizes_r, pair->sizes, 2 * sizeof(*sizes_r));
	if (pair->tcp)
		sizes_r[RL_IN] = tcp_conn_sent(pair->tcp);
}

/* FACT_WRITE comes from host_sizes(): the files are not longer. */
static void host_cut(struct sink *sink, int handle, const __u64 sizes[2])
{
}

static int host_close(struct sink *sink, int handle)
{
	tcp_conn_close(&of(sink)->pairs.all[handle].tcp);
	return file_pairs_close(&of(sink)->pairs, handle);
}

static const struct sink_ops host_ops = {
	.create = host_create,
	.claim = host_claim,
	.write = host_write,
	.sizes = host_sizes,
	.cut = host_cut,
	.close = host_close,
};

struct sink *sink_host_new(void (*answer)(void *context, const struct rl_log *fact), void *context)
{
	struct tcp_conns *connections = tcp_conns_new();
	struct sink_host *host;

	if (!connections)
		return NULL;
	host = mem_alloc(sizeof(*host));
	host->sink.ops = &host_ops;
	host->answer = answer;
	host->context = context;
	host->connections = connections;
	return &host->sink;
}

struct tcp_conns *sink_host_connections(struct sink *sink)
{
	return of(sink)->connections;
}

void sink_host_free(struct sink **sink)
{
	struct sink_host *host = of(*sink);

	*sink = NULL;
	if (!host)
		return;
	file_pairs_free(&host->pairs);
	tcp_conns_free(&host->connections);
	free(host);
}
