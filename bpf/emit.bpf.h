/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes records into the ring buffer: reserve, fill, submit. Task context: the
 * header has the current task's ids.
 *
 * Traffic may fill the ring up to config.data_limit. The rest is reserved for
 * control records (processes, sockets, gaps, and the bytes of control sockets),
 * so that a burst of traffic can't hide whose session it is.
 */
#ifndef RL_EMIT_BPF_H
#define RL_EMIT_BPF_H

#include "count.bpf.h"

/* The most bytes that one DATA record has. A larger operation becomes several records. */
#define CHUNK_MAX 32768

/* Declares a control record: the header and a payload of constant size. */
#define CONTROL_RECORD(name, payload)                                                              \
	struct name {                                                                              \
		struct rl_rec rec;                                                                 \
		struct payload body;                                                               \
	}

/* Fills in a record's header. */
static __always_inline void rec_init(struct rl_rec *rec, __u16 type, __u32 len, __u64 cookie)
{
	__u64 id = bpf_get_current_uid_gid();

	rec->len = len;
	rec->type = type;
	rec->flags = 0;
	rec->time_ns = bpf_ktime_get_ns();
	rec->tgid = bpf_get_current_pid_tgid() >> 32;
	rec->uid = (__u32)id;
	rec->gid = id >> 32;
	rec->pad = 0;
	rec->cookie = cookie;
}

/* Reserves space for a control record. NULL, and counted, when the whole ring is full. */
#define CONTROL_RESERVE(pointer)                                                                   \
	({                                                                                         \
		(pointer) = bpf_ringbuf_reserve(&ring, sizeof(*(pointer)), 0);                     \
		if (!(pointer))                                                                    \
			COUNT(lost_control, 1);                                                    \
		(pointer);                                                                         \
	})

/* Submits a control record and wakes the reader: these are rare, and decisions wait for them. */
static __always_inline void control_submit(void *record)
{
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
	COUNT(records, 1);
}

/*
 * One operation (a send, a receive, an SSL_read, an SSL_write), and how far it is
 * written. Numbers only and no hole, so that global functions can take it.
 */
struct operation {
	__u64 cookie;	   /* of the socket */
	__u64 buffer;	   /* user address of the next byte */
	__u64 buffer_left; /* bytes in this buffer */
	__u64 iov;	   /* user address of the next struct iovec */
	__u64 left;	   /* bytes of the operation not written yet */
	__u64 offset;	   /* of the next byte in this direction */
	__u64 passed_ino;  /* for the first record: rl_data.passed_ino */
	__u32 iov_left;	   /* struct iovec not used yet */
	__u16 lost;	   /* a record did not fit: `tails` needs an update */
	__u16 flags;	   /* enum rl_flag, for each record */
	__u32 class;	   /* enum rl_class */
	__u8 continued;	   /* the first record has been written */
	__u8 dir;	   /* enum rl_dir */
	__u8 pad[2];
};

/* True for classes that are recorded. Others are control sockets: they tell whose session it is. */
static __always_inline bool class_is_traffic(__u32 class)
{
	return class == RL_CLASS_CLIENT || class == RL_CLASS_RELAY;
}

/*
 * Writes a GAP: `size` bytes from op->offset on were not copied. Does not advance
 * the operation. Global, so it has to return something: 0.
 */
__weak int gap_emit(struct operation *op, __u64 size, __u32 reason)
{
	CONTROL_RECORD(gap_record, rl_gap) *r;

	if (!op)
		return 0;
	if (!CONTROL_RESERVE(r)) {
		op->lost = 1;
		return 0;
	}
	rec_init(&r->rec, RL_GAP, sizeof(*r), op->cookie);
	r->rec.flags = op->flags;
	__builtin_memset(&r->body, 0, sizeof(r->body));
	r->body.offset = op->offset;
	r->body.size = size;
	r->body.dir = op->dir;
	r->body.class = op->class;
	r->body.reason = reason;
	control_submit(r);
	return 0;
}

/*
 * Writes one DATA record with the next `size` bytes, or counts them as lost.
 * `cap` >= `size` is how much is reserved: bpf_ringbuf_reserve() takes a
 * constant only. rl_rec.len says how much of it is used.
 */
static __always_inline void chunk_emit(struct operation *op, __u32 size, const __u32 cap,
				       __u16 flags)
{
	const __u32 head = sizeof(struct rl_rec) + sizeof(struct rl_data);
	__u64 used = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	bool control = !class_is_traffic(op->class);
	struct rl_data *data;
	struct rl_rec *rec = NULL;

	if (control || used + head + cap <= config.data_limit)
		rec = bpf_ringbuf_reserve(&ring, head + cap, 0);
	if (!rec) {
		COUNT(lost_records, 1);
		COUNT(lost_bytes, size);
		if (control)
			COUNT(lost_control, 1);
		op->lost = 1;
		return;
	}
	data = (void *)(rec + 1);
	barrier_var(size); /* keeps the compiler from dropping the check that the verifier needs */
	if (size > cap)
		size = cap;
	if (size && bpf_probe_read_user(data->bytes, size, (void *)op->buffer)) {
		bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
		COUNT(faults, 1);
		gap_emit(op, size, RL_GAP_FAULT);
		return;
	}
	rec_init(rec, RL_DATA, head + size, op->cookie);
	rec->flags = flags | op->flags;
	data->offset = op->offset;
	data->passed_ino = op->passed_ino;
	data->size = size;
	data->dir = op->dir;
	data->class = op->class;
	data->pad[0] = data->pad[1] = 0;
	COUNT(records, 1);
	bpf_ringbuf_submit(rec, control || (used < config.wakeup_size &&
					    used + head + cap >= config.wakeup_size) ?
					BPF_RB_FORCE_WAKEUP :
					BPF_RB_NO_WAKEUP);
}

/* Writes one DATA record, with the smallest of a few constant sizes that holds it. */
static __always_inline void chunk_emit_sized(struct operation *op, __u32 size, __u16 flags)
{
	if (size <= 192)
		chunk_emit(op, size, 192, flags);
	else if (size <= 960)
		chunk_emit(op, size, 960, flags);
	else if (size <= 4096)
		chunk_emit(op, size, 4096, flags);
	else if (size <= 8192)
		chunk_emit(op, size, 8192, flags);
	else if (size <= 16384)
		chunk_emit(op, size, 16384, flags);
	else
		chunk_emit(op, size, CHUNK_MAX, flags);
}

/* Writes the next record of an operation. Returns 1 when it is complete. Global. */
__weak int emit_step(struct operation *op)
{
	struct iovec vec;
	__u32 size;

	if (!op || !op->left)
		return 1;
	if (!op->buffer_left) {
		if (!op->iov_left || bpf_probe_read_user(&vec, sizeof(vec), (void *)op->iov)) {
			gap_emit(op, op->left, RL_GAP_FAULT);
			return 1;
		}
		op->iov += sizeof(vec);
		op->iov_left--;
		op->buffer = (__u64)vec.iov_base;
		op->buffer_left = vec.iov_len < op->left ? vec.iov_len : op->left;
		if (!op->buffer_left)
			return 0;
	}
	size = op->buffer_left < CHUNK_MAX ? op->buffer_left : CHUNK_MAX;
	chunk_emit_sized(op, size,
			 (op->left > size ? RL_F_MORE : 0) | (op->continued ? RL_F_CONT : 0));
	op->continued = 1;
	op->passed_ino = 0;
	op->buffer += size;
	op->buffer_left -= size;
	op->offset += size;
	op->left -= size;
	return 0;
}

/* bpf_loop() callback: such a function can't be global itself. */
static long emit_next(__u32 index, struct operation *op)
{
	return emit_step(op) ? 1 : 0;
}

/*
 * Writes all bytes of an operation on `stream`; an operation without any is an end of file.
 * Lost bytes show as a step in the offsets: at the next DATA, or, from `tails`,
 * at the socket's end, which is told of announced sockets only.
 */
static __always_inline void emit_bytes(struct operation *op, const struct byte_stream *stream)
{
	struct rl_tail tail;

	if (op->left)
		bpf_loop(op->iov_left + op->left / CHUNK_MAX + 2, emit_next, op, 0);
	else
		chunk_emit(op, 0, 192, RL_F_EOF);
	if (!op->lost || !bpf_map_lookup_elem(&announced_socks, &stream->cookie))
		return;
	tail.end[RL_IN] = stream->offset[RL_IN];
	tail.end[RL_OUT] = stream->offset[RL_OUT];
	map_update(&tails, &stream->cookie, &tail, BPF_ANY);
}

#endif
