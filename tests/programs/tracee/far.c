// SPDX-License-Identifier: MIT
/* The other ends of a mail process's sockets: login process, auth, clients. */
#include "tracee.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BUFFER (8 * 1024 * 1024)

enum far_op { FAR_OPEN, FAR_SEND, FAR_DRAIN, FAR_SHUT };

struct far_command {
	uint32_t op, session;
	uint64_t size;
};

/* A command that takes its time. */
struct far_task {
	struct far_command command;
	int fd;
};

struct far {
	const struct setup *setup;
	char dir[256]; /* of the sockets */
	int clients[SESSIONS_MAX];
};

/* A TCP connection over loopback: [0] is the server's end, [1] the client's. */
static void tcp_pair(int fds_r[2])
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), size = SOCKET_BUFFER;
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	check(bind(listener, (void *)&address, len) == 0 && listen(listener, 1) == 0, "listen");
	check(getsockname(listener, (void *)&address, &len) == 0, "getsockname");
	fds_r[1] = socket(AF_INET, SOCK_STREAM, 0);
	check(connect(fds_r[1], (void *)&address, len) == 0, "connect");
	fds_r[0] = accept(listener, NULL, NULL);
	check(fds_r[0] >= 0, "accept");
	close(listener);
}

static void unix_pair(int fds_r[2])
{
	int size = SOCKET_BUFFER;

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, fds_r) == 0, "socketpair");
	setsockopt(fds_r[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
}

static void open_client(struct far *far, uint32_t session)
{
	int fds[2], login = unix_connect(far->dir, "login/imap");

	if (far->setup->unix_socket)
		unix_pair(fds);
	else
		tcp_pair(fds);
	login_send(login, session, fds[0], far->setup->input);
	close(fds[0]);
	check(session < SESSIONS_MAX, "too many sessions");
	far->clients[session] = fds[1];
	/* `login` stays open, as in a login process that waits for the answer */
}

static void *send_task(void *context)
{
	struct far_task *task = context;
	uint64_t left = task->command.size;
	uint32_t seed = task->command.session * 7919 + 1;
	char buffer[65536];

	while (left) {
		size_t size = left < sizeof(buffer) ? left : sizeof(buffer);
		ssize_t len;

		fill(buffer, size, seed++ + (uint32_t)left);
		len = write(task->fd, buffer, size);
		if (len < 0)
			break;
		left -= len;
	}
	free(task);
	return NULL;
}

static void *drain_task(void *context)
{
	struct far_task *task = context;
	uint64_t left = task->command.size;
	char buffer[65536];
	ssize_t len;

	for (; left; left -= len) {
		len = read(task->fd, buffer, left < sizeof(buffer) ? left : sizeof(buffer));
		if (len <= 0)
			break;
	}
	free(task);
	return NULL;
}

static void start_task(const struct far *far, const struct far_command *command,
		       void *(*run)(void *context))
{
	struct far_task *task = malloc(sizeof(*task));
	pthread_t thread;

	*task = (struct far_task){*command, far->clients[command->session]};
	check(pthread_create(&thread, NULL, run, task) == 0, "pthread_create");
	pthread_detach(thread);
}

struct auth {
	int listener;
	const struct setup *setup;
};

/* The lookups of the one mail process. */
static void *auth_task(void *context)
{
	struct auth *auth = context;
	int fd = accept(auth->listener, NULL, NULL);
	FILE *requests = fdopen(fd, "r");
	char line[1024];
	unsigned int id;

	check(requests != NULL, "accept");
	dprintf(fd, "VERSION\t1\t1\nSPID\t1\n");
	while (fgets(line, sizeof(line), requests))
		if (sscanf(line, "REQUEST\t%u\t", &id) == 1)
			dprintf(fd, "USER\t%u\t%s\n", id, auth->setup->reply);
	return NULL;
}

static void start_auth(struct auth *auth)
{
	pthread_t thread;

	check(pthread_create(&thread, NULL, auth_task, auth) == 0, "pthread_create");
}

static void obey(struct far *far, const struct far_command *command)
{
	switch ((enum far_op)command->op) {
	case FAR_OPEN:
		open_client(far, command->session);
		break;
	case FAR_SEND:
		start_task(far, command, send_task);
		break;
	case FAR_DRAIN:
		start_task(far, command, drain_task);
		break;
	case FAR_SHUT:
		shutdown(far->clients[command->session], SHUT_WR);
		break;
	}
}

#define FAR_CONTROL 3
#define FAR_AUTH    4

int far_main(const struct setup *setup)
{
	struct auth auth = {FAR_AUTH, setup};
	struct far far = {.setup = setup};
	struct far_command command;

	signal(SIGPIPE, SIG_IGN);
	snprintf(far.dir, sizeof(far.dir), "%s/%d", setup->base, (int)getppid());
	start_auth(&auth);
	while (read(FAR_CONTROL, &command, sizeof(command)) == sizeof(command))
		obey(&far, &command);
	return 0;
}

static void execute_far(const struct setup *setup, int control, int auth_listener)
{
	int fds[2] = {fcntl(control, F_DUPFD, 10), fcntl(auth_listener, F_DUPFD, 10)};

	dup2(fds[0], FAR_CONTROL);
	dup2(fds[1], FAR_AUTH);
	close_range(FAR_AUTH + 1, ~0u, 0);
	setup->argv[0] = "far";
	execv("/proc/self/exe", setup->argv);
	die("execv");
}

/* Executed under a name that is no mail process's. It ends with its mail process. */
int far_start(const struct setup *setup, int auth_listener)
{
	int control[2];
	pid_t pid;

	check(pipe(control) == 0, "pipe");
	pid = fork();
	check(pid >= 0, "fork");
	if (pid == 0)
		execute_far(setup, control[0], auth_listener);
	close(control[0]);
	close(auth_listener);
	return control[1];
}

static void order(int control, enum far_op op, uint32_t session, uint64_t size)
{
	const struct far_command command = {op, session, size};

	write_all(control, &command, sizeof(command));
}

void far_open(const struct mail *mail, uint32_t session)
{
	order(mail->control, FAR_OPEN, session, 0);
}

void far_send(const struct session *session, uint64_t size)
{
	order(session->mail->control, FAR_SEND, session->number, size);
}

void far_drain(const struct session *session, uint64_t size)
{
	order(session->mail->control, FAR_DRAIN, session->number, size);
}

void far_shut(const struct session *session)
{
	order(session->mail->control, FAR_SHUT, session->number, 0);
}
