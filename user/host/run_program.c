// SPDX-License-Identifier: MIT
#include "host/run_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/clock.h"

#define TIMEOUT_MS 10000

extern char **environ;

static int spawn(char *const argv[], int out_fd, pid_t *pid_r)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int ret;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
	posix_spawn_file_actions_adddup2(&actions, out_fd, 2);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	ret = posix_spawnp(pid_r, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -ret;
}

/* Reads until the other end is closed. False: it took too long. */
static bool read_all(int fd, struct str *out)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	int64_t deadline = clock_now_ms() + TIMEOUT_MS, left;
	char buffer[4096];
	ssize_t len;

	while ((left = deadline - clock_now_ms()) > 0) {
		if (poll(&poll_fd, 1, left) <= 0)
			continue;
		len = read(fd, buffer, sizeof(buffer));
		if (len <= 0)
			return true;
		str_append(out, buffer, len);
	}
	return false;
}

int run_program(char *const argv[], struct str *out)
{
	int fds[2], status, ret;
	bool in_time;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	ret = spawn(argv, fds[1], &pid);
	close(fds[1]);
	if (ret) {
		close(fds[0]);
		return ret;
	}
	in_time = read_all(fds[0], out);
	close(fds[0]);
	if (!in_time)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!in_time)
		return -ETIME;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}
