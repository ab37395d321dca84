// SPDX-License-Identifier: MIT
/*
 * An input has a few bytes for each thing that happens. Whatever they are, they
 * become plausible records of a few processes, sockets and sessions, in any
 * order, so that all of the engine's states and transitions are reached.
 */
#include "engine_input.h"

static void do_master(struct world *world, struct input *input)
{
	struct rl_master master = {.status = take(input, 8) ? RL_MASTER_OK : RL_MASTER_UNTRUSTED};

	memcpy(master.version, take(input, 8) ? "2.3.19.1" : "2.4.0", 6);
	feed(world, input, RL_FACT_MASTER, 0, MASTER, 0, &master, sizeof(master));
}

static void do_exec(struct world *world, struct input *input)
{
	static const char *const comms[] = {"imap",	  "pop3", "dovecot",	"sh",
					    "imap-login", "lmtp", "submission", "pop3-login"};
	const char *comm = comms[take(input, 8)];
	unsigned int found = take(input, 2) ? RL_F_FOUND : 0;

	exec(world, input, take(input, PROCS), comm, found);
}

static void do_exit(struct world *world, struct input *input)
{
	feed(world, input, RL_PROC_EXIT, 0, PIDS + take(input, PROCS), 0, NULL, 0);
}

/* What begins then has to wait for another do_master(). */
static void do_restart(struct world *world, struct input *input)
{
	feed(world, input, RL_PROC_EXIT, 0, MASTER, 0, NULL, 0);
}

static void do_open(struct world *world, struct input *input)
{
	struct rl_open sock = {.class = 1 + take(input, RL_CLASS_MAX),
			       .ino = INODES + take(input, 4)};
	unsigned int cookie = take(input, 16), which = take(input, PROCS), how = take(input, 8);

	sock.family = how & 1 ? RL_AF_INET : RL_AF_UNIX;
	if (how & 1)
		sock.inet.remote_port = how;
	open_sock(world, input, cookie, which, how == 6 ? RL_F_FOUND : 0, &sock);
}

static void do_login(struct world *world, struct input *input)
{
	login(world, input, take_one_of(input, RL_CLASS_LOGIN, SUBMISSION_LOGIN), RL_IN);
}

static void do_ask(struct world *world, struct input *input)
{
	login(world, input, take_cookie(input, LOGIN_REQUESTS), RL_OUT);
}

static void do_reply(struct world *world, struct input *input)
{
	unsigned char reply[LOGIN_REPLY_LEN] = {0};
	unsigned int cookie = take_cookie(input, LOGIN_REQUESTS);

	reply[0] = take(input, 4);
	reply[4] = take(input, 4) == 3;
	feed_data(world, input, cookie, RL_IN, 0, 0, reply, take(input, 8) ? sizeof(reply) : 5);
}

static void do_request(struct world *world, struct input *input)
{
	char line[128];
	unsigned int cookie = take_one_of(input, RL_CLASS_AUTH, SUBMISSION_AUTH);
	unsigned int lookup = take(input, 4);
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
	unsigned int cookie = take_one_of(input, RL_CLASS_AUTH, SUBMISSION_AUTH);
	unsigned int lookup = take(input, 4);
	const char *word = words[take(input, 5)], *rest = fields[take(input, 6)];
	char line[128];
	int len = snprintf(line, sizeof(line), "%s\t%u\tu1%s\n", word, lookup, rest);

	feed_data(world, input, cookie, take(input, 8) == 0, 0, 0, line, len);
}

/* A post-login service: the request, or the answer. */
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

	some_bytes(world, input, cookie, dir,
		   (flags & 1 ? RL_F_MORE : 0) | (flags & 2 ? RL_F_CONT : 0) |
			   (flags & 4 ? RL_F_TLS : 0) | (flags & 8 ? RL_F_UNDECIDED : 0));
}

/* Commands that may hold credentials, in pieces. */
static void do_command(struct world *world, struct input *input)
{
	static const char *const lines[] = {
		"a LOGIN u p\r\n", "a LOGIN {1}\r\nu", "a AUTHENTICATE PLAIN\r\n",
		"AUTH PLAIN ",	   "PASS p\r\n",       "AHUAcA==\r\n",
		"a STARTTLS\r\n",  "+ \r\n",	       "a OK\r\n",
		"a NO\r\n",	   "334 \r\n",	       "\"\\\"",
	};
	unsigned int cookie = take(input, 16), how = take(input, 4);
	const char *line = lines[take(input, 12)];
	size_t size = strlen(line), from = take(input, 8);

	if (from >= size)
		from = 0;
	feed_data(world, input, cookie, how & 1, how & 2 ? RL_F_TLS : 0, 0, line + from,
		  size - from);
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
	unsigned int how = take(input, 8), flags = how == 7 ? RL_F_UNDECIDED : 0;

	if (how == 6)
		flags = RL_F_TLS;

	if (gap.offset > UINT64_MAX - gap.size)
		return;
	input->next[cookie][dir] += gap.size;
	feed(world, input, RL_GAP, flags, PIDS + input->owner[cookie], COOKIES + cookie, &gap,
	     sizeof(gap));
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
		.rule = take(input, 3),
		.status = take(input, 6),
		.serial = 1 + take(input, 3),
	};

	feed(world, input, RL_FACT_LOG, 0, 0, 0, &log, sizeof(log));
}

static void do_write(struct world *world, struct input *input)
{
	struct rl_write write = {
		.session = 1 + take(input, 8),
		.rule = take(input, 3),
		.status = take(input, 3),
		.turn = take(input, 2),
		.error = take(input, 2) * 5,
	};

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

static void do_tls_begin(struct world *world, struct input *input)
{
	unsigned int cookie = take(input, 16);

	begin_tls(world, input, cookie, input->next[cookie][RL_IN] - take(input, 64));
}

/* TLS_BEGIN without a cookie: no socket's undecided bytes become TLS. */
static void do_give_up(struct world *world, struct input *input)
{
	const struct rl_tls none = {0};

	feed(world, input, RL_TLS_BEGIN, 0, PIDS + take(input, PROCS), 0, &none, sizeof(none));
}

/*
 * TLS begins, as the kernel side reports it: the TLS client's first bytes, the
 * answer, TLS_BEGIN. All of it is ciphertext, of which no log may have a byte.
 */
static void do_handshake(struct world *world, struct input *input)
{
	static const unsigned char hello[] = {0x16, 0x03, SECRET, SECRET, SECRET, SECRET};
	static const char starttls[] = "a STARTTLS\r\n";
	unsigned int cookie = take(input, 16), how = take(input, 16);
	unsigned char together[sizeof(starttls) - 1 + sizeof(hello)];
	const unsigned int cont = RL_F_UNDECIDED | RL_F_CONT;
	uint64_t begin;

	if (how & 1)
		feed_data(world, input, cookie, RL_OUT, RL_F_UNDECIDED, 0, hello, sizeof(hello));
	if (how & 1 && how & 8) { /* nobody answers */
		feed(world, input, RL_SOCK_CLOSE, 0, 0, COOKIES + cookie, &(struct rl_close){0},
		     sizeof(struct rl_close));
		return;
	}
	begin = input->next[cookie][RL_IN];
	if (how & 2) {
		begin += sizeof(starttls) - 1;
		memcpy(together, starttls, sizeof(starttls) - 1);
		memcpy(together + sizeof(starttls) - 1, hello, sizeof(hello));
		feed_data(world, input, cookie, RL_IN, RL_F_UNDECIDED, 0, together,
			  sizeof(together));
	} else {
		feed_data(world, input, cookie, RL_IN, RL_F_UNDECIDED, 0, hello, sizeof(hello));
	}
	if (how & 4)
		feed_data(world, input, cookie, RL_IN, cont, 0, hello, sizeof(hello));
	begin_tls(world, input, cookie, begin);
}

static void do_settings(struct world *world, struct input *input)
{
	static const char text[] = "mail_home\0/home/%u\0hostname\0mx\0import_environment\0A=1 B";
	size_t size = 1 + take(input, sizeof(text));
	struct str payload = {0};
	const struct rl_setting setting = {.size = size};

	str_append(&payload, &setting, sizeof(setting));
	str_append(&payload, text, size - 1);
	str_append(&payload, "", 1);
	feed(world, input, RL_FACT_SETTINGS, 0, MASTER, 0, payload.data, payload.len);
	str_free(&payload);
}

/* A connection moves from one process to another. */
static void do_hand_over(struct world *world, struct input *input)
{
	unsigned int cookie = take(input, 16), which = take(input, PROCS);
	struct rl_open sock = {.class = RL_CLASS_CLIENT, .ino = INODES + take(input, 4)};
	struct rl_close end = {0};

	memcpy(end.end, input->next[cookie], sizeof(end.end));
	feed(world, input, RL_SOCK_CLOSE, 0, PIDS + which, COOKIES + cookie, &end, sizeof(end));
	open_sock(world, input, cookie, which, 0, &sock);
}

/* A login process passes a mail process's text on to one of its clients, or to another one. */
static void do_link(struct world *world, struct input *input)
{
	unsigned int cookie = take(input, 17), which = take(input, PROCS);
	const struct rl_link link = {.ino = INODES + take(input, 4)};

	feed(world, input, RL_LINK, 0, PIDS + which, cookie < 16 ? COOKIES + cookie : 0, &link,
	     sizeof(link));
}

static void (*const ops[])(struct world *world, struct input *input) = {
	do_master,  do_exec,   do_exit,	     do_open,	    do_open,	 do_login,     do_request,
	do_answer,  do_script, do_bytes,     do_many_bytes, do_skip,	 do_gap,       do_close,
	do_log,	    do_write,  do_clock,     do_ids,	    do_flush,	 do_full,      do_bytes,
	do_ask,	    do_reply,  do_tls_begin, do_handshake,  do_settings, do_hand_over, do_command,
	do_give_up, do_link,   do_restart,
};

/* Processes with their sockets, so that an input need not create them first. */
static void begin(struct world *world, struct input *input)
{
	static const char *const comms[PROCS] = {"imap", "imap-login", "lmtp", "submission"};
	static const uint8_t usual[] = {1, 1};
	struct input start = {.data = usual, .left = sizeof(usual)};
	struct rl_open sock = {.family = RL_AF_UNIX};
	unsigned int i;

	do_master(world, &start);
	for (i = 0; i < PROCS; i++)
		exec(world, input, i, comms[i], 0);
	for (i = RL_CLASS_LOGIN; i <= RL_CLASS_POSTLOGIN; i++) {
		sock.class = i;
		sock.ino = 10 + i;
		open_sock(world, input, i, IMAP, 0, &sock);
	}
	sock.class = RL_CLASS_LOGIN;
	open_sock(world, input, LOGIN_REQUESTS, IMAP_LOGIN, 0, &sock);
	open_sock(world, input, SUBMISSION_LOGIN, SUBMISSION, 0, &sock);
	sock.class = RL_CLASS_AUTH;
	open_sock(world, input, SUBMISSION_AUTH, SUBMISSION, 0, &sock);
}

/* The input says which modes are switched on. */
static void take_rules(struct input *input, struct world *world, struct rules *rules)
{
	static const struct {
		const struct mode *mode;
		const char *dir;
	} all[] = {
		{&mode_rawlog_dir, "%h/%{session}/%{hostname}"},
		{&mode_login, "logs"},
		{&mode_lmtp, "/lmtp/%u"},
		{&mode_lmtp_proxy, "proxy"},
		{&mode_relay, "~/%d/%{env:A}"},
		{&mode_rawlog_dir, "tcp:mx:%p"},
	};
	unsigned int bits = take(input, 64), more = take(input, 128), i;
	const struct log_flags flags = {
		.boundaries = bits & 1,
		.timestamps = bits & 2,
		.ip_in_name = bits & 4,
		.only = {bits & 8, false},
	};

	world->answers = bits & 16;
	rules_add(rules, &mode_home, NULL, &flags, NULL);
	if (bits & 32)
		rules_add(rules, &mode_home, "imap", &(struct log_flags){0}, NULL);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (more & 1 << i)
			rules_add(rules, all[i].mode, NULL, &flags, all[i].dir);
	rules->redact = more & 64;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct world world;
	struct input input = {.data = data, .left = len};
	struct rules rules = {0};

	memset(&world, 0, sizeof(world));
	world.space = UINT64_MAX;
	world.secrets = true;
	take_rules(&input, &world, &rules);
	world_begin(&world, &rules);
	begin(&world, &input);
	while (input.left)
		ops[take(&input, sizeof(ops) / sizeof(ops[0]))](&world, &input);
	world_end(&world);
	rules_free(&rules);
	return 0;
}
