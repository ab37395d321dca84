// SPDX-License-Identifier: MIT
#include "host/run_program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/clock.h"

extern char **environ;

static int reader = -1; /* the pipe to whom programs are run for; -1: for us */
static int64_t all_until_ms;

void run_program_for(int pipe)
{
	reader = pipe;
	all_until_ms = clock_now_ms() + RUN_PROGRAM_MS;
}

/* `err_fd`: -1: none. 0 or -errno. */
static int spawn(char *const argv[], int out_fd, int err_fd, pid_t *pid_r)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int ret;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
	if (err_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, err_fd, 2);
	else
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setpgroup(&attributes, 0); /* so that what it starts can be killed, too */
	ret = posix_spawnp(pid_r, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -ret;
}

static int begin(char *const argv[], bool with_errors, struct program *program_r)
{
	int fds[2], ret;

	*program_r = (struct program){.out = -1};
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	ret = spawn(argv, fds[1], with_errors ? fds[1] : -1, &program_r->pid);
	close(fds[1]);
	if (!ret)
		program_r->out = fds[0];
	else
		close(fds[0]);
	return ret;
}

int program_start(char *const argv[], struct program *program_r)
{
	int ret = begin(argv, false, program_r);

	if (ret)
		program_r->pid = 0;
	return ret;
}

/* Appends what there is to read. 1; 0: the other end is closed; -errno: -EAGAIN: nothing is there yet. */
static int read_some(int fd, struct str *out)
{
	char buffer[4096];
	ssize_t len = read(fd, buffer, sizeof(buffer));

	if (len > 0 && out->len < RUN_PROGRAM_OUTPUT_MAX)
		str_append(out, buffer, len);
	return len < 0 ? -errno : len > 0;
}

bool program_read(const struct program *program, struct str *out)
{
	int ret;

	while ((ret = read_some(program->out, out)) > 0)
		;
	return ret != -EAGAIN;
}

void program_kill(const struct program *program)
{
	kill(-program->pid, SIGKILL);
}

static int64_t deadline_ms(void)
{
	int64_t own = clock_now_ms() + RUN_PROGRAM_MS;

	return reader >= 0 && all_until_ms < own ? all_until_ms : own;
}

/* Reads until the program has exited: who still has the pipe open then does not count. False: it
 * took too long. */
static bool read_all(int process, int fd, struct str *out)
{
	struct pollfd fds[] = {{.fd = process, .events = POLLIN},
			       {.fd = fd, .events = POLLIN},
			       {.fd = reader}}; /* an error: nobody reads it */
	int64_t deadline = deadline_ms(), left;

	while ((left = deadline - clock_now_ms()) > 0) {
		if (poll(fds, 3, (int)left) <= 0)
			continue;
		if (fds[2].revents)
			return false;
		if (fds[1].revents && read_some(fd, out) <= 0)
			fds[1].fd = -1; /* closed: it need not have exited */
		if (!fds[0].revents)
			continue;
		while (clock_now_ms() < deadline && read_some(fd, out) > 0)
			;
		return true;
	}
	return false;
}

/* Waits for it, until the deadline; kills it then. 0; -ETIME; -errno. */
static int watch(const struct program *program, struct str *out)
{
	int process = (int)syscall(SYS_pidfd_open, program->pid, 0), ret = 0;
	struct pollfd poll_fd = {.fd = process, .events = POLLIN};

	if (process < 0)
		ret = -errno;
	else if (!read_all(process, program->out, out))
		ret = -ETIME;
	if (ret) {
		program_kill(program);
		poll(&poll_fd, 1, RUN_PROGRAM_KILL_MS);
	}
	if (process >= 0)
		close(process);
	return ret;
}

int run_program(char *const argv[], struct str *out)
{
	struct program program;
	int status = 0, ret = begin(argv, true, &program);

	if (ret)
		return ret;
	ret = watch(&program, out);
	close(program.out);
	if (waitpid(program.pid, &status, WNOHANG) <= 0)
		return ret ? ret : -ECHILD;
	return !ret && (!WIFEXITED(status) || WEXITSTATUS(status) != 0) ? -EIO : ret;
}
