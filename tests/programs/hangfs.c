// SPDX-License-Identifier: MIT
/*
 * hangfs BACKING MOUNTPOINT: a file system (FUSE) whose calls can be made to hang. It shows the
 * directory BACKING, as far as a recorder needs: look up, create, write, close, remove. Owners and
 * modes are BACKING's, and apply.
 *
 * Each line of standard input is a command, and answered by one line. DIR is below the file system;
 * what is said of it goes for all that is in it.
 *
 *   hang KIND DIR         such calls wait, until they are released
 *   slow KIND DIR MS      each takes so long
 *   fail KIND DIR ERRNO   they fail
 *   short write DIR BYTES no write() takes more
 *   release               none of this any more, and those that wait go on
 *   waiting               answers how many calls wait
 *
 * KIND is lookup, create, write, close or any. With libfuse 3.14 the kernel looks up one name at a time
 * in a directory: where one is to hang, others belong elsewhere.
 *
 * At the end of standard input, whoever held it, all is released, unmounted, and over: nothing that
 * dies can leave calls that hang.
 */
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX 100
/* each call that hangs has a thread */
#define OPTIONS	  "default_permissions,allow_other,max_threads=1000,max_idle_threads=1000"

struct rule {
	char action[8], kind[8], dir[200];
	int value;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static struct rule rules[RULES_MAX];
static int rules_count, waiting;
static unsigned int releases; /* so many there were */
static const char *mountpoint;
static int backing;

/* Rules */

static bool is_about(const struct rule *rule, const char *kind, const char *path)
{
	size_t len = strlen(rule->dir);

	return (strcmp(rule->kind, "any") == 0 || strcmp(rule->kind, kind) == 0) &&
	       strncmp(path, rule->dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static bool find(const char *kind, const char *path, struct rule *rule_r)
{
	int i;

	for (i = 0; i < rules_count; i++) {
		*rule_r = rules[i];
		if (is_about(rule_r, kind, path))
			return true;
	}
	return false;
}

static void wait_for_release(void)
{
	unsigned int before = releases;

	waiting++;
	while (releases == before)
		pthread_cond_wait(&released, &mutex);
	waiting--;
}

/* What the rules have for a call: 0, when it may go on; -errno. Reduces a write's size. */
static int obey(const char *kind, const char *path, size_t *size)
{
	struct rule rule;
	struct timespec time;
	bool found;

	pthread_mutex_lock(&mutex);
	found = find(kind, path, &rule);
	if (found && strcmp(rule.action, "hang") == 0)
		wait_for_release();
	pthread_mutex_unlock(&mutex);
	if (!found)
		return 0;
	if (strcmp(rule.action, "slow") == 0) {
		time = (struct timespec){rule.value / 1000, rule.value % 1000 * 1000000L};
		nanosleep(&time, NULL);
	}
	if (strcmp(rule.action, "short") == 0 && size && *size > (size_t)rule.value)
		*size = rule.value;
	return strcmp(rule.action, "fail") == 0 ? -rule.value : 0;
}

/* Calls. A path begins with "/", which is BACKING. */

static const char *below(const char *path)
{
	return path[1] ? path + 1 : ".";
}

static int result(int ret)
{
	return ret < 0 ? -errno : 0;
}

static int hang_getattr(const char *path, struct stat *st, struct fuse_file_info *file)
{
	int ret = obey("lookup", path, NULL);

	return ret ? ret : result(fstatat(backing, below(path), st, AT_SYMLINK_NOFOLLOW));
}

static int hang_create(const char *path, mode_t mode, struct fuse_file_info *file)
{
	const struct fuse_context *caller = fuse_get_context();
	int ret = obey("create", path, NULL), fd;

	if (ret)
		return ret;
	fd = openat(backing, below(path), file->flags & ~O_APPEND, mode);
	if (fd < 0)
		return -errno;
	if (fchown(fd, caller->uid, caller->gid)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	file->fh = fd;
	file->direct_io = 1; /* a write() is one call, with all its bytes */
	return 0;
}

static int hang_write(const char *path, const char *data, size_t size, off_t at,
		      struct fuse_file_info *file)
{
	int ret = obey("write", path, &size);
	ssize_t written = ret ? ret : pwrite(file->fh, data, size, at);

	return ret || written >= 0 ? (int)written : -errno;
}

static int hang_flush(const char *path, struct fuse_file_info *file)
{
	return obey("close", path, NULL);
}

static int hang_release(const char *path, struct fuse_file_info *file)
{
	return result(close(file->fh));
}

static int hang_unlink(const char *path)
{
	int ret = obey("remove", path, NULL);

	return ret ? ret : result(unlinkat(backing, below(path), 0));
}

/* Commands */

static void release_all(void)
{
	rules_count = 0;
	releases++;
	pthread_cond_broadcast(&released);
}

static int command(const char *line)
{
	struct rule rule = {0};
	int words = sscanf(line, "%7s %7s %199s %d", rule.action, rule.kind, rule.dir, &rule.value);

	if (strcmp(rule.action, "waiting") == 0)
		return waiting;
	if (strcmp(rule.action, "release") == 0)
		release_all();
	else if (words >= 3 && rules_count < RULES_MAX)
		rules[rules_count++] = rule;
	else
		return -EINVAL;
	return 0;
}

static void *obey_commands(void *unused)
{
	char line[300];
	int answer;

	while (fgets(line, sizeof(line), stdin)) {
		pthread_mutex_lock(&mutex);
		answer = command(line);
		pthread_mutex_unlock(&mutex);
		printf("%d\n", answer);
		fflush(stdout);
	}
	pthread_mutex_lock(&mutex);
	release_all();
	pthread_mutex_unlock(&mutex);
	umount2(mountpoint, MNT_DETACH);
	_exit(0); /* what is still open must not keep it alive */
}

/* Nothing is remembered by the kernel: it asks each time. */
static void *hang_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
	pthread_t thread;

	config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
	config->hard_remove = 1;
	if (pthread_create(&thread, NULL, obey_commands, NULL))
		fuse_exit(fuse_get_context()->fuse);
	return NULL;
}

static const struct fuse_operations operations = {
	.init = hang_init,
	.getattr = hang_getattr,
	.create = hang_create,
	.write = hang_write,
	.flush = hang_flush,
	.release = hang_release,
	.unlink = hang_unlink,
};

int main(int argc, char **argv)
{
	char *options[] = {argv[0], "-f", "-o", OPTIONS, argc == 3 ? argv[2] : NULL, NULL};

	if (argc != 3) {
		fprintf(stderr, "usage: hangfs BACKING MOUNTPOINT\n");
		return 2;
	}
	mountpoint = argv[2];
	backing = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (backing < 0) {
		perror(argv[1]);
		return 1;
	}
	umask(0); /* the caller's was applied */
	return fuse_main(5, options, &operations, NULL);
}
