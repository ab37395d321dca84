// SPDX-License-Identifier: MIT
#include "sink_user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "as_user.h"
#include "file_pair.h"
#include "mem.h"

struct sink_user {
	struct sink sink;
	void (*answer)(void *context, const struct rl_log *fact);
	void *context;
	struct file_pairs pairs;
};

static struct sink_user *of(struct sink *sink)
{
	return (struct sink_user *)sink;
}

static int open_how(int at, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
	long fd = syscall(SYS_openat2, at, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/*
 * The user's home, as a handle. Links on the way are followed, as lstat() of a
 * path in it would; below a chroot they stay below it. The chroot itself is
 * the administrator's word, and is reached as root, as the mail process does.
 */
static int open_home(const struct log_place *place, int root)
{
	return open_how(root, place->home, O_PATH | O_DIRECTORY,
			RESOLVE_NO_MAGICLINKS | (place->chroot ? RESOLVE_IN_ROOT : 0));
}

/* The log directory, as lstat() sees it: a symbolic link is none. A handle; -1: `fact_r` says. */
static int open_dir(const struct log_place *place, int home, struct rl_log *fact_r)
{
	struct stat st;
	int dir = openat(home, place->dir, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0 || fstat(dir, &st) < 0) {
		fact_r->error = errno;
		fact_r->status = errno == ENOENT ? RL_LOG_MISSING : RL_LOG_LSTAT_FAILED;
	} else if (!S_ISDIR(st.st_mode)) {
		fact_r->status = RL_LOG_NOT_DIR;
	} else {
		return dir;
	}
	if (dir >= 0)
		close(dir);
	return -1;
}

/* The first name that is free. */
static void create_unique(const struct log_place *place, int at, struct file_pair *pair_r,
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
	int home = open_home(place, root), dir;

	if (home < 0) {
		fact_r->error = -home;
		fact_r->status = home == -ENOENT ? RL_LOG_MISSING : RL_LOG_LSTAT_FAILED;
		return;
	}
	dir = open_dir(place, home, fact_r);
	close(home);
	if (dir < 0)
		return;
	create_unique(place, dir, pair_r, fact_r);
	close(dir);
}

static void user_ask(struct sink *sink, const struct log_place *place)
{
	struct rl_log fact = {.session = place->session, .way = place->way, .serial = 1};
	struct file_pair pair;
	int root = AT_FDCWD, ret;

	if (place->chroot)
		root = open_how(AT_FDCWD, place->chroot, O_PATH | O_DIRECTORY,
				RESOLVE_NO_MAGICLINKS);
	ret = root == AT_FDCWD || root >= 0 ? as_user_begin(place->uid, place->gid, place->tgid) :
					      root;
	if (ret == 0) {
		look_and_create(place, root, &pair, &fact);
		as_user_end();
	} else {
		fact.error = -ret;
		fact.status = ret == -ENOENT ? RL_LOG_MISSING : RL_LOG_LSTAT_FAILED;
	}
	if (root >= 0)
		close(root);
	if (fact.status == RL_LOG_OPENED)
		file_pairs_add(&of(sink)->pairs, &pair);
	of(sink)->answer(of(sink)->context, &fact);
}

static int user_open(struct sink *sink, const struct log_place *place, uint32_t serial)
{
	return file_pairs_find(&of(sink)->pairs, place->session, place->way);
}

static int user_write(struct sink *sink, int handle, int dir, const void *data, size_t size)
{
	return file_pairs_write(&of(sink)->pairs, handle, dir, data, size);
}

static void user_sizes(struct sink *sink, int handle, __u64 sizes_r[2])
{
	memcpy(sizes_r, of(sink)->pairs.all[handle].sizes, 2 * sizeof(*sizes_r));
}

/* Nothing beyond was written. */
static void user_cut(struct sink *sink, int handle, const __u64 sizes[2])
{
}

static void user_close(struct sink *sink, int handle)
{
	file_pairs_close(&of(sink)->pairs, handle);
}

static const struct sink_ops user_ops = {
	.ask = user_ask,
	.open = user_open,
	.write = user_write,
	.sizes = user_sizes,
	.cut = user_cut,
	.close = user_close,
};

struct sink *sink_user_new(void (*answer)(void *context, const struct rl_log *fact), void *context)
{
	struct sink_user *user = mem_alloc(sizeof(*user));

	user->sink.ops = &user_ops;
	user->answer = answer;
	user->context = context;
	return &user->sink;
}

void sink_user_free(struct sink **sink)
{
	struct sink_user *user = of(*sink);

	*sink = NULL;
	if (!user)
		return;
	file_pairs_free(&user->pairs);
	free(user);
}
