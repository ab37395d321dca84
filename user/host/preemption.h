/* SPDX-License-Identifier: MIT */
#ifndef PREEMPTION_H
#define PREEMPTION_H

#include <stdbool.h>

/* Can a task be preempted while it is in the kernel? True if that is not known. */
bool kernel_preempts(void);

/* The kernel's version: 7.2 is 702. */
unsigned int kernel_version(void);

#endif
