/* SPDX-License-Identifier: MIT */
/*
 * A thread that writes the messages (base/log.h), so that nobody else waits
 * for standard error: a full pipe, a stopped terminal. It has a queue of a
 * bounded size. What does not fit is dropped, and counted: once the queue is
 * empty a line says how many messages that were.
 */
#ifndef LOG_WRITER_H
#define LOG_WRITER_H

/* From here on messages go through the thread, which has no capability. 0 or -errno. */
int log_writer_start(void);
/* The messages that come now are told in any case: the older ones must not be in their way. */
void log_writer_last(void);
/* Waits for standard error to take what there is, for LOG_WRITER_END_MS at most. */
void log_writer_finish(void);

#define LOG_WRITER_END_MS 1000

#endif
