// SPDX-License-Identifier: MIT
#include "commands/pipeline.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "records/event.h"
#include "records/saved_stream.h"

void pipeline_save_failed(struct pipeline *pipeline, int error)
{
	if (pipeline->save_error)
		return;
	pipeline->save_error = error;
	log_error("saving the stream failed: %s; the saved file ends there", log_error_text(error));
}

static void take(struct pipeline *pipeline, const void *data, size_t size)
{
	const struct rl_rec *rec = data;
	int ret = 0;

	if (pipeline->save && !pipeline->save_error)
		ret = saved_stream_write(pipeline->save, data, size);
	if (ret)
		pipeline_save_failed(pipeline, -ret);
	if (size >= sizeof(*rec))
		pipeline->now_ns = rec->time_ns;
	engine_feed(pipeline->engine, data, size);
}

/* Answers can lead to more questions: until there are none. */
static void take_queue(struct pipeline *pipeline)
{
	struct str batch;
	size_t at, len;

	while (pipeline->queue.len) {
		batch = pipeline->queue;
		pipeline->queue = (struct str){0};
		for (at = 0; at < batch.len; at += (len + 7) & ~(size_t)7) {
			len = ((const struct rl_rec *)(const void *)(batch.data + at))->len;
			take(pipeline, batch.data + at, len);
		}
		str_free(&batch);
	}
}

void pipeline_feed(struct pipeline *pipeline, const void *data, size_t size)
{
	take(pipeline, data, size);
	take_queue(pipeline);
}

static void queue(struct pipeline *pipeline, struct rl_rec head, const void *payload, size_t size)
{
	static const char zeroes[8];

	head.len = sizeof(head) + size;
	str_append(&pipeline->queue, &head, sizeof(head));
	str_append(&pipeline->queue, payload, size);
	str_append(&pipeline->queue, zeroes, -size & 7);
}

void pipeline_answer(struct pipeline *pipeline, struct rl_rec head, const void *payload,
		     size_t size)
{
	head.time_ns = pipeline->now_ns;
	queue(pipeline, head, payload, size);
}

void pipeline_tell(struct pipeline *pipeline, struct rl_rec head, const void *payload, size_t size)
{
	queue(pipeline, head, payload, size);
	take_queue(pipeline);
}

void pipeline_flush(struct pipeline *pipeline)
{
	engine_flush(pipeline->engine);
	take_queue(pipeline); /* FACT_WRITE, if a log could not be written to */
	if (pipeline->save && !pipeline->save_error && fflush(pipeline->save))
		pipeline_save_failed(pipeline, errno);
}

void pipeline_free(struct pipeline *pipeline)
{
	engine_free(&pipeline->engine);
	str_free(&pipeline->queue);
}
