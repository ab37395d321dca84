// SPDX-License-Identifier: MIT
#include "host/run_program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "host/clock.h"

extern char **environ;

static char **own_environ; /* NULL: `environ` */
static char *own_path;
static atomic_bool ended;

void run_program_init(void)
{
	const char *path = getenv("PATH");
	size_t count = 0;

	while (environ[count])
		count++;
	own_environ = mem_dup(environ, (count + 1) * sizeof(*environ));
	own_path = mem_strdup(path ? path : "");
}

void run_program_end(void)
{
	atomic_store(&ended, true);
}

/* In $PATH. libc would look at `environ` for that. */
static void find_program(const char *name, char path_r[PATH_MAX])
{
	const char *dir = own_path ? own_path : getenv("PATH"), *end;

	snprintf(path_r, PATH_MAX, "%s", name);
	if (strchr(name, '/'))
		return;
	for (; dir && *dir; dir = end + (*end == ':')) {
		end = strchrnul(dir, ':');
		snprintf(path_r, PATH_MAX, "%.*s/%s", (int)(end - dir), dir, name);
		if (access(path_r, X_OK) == 0)
			return;
	}
}

static int spawn(char *const argv[], int out_fd, pid_t *pid_r)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char path[PATH_MAX];
	sigset_t none;
	int ret;

	sigemptyset(&none);
	find_program(argv[0], path);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
	posix_spawn_file_actions_adddup2(&actions, out_fd, 2);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setpgroup(&attributes, 0); /* so that what it starts can be killed, too */
	ret = posix_spawn(pid_r, path, &actions, &attributes, argv,
			  own_environ ? own_environ : environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -ret;
}

/* Appends what there is to read. False: the other end is closed, or nothing is there yet. */
static bool read_some(int fd, struct str *out)
{
	char buffer[4096];
	ssize_t len = read(fd, buffer, sizeof(buffer));

	if (len > 0 && out->len < RUN_PROGRAM_OUTPUT_MAX)
		str_append(out, buffer, len);
	return len > 0;
}

/* Reads until the program has exited: who still has the pipe open then does not count. False: it
 * took too long. */
static bool read_all(int process, int fd, struct str *out)
{
	struct pollfd fds[] = {{.fd = process, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	int64_t deadline = clock_now_ms() + RUN_PROGRAM_MS, now;

	while ((now = clock_now_ms()) < deadline && !atomic_load(&ended)) {
		if (poll(fds, 2,
			 now + RUN_PROGRAM_LOOK_MS < deadline ? RUN_PROGRAM_LOOK_MS :
								(int)(deadline - now)) <= 0)
			continue;
		if (fds[1].revents && !read_some(fd, out))
			fds[1].fd = -1; /* closed: it need not have exited */
		if (!fds[0].revents)
			continue;
		while (clock_now_ms() < deadline && read_some(fd, out))
			;
		return true;
	}
	return false;
}

/* Waits for it, until the deadline. 0; -ETIME; -errno. */
static int watch(pid_t pid, int fd, struct str *out)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0), ret = 0;

	if (process < 0)
		ret = -errno;
	else if (!read_all(process, fd, out))
		ret = -ETIME;
	if (process >= 0)
		close(process);
	return ret;
}

int run_program(char *const argv[], struct str *out)
{
	int fds[2], status = 0, ret;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	ret = spawn(argv, fds[1], &pid);
	close(fds[1]);
	if (ret)
		goto out;
	ret = watch(pid, fds[0], out);
	if (ret)
		kill(-pid, SIGKILL); /* its group: nobody else has that number before waitpid() */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) {
			ret = ret ? ret : -errno;
			break;
		}
	if (!ret && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		ret = -EIO;
out:
	close(fds[0]);
	return ret;
}
