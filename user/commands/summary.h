/* SPDX-License-Identifier: MIT */
/* The last lines of a run, as tcpdump prints some: what was recorded, and what was lost. */
#ifndef SUMMARY_H
#define SUMMARY_H

#include "engine/engine.h"

void summary_print(const struct engine_summary *summary);

#endif
