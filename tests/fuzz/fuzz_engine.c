// SPDX-License-Identifier: MIT
/*
 * An input is a saved stream: a header, of which only the first byte is used,
 * then records. If that is '!', lengths and types are corrected first, so that
 * the fuzzer's changes are in what the records say.
 */
#include "engine_world.h"

#include "records/saved_stream.h"

/* The fixed part of a type's payload, bytes. */
static size_t payload_size(unsigned int type)
{
	switch (type) {
#define X(name, number, payload)                                                                   \
	case number:                                                                               \
		return sizeof(struct payload);
		RL_RECORD_TYPES(X)
#undef X
	}
	return 0;
}

/* Corrects a payload's values; `extra` bytes follow its fixed part. */
static void put_right_payload(const struct rl_rec *rec, unsigned char *payload, size_t extra)
{
	struct rl_setting setting;
	struct rl_data data;

	if (rec->type == RL_DATA) {
		memcpy(&data, payload, sizeof(data));
		data.size = extra;
		data.dir &= 1;
		data.class %= RL_CLASS_MAX + 1;
		memcpy(payload, &data, sizeof(data));
	} else if (rec->type == RL_FACT_SETTINGS && extra) {
		memcpy(&setting, payload, sizeof(setting));
		setting.size = extra;
		memcpy(payload, &setting, sizeof(setting));
		payload[sizeof(setting) + extra - 1] = '\0';
	}
}

/* Makes these bytes a valid record. Returns its length, which is at most `left`. */
static size_t put_right(unsigned char *data, size_t left)
{
	struct rl_rec rec;
	size_t extra = 0;

	memcpy(&rec, data, sizeof(rec));
	rec.type = rec.type % (RL_FACT_SETTINGS + 1);
	if (rec.len > sizeof(rec) + payload_size(rec.type) &&
	    (rec.type == RL_DATA || rec.type == RL_SETTING || rec.type == RL_FACT_SETTINGS))
		extra = (rec.len - sizeof(rec) - payload_size(rec.type)) % 1024;
	rec.len = sizeof(rec) + payload_size(rec.type) + extra;
	if (rec.len > left)
		return 0;
	memcpy(data, &rec, sizeof(rec));
	put_right_payload(&rec, data + sizeof(rec), extra);
	return rec.len;
}

/* The rules are those of the stream's first record, else the usual ones. */
static void take_rules(struct rules *rules, const void *data, size_t len)
{
	const struct log_flags flags = {.boundaries = true, .timestamps = true, .ip_in_name = true};
	struct event event;

	if (event_parse(data, len, &event) == 0 && event.type == RL_SETTING &&
	    rules_load(rules, event.setting->text, event.setting->size) == 0)
		return;
	rules_free(rules);
	rules_add(rules, &mode_home, NULL, &(struct log_flags){0}, NULL);
	rules_add(rules, &mode_home, "imap", &flags, NULL);
	rules_add(rules, &mode_rawlog_dir, NULL, &flags, "%h/logs/%{session}");
	rules_add(rules, &mode_login, NULL, &flags, "logs");
	rules_add(rules, &mode_lmtp, NULL, &flags, "/logs");
	rules_add(rules, &mode_lmtp_proxy, NULL, &flags, "/proxy");
	rules_add(rules, &mode_relay, NULL, &flags, "~/relay/%u");
	rules->redact = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct world world;
	const size_t header = sizeof(struct saved_stream_header);
	unsigned char *copy;
	struct rules rules = {0};
	struct rl_rec rec;
	size_t at, size;

	if (len < header)
		return 0;
	memset(&world, 0, sizeof(world));
	world.space = UINT64_MAX;
	copy = mem_dup(data, len);
	take_rules(&rules, copy + header, len - header);
	world_begin(&world, &rules);
	for (at = header; len - at >= sizeof(rec); at += (size + 7) & ~(size_t)7) {
		size = data[0] == '!' ? put_right(copy + at, len - at) : len - at;
		memcpy(&rec, copy + at, sizeof(rec));
		if (!size || rec.len < sizeof(rec))
			break;
		world_feed(&world, copy + at, size);
		size = rec.len;
		if (size > len - at || ((size + 7) & ~(size_t)7) > len - at)
			break;
		if (rec.flags & 0x8000)
			world_flush(&world);
	}
	world_end(&world);
	rules_free(&rules);
	free(copy);
	return 0;
}
