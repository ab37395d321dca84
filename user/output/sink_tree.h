/* SPDX-License-Identifier: MIT */
/*
 * Logs below a directory of the caller's, for replay: the path that the
 * stream names, below that root. Needs no privileges. Directories are made as
 * needed (0700); nothing that exists is overwritten or appended to, no link is
 * followed, ".." in a home leads nowhere, and in the lib rule's directory not
 * out of the root.
 */
#ifndef SINK_TREE_H
#define SINK_TREE_H

#include "rawlog/sink.h"

/* NULL: `root` can't be opened, errno says why. */
struct sink *sink_tree_new(const char *root);
void sink_tree_free(struct sink **sink);

#endif
