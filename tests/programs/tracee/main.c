// SPDX-License-Identifier: MIT
/* The command line, and the master: it executes the mail process and waits for it. */
#include "tracee.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef TRACEE_VERSION
#define TRACEE_VERSION "2.3.19.1"
#endif

#define TIMEOUT_S 120 /* nothing of this outlives its test for long */

static const struct option options[] = {
	{"base", required_argument, NULL, 'b'},	  {"reply", required_argument, NULL, 'r'},
	{"expect", required_argument, NULL, 'e'}, {"uid", required_argument, NULL, 'u'},
	{"gid", required_argument, NULL, 'g'},	  {"group", required_argument, NULL, 'G'},
	{"unix", no_argument, NULL, 'U'},	  {"drop-first", no_argument, NULL, 'd'},
	{"input", required_argument, NULL, 'i'},  {"times", required_argument, NULL, 't'},
	{"kill-blocked", no_argument, NULL, 'k'}, {0},
};

static unsigned int number(const char *text)
{
	return strtoul(text, NULL, 10);
}

static void take(struct setup *setup, int letter)
{
	switch (letter) {
	case 'b':
		setup->base = optarg;
		break;
	case 'r':
		setup->reply = optarg;
		break;
	case 'e':
		setup->expect = optarg;
		break;
	case 'u':
		setup->uid = number(optarg);
		break;
	case 'g':
		setup->gid = number(optarg);
		break;
	case 'G':
		check(setup->groups_count < GROUPS_MAX, "too many groups");
		setup->groups[setup->groups_count++] = number(optarg);
		break;
	case 'U':
		setup->unix_socket = true;
		break;
	case 'd':
		setup->drop_first = true;
		break;
	case 'i':
		setup->input = number(optarg);
		break;
	case 't':
		setup->times = number(optarg);
		break;
	case 'k':
		setup->kill_blocked = true;
		break;
	default:
		errno = EINVAL;
		die("option");
	}
}

static struct setup parse(int argc, char *argv[])
{
	struct setup setup = {.argv = argv, .times = 1};
	int letter;

	while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1)
		take(&setup, letter);
	errno = EINVAL;
	check(optind == argc - 1 && setup.base && setup.reply && setup.expect, "arguments");
	setup.scenario = argv[optind];
	return setup;
}

/* Beside this program. */
static void execute_mail(char *argv[])
{
	char path[PATH_MAX], *base;
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	check(len > 0, "readlink");
	path[len] = '\0';
	base = strrchr(path, '/') + 1;
	snprintf(base, sizeof(path) - (base - path), "imap");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	argv[0] = path;
	execv(path, argv);
	die(path);
}

/* Its first system call after it said so is the read() that blocks. */
static void wait_blocked(pid_t pid, int said)
{
	char path[64], wanted[8], call[8], byte;
	FILE *file;

	check(read(said, &byte, 1) == 1, "nothing said");
	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	snprintf(wanted, sizeof(wanted), "%d ", SYS_read);
	do {
		file = fopen(path, "r");
		check(file && fgets(call, sizeof(call), file), path);
		fclose(file);
	} while (strncmp(call, wanted, strlen(wanted)) != 0);
}

static int run_mail(const struct setup *setup, char *argv[])
{
	int said[2], status;
	pid_t pid;

	check(pipe(said) == 0, "pipe");
	pid = fork();
	check(pid >= 0, "fork");
	if (pid == 0) {
		if (setup->kill_blocked)
			dup2(said[1], STDOUT_FILENO);
		execute_mail(argv);
	}
	close(said[1]);
	if (setup->kill_blocked) {
		wait_blocked(pid, said[0]);
		kill(pid, SIGKILL);
	}
	close(said[0]);
	check(waitpid(pid, &status, 0) == pid, "waitpid");
	if (setup->kill_blocked && WIFSIGNALED(status))
		return 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A master outlives its children: until the test has no more to say. */
static void wait_for_test(void)
{
	char word[64];

	while (read(STDIN_FILENO, word, sizeof(word)) > 0)
		;
}

static int master_main(const struct setup *setup, char *argv[])
{
	unsigned int i;
	int status = 0;

	check(chdir(setup->base) == 0, setup->base);
	for (i = 0; i < setup->times && status == 0; i++)
		status = run_mail(setup, argv);
	wait_for_test();
	return status;
}

int main(int argc, char *argv[])
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	struct setup setup;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts(TRACEE_VERSION " (tracee)");
		return 0;
	}
	alarm(TIMEOUT_S);
	setup = parse(argc, argv);
	if (strcmp(name, "far") == 0)
		return far_main(&setup);
	if (strcmp(name, "imap") == 0)
		return mail_main(&setup);
	return master_main(&setup, argv);
}
