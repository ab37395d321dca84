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

struct sink_tree {
	struct sink sink;
	int root;
	struct file_pairs pairs;
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

static int tree_claim(struct sink *sink, const struct log_place *place, uint32_t serial)
{
	struct sink_tree *tree = of(sink);
	struct file_pair pair;
	struct str path = {0};
	int at, ret;

	place_path(place, &path);
	at = enter_path(tree->root, str_text(&path));
	str_free(&path);
	if (at < 0)
		return at;
	ret = file_pair_create(place, at, serial, &pair);
	close(at);
	return ret ? ret : file_pairs_add(&tree->pairs, &pair);
}

static int tree_write(struct sink *sink, int handle, int file, const void *data, size_t size)
{
	return file_pairs_write(&of(sink)->pairs, handle, file, data, size);
}

static void tree_sizes(struct sink *sink, int handle, __u64 sizes_r[2])
{
	memcpy(sizes_r, of(sink)->pairs.all[handle].sizes, 2 * sizeof(*sizes_r));
}

static void tree_cut(struct sink *sink, int handle, const __u64 sizes[2])
{
	const struct file_pair *pair = &of(sink)->pairs.all[handle];
	int file;

	for (file = RL_IN; file <= RL_OUT; file++)
		if (pair->fds[file] >= 0 && pair->sizes[file] > sizes[file] &&
		    ftruncate(pair->fds[file], sizes[file]))
			log_warn("cutting a log failed: %s", strerror(errno));
}

static int tree_close(struct sink *sink, int handle)
{
	return file_pairs_close(&of(sink)->pairs, handle);
}

static const struct sink_ops tree_ops = {
	.create = tree_create,
	.claim = tree_claim,
	.write = tree_write,
	.sizes = tree_sizes,
	.cut = tree_cut,
	.close = tree_close,
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

void sink_tree_free(struct sink **sink)
{
	struct sink_tree *tree = of(*sink);

	*sink = NULL;
	if (!tree)
		return;
	file_pairs_free(&tree->pairs);
	close(tree->root);
	free(tree);
}
