/* SPDX-License-Identifier: MIT */
/* All sessions, by their numbers and by the inode numbers of their sockets; their sockets. */
#ifndef SESSION_TABLE_H
#define SESSION_TABLE_H

#include "engine/model.h"

/* Of this process; SESSION_LOGIN. The engine owns it. It is freed when it ends: functions in
 * session.h that can free it say so. */
struct session *session_new(struct engine *engine, struct proc *proc, enum traffic traffic);
/* Nothing knows it any more but this table. */
void session_free(struct engine *engine, struct session **session);
/* NULL: there is none. */
struct session *session_by_ino(const struct engine *engine, uint64_t ino);
struct session *session_by_id(const struct engine *engine, uint32_t id);
/* Its socket has this inode number; 0: not known. A session that had it until now loses it. */
void session_set_ino(struct engine *engine, struct session *session, uint64_t ino);
/* It is not found by its inode number any more. */
void session_forget_ino(struct engine *engine, struct session *session);

/* From now on this socket carries its bytes. */
void session_bind(struct engine *engine, struct session *session, struct sock *sock);
/* From now on none does: the socket, if there is one, goes on without a session, or ends. */
void session_unbind(struct session *session);

#endif
