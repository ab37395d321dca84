/* SPDX-License-Identifier: MIT */
/*
 * Each hook has several programs that do the same, of which the first one that runs acts
 * (bpf/copies.bpf.h). The programs have to know in which order the kernel runs them.
 */
#ifndef COPIES_H
#define COPIES_H

struct rawtap_bpf;

/* Lets the copies act, once the programs for sockets are attached, and before any process is
 * tracked. 0; -EPROTO: they do not all run, or not in one order; -errno. */
int copies_start(struct rawtap_bpf *skeleton);

#endif
