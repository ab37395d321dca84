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

	/* below a root, ".." is refused while somebody renames directories: openat2(2) */
	do {
		fd = syscall(SYS_openat2, at, path, &how, sizeof(how));
	} while (fd < 0 && errno == EAGAIN && --tries);
	return fd < 0 ? -errno : (int)fd;
}

/*
 * A handle of what `path` names. Links are followed; below a chroot they stay
 * below it. The chroot itself was set by the administrator, and is opened as
 * root, as the mail process does.
 */
static int open_path(const struct log_place *place, int root, const char *path, uint64_t flags)
{
	return open_how(root, path, O_PATH | flags,
			RESOLVE_NO_MAGICLINKS | (place->chroot ? RESOLVE_IN_ROOT : 0));
}

/* Is it just that there is no directory, rather than an error? */
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

/* The rawlog binary looks with lstat(), for which a symbolic link is no directory. A handle; -1: `fact_r`
 * says why. */
static int look_home(const struct log_place *place, int root, struct rl_log *fact_r)
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
 * The lib rule looks with stat(), and does not ask whether it is a directory:
 * if it is not, no file can be created in it. A relative path begins at the
 * working directory, which is "/" where Dovecot could not enter the base
 * (lib-storage/mail-storage-service.c, 2.3.19.1).
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

/* Takes the first name that is free. Dovecot's own log can be there, with the same name by the lib
 * rule. Dovecot would append to ours, and the file would hold a mixture of both. */
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

/* As the user. */
static void look_and_create(const struct log_place *place, int root, struct file_pair *pair_r,
			    struct rl_log *fact_r)
{
	int dir = place->iostream ? look_iostream(place, root, fact_r) :
				    look_home(place, root, fact_r);

	if (dir < 0)
		return;
	create_files(place, dir, pair_r, fact_r);
	close(dir);
}

/* With the groups that Dovecot gave this user: a directory can be a group's. They are those of the
 * process, if it is still there and this user's. */
static int become(const struct log_place *place)
{
	struct procfs_status status;

	if (place->groups_count)
		return as_user_begin(place->uid, place->gid, place->groups, place->groups_count);
	if (!place->tgid || procfs_status(place->tgid, &status) || status.uid != place->uid)
		status.groups_count = 0;
	return as_user_begin(place->uid, place->gid, status.groups, status.groups_count);
}

/* Becomes the user, and root again. */
static void ask_files(const struct log_place *place, struct file_pair *pair_r,
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

static void ask_connection(struct sink_host *user, const struct log_place *place,
			   struct file_pair *pair_r, struct rl_log *fact_r)
{
	int ret;

	*pair_r = (struct file_pair){
		.used = true,
		.session = place->session,
		.rule = place->rule,
		.fds = {-1, -1},
	};
	ret = tcp_conns_connect(user->connections, place->tcp, &pair_r->tcp);
	fact_r->status = ret ? RL_LOG_CREATE_FAILED : RL_LOG_OPENED;
	fact_r->error = -ret;
}

static void user_create(struct sink *sink, const struct log_place *place)
{
	struct rl_log fact = {.session = place->session, .rule = place->rule, .serial = 1};
	struct file_pair pair;

	if (place->tcp)
		ask_connection(of(sink), place, &pair, &fact);
	else
		ask_files(place, &pair, &fact);
	if (fact.status == RL_LOG_OPENED)
		file_pairs_add(&of(sink)->pairs, &pair);
	of(sink)->answer(of(sink)->context, &fact);
}

static int user_claim(struct sink *sink, const struct log_place *place, uint32_t serial)
{
	return file_pairs_find(&of(sink)->pairs, place->session, place->rule);
}

static int user_write(struct sink *sink, int handle, int dir, const void *data, size_t size)
{
	struct file_pairs *pairs = &of(sink)->pairs;
	struct tcp_conn *tcp = pairs->all[handle].tcp;

	return tcp ? tcp_conn_write(tcp, data, size) :
		     file_pairs_write(pairs, handle, dir, data, size);
}

static void user_sizes(struct sink *sink, int handle, __u64 sizes_r[2])
{
	const struct file_pair *pair = &of(sink)->pairs.all[handle];

	memcpy(sizes_r, pair->sizes, 2 * sizeof(*sizes_r));
	if (pair->tcp)
		sizes_r[RL_IN] = tcp_conn_sent(pair->tcp);
}

/* Nothing beyond was written. */
static void user_cut(struct sink *sink, int handle, const __u64 sizes[2])
{
}

static void user_close(struct sink *sink, int handle)
{
	tcp_conn_close(&of(sink)->pairs.all[handle].tcp);
	file_pairs_close(&of(sink)->pairs, handle);
}

static const struct sink_ops user_ops = {
	.create = user_create,
	.claim = user_claim,
	.write = user_write,
	.sizes = user_sizes,
	.cut = user_cut,
	.close = user_close,
};

struct sink *sink_host_new(void (*answer)(void *context, const struct rl_log *fact), void *context)
{
	struct tcp_conns *connections = tcp_conns_new();
	struct sink_host *user;

	if (!connections)
		return NULL;
	user = mem_alloc(sizeof(*user));
	user->sink.ops = &user_ops;
	user->answer = answer;
	user->context = context;
	user->connections = connections;
	return &user->sink;
}

struct tcp_conns *sink_host_connections(struct sink *sink)
{
	return of(sink)->connections;
}

void sink_host_free(struct sink **sink)
{
	struct sink_host *user = of(*sink);

	*sink = NULL;
	if (!user)
		return;
	file_pairs_free(&user->pairs);
	tcp_conns_free(&user->connections);
	free(user);
}
