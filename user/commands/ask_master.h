/* SPDX-License-Identifier: MIT */
/*
 * "Who is this master?": whoever finds that out may hang, in a file system even
 * so that nobody can kill it. So it is a process of its own, which the recorder
 * starts for each question (commands/master_questions.h): rawtap again, with a
 * command that is for rawtap alone. What it says on its standard output is the
 * answer: a struct rl_master; then, where it is OK, settings as FACT_SETTINGS has
 * them, each as soon as it is known. "Who uses its processes?" is another such
 * question.
 */
#ifndef ASK_MASTER_H
#define ASK_MASTER_H

#include "base/str.h"
#include "rl_abi.h"

#define ASK_MASTER_COMMAND "ask-master"

/* In place of needs: who uses its processes? */
#define ASK_MASTER_USERS (UINT32_C(1) << 31)

/* That process. Its arguments, the first three decimal: the master's pid; when it was asked, on the
 * clock of clock_boot_ns(); flags of enum need, or ASK_MASTER_USERS; the base_dir of the only instance that
 * counts, or nothing; for a master that has ended (WHOSE), the base_dirs in names of its sockets: then
 * nothing else is found out. Returns the exit status. */
int ask_master_run(int argc, char *const argv[]);

/* Reads what it has said, whose end may be missing. Nothing of sense: SILENT. `settings` has which are
 * needed (flags of enum need) and were not read. */
void ask_master_read(const struct str *said, unsigned int needs, struct rl_master *fact_r,
		     struct str *settings);
/* The same for ASK_MASTER_USERS: the text of a FACT_USERS, which is never empty. */
void ask_master_read_users(const struct str *said, struct str *text);

#endif
