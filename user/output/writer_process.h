/* SPDX-License-Identifier: MIT */
/* The process that writes logs, inside. */
#ifndef WRITER_PROCESS_H
#define WRITER_PROCESS_H

#include "output/writer_shared.h"

/* Runs in the new process, and never returns. `fd`: to the recorder; a byte means that there is a
 * request. `adopted_fd`, `adopted_path`, `kept`: see writer_start(). */
_Noreturn void writer_process(struct writer_shared *shared, struct blocks *blocks, int fd,
			      int adopted_fd, const char *adopted_path, unsigned int kept);

/* Wakes the other side. */
void writer_wake(int fd);
/* Takes what has woken us. False: the other side has ended. */
bool writer_woken(int fd);

#endif
