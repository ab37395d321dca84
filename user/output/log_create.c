// SPDX-License-Identifier: MIT
#include "output/log_create.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "output/as_user.h"
#include "host/procfs.h"
#include "base/str.h"

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

/* The chroot, which only the administrator can set, is opened as root. */
void log_create(const struct log_place *place, struct file_pair *pair_r, struct rl_log *fact_r)
{
	int root = AT_FDCWD, ret;

	fact_r->serial = 1;
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
