// SPDX-License-Identifier: MIT
/* How much: every size around a border, in every way, in one piece and in many. */
#include "tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A way to move bytes. */
struct io {
	const char *name;
	bool one_piece; /* `count` is 1 */
	ssize_t (*in)(int fd, struct iovec *iov, int count, int flags);
	ssize_t (*out)(int fd, struct iovec *iov, int count);
};

static ssize_t in_read(int fd, struct iovec *iov, int count, int flags)
{
	return read(fd, iov->iov_base, iov->iov_len);
}

static ssize_t out_write(int fd, struct iovec *iov, int count)
{
	return write(fd, iov->iov_base, iov->iov_len);
}

static ssize_t in_recv(int fd, struct iovec *iov, int count, int flags)
{
	return recv(fd, iov->iov_base, iov->iov_len, flags);
}

static ssize_t out_send(int fd, struct iovec *iov, int count)
{
	return send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
}

static ssize_t in_recvfrom(int fd, struct iovec *iov, int count, int flags)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	return recvfrom(fd, iov->iov_base, iov->iov_len, flags, (void *)&address, &len);
}

static ssize_t out_sendto(int fd, struct iovec *iov, int count)
{
	return sendto(fd, iov->iov_base, iov->iov_len, 0, NULL, 0);
}

static ssize_t in_recvmsg(int fd, struct iovec *iov, int count, int flags)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};

	return recvmsg(fd, &msg, flags);
}

static ssize_t out_sendmsg(int fd, struct iovec *iov, int count)
{
	const struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};

	return sendmsg(fd, &msg, 0);
}

static ssize_t in_readv(int fd, struct iovec *iov, int count, int flags)
{
	return readv(fd, iov, count);
}

static ssize_t out_writev(int fd, struct iovec *iov, int count)
{
	return writev(fd, iov, count);
}

static ssize_t in_preadv2(int fd, struct iovec *iov, int count, int flags)
{
	return preadv2(fd, iov, count, -1, 0);
}

static ssize_t out_pwritev2(int fd, struct iovec *iov, int count)
{
	return pwritev2(fd, iov, count, -1, 0);
}

static const struct io ios[] = {
	{"read", true, in_read, out_write},	     {"recv", true, in_recv, out_send},
	{"recvfrom", true, in_recvfrom, out_sendto}, {"recvmsg", false, in_recvmsg, out_sendmsg},
	{"readv", false, in_readv, out_writev},	     {"preadv2", false, in_preadv2, out_pwritev2},
};

static const struct io *find_io(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(ios) / sizeof(ios[0]); i++)
		if (strcmp(ios[i].name, name) == 0)
			return &ios[i];
	errno = EINVAL;
	die(name);
}

static void send_one(struct session *session, const struct io *io, size_t size)
{
	struct iovec iov = {session->mail->buffer, size};

	fill(iov.iov_base, size, size);
	check(io->out(session->fd, &iov, 1) == (ssize_t)size, "send");
	told(session, OUT, iov.iov_base, size);
}

static void receive_one(struct session *session, const struct io *io, size_t size)
{
	struct iovec iov = {session->mail->buffer, 0};
	ssize_t len;

	far_send(session, size);
	for (; size; size -= len) {
		wait_readable(session, size);
		iov.iov_len = size;
		len = io->in(session->fd, &iov, 1, MSG_WAITALL);
		check(len > 0, "receive");
		told(session, IN, iov.iov_base, len);
	}
}

/* The borders of the kernel side's record sizes and of its chunks, and some beyond. */
static void run_sizes(struct mail *mail, const char *argument)
{
	static const size_t sizes[] = {
		1,     2,     191,   192,   193,   959,	   960,	    961,     4095,  4096,
		4097,  8191,  8192,  8193,  16383, 16384,  16385,   32767,   32768, 32769,
		65535, 65536, 65537, 98304, 98305, 360086, 1048576, 5242880,
	};
	struct session *session = session_open(mail);
	const struct io *io = find_io(argument);
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		send_one(session, io, sizes[i]);
		receive_one(session, io, sizes[i]);
	}
	session_close(&session);
}

#define PIECES_MAX 1024

/* Pieces of one operation, by some rule of their index. The bytes of all. */
static size_t make_pieces(struct mail *mail, struct iovec *iov, int count,
			  size_t (*len)(unsigned int index))
{
	size_t size = 0;
	int i;

	for (i = 0; i < count; i++) {
		iov[i] = (struct iovec){mail->buffer + size, len(i)};
		size += iov[i].iov_len;
	}
	check(size <= BUFFER_SIZE, "too many bytes");
	fill(mail->buffer, size, count);
	return size;
}

static size_t len_tiny(unsigned int i)
{
	return i % 4;
}

static size_t len_mixed(unsigned int i)
{
	return i % 5 ? 61 * (i % 23) : 0;
}

static size_t len_huge(unsigned int i)
{
	return i % 3 == 2 ? 0 : 30000 + 1000 * i;
}

static size_t len_one(unsigned int i)
{
	return 1;
}

static size_t len_first_empty(unsigned int i)
{
	return i < 40 ? 0 : 1;
}

static const struct {
	size_t (*len)(unsigned int index);
	int count_max;
} shapes[] = {
	{len_tiny, PIECES_MAX}, {len_mixed, PIECES_MAX},       {len_huge, 42},
	{len_one, PIECES_MAX},	{len_first_empty, PIECES_MAX},
};

static void move_pieces(struct session *session, const struct io *io, struct iovec *iov, int count,
			size_t size)
{
	ssize_t len;

	if (!size)
		return;
	check(io->out(session->fd, iov, count) == (ssize_t)size, "send pieces");
	told_iov(session, OUT, iov, size);
	far_send(session, size);
	wait_readable(session, size);
	len = io->in(session->fd, iov, count, 0);
	check(len > 0, "receive pieces");
	told_iov(session, IN, iov, len);
	take_exactly(session, size - len);
}

static void run_iov(struct mail *mail, const char *argument)
{
	static const int counts[] = {1, 2, 41, 42, 43, 255, PIECES_MAX};
	struct session *session = session_open(mail);
	const struct io *io = find_io(argument);
	struct iovec iov[PIECES_MAX];
	size_t i, k, size;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++) {
			if (counts[i] > shapes[k].count_max)
				continue;
			size = make_pieces(mail, iov, counts[i], shapes[k].len);
			move_pieces(session, io, iov, counts[i], size);
		}
	}
	session_close(&session);
}

/* Fewer bytes come than there is room for: the last pieces stay unused, one is used in part. */
static void run_iov_short(struct mail *mail, const char *argument)
{
	static const size_t sizes[] = {1, 100, 4999, 40000};
	struct session *session = session_open(mail);
	const struct io *io = find_io(argument);
	struct iovec iov[PIECES_MAX];
	ssize_t len;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make_pieces(mail, iov, PIECES_MAX, len_mixed);
		far_send(session, sizes[i]);
		wait_readable(session, sizes[i]);
		len = io->in(session->fd, iov, PIECES_MAX, 0);
		check(len == (ssize_t)sizes[i], "short read");
		told_iov(session, IN, iov, len);
		give(session, 10);
	}
	session_close(&session);
}

#define PARTIAL_TOTAL 1000000

/* The client takes little: each call takes a part of what it is given, or nothing. */
static void run_partial(struct mail *mail, const char *argument)
{
	struct session *session = session_open_stalled(mail);
	struct pollfd poll_fd = {.fd = session->fd, .events = POLLOUT};
	const struct io *io = find_io(argument);
	int small = 8192, partial = 0;
	size_t left = PARTIAL_TOTAL;
	struct iovec iov[3];
	ssize_t len;

	setsockopt(session->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	fcntl(session->fd, F_SETFL, O_NONBLOCK);
	fill(mail->buffer, PARTIAL_TOTAL, 1);
	while (left) {
		iov[0] = (struct iovec){mail->buffer + PARTIAL_TOTAL - left, left};
		if (left > 20000 && !io->one_piece) {
			iov[0].iov_len = 7;
			iov[1] = (struct iovec){(char *)iov[0].iov_base + 7, 10000};
			iov[2] = (struct iovec){(char *)iov[1].iov_base + 10000, left - 10007};
			len = io->out(session->fd, iov, 3);
		} else {
			len = io->out(session->fd, iov, 1);
		}
		if (len > 0) {
			told(session, OUT, iov[0].iov_base, len);
			partial += len < (ssize_t)left;
			left -= len;
			continue;
		}
		check(errno == EAGAIN, "partial write");
		do { /* TCP opens its window when it sees fit */
			far_drain(session, 10007);
		} while (poll(&poll_fd, 1, 1) == 0);
	}
	check(partial > 2, "there was no partial write");
	session_close(&session);
}

const struct scenario scenarios_size[] = {
	{"sizes", run_sizes},
	{"iov", run_iov},
	{"iov-short", run_iov_short},
	{"partial", run_partial},
	{0},
};
