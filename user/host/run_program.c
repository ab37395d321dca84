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

/* A pipe whose end for us is nonblocking. 0 or -errno. */
static int open_pipe(int fds_r[2])
{
	if (pipe2(fds_r, O_CLOEXEC))
		return -errno;
	fcntl(fds_r[0], F_SETFL, O_NONBLOCK);
	return 0;
}

/* `err_fd`, -1: none: it gets the program's standard error. 0 or -errno. */
static int begin(char *const argv[], int err_fd, struct program *program_r)
{
	int fds[2], ret;

	*program_r = (struct program){.out = -1};
	ret = open_pipe(fds);
	if (ret)
		return ret;
	ret = spawn(argv, fds[1], err_fd, &program_r->pid);
	close(fds[1]);
	if (!ret)
		program_r->out = fds[0];
	else
		close(fds[0]);
	return ret;
}

int program_start(char *const argv[], struct program *program_r)
{
	int ret = begin(argv, -1, program_r);

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

/* What a running program writes, and where that goes: standard output and standard error. */
struct outputs {
	int fds[2];
	struct str *texts[2];
};

/* Reads until the program has exited: who still has a pipe open then does not count. False: it
 * took too long. */
static bool read_all(int process, const struct outputs *outputs)
{
	struct pollfd fds[] = {{.fd = outputs->fds[0], .events = POLLIN},
			       {.fd = outputs->fds[1], .events = POLLIN},
			       {.fd = process, .events = POLLIN},
			       {.fd = reader}}; /* an error: nobody reads it */
	int64_t deadline = deadline_ms(), left;
	int i;

	while ((left = deadline - clock_now_ms()) > 0) {
		if (poll(fds, 4, (int)left) <= 0)
			continue;
		if (fds[3].revents)
			return false;
		for (i = 0; i < 2; i++)
			if (fds[i].revents && read_some(fds[i].fd, outputs->texts[i]) <= 0)
				fds[i].fd = -1; /* closed: it need not have exited */
		if (!fds[2].revents)
			continue;
		for (i = 0; i < 2; i++)
			while (clock_now_ms() < deadline &&
			       read_some(outputs->fds[i], outputs->texts[i]) > 0)
				;
		return true;
	}
	return false;
}

/* Waits for it, until the deadline; kills it then. 0; -ETIME; -errno. */
static int watch(const struct program *program, const struct outputs *outputs)
{
	int process = (int)syscall(SYS_pidfd_open, program->pid, 0), ret = 0;
	struct pollfd poll_fd = {.fd = process, .events = POLLIN};

	if (process < 0)
		ret = -errno;
	else if (!read_all(process, outputs))
		ret = -ETIME;
	if (ret) {
		program_kill(program);
		poll(&poll_fd, 1, RUN_PROGRAM_KILL_MS);
	}
	if (process >= 0)
		close(process);
	return ret;
}

static int run(char *const argv[], const int err_fds[2], struct str *out, struct str *errors)
{
	struct outputs outputs = {.fds = {-1, err_fds[0]}, .texts = {out, errors}};
	struct program program;
	int status = 0, ret = begin(argv, err_fds[1], &program);

	close(err_fds[1]);
	if (ret)
		return ret;
	outputs.fds[0] = program.out;
	ret = watch(&program, &outputs);
	close(program.out);
	if (waitpid(program.pid, &status, WNOHANG) <= 0)
		return ret ? ret : -ECHILD;
	return !ret && (!WIFEXITED(status) || WEXITSTATUS(status) != 0) ? -EIO : ret;
}

int run_program(char *const argv[], struct str *out)
{
	struct str errors = {0};
	int err_fds[2], ret = open_pipe(err_fds);

	if (ret)
		return ret;
	ret = run(argv, err_fds, out, &errors);
	close(err_fds[0]);
	if (ret)
		str_append(out, str_text(&errors), errors.len);
	str_free(&errors);
	return ret;
}
