// SPDX-License-Identifier: MIT
/* The mail process: its logins, its notes, and what scenarios have in common. */
#include "tracee.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* No socket's buffer is smaller: so much can always be waited for. */
#define SURELY_BUFFERED 65536

/* setgid, setgroups, setuid: the order of restrict-access.c */
static void drop(struct mail *mail)
{
	const struct setup *setup = mail->setup;

	if (mail->dropped || !setup->uid)
		return;
	check(setgid(setup->gid) == 0, "setgid");
	check(setgroups(setup->groups_count, setup->groups) == 0, "setgroups");
	check(setuid(setup->uid) == 0, "setuid");
	mail->dropped = true;
}

/* The login request: a descriptor, the structure, then its data. */
static int take_login(int login, unsigned char request[96], char data_r[2048], size_t *size_r)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {request, 96};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	uint32_t size;
	int fd;

	check(recvmsg(login, &msg, 0) == 96 && CMSG_FIRSTHDR(&msg), "login request");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	memcpy(&size, request + 80, sizeof(size));
	check(size <= 2048 && read(login, data_r, size) == (ssize_t)size, "login request's data");
	*size_r = size;
	return fd;
}

static void look_up(struct mail *mail, const unsigned char request[96])
{
	char line[512], answer[8192];
	uint32_t session;
	int i, len;

	memcpy(&session, request, sizeof(session));
	len = snprintf(line, sizeof(line), "REQUEST\t%u\t%u\t%u\t", session,
		       *(const uint32_t *)(const void *)(request + 12), session);
	for (i = 0; i < 16; i++)
		len += snprintf(line + len, sizeof(line) - len, "%02x", request[16 + i]);
	len += snprintf(line + len, sizeof(line) - len, "\tsession_pid=%d\n", (int)getpid());
	check(write(mail->auth, line, len) == len, "lookup");
	/* VERSION and SPID may come along, or before */
	for (len = 0, answer[0] = '\0'; !strstr(answer, "USER\t") || answer[len - 1] != '\n';
	     len += i) {
		i = read(mail->auth, answer + len, sizeof(answer) - 1 - len);
		check(i > 0, "answer of auth");
		answer[len + i] = '\0';
	}
}

static FILE *open_note(const struct session *session, const char *what)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d-%u.%s", session->mail->setup->expect, (int)getpid(),
		 session->number, what);
	file = fopen(path, "w");
	check(file != NULL, path);
	return file;
}

static void open_notes(struct session *session)
{
	session->expect[IN] = open_note(session, "in");
	session->expect[OUT] = open_note(session, "out");
	session->sizes[IN] = open_note(session, "in.sizes");
	session->sizes[OUT] = open_note(session, "out.sizes");
}

struct session *session_open_stalled(struct mail *mail)
{
	struct session *session = calloc(1, sizeof(*session));
	uint32_t reply[3] = {0, 0, getpid()};
	unsigned char request[96];
	char data[2048];
	size_t size, head;
	int login;

	session->mail = mail;
	session->number = mail->sessions_count++;
	if (mail->setup->drop_first)
		drop(mail);
	open_notes(session);
	far_open(mail, session->number);
	login = accept(mail->listener, NULL, NULL);
	check(login >= 0, "accept");
	session->fd = take_login(login, request, data, &size);
	look_up(mail, request);
	memcpy(reply, request, sizeof(reply[0]));
	check(write(login, reply, sizeof(reply)) == sizeof(reply), "login reply");
	close(login);
	drop(mail);
	head = strlen(data) + 1;
	head += strlen(data + head) + 1;
	told(session, IN, data + head, size - head);
	return session;
}

struct session *session_open(struct mail *mail)
{
	struct session *session = session_open_stalled(mail);

	far_drain(session, UINT64_MAX);
	return session;
}

void session_close(struct session **session_p)
{
	struct session *session = *session_p;
	int dir;

	*session_p = NULL;
	close(session->fd);
	for (dir = IN; dir <= OUT; dir++) {
		check(fclose(session->expect[dir]) == 0, "fclose");
		check(fclose(session->sizes[dir]) == 0, "fclose");
	}
	fclose(open_note(session, "ended"));
	free(session);
}

void told(struct session *session, int dir, const void *data, size_t size)
{
	if (!size)
		return;
	check(fwrite(data, 1, size, session->expect[dir]) == size, "fwrite");
	fprintf(session->sizes[dir], "%zu\n", size);
}

void told_iov(struct session *session, int dir, const struct iovec *iov, size_t size)
{
	size_t left, part;

	for (left = size; left; left -= part, iov++) {
		part = iov->iov_len < left ? iov->iov_len : left;
		check(fwrite(iov->iov_base, 1, part, session->expect[dir]) == part, "fwrite");
	}
	if (size)
		fprintf(session->sizes[dir], "%zu\n", size);
}

const char *ask_test(const char *word)
{
	static char answer[128];

	printf("%s %d\n", word, (int)getpid());
	fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin))
		answer[0] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	return answer;
}

void wait_readable(const struct session *session, size_t size)
{
	struct pollfd poll_fd = {.fd = session->fd, .events = POLLIN};
	int there;

	if (size > SURELY_BUFFERED)
		size = SURELY_BUFFERED;
	do {
		check(poll(&poll_fd, 1, -1) == 1, "poll");
		check(ioctl(session->fd, FIONREAD, &there) == 0, "FIONREAD");
	} while ((size_t)there < size);
}

void take_exactly(struct session *session, size_t size)
{
	unsigned char *buffer = session->mail->buffer;
	ssize_t len;

	for (; size; size -= len) {
		len = read(session->fd, buffer, size < BUFFER_SIZE ? size : BUFFER_SIZE);
		check(len > 0, "read");
		told(session, IN, buffer, len);
	}
}

void give(struct session *session, size_t size)
{
	unsigned char *buffer = session->mail->buffer;

	fill(buffer, size, size);
	check(write(session->fd, buffer, size) == (ssize_t)size, "write");
	told(session, OUT, buffer, size);
}

static const struct scenario *find_scenario(const char *name)
{
	static const struct scenario *const tables[] = {scenarios_size, scenarios_call,
							scenarios_life};
	const struct scenario *scenario;
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (scenario = tables[i]; scenario->name; scenario++)
			if (strcmp(scenario->name, name) == 0)
				return scenario;
	errno = EINVAL;
	die(name);
}

/* Each mail process has its own directory, so that several can run at once. */
static void listen_all(struct mail *mail)
{
	char dir[256], login[300];
	int auth;

	snprintf(dir, sizeof(dir), "%s/%d", mail->setup->base, (int)getpid());
	snprintf(login, sizeof(login), "%s/login", dir);
	check(mkdir(dir, 0755) == 0 && mkdir(login, 0755) == 0, "mkdir");
	mail->listener = unix_listen(login, "imap");
	auth = unix_listen(dir, "auth-master");
	mail->control = far_start(mail->setup, auth);
	mail->auth = unix_connect(dir, "auth-master");
	write_all(mail->auth, "VERSION\t1\t1\n", 12);
}

int mail_main(const struct setup *setup)
{
	char *scenario = strdup(setup->scenario), *argument = strchr(scenario, ':');
	struct mail mail = {.setup = setup};

	signal(SIGPIPE, SIG_IGN);
	mail.buffer =
		mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(mail.buffer != MAP_FAILED, "mmap");
	if (argument)
		*argument++ = '\0';
	listen_all(&mail);
	find_scenario(scenario)->run(&mail, argument);
	return 0;
}
