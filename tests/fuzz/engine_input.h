/* SPDX-License-Identifier: MIT */
/*
 * For fuzz_engine_ops.c: takes numbers from an input and makes records of them
 * that fit together, as the kernel side's do. Offsets go on, a socket has an
 * owner, a login request has its layout.
 */
#ifndef ENGINE_INPUT_H
#define ENGINE_INPUT_H

#include "engine_world.h"

#define PIDS	500
#define COOKIES 1000
#define INODES	70
#define MASTER	400

struct input {
	const uint8_t *data;
	size_t left;
	uint64_t now_ns;
	uint64_t next[16][2];	/* offsets, by cookie */
	uint64_t text[16][2];	/* of what is inside TLS */
	unsigned int owner[16]; /* the process, from 0 */
	uint32_t uid;
};

/* The processes that exist at the beginning, and their sockets, by cookie. */
enum { IMAP, IMAP_LOGIN, LMTP, SUBMISSION, PROCS };
enum { LOGIN_REQUESTS = 12, SUBMISSION_LOGIN, SUBMISSION_AUTH };

static inline unsigned int take(struct input *input, unsigned int choices)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->data++ % choices;
}

/* A socket: mostly the usual one, whose class fits (see begin() in fuzz_engine_ops.c). */
static inline unsigned int take_cookie(struct input *input, unsigned int usual)
{
	return take(input, 8) ? usual : take(input, 16);
}

/* One of two cookies: the usual mail process's, or submission's. */
static inline unsigned int take_one_of(struct input *input, unsigned int usual, unsigned int other)
{
	unsigned int which = take(input, 8);

	return which == 0 ? take(input, 16) : which & 1 ? usual : other;
}

static inline void feed(struct world *world, struct input *input, enum rl_type type,
			unsigned int flags, uint32_t tgid, uint64_t cookie, const void *payload,
			size_t size)
{
	struct rl_rec rec = {
		.len = sizeof(rec) + size,
		.type = type,
		.flags = flags,
		.time_ns = input->now_ns += 1000,
		.tgid = tgid,
		.uid = input->uid,
		.gid = input->uid,
		.cookie = cookie,
	};
	unsigned char *record = mem_alloc(rec.len);

	memcpy(record, &rec, sizeof(rec));
	if (size)
		memcpy(record + sizeof(rec), payload, size);
	world_feed(world, record, rec.len);
	free(record);
}

static inline void feed_data(struct world *world, struct input *input, unsigned int cookie,
			     unsigned int dir, unsigned int flags, uint64_t passed_ino,
			     const void *bytes, size_t size)
{
	uint64_t *next =
		flags & RL_F_TLS ? &input->text[cookie % 16][dir] : &input->next[cookie % 16][dir];
	struct str payload = {0};
	struct rl_data data = {
		.offset = *next,
		.passed_ino = passed_ino,
		.size = size,
		.dir = dir,
	};

	*next += size;
	str_append(&payload, &data, sizeof(data));
	str_append(&payload, bytes, size);
	feed(world, input, RL_DATA, flags, PIDS + input->owner[cookie % 16], COOKIES + cookie,
	     payload.data, payload.len);
	str_free(&payload);
}

static inline void exec(struct world *world, struct input *input, unsigned int which,
			const char *comm, unsigned int flags)
{
	struct rl_proc proc = {.parent_tgid = MASTER};

	memcpy(proc.comm, comm, strlen(comm));
	feed(world, input, RL_PROC_EXEC, flags, PIDS + which, 0, &proc, sizeof(proc));
}

static inline void open_sock(struct world *world, struct input *input, unsigned int cookie,
			     unsigned int which, unsigned int flags, const struct rl_open *sock)
{
	memset(input->next[cookie], 0, sizeof(input->next[cookie]));
	memset(input->text[cookie], 0, sizeof(input->text[cookie]));
	input->owner[cookie] = which;
	feed(world, input, RL_SOCK_OPEN, flags, PIDS + which, COOKIES + cookie, sock,
	     sizeof(*sock));
}

/* A login request, as a mail process receives it or a login process sends it. */
static inline void login(struct world *world, struct input *input, unsigned int cookie,
			 unsigned int dir)
{
	static const char data[] = "session\0prefix\0a1 NOOP\r\na2 NO";
	unsigned char request[96 + sizeof(data)] = {0};
	unsigned int id = take(input, 4);
	uint64_t ino = INODES + take(input, 4);
	uint32_t size = take(input, sizeof(data));

	request[0] = id; /* see layouts[] in login_request.c */
	request[8] = id;
	request[52] = 2;
	request[74] = id;
	memcpy(request + 80, &size, sizeof(size));
	memcpy(request + 88, &ino, sizeof(ino));
	memcpy(request + 96, data, size);
	feed_data(world, input, cookie, dir, 0, take(input, 2) ? ino : 0, request, 96 + size);
}

/* Bytes of the input, none of which is SECRET or the beginning of a TLS handshake. The flags say what
 * they belong to. */
static inline void some_bytes(struct world *world, struct input *input, unsigned int cookie,
			      unsigned int dir, unsigned int flags)
{
	uint8_t bytes[64];
	size_t size = take(input, sizeof(bytes)), i;

	if (size > input->left)
		size = input->left;
	for (i = 0; i < size; i++)
		bytes[i] =
			input->data[i] == SECRET || input->data[i] == 0x16 ? 'x' : input->data[i];
	input->data += size;
	input->left -= size;
	feed_data(world, input, cookie, dir, flags, 0, bytes, size);
}

static inline void begin_tls(struct world *world, struct input *input, unsigned int cookie,
			     uint64_t offset)
{
	const struct rl_tls tls = {.offset = offset};

	feed(world, input, RL_TLS_BEGIN, 0, PIDS + input->owner[cookie], COOKIES + cookie, &tls,
	     sizeof(tls));
}

#endif
