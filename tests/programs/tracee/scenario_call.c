// SPDX-License-Identifier: MIT
/* How: calls that move nothing, that look only, that take the bytes from elsewhere. */
#include "tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define STORM 100000

/* Nothing to read, and then no room to write: what fails must leave no trace. */
static void run_eagain(struct mail *mail, const char *argument)
{
	struct session *session = session_open_stalled(mail);
	struct iovec iov = {mail->buffer, 1000};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t len;
	int i;

	fcntl(session->fd, F_SETFL, O_NONBLOCK);
	for (i = 0; i < STORM / 4; i++) {
		check(read(session->fd, mail->buffer, 1000) < 0, "read");
		check(recv(session->fd, mail->buffer, 1000, 0) < 0, "recv");
		check(recvmsg(session->fd, &msg, 0) < 0, "recvmsg");
		check(readv(session->fd, &iov, 1) < 0, "readv");
	}
	far_send(session, 1000);
	wait_readable(session, 1000);
	take_exactly(session, 1000);
	fill(mail->buffer, 65536, 2);
	for (i = 0; i < STORM / 10;) {
		len = write(session->fd, mail->buffer, 65536);
		check(len > 0 || errno == EAGAIN, "write");
		if (len > 0)
			told(session, OUT, mail->buffer, len);
		else
			i++;
	}
	session_close(&session);
}

static void run_peek(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);
	struct iovec iov = {mail->buffer, 1000};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int i;

	for (i = 0; i < 10; i++) {
		far_send(session, 1000);
		wait_readable(session, 1000);
		check(recv(session->fd, mail->buffer, 1, MSG_PEEK) == 1, "peek");
		check(recv(session->fd, mail->buffer, 1000, MSG_PEEK) == 1000, "peek");
		check(recvmsg(session->fd, &msg, MSG_PEEK) == 1000, "peek");
		take_exactly(session, 1000);
		give(session, 10);
	}
	session_close(&session);
}

/* TCP: the bytes are received, and thrown away before they reach the buffer. */
static void run_trunc(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);

	give(session, 10);
	far_send(session, 1000);
	wait_readable(session, 1000);
	memset(mail->buffer, 'x', 1000);
	check(recv(session->fd, mail->buffer, 1000, MSG_TRUNC) == 1000, "trunc");
	told(session, IN, mail->buffer, 1000);
	far_send(session, 500);
	take_exactly(session, 500);
	session_close(&session);
}

/* Calls with no bytes, and the end of file, again and again; writing goes on after it. */
static void run_empty(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);
	struct iovec iov = {mail->buffer, 0};
	int i;

	far_send(session, 100);
	wait_readable(session, 100);
	for (i = 0; i < 10; i++) {
		check(write(session->fd, mail->buffer, 0) == 0, "write");
		check(send(session->fd, mail->buffer, 0, 0) == 0, "send");
		check(writev(session->fd, &iov, 1) == 0, "writev");
		check(read(session->fd, mail->buffer, 0) == 0, "read");
		check(recv(session->fd, mail->buffer, 0, 0) == 0, "recv");
		check(readv(session->fd, &iov, 1) == 0, "readv");
		give(session, 10);
		take_exactly(session, 10);
	}
	far_shut(session);
	for (i = 0; i < 10; i++) {
		check(read(session->fd, mail->buffer, 1000) == 0, "end of file");
		give(session, 10);
	}
	session_close(&session);
}

/* Memory that the kernel side can only read because the call itself has brought it in. */
static void run_fresh(struct mail *mail, const char *argument)
{
	static const size_t sizes[] = {100, 4096, 40000, 200000};
	struct session *session = session_open(mail);
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	unsigned char *at;
	ssize_t len;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		far_send(session, sizes[i]);
		wait_readable(session, sizes[i]);
		at = mmap(NULL, sizes[i], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);
		madvise(at, sizes[i], MADV_DONTNEED);
		len = read(session->fd, at, sizes[i]);
		check(len > 0, "read");
		told(session, IN, at, len);
		take_exactly(session, sizes[i] - len);
		madvise(at, sizes[i], MADV_DONTNEED);
		check(write(session->fd, at, sizes[i]) == (ssize_t)sizes[i], "write");
		told(session, OUT, at, sizes[i]);
		munmap(at, sizes[i]);
		at = mmap(NULL, 30000, PROT_READ, MAP_PRIVATE, file, 0);
		check(write(session->fd, at, 30000) == 30000, "write");
		told(session, OUT, at, 30000);
		munmap(at, 30000);
	}
	session_close(&session);
}

/* An unnamed file with the buffer's first bytes. */
static int make_file(struct mail *mail, size_t size)
{
	int fd = memfd_create("mail", MFD_CLOEXEC);

	fill(mail->buffer, size, 3);
	check(fd >= 0, "memfd_create");
	write_all(fd, mail->buffer, size);
	check(lseek(fd, 0, SEEK_SET) == 0, "lseek");
	return fd;
}

#define FILE_SIZE 300000

static void run_sendfile(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);
	off_t offset = 1000;
	ssize_t len;
	int fd;

	give(session, 33);
	fd = make_file(mail, FILE_SIZE);
	while (offset < FILE_SIZE) {
		unsigned char *at = mail->buffer + offset;

		len = sendfile(session->fd, fd, &offset, FILE_SIZE - offset);
		check(len > 0, "sendfile");
		told(session, OUT, at, len);
	}
	give(session, 44);
	session_close(&session);
}

static void run_splice_out(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);
	int ends[2];

	check(pipe2(ends, O_CLOEXEC) == 0, "pipe");
	give(session, 33);
	fill(mail->buffer, 30000, 4);
	write_all(ends[1], mail->buffer, 30000);
	check(splice(ends[0], NULL, session->fd, NULL, 30000, 0) == 30000, "splice");
	told(session, OUT, mail->buffer, 30000);
	give(session, 44);
	session_close(&session);
}

static void run_splice_in(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);
	int ends[2];

	check(pipe2(ends, O_CLOEXEC) == 0, "pipe");
	give(session, 33);
	far_send(session, 1000);
	wait_readable(session, 1000);
	check(splice(session->fd, NULL, ends[1], NULL, 1000, 0) == 1000, "splice");
	check(read(ends[0], mail->buffer, 1000) == 1000, "read");
	told(session, IN, mail->buffer, 1000);
	far_send(session, 500);
	take_exactly(session, 500);
	session_close(&session);
}

static void run_mmsg(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);
	struct mmsghdr msgs[3] = {0};
	struct iovec iov[3];
	int i;

	give(session, 33);
	for (i = 0; i < 3; i++) {
		iov[i] = (struct iovec){mail->buffer + 1000 * i, 1000};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	fill(mail->buffer, 3000, 5);
	check(sendmmsg(session->fd, msgs, 3, 0) == 3, "sendmmsg");
	told(session, OUT, mail->buffer, 3000);
	far_send(session, 3000);
	wait_readable(session, 3000);
	check(recvmmsg(session->fd, msgs, 3, 0, NULL) == 3, "recvmmsg");
	told(session, IN, mail->buffer, 3000);
	give(session, 44);
	far_send(session, 500);
	take_exactly(session, 500);
	session_close(&session);
}

/* Many small writes, as fast as they go. */
static void run_burst(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);
	size_t size;
	int i;

	give(session, 10);
	check(strcmp(ask_test("begun"), "go") == 0, "not told to go");
	fill(mail->buffer, 4096, 6);
	for (i = 0; i < STORM; i++) {
		size = 1 + i * 7 % 200;
		check(write(session->fd, mail->buffer + i % 1000, size) == (ssize_t)size, "write");
		told(session, OUT, mail->buffer + i % 1000, size);
	}
	session_close(&session);
}

static void run_dup(struct mail *mail, const char *argument)
{
	struct session *session = session_open(mail);
	int fds[3] = {session->fd, dup(session->fd), dup2(session->fd, 200)}, i;

	for (i = 0; i < 30; i++) {
		session->fd = fds[i % 3];
		give(session, 100 + i);
		far_send(session, 200 + i);
		take_exactly(session, 200 + i);
	}
	close(fds[0]);
	session->fd = fds[1];
	give(session, 77);
	close(fds[1]);
	session->fd = fds[2];
	give(session, 78);
	session_close(&session);
}

const struct scenario scenarios_call[] = {
	{"eagain", run_eagain},
	{"peek", run_peek},
	{"trunc", run_trunc},
	{"empty", run_empty},
	{"fresh", run_fresh},
	{"sendfile", run_sendfile},
	{"splice-out", run_splice_out},
	{"splice-in", run_splice_in},
	{"mmsg", run_mmsg},
	{"burst", run_burst},
	{"dup", run_dup},
	{0},
};
