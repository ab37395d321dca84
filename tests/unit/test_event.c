// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "records/event.h"
#include "base/mem.h"

#define EXTRA_MAX 16

/* A record of `type` with a payload of `size` zeroes, in memory of exactly its size. */
static struct rl_rec *make(unsigned int type, size_t size)
{
	const struct rl_rec head = {.len = sizeof(head) + size, .type = type};
	unsigned char bytes[8192] = {0};

	memcpy(bytes, &head, sizeof(head));
	return mem_dup(bytes, sizeof(head) + size);
}

static int parse_and_free(struct rl_rec *rec, size_t len)
{
	struct event event;
	int ret = event_parse(rec, len, &event);

	if (ret == 0) {
		assert_ptr_equal(event.rec, rec);
		assert_ptr_equal(event.payload, rec + 1);
		assert_int_equal(event.type, rec->type);
	}
	free(rec);
	return ret;
}

static int parse_whole(struct rl_rec *rec)
{
	return parse_and_free(rec, rec->len);
}

static const struct {
	enum rl_type type;
	size_t size;
} types[] = {
#define X(name, number, payload) {number, sizeof(struct payload)},
	RL_RECORD_TYPES(X)
#undef X
};
#define TYPES_COUNT (sizeof(types) / sizeof(types[0]))

/* Not FACT_LOG, whose serials begin with 1, and not settings, whose text has at least its NUL. */
static bool zero_is_valid(enum rl_type type)
{
	return type != RL_FACT_LOG && type != RL_SETTING && type != RL_FACT_SETTINGS &&
	       type != RL_FACT_USERS;
}

static void every_type(void **state)
{
	unsigned int i;

	for (i = 0; i < TYPES_COUNT; i++)
		assert_int_equal(parse_and_free(make(types[i].type, types[i].size),
						sizeof(struct rl_rec) + types[i].size),
				 zero_is_valid(types[i].type) ? 0 : -EINVAL);
}

/* The memory is shorter than the header says, or than a header. */
static void truncated(void **state)
{
	struct event event;
	unsigned int i;
	size_t len;

	for (i = 0; i < TYPES_COUNT; i++) {
		struct rl_rec *rec = make(types[i].type, types[i].size);
		size_t whole = sizeof(*rec) + types[i].size;

		for (len = 0; len < whole; len++) {
			void *part = mem_dup(rec, len);

			assert_int_equal(event_parse(part, len, &event), -EINVAL);
			free(part);
		}
		free(rec);
	}
}

/* GROUPS can have room for more gids. */
static bool fits(unsigned int i, size_t size)
{
	return types[i].type == RL_GROUPS ? size >= types[i].size : size == types[i].size;
}

/* The length in the header is smaller or larger than the type needs. */
static void wrong_len(void **state)
{
	unsigned int i;
	size_t size;

	for (i = 0; i < TYPES_COUNT; i++)
		for (size = 0; size < types[i].size + EXTRA_MAX; size++)
			if (!fits(i, size))
				assert_int_equal(parse_and_free(make(types[i].type, size),
								sizeof(struct rl_rec) + size),
						 -EINVAL);
}

static void no_type(void **state)
{
	static const unsigned int no_types[] = {0, TYPES_COUNT + 1, 99, 0x7fff, 0xffff};
	unsigned int i;

	for (i = 0; i < sizeof(no_types) / sizeof(no_types[0]); i++) {
		assert_int_equal(parse_and_free(make(no_types[i], 64), sizeof(struct rl_rec) + 64),
				 -EINVAL);
		assert_string_equal(event_type_name(no_types[i]), "?");
	}
	assert_string_equal(event_type_name(RL_DATA), "DATA");
}

static int parse_data(const struct rl_data *data, size_t extra)
{
	struct rl_rec *rec = make(RL_DATA, sizeof(*data) + extra);

	memcpy(rec + 1, data, sizeof(*data));
	return parse_and_free(rec, sizeof(*rec) + sizeof(*data) + extra);
}

static void data(void **state)
{
	assert_int_equal(parse_data(&(struct rl_data){.size = 3}, 3), 0);
	assert_int_equal(parse_data(&(struct rl_data){.size = 3}, 2), -EINVAL);
	assert_int_equal(parse_data(&(struct rl_data){.size = 3}, 4), -EINVAL);
	assert_int_equal(parse_data(&(struct rl_data){.size = UINT32_MAX}, 0), -EINVAL);
	assert_int_equal(parse_data(&(struct rl_data){.dir = RL_OUT, .class = RL_CLASS_OTHER}, 0),
			 0);
	assert_int_equal(parse_data(&(struct rl_data){.dir = 2}, 0), -EINVAL);
	assert_int_equal(parse_data(&(struct rl_data){.class = RL_CLASS_MAX + 1}, 0), -EINVAL);
	assert_int_equal(parse_data(&(struct rl_data){.size = 1, .offset = UINT64_MAX - 1}, 1), 0);
	assert_int_equal(parse_data(&(struct rl_data){.size = 1, .offset = UINT64_MAX}, 1),
			 -EINVAL);
}

static int parse_gap(const struct rl_gap *gap)
{
	struct rl_rec *rec = make(RL_GAP, sizeof(*gap));

	memcpy(rec + 1, gap, sizeof(*gap));
	return parse_and_free(rec, sizeof(*rec) + sizeof(*gap));
}

static void gap(void **state)
{
	assert_int_equal(parse_gap(&(struct rl_gap){.offset = 1, .size = UINT64_MAX - 1}), 0);
	assert_int_equal(parse_gap(&(struct rl_gap){.offset = 2, .size = UINT64_MAX - 1}), -EINVAL);
	assert_int_equal(parse_gap(&(struct rl_gap){.dir = 2}), -EINVAL);
	assert_int_equal(parse_gap(&(struct rl_gap){.class = RL_CLASS_MAX + 1}), -EINVAL);
	/* a gap with an unknown reason is valid */
	assert_int_equal(parse_gap(&(struct rl_gap){.reason = 255}), 0);
	assert_string_equal(event_gap_text(255), "unknown reason");
	assert_string_equal(event_gap_text(RL_GAP_RING), "the ring was full");
}

static int parse_setting(const char *text, size_t len, uint32_t claims)
{
	struct rl_rec *rec = make(RL_SETTING, sizeof(struct rl_setting) + len);
	struct rl_setting *setting = (struct rl_setting *)(rec + 1);

	setting->size = claims;
	memcpy(setting->text, text, len);
	return parse_and_free(rec, sizeof(*rec) + sizeof(*setting) + len);
}

static void texts(void **state)
{
	struct rl_rec *rec;

	assert_int_equal(parse_setting(BYTES("end\0"), 4), 0);
	assert_int_equal(parse_setting(BYTES("end"), 3), -EINVAL);
	assert_int_equal(parse_setting(BYTES("end\0"), 3), -EINVAL);

	rec = make(RL_PROC_EXEC, sizeof(struct rl_proc));
	memset(((struct rl_proc *)(rec + 1))->comm, 'x', RL_COMM_LEN);
	assert_int_equal(parse_whole(rec), -EINVAL);
	rec = make(RL_SOCK_OPEN, sizeof(struct rl_open));
	((struct rl_open *)(rec + 1))->family = RL_AF_UNIX;
	memset(((struct rl_open *)(rec + 1))->path, 'x', RL_PATH_LEN);
	assert_int_equal(parse_whole(rec), -EINVAL);
	rec = make(RL_SOCK_OPEN, sizeof(struct rl_open));
	((struct rl_open *)(rec + 1))->family = RL_AF_INET6; /* any address is valid */
	memset(&((struct rl_open *)(rec + 1))->inet, 'x', sizeof(struct rl_inet));
	assert_int_equal(parse_whole(rec), 0);
	rec = make(RL_TLS_BEGIN, sizeof(struct rl_tls));
	assert_int_equal(parse_whole(rec), 0);
	rec = make(RL_SOCK_OPEN, sizeof(struct rl_open));
	((struct rl_open *)(rec + 1))->class = RL_CLASS_MAX + 1;
	assert_int_equal(parse_whole(rec), -EINVAL);
	rec = make(RL_FACT_MASTER, sizeof(struct rl_master));
	memset(((struct rl_master *)(rec + 1))->version, 'x', RL_VERSION_LEN);
	assert_int_equal(parse_whole(rec), -EINVAL);
	rec = make(RL_FACT_MASTER, sizeof(struct rl_master));
	memset(((struct rl_master *)(rec + 1))->base_dir, 'x', RL_BASE_DIR_LEN);
	assert_int_equal(parse_whole(rec), -EINVAL);
	rec = make(RL_FACT_MASTER, sizeof(struct rl_master));
	((struct rl_master *)(rec + 1))->status = RL_MASTER_WHOSE + 1;
	assert_int_equal(parse_whole(rec), -EINVAL);
}

static int parse_groups(uint32_t count, size_t gids)
{
	struct rl_rec *rec = make(RL_GROUPS, sizeof(struct rl_groups) + gids * sizeof(uint32_t));

	((struct rl_groups *)(rec + 1))->count = count;
	return parse_whole(rec);
}

static void groups(void **state)
{
	assert_int_equal(parse_groups(1, 0), -EINVAL);
	assert_int_equal(parse_groups(1, 32), 0); /* saved when there was one size for all */
	assert_int_equal(parse_groups(60, 60), 0);
	assert_int_equal(parse_groups(60, 59), -EINVAL);
	assert_int_equal(parse_groups(RL_GROUPS_MAX, RL_GROUPS_MAX), 0);
	assert_int_equal(parse_groups(RL_GROUPS_MAX, RL_GROUPS_MAX - 1), -EINVAL);
	/* the process has more than the record */
	assert_int_equal(parse_groups(UINT32_MAX, RL_GROUPS_MAX), 0);
	assert_int_equal(parse_groups(UINT32_MAX, RL_GROUPS_MAX - 1), -EINVAL);
}

static int parse_log(const struct rl_log *log)
{
	struct rl_rec *rec = make(RL_FACT_LOG, sizeof(*log));

	memcpy(rec + 1, log, sizeof(*log));
	return parse_and_free(rec, sizeof(*rec) + sizeof(*log));
}

static void log_fact(void **state)
{
	assert_int_equal(parse_log(&(struct rl_log){.serial = 1}), 0);
	assert_int_equal(parse_log(&(struct rl_log){.serial = 0}), -EINVAL);
	assert_int_equal(parse_log(&(struct rl_log){.serial = 1, .status = 6}), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type), cmocka_unit_test(truncated),
		cmocka_unit_test(wrong_len),  cmocka_unit_test(no_type),
		cmocka_unit_test(data),	      cmocka_unit_test(gap),
		cmocka_unit_test(texts),      cmocka_unit_test(groups),
		cmocka_unit_test(log_fact),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
