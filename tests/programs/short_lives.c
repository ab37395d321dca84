// SPDX-License-Identifier: MIT
/*
 * dovecot COUNT: plays a master of which nothing is recorded, with COUNT processes that live for a
 * moment. It is run under the name dovecot, and as imap by itself: both are beside each other.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* As many wait for their end at a time. */
#define AT_ONCE 8

extern char **environ;

/* A mail process that does something with a connection. */
static int serve(void)
{
	char byte = 'x';
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return 1;
	return write(pair[0], &byte, 1) != 1 || read(pair[1], &byte, 1) != 1;
}

/* A child that executes imap, or dovecot, or nothing. */
static int start_one(const char *own, unsigned long number)
{
	char path[4096];
	char *argv[] = {path, NULL};
	pid_t pid;

	if (number % 4 == 0) {
		pid = fork();
		if (pid == 0)
			_exit(0);
		return pid < 0 ? errno : 0;
	}
	snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(own, '/') - own), own,
		 number % 4 == 2 ? "dovecot" : "imap");
	return posix_spawn(&pid, path, NULL, NULL, argv, environ);
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, i;
	int status, error, failed = 0;

	if (strcmp(strrchr(argv[0], '/'), "/imap") == 0)
		return serve();
	for (i = 0; i < count; i++) {
		error = start_one(argv[0], i);
		if (error) {
			fprintf(stderr, "starting process %lu: %s\n", i, strerror(error));
			return 1;
		}
		if (i >= AT_ONCE && wait(&status) > 0)
			failed |= status;
	}
	while (wait(&status) > 0)
		failed |= status;
	return failed != 0;
}
