/* SPDX-License-Identifier: MIT */
/*
 * Logs in a tree below one directory, for replay: the paths of the stream,
 * relative to that root. Needs no privileges. Directories are created as needed
 * (0700). Nothing that exists is overwritten or appended to, links are not
 * followed, and ".." never leads out of the root: in a home it is refused, in a
 * directory that the administrator has set it is resolved.
 */
#ifndef SINK_TREE_H
#define SINK_TREE_H

#include "rawlog/sink.h"

/* NULL: `root` can't be opened, errno says why. The caller frees the sink. */
struct sink *sink_tree_new(const char *root);
/* 0, or -errno: a log that was released could not be closed, and may lack bytes. */
int sink_tree_failed(struct sink *sink);
/* Closes what is open. Free the engine, which writes to it, first. NULL afterwards. */
void sink_tree_free(struct sink **sink);

#endif
