// SPDX-License-Identifier: MIT
/*
 * An input is a few bytes for each thing that happens: whatever they are,
 * they make sense as records of a few processes, sockets and sessions, in any
 * order. So the engine's states are reached, and all the ways between them.
 */
#include "engine_world.h"

#define PIDS	500
#define COOKIES 1000
#define INODES	70
#define MASTER	400

struct input {
	const uint8_t *data;
	size_t left;
	uint64_t now_ns;
	uint64_t next[16][2]; /* offsets, by cookie */
	uint32_t uid;
};

static unsigned int take(struct input *input, unsigned int choices)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->data++ % choices;
}

/* Mostly the socket that is of this class, see begin(). */
static unsigned int take_cookie(struct input *input, enum rl_class usual)
{
	return take(input, 8) ? usual : take(input, 16);
}

static void feed(struct world *world, struct input *input, enum rl_type type, unsigned int flags,
		 uint32_t tgid, uint64_t cookie, const void *payload, size_t size)
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

static void feed_data(struct world *world, struct input *input, unsigned int cookie,
		      unsigned int dir, unsigned int flags, uint64_t passed_ino, const void *bytes,
		      size_t size)
{
	uint64_t *next = &input->next[cookie % 16][dir];
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
	feed(world, input, RL_DATA, flags, PIDS, COOKIES + cookie, payload.data, payload.len);
	str_free(&payload);
}

static void do_master(struct world *world, struct input *input)
{
	struct rl_master master = {.status = take(input, 8) ? RL_MASTER_OK : RL_MASTER_UNTRUSTED};

	memcpy(master.version, take(input, 8) ? "2.3.19.1" : "2.4.0", 6);
	feed(world, input, RL_FACT_MASTER, 0, MASTER, 0, &master, sizeof(master));
}

static void do_exec(struct world *world, struct input *input)
{
	static const char *const comms[] = {"imap", "pop3", "dovecot", "sh"};
	struct rl_proc proc = {.parent_tgid = MASTER, .role = RL_ROLE_MAIL};
	const char *comm = comms[take(input, 4)];
	unsigned int found = take(input, 2) ? RL_F_FOUND : 0;

	memcpy(proc.comm, comm, strlen(comm));
	feed(world, input, RL_PROC_EXEC, found, PIDS + take(input, 2), 0, &proc, sizeof(proc));
}

static void do_exit(struct world *world, struct input *input)
{
	feed(world, input, RL_PROC_EXIT, 0, PIDS + take(input, 2), 0, NULL, 0);
}

static void do_open(struct world *world, struct input *input)
{
	struct rl_open sock = {.class = 1 + take(input, 5), .ino = INODES + take(input, 4)};
	unsigned int cookie = take(input, 16);

	memset(input->next[cookie], 0, sizeof(input->next[cookie]));
	feed(world, input, RL_SOCK_OPEN, 0, PIDS + take(input, 2), COOKIES + cookie, &sock,
	     sizeof(sock));
}

static void do_login(struct world *world, struct input *input)
{
	static const char data[] = "session\0prefix\0a1 NOOP\r\na2 NO";
	unsigned char request[96 + sizeof(data)] = {0};
	unsigned int cookie = take_cookie(input, RL_CLASS_LOGIN), id = take(input, 4);
	uint64_t ino = INODES + take(input, 4);
	uint32_t size = take(input, sizeof(data));

	request[8] = id; /* see layouts[] in hs_login.c */
	request[52] = 2;
	memcpy(request + 80, &size, sizeof(size));
	memcpy(request + 88, &ino, sizeof(ino));
	memcpy(request + 96, data, size);
	feed_data(world, input, cookie, RL_IN, 0, take(input, 2) ? ino : 0, request, 96 + size);
}

static void do_request(struct world *world, struct input *input)
{
	char line[128];
	unsigned int cookie = take_cookie(input, RL_CLASS_AUTH), lookup = take(input, 4);
	int len = snprintf(line, sizeof(line), "REQUEST\t%u\t0\t%u\t%032d\n", lookup,
			   take(input, 4), 0);

	feed_data(world, input, cookie, take(input, 8) != 0, 0, 0, line, len);
}

static void do_answer(struct world *world, struct input *input)
{
	static const char *const fields[] = {
		"\thome=/home/u1\tuid=1000\tgid=1000",
		"\thome=/home/u1",
		"",
		"\tuid=0\tgid=0\thome=/",
		"\thome=u1\tuid=1000\tgid=1000",
		"\thome=/u1\tchroot=/srv\tuid=1000\tgid=1000",
	};
	static const char *const words[] = {"USER", "USER", "USER", "NOTFOUND", "FAIL"};
	unsigned int cookie = take_cookie(input, RL_CLASS_AUTH), lookup = take(input, 4);
	const char *word = words[take(input, 5)], *rest = fields[take(input, 6)];
	char line[128];
	int len = snprintf(line, sizeof(line), "%s\t%u\tu1%s\n", word, lookup, rest);

	feed_data(world, input, cookie, take(input, 8) == 0, 0, 0, line, len);
}

/* Of a post-login service: both sides. */
static void do_script(struct world *world, struct input *input)
{
	static const char *const lines[] = {
		"VERSION\tscript-login\t1\t0\n",
		"u2\thome=/home/u2\tuid=1000\tgid=1000\n",
		"u2\n",
		"\n",
		"u3\thome=/ho",
	};
	const char *line = lines[take(input, 5)];
	unsigned int cookie = take_cookie(input, RL_CLASS_POSTLOGIN), dir = take(input, 2);
	unsigned int eof = take(input, 4) == 0;
	uint64_t ino = take(input, 2) ? INODES + take(input, 4) : 0;

	feed_data(world, input, cookie, dir, eof ? RL_F_EOF : 0, ino, line, eof ? 0 : strlen(line));
}

static void do_bytes(struct world *world, struct input *input)
{
	unsigned int cookie = take(input, 16), dir = take(input, 2), flags = take(input, 16);
	size_t size = take(input, 64);

	if (size > input->left)
		size = input->left;
	feed_data(world, input, cookie, dir,
		  (flags & 1 ? RL_F_MORE : 0) | (flags & 2 ? RL_F_CONT : 0), 0, input->data, size);
	input->data += size;
	input->left -= size;
}

static void do_many_bytes(struct world *world, struct input *input)
{
	const size_t size = 600000;
	char *bytes = mem_alloc(size);

	memset(bytes, 'x', size);
	feed_data(world, input, take(input, 16), take(input, 2), 0, 0, bytes, size);
	free(bytes);
}

static void do_skip(struct world *world, struct input *input)
{
	unsigned int cookie = take(input, 16), dir = take(input, 2);

	input->next[cookie][dir] += (int)take(input, 256) - 16;
}

static void do_gap(struct world *world, struct input *input)
{
	unsigned int cookie = take(input, 16), dir = take(input, 2);
	struct rl_gap gap = {
		.offset = input->next[cookie][dir],
		.size = take(input, 256),
		.dir = dir,
		.reason = take(input, 7),
	};

	if (gap.offset > UINT64_MAX - gap.size)
		return;
	input->next[cookie][dir] += gap.size;
	feed(world, input, RL_GAP, 0, PIDS, COOKIES + cookie, &gap, sizeof(gap));
}

static void do_close(struct world *world, struct input *input)
{
	unsigned int cookie = take(input, 16), flags = take(input, 4);
	struct rl_close end = {0};

	if (flags & 1)
		memcpy(end.end, input->next[cookie], sizeof(end.end));
	feed(world, input, RL_SOCK_CLOSE, flags & 2 ? RL_F_LIVE : 0, 0, COOKIES + cookie, &end,
	     sizeof(end));
}

static void do_log(struct world *world, struct input *input)
{
	struct rl_log log = {
		.session = 1 + take(input, 8),
		.way = take(input, 3),
		.status = take(input, 5),
		.serial = 1 + take(input, 3),
	};

	feed(world, input, RL_FACT_LOG, 0, 0, 0, &log, sizeof(log));
}

static void do_write(struct world *world, struct input *input)
{
	struct rl_write write = {.session = 1 + take(input, 8), .way = take(input, 3), .error = 5};

	feed(world, input, RL_FACT_WRITE, 0, 0, 0, &write, sizeof(write));
}

static void do_clock(struct world *world, struct input *input)
{
	struct rl_clock clock = {.realtime_ns = INT64_MAX - take(input, 256),
				 .utc_offset = take(input, 256) << 24};

	feed(world, input, RL_CLOCK, 0, 0, 0, &clock, sizeof(clock));
}

static void do_ids(struct world *world, struct input *input)
{
	input->uid = take(input, 2) ? 1000 : 0;
}

static void do_flush(struct world *world, struct input *input)
{
	world_flush(world);
	feed(world, input, RL_STATS, 0, 0, 0, &(struct rl_stats){0}, sizeof(struct rl_stats));
}

static void do_full(struct world *world, struct input *input)
{
	world->space = take(input, 256);
}

static void (*const ops[])(struct world *world, struct input *input) = {
	do_master, do_exec,   do_exit,	do_open,       do_open,	 do_login, do_request,
	do_answer, do_script, do_bytes, do_many_bytes, do_skip,	 do_gap,   do_close,
	do_log,	   do_write,  do_clock, do_ids,	       do_flush, do_full,  do_bytes,
};

/* One imap process and what it talks to, so that an input need not begin with nothing. */
static void begin(struct world *world, struct input *input)
{
	static const uint8_t usual[] = {1, 1, 0, 0, 0, 0};
	struct input start = {.data = usual, .left = sizeof(usual)};
	unsigned int class;

	do_master(world, &start);
	do_exec(world, &start);
	for (class = RL_CLASS_LOGIN; class <= RL_CLASS_POSTLOGIN; class ++)
		feed(world, input, RL_SOCK_OPEN, 0, PIDS, COOKIES + class,
		     &(struct rl_open){.class = class, .ino = 10 + class}, sizeof(struct rl_open));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct world world;
	struct input input = {.data = data, .left = len};
	struct rules rules = {0};
	unsigned int bits = take(&input, 64);
	const struct log_flags flags = {
		.boundaries = bits & 1,
		.timestamps = bits & 2,
		.ip_in_name = bits & 4,
		.only = {bits & 8, false},
	};

	memset(&world, 0, sizeof(world));
	world.space = UINT64_MAX;
	world.answers = bits & 16;
	rules_add(&rules, &mode_home, NULL, &flags, NULL);
	if (bits & 32)
		rules_add(&rules, &mode_home, "imap", &(struct log_flags){0}, NULL);
	world_begin(&world, &rules);
	begin(&world, &input);
	while (input.left)
		ops[take(&input, sizeof(ops) / sizeof(ops[0]))](&world, &input);
	world_end(&world);
	rules_free(&rules);
	return 0;
}
