/* SPDX-License-Identifier: MIT */
/* What goes out of the engine, besides logs: its questions to the world, and what it counts. */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "rules/reason.h"
#include "rl_abi.h"
#include "base/str.h"
#include "dovecot/service.h"

#define BASE_DIRS_MAX 8

/* What the engine asks of the world, and tells it. None may be NULL, and none may call the engine:
 * an answer is a record that is fed to it later. Pointers are valid during the call. A replay's
 * world does nothing, as the stream has the answers. */
struct engine_world {
	void *context; /* passed to each; the caller's, must outlive the engine */
	/* Who is this process, a master? Answered by a FACT_MASTER record, before which a
	 * FACT_SETTINGS can come. It is not asked about again before that. `base_dirs`: NULL; after
	 * the answer WHOSE those that its sockets' names have, at most BASE_DIRS_MAX words, each of
	 * which ends with NUL: is the instance that is wanted among them? */
	void (*ask_master)(void *context, uint32_t tgid, const struct str *base_dirs);
	/* Whose sessions do this master's mail processes have? Answered by a FACT_USERS record. It is asked
	 * once at most. */
	void (*ask_users)(void *context, uint32_t tgid);
	/* A process of this service has begun, after rawtap started. */
	void (*new_process)(void *context, const struct service *service);
	/* This socket is recorded, or is not: then no more of its records are needed. As long as a process
	 * of this role (enum rl_role) has it: it can be another's by now, as the engine may be behind. */
	void (*verdict)(void *context, uint64_t cookie, uint16_t role, bool record);
	/* No socket of this process is recorded: no more of its records are needed. It is the one that had
	 * this id at that time (monotonic): another one can have it by now. */
	void (*forget)(void *context, uint32_t tgid, uint64_t time_ns);
	/* A log could not be written to: what the sink has returned. The world feeds it back as a
	 * FACT_WRITE record. */
	void (*write_failed)(void *context, const struct rl_write *write);
};

/* What came of the stream so far. Bytes are those of recorded sessions. */
struct engine_summary {
	uint64_t sessions[REASONS_COUNT]; /* by what became of them; [REASON_NONE]: recorded */
	uint64_t sessions_open;		  /* of the recorded: not ended yet */
	uint64_t sessions_found;	  /* of the recorded: open before the recorder started */
	uint64_t logs[REASONS_COUNT]; /* of the recorded: other logs that there are not, by why */
	uint64_t stray_bytes;	      /* of sockets that are not known: in no file */
	uint64_t files;
	uint64_t bytes[2];   /* by enum rl_dir, before redaction and formats */
	uint64_t lost_bytes; /* also reported in the files */
	uint64_t gaps;
	uint64_t malformed; /* records and handshake lines that made no sense */
	uint64_t given_up;  /* logs that could not be written to the end */
	bool has_stats;
	struct rl_stats stats; /* the kernel side's counters; valid if has_stats */
};

#endif
