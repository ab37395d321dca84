// SPDX-License-Identifier: MIT
#include "output/sink_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output/file_pair.h"
#include "base/log.h"
#include "base/mem.h"
#include "rl_abi.h"
#include "base/str.h"

struct tree_pair {
	bool used;
	struct file_pair files;
};

struct sink_tree {
	struct sink sink;
	int root;
	struct tree_pair *pairs; /* by handle */
	int count, free_hint;	 /* no handle below the hint is free */
	int failed;		 /* -errno of a close */
};

static struct sink_tree *of(struct sink *sink)
{
	return (struct sink_tree *)sink;
}

/* Opens the directory `name` in `at`, creates it if it is missing, and closes `at`. A handle or
 * -errno. */
static int enter(int at, const char *name)
{
	int next, ret = 0;

	if (mkdirat(at, name, 0700) && errno != EEXIST)
		ret = -errno;
	next = ret ? ret : openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (!ret && next < 0)
		next = -errno;
	close(at);
	return next;
}

/* Opens and creates the directories of `path`. "." is ignored, ".." is -EINVAL. A handle or -errno. */
static int enter_path(int root, const char *path)
{
	char *copy = mem_strdup(path), *rest = copy, *name;
	int at = fcntl(root, F_DUPFD_CLOEXEC, 0);

	while (at >= 0 && (name = strsep(&rest, "/")) != NULL) {
		if (!*name || strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			close(at);
			at = -EINVAL;
		} else {
			at = enter(at, name);
		}
	}
	free(copy);
	return at;
}

/* Appends `dir` with each ".." resolved by removing the component before it, as in a tree without
 * links. As in "/", none leads above the root. */
static void append_resolved(struct str *path, const char *dir)
{
	char *copy = mem_strdup(dir), *rest = copy, *name;
	size_t root_len = path->len;

	while ((name = strsep(&rest, "/")) != NULL) {
		if (!*name || strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") != 0) {
			str_printf(path, "/%s", name);
		} else if (path->len > root_len) {
			path->len = strrchr(path->data, '/') - path->data;
			path->data[path->len] = '\0';
		}
	}
	free(copy);
}

/* The directory of a log, as a path below the tree's root. ".." is resolved only if the path is one
 * that the administrator has set (`iostream`); elsewhere enter_path() refuses it. */
static void place_path(const struct log_place *place, struct str *path)
{
	struct str dir = {0};

	if (place->tcp) {
		str_printf(path, "tcp/%s", place->tcp);
		return;
	}
	if (place->chroot)
		str_append_text(path, place->chroot);
	if (!place->iostream || place->dir[0] != '/')
		str_printf(&dir, "%s/", place->base);
	str_append_text(&dir, place->dir);
	if (place->iostream)
		append_resolved(path, dir.data);
	else
		str_printf(path, "/%s", dir.data);
	str_free(&dir);
}

static void tree_create(struct sink *sink, const struct log_place *place)
{
}

static int handle_new(struct sink_tree *tree)
{
	int handle;

	for (handle = tree->free_hint; handle < tree->count && tree->pairs[handle].used; handle++)
		;
	if (handle == tree->count)
		tree->pairs = mem_resize(tree->pairs, ++tree->count * sizeof(*tree->pairs));
	tree->free_hint = handle + 1;
	tree->pairs[handle].used = true;
	return handle;
}

static int tree_claim(struct sink *sink, const struct log_place *place, uint32_t serial)
{
	struct sink_tree *tree = of(sink);
	struct file_pair files;
	struct str path = {0};
	int at, ret, handle;

	place_path(place, &path);
	at = enter_path(tree->root, str_text(&path));
	str_free(&path);
	if (at < 0)
		return at;
	ret = file_pair_create(place, at, serial, &files);
	close(at);
	if (ret)
		return ret;
	handle = handle_new(tree);
	tree->pairs[handle].files = files;
	return handle;
}

static int tree_write(struct sink *sink, int handle, int file, const void *data, size_t size)
{
	struct iovec vector = {(void *)data, size};

	return file_pair_write(&of(sink)->pairs[handle].files, file, &vector, 1);
}

static void tree_sizes(struct sink *sink, int handle, __u64 sizes_r[2])
{
	memcpy(sizes_r, of(sink)->pairs[handle].files.sizes, 2 * sizeof(*sizes_r));
}

/* They stay open: how the log ends is told later. */
static int tree_end(struct sink *sink, int handle)
{
	return 0;
}

static void cut(const struct file_pair *files, const __u64 sizes[2])
{
	int file;

	for (file = RL_IN; file <= RL_OUT; file++)
		if (files->fds[file] >= 0 && files->sizes[file] > sizes[file] &&
		    ftruncate(files->fds[file], sizes[file]))
			log_warn("cutting a log failed: %s", strerror(errno));
}

static void tree_release(struct sink *sink, int handle, const __u64 sizes[2])
{
	struct sink_tree *tree = of(sink);
	struct file_pair *files = &tree->pairs[handle].files;
	int ret;

	if (sizes)
		cut(files, sizes);
	ret = file_pair_close(files);
	if (ret)
		log_warn("closing a log failed: %s", strerror(-ret));
	tree->failed = tree->failed ? tree->failed : ret;
	tree->pairs[handle].used = false;
	tree->free_hint = handle < tree->free_hint ? handle : tree->free_hint;
}

static const struct sink_ops tree_ops = {
	.create = tree_create,
	.claim = tree_claim,
	.write = tree_write,
	.sizes = tree_sizes,
	.end = tree_end,
	.release = tree_release,
};

struct sink *sink_tree_new(const char *root)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct sink_tree *tree;

	if (fd < 0)
		return NULL;
	tree = mem_alloc(sizeof(*tree));
	tree->sink.ops = &tree_ops;
	tree->root = fd;
	return &tree->sink;
}

int sink_tree_failed(struct sink *sink)
{
	return of(sink)->failed;
}

void sink_tree_free(struct sink **sink)
{
	struct sink_tree *tree = of(*sink);
	int handle;

	*sink = NULL;
	if (!tree)
		return;
	for (handle = 0; handle < tree->count; handle++)
		if (tree->pairs[handle].used)
			file_pair_close(&tree->pairs[handle].files);
	free(tree->pairs);
	close(tree->root);
	free(tree);
}
