// SPDX-License-Identifier: MIT
/* How much is held for a master that was asked about, or for logs, and what becomes of the rest. What is
 * made of the held records otherwise: tests/replay/awaited*.rls. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/awaited.h"
#include "engine/engine.h"
#include "engine/model.h"

#define MASTER	      400
#define PROCESS	      500
#define CHUNK	      60000
#define ONE_SOCKET    1000 /* cookies from here on */
#define HANDED_SOCKET 999

/* A sink whose logs are always there, and keep only their size. */
struct counting {
	struct sink sink;
	struct rl_log asked[2];
	unsigned int asked_count;
	uint64_t written;
	unsigned int told; /* gaps */
};

static void create(struct sink *sink, const struct log_place *place)
{
	struct counting *counting = (struct counting *)sink;

	assert_true(counting->asked_count < 2);
	counting->asked[counting->asked_count++] = (struct rl_log){
		.session = place->session,
		.rule = place->rule,
		.serial = 1,
	};
}

static int claim(struct sink *sink, const struct log_place *place, uint32_t serial)
{
	return 1;
}

static int write_log(struct sink *sink, int handle, int dir, const void *data, size_t size)
{
	static const char told[] = ": too many came before it was known whose they are]";
	struct counting *counting = (struct counting *)sink;

	counting->written += size;
	counting->told += memmem(data, size, told, sizeof(told) - 1) != NULL;
	return 0;
}

static void sizes(struct sink *sink, int handle, __u64 sizes_r[2])
{
	sizes_r[RL_IN] = sizes_r[RL_OUT] = 0;
}

static int end_log(struct sink *sink, int handle)
{
	return 0;
}

static void release(struct sink *sink, int handle, const __u64 to[2])
{
}

static const struct sink_ops counting_ops = {create, claim, write_log, sizes, end_log, release};

/* Of the last process that was left alone. */
static uint64_t forgotten_ns;

static void note_forgotten(void *context, uint32_t tgid, uint64_t time_ns)
{
	assert_int_equal(tgid, PROCESS);
	forgotten_ns = time_ns;
}

/* Of the last question. */
static char asked_dirs[4096];
static size_t asked_dirs_len;

static void no_users(void *context, uint32_t tgid)
{
	fail();
}

static void count_question(void *context, uint32_t tgid, const struct str *base_dirs)
{
	++*(unsigned int *)context;
	asked_dirs_len = base_dirs ? base_dirs->len : 0;
	assert_true(asked_dirs_len <= sizeof(asked_dirs));
	if (base_dirs)
		memcpy(asked_dirs, base_dirs->data, base_dirs->len);
}

static void no_process(void *context, const struct service *service)
{
}

/* Those about a socket that moved on. */
static uint16_t verdict_roles[4];
static unsigned int verdicts;

static void note_verdict(void *context, uint64_t cookie, uint16_t role, bool record)
{
	if (cookie == HANDED_SOCKET && verdicts < 4)
		verdict_roles[verdicts++] = role;
}

static void no_write(void *context, const struct rl_write *write)
{
}

struct case_state {
	struct rules rules;
	struct counting sink;
	struct engine *engine;
	unsigned int questions;
	bool late; /* logs are not answered */
	char *chunk;
};

static void feed(struct case_state *state, struct rl_rec rec, const void *payload, size_t size)
{
	char *record = mem_alloc(sizeof(rec) + size + 8);
	struct rl_log log;

	rec.len = sizeof(rec) + size;
	memcpy(record, &rec, sizeof(rec));
	memcpy(record + sizeof(rec), payload, size);
	engine_feed(state->engine, record, rec.len);
	free(record);
	while (state->sink.asked_count && !state->late) {
		log = state->sink.asked[--state->sink.asked_count];
		feed(state, (struct rl_rec){.type = RL_FACT_LOG}, &log, sizeof(log));
	}
}

static void begin_process(struct case_state *state, uint32_t master, uint32_t tgid)
{
	const struct rl_proc proc = {
		.parent_tgid = master,
		.role = RL_ROLE_DELIVERY,
		.comm = "lmtp",
	};

	feed(state, (struct rl_rec){.type = RL_PROC_EXEC, .tgid = tgid}, &proc, sizeof(proc));
}

static void open_socket_as(struct case_state *state, uint32_t tgid, uint64_t cookie, uint16_t role)
{
	const struct rl_open body = {
		.ino = cookie,
		.class = RL_CLASS_CLIENT,
		.family = RL_AF_UNIX,
		.role = role,
	};

	feed(state, (struct rl_rec){.type = RL_SOCK_OPEN, .tgid = tgid, .cookie = cookie, .uid = 8},
	     &body, sizeof(body));
}

static void open_control(struct case_state *state, uint32_t tgid, uint64_t cookie, uint16_t class,
			 const char *path)
{
	struct rl_open body = {.class = class, .family = RL_AF_UNIX, .role = RL_ROLE_DELIVERY};

	snprintf(body.path, sizeof(body.path), "%s", path);
	feed(state, (struct rl_rec){.type = RL_SOCK_OPEN, .tgid = tgid, .cookie = cookie}, &body,
	     sizeof(body));
}

static void open_socket(struct case_state *state, uint32_t tgid, uint64_t cookie)
{
	open_socket_as(state, tgid, cookie, RL_ROLE_DELIVERY);
}

static void send_bytes(struct case_state *state, uint32_t tgid, uint64_t cookie, uint64_t offset)
{
	struct rl_data *data = (struct rl_data *)(void *)state->chunk;

	*data = (struct rl_data){
		.offset = offset,
		.size = CHUNK,
		.dir = RL_IN,
		.class = RL_CLASS_CLIENT,
	};
	feed(state, (struct rl_rec){.type = RL_DATA, .tgid = tgid, .cookie = cookie, .uid = 8},
	     data, sizeof(*data) + CHUNK);
}

/* So many bytes at least. Returns where they end. */
static uint64_t send_many(struct case_state *state, uint32_t tgid, uint64_t cookie, uint64_t many)
{
	uint64_t offset;

	for (offset = 0; offset < many; offset += CHUNK)
		send_bytes(state, tgid, cookie, offset);
	return offset;
}

static void end_socket(struct case_state *state, uint64_t cookie, uint64_t end)
{
	const struct rl_close body = {.end = {end, 0}};

	feed(state, (struct rl_rec){.type = RL_SOCK_CLOSE, .cookie = cookie}, &body, sizeof(body));
}

static void answer_as(struct case_state *state, uint32_t tgid, enum rl_master_status status)
{
	const struct rl_master fact = {
		.status = status,
		.version = "2.3.19.1",
		.base_dir = "/run/dovecot",
	};

	feed(state, (struct rl_rec){.type = RL_FACT_MASTER, .tgid = tgid}, &fact, sizeof(fact));
}

static void answer(struct case_state *state, uint32_t tgid)
{
	answer_as(state, tgid, RL_MASTER_OK);
}

static int setup(void **state_p)
{
	static const char rules[] = "way\0lmtp\0\0-\0dir\0/logs\0end\0";
	struct case_state *state = mem_alloc(sizeof(*state));
	const struct engine_world world = {
		.context = &state->questions,
		.ask_master = count_question,
		.ask_users = no_users,
		.new_process = no_process,
		.verdict = note_verdict,
		.forget = note_forgotten,
		.write_failed = no_write,
	};

	if (rules_load(&state->rules, rules, sizeof(rules) - 1))
		return -1;
	state->sink.sink.ops = &counting_ops;
	state->engine = engine_new(&state->rules, &state->sink.sink, &world);
	state->chunk = mem_alloc(sizeof(struct rl_data) + CHUNK);
	memset(state->chunk + sizeof(struct rl_data), 'x', CHUNK);
	*state_p = state;
	return 0;
}

static int teardown(void **state_p)
{
	struct case_state *state = *state_p;

	engine_free(&state->engine);
	rules_free(&state->rules);
	free(state->chunk);
	free(state);
	return 0;
}

/* Much more than one session may hold while its log is asked for: nothing is lost. */
static void test_much(void **state_p)
{
	struct case_state *state = *state_p;
	const struct engine_summary *summary = engine_summary(state->engine);
	uint64_t end;

	begin_process(state, MASTER, PROCESS);
	open_socket(state, PROCESS, ONE_SOCKET);
	end = send_many(state, PROCESS, ONE_SOCKET, AWAITED_MAX / 2);
	assert_int_equal(state->questions, 1);
	assert_int_equal(summary->sessions[REASON_NONE], 0);
	answer(state, MASTER);
	end_socket(state, ONE_SOCKET, end);
	assert_int_equal(summary->sessions[REASON_NONE], 1);
	assert_int_equal(summary->bytes[RL_IN], end);
	assert_int_equal(summary->lost_bytes, 0);
	assert_true(state->sink.written >= end);
	assert_null(state->engine->awaited);
	assert_null(state->engine->awaited_ids);
	assert_int_equal(state->engine->awaited_size, 0);
	assert_false(engine_has_lost(state->engine));
}

/* What is beyond the limit is one gap, also at the end; what comes after the answer is there. */
static void test_too_much(void **state_p)
{
	struct case_state *state = *state_p;
	const struct engine_summary *summary = engine_summary(state->engine);
	uint64_t ends[2], held;

	begin_process(state, MASTER, PROCESS);
	open_socket(state, PROCESS, ONE_SOCKET);
	open_socket(state, PROCESS, ONE_SOCKET + 1);
	ends[0] = send_many(state, PROCESS, ONE_SOCKET, (uint64_t)AWAITED_MAX * 2);
	held = state->engine->awaited_size;
	assert_true(held <= AWAITED_MAX);
	/* there is no room any more, and control records take some: they are not dropped */
	ends[1] = send_many(state, PROCESS, ONE_SOCKET + 1, AWAITED_MAX);
	assert_true(state->engine->awaited_size < held + 1000);
	end_socket(state, ONE_SOCKET + 1, 0); /* the kernel side lost nothing: it tells no end */
	answer(state, MASTER);
	assert_int_equal(summary->sessions[REASON_NONE], 2);
	assert_int_equal(summary->gaps, 2);
	assert_int_equal(summary->bytes[RL_IN] + summary->lost_bytes, ends[0] + ends[1]);
	assert_true(summary->bytes[RL_IN] > AWAITED_MAX - 2 * CHUNK);
	assert_true(engine_has_lost(state->engine));
	held = summary->lost_bytes;
	send_bytes(state, PROCESS, ONE_SOCKET, ends[0]);
	end_socket(state, ONE_SOCKET, ends[0] + CHUNK);
	assert_int_equal(summary->lost_bytes, held);
	assert_int_equal(summary->bytes[RL_IN] + held, ends[0] + ends[1] + CHUNK);
	assert_int_equal(state->sink.told, 2);
}

/* All masters together have a limit, too. */
static void test_all(void **state_p)
{
	struct case_state *state = *state_p;
	unsigned int i, count = AWAITED_ALL_MAX / AWAITED_MAX + 1;
	const struct engine_summary *summary = engine_summary(state->engine);
	uint64_t sum = 0;

	for (i = 0; i < count; i++) {
		begin_process(state, MASTER + i, PROCESS + i);
		open_socket(state, PROCESS + i, ONE_SOCKET + i);
		sum += send_many(state, PROCESS + i, ONE_SOCKET + i, AWAITED_MAX - CHUNK);
	}
	assert_int_equal(state->questions, count);
	assert_true(state->engine->awaited_size <= AWAITED_ALL_MAX + 1000);
	for (i = 0; i < count; i++)
		answer(state, MASTER + i);
	assert_int_equal(state->engine->awaited_size, 0);
	assert_int_equal(summary->sessions[REASON_NONE], count);
	assert_true(summary->lost_bytes > 0);
	assert_int_equal(summary->bytes[RL_IN] + summary->lost_bytes, sum);
}

/* A master has ended: the base_dirs in names of sockets of its processes', each once. */
static void test_names(void **state_p)
{
	static const char dirs[] = "/run/a\0/b";
	struct case_state *state = *state_p;
	uint64_t *counts = state->engine->summary.sessions;
	uint64_t cookie = ONE_SOCKET;

	begin_process(state, MASTER, PROCESS);
	open_control(state, PROCESS, cookie++, RL_CLASS_LOGIN, "/run/a/login/imap");
	open_control(state, PROCESS, cookie++, RL_CLASS_AUTH, "/run/a/auth-master");
	open_control(state, PROCESS, cookie++, RL_CLASS_AUTH, "/b/auth-master");
	open_control(state, PROCESS, cookie++, RL_CLASS_POSTLOGIN, "/c/postlogin");
	open_control(state, PROCESS, cookie++, RL_CLASS_CLIENT, "/d/lmtp");
	open_control(state, PROCESS, cookie++, RL_CLASS_LOGIN, "/login/imap");
	open_control(state, PROCESS, cookie++, RL_CLASS_LOGIN, "imap");
	open_control(state, PROCESS, cookie++, RL_CLASS_AUTH, "");
	/* its id is now that of another one's process */
	begin_process(state, MASTER + 1, PROCESS);
	open_control(state, PROCESS, cookie++, RL_CLASS_LOGIN, "/e/login/imap");
	answer_as(state, MASTER, RL_MASTER_WHOSE);
	assert_int_equal(state->questions, 2);
	assert_int_equal(asked_dirs_len, sizeof(dirs));
	assert_memory_equal(asked_dirs, dirs, sizeof(dirs));
	assert_int_equal(counts[REASON_MASTER] + counts[REASON_UNEXAMINED], 0);
	answer_as(state, MASTER, RL_MASTER_GONE);
	assert_int_equal(counts[REASON_MASTER], 1);
	answer_as(state, MASTER + 1, RL_MASTER_MISSED);
	assert_int_equal(counts[REASON_MASTER], 1);
	assert_int_equal(counts[REASON_UNEXAMINED], 1);
	assert_null(state->engine->awaited);
}

/* No more are asked about than the world takes. */
static void test_many_names(void **state_p)
{
	struct case_state *state = *state_p;
	char path[] = "/x/auth-master";
	unsigned int i;

	begin_process(state, MASTER, PROCESS);
	for (i = 0; i < BASE_DIRS_MAX + 1; i++) {
		path[1] = (char)('a' + i);
		open_control(state, PROCESS, ONE_SOCKET + i, RL_CLASS_AUTH, path);
	}
	answer_as(state, MASTER, RL_MASTER_WHOSE);
	assert_int_equal(asked_dirs_len, BASE_DIRS_MAX * sizeof("/x"));
}

/* Without a name nobody will ever know: it may have been the one that is wanted. */
static void test_no_names(void **state_p)
{
	struct case_state *state = *state_p;
	const uint64_t *counts = engine_summary(state->engine)->sessions;

	begin_process(state, MASTER, PROCESS);
	open_socket(state, PROCESS, ONE_SOCKET);
	answer_as(state, MASTER, RL_MASTER_WHOSE);
	assert_int_equal(state->questions, 1);
	assert_int_equal(counts[REASON_UNEXAMINED], 1);
	answer_as(state, MASTER, RL_MASTER_WHOSE); /* nothing waits for it */
	assert_int_equal(state->questions, 1);
	assert_null(state->engine->awaited);
}

/* The stream ends first: nothing is left, and the loss is told. */
static void test_never(void **state_p)
{
	struct case_state *state = *state_p;

	begin_process(state, MASTER, PROCESS);
	open_socket(state, PROCESS, ONE_SOCKET);
	send_bytes(state, PROCESS, ONE_SOCKET, 0);
	engine_finish(state->engine);
	assert_null(state->engine->awaited_ids);
	assert_int_equal(engine_summary(state->engine)->sessions[REASON_UNANSWERED], 1);
	assert_true(engine_has_lost(state->engine));
	answer(state, MASTER); /* too late */
	begin_process(state, MASTER + 1, PROCESS + 1);
	assert_int_equal(state->questions, 1);
	assert_null(state->engine->awaited);
}

/* A session whose log waits for another's has the same room when it asks itself. */
static void test_put_off(void **state_p)
{
	struct case_state *state = *state_p;
	const struct engine_summary *summary = engine_summary(state->engine);
	uint64_t held, end;
	struct rl_log log;

	begin_process(state, MASTER, PROCESS);
	answer(state, MASTER);
	state->late = true;
	open_socket(state, PROCESS, ONE_SOCKET);
	open_socket(state, PROCESS, ONE_SOCKET + 1);
	end = send_many(state, PROCESS, ONE_SOCKET + 1, 1 << 20);
	held = state->engine->held_for_logs;
	assert_true(held > end);
	assert_int_equal(state->sink.asked_count, 1);
	log = state->sink.asked[--state->sink.asked_count];
	feed(state, (struct rl_rec){.type = RL_FACT_LOG}, &log, sizeof(log));
	assert_int_equal(state->sink.asked_count, 1);
	assert_int_equal(state->engine->held_for_logs, held);
	state->late = false;
	end_socket(state, ONE_SOCKET + 1, end);
	assert_int_equal(state->engine->held_for_logs, 0);
	assert_int_equal(summary->bytes[RL_IN], end);
	assert_int_equal(summary->lost_bytes, 0);
}

/* A verdict says of whom it is: when it comes, the socket is another's already. */
static void test_whose_verdict(void **state_p)
{
	const struct rl_proc imap = {.parent_tgid = MASTER, .role = RL_ROLE_MAIL, .comm = "imap"};
	struct case_state *state = *state_p;

	verdicts = 0;
	feed(state, (struct rl_rec){.type = RL_PROC_EXEC, .tgid = PROCESS}, &imap, sizeof(imap));
	open_socket_as(state, PROCESS, HANDED_SOCKET, RL_ROLE_LOGIN);
	end_socket(state, HANDED_SOCKET, 0);
	open_socket_as(state, PROCESS, HANDED_SOCKET, RL_ROLE_MAIL);
	assert_int_equal(verdicts, 0);
	answer(state, MASTER);
	assert_int_equal(verdicts, 2);
	assert_int_equal(verdict_roles[0], RL_ROLE_LOGIN);
	assert_int_equal(verdict_roles[1], RL_ROLE_MAIL);
}

/* What was held is of the process that had the id then. */
static void test_forgotten(void **state_p)
{
	const struct rl_open body = {.class = RL_CLASS_CLIENT, .role = RL_ROLE_DELIVERY};
	struct case_state *state = *state_p;

	begin_process(state, MASTER, PROCESS);
	feed(state,
	     (struct rl_rec){
		     .type = RL_SOCK_OPEN, .tgid = PROCESS, .cookie = ONE_SOCKET, .time_ns = 1000},
	     &body, sizeof(body));
	feed(state, (struct rl_rec){.type = RL_PROC_EXIT, .tgid = PROCESS, .time_ns = 2000}, &body,
	     0);
	answer_as(state, MASTER, RL_MASTER_EXCLUDED);
	assert_int_equal(forgotten_ns, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_much, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_much, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_whose_verdict, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put_off, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
