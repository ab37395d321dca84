/* SPDX-License-Identifier: MIT */
/*
 * IMAP's COMPRESS (RFC 4978): once the server has answered "OK Begin
 * compression" to it, all that it sends, and all that the client sends behind the
 * command, is deflate. What comes out here is the text. Pure.
 *
 * It must be fed both directions, in the order in which Dovecot received and
 * sent the bytes. The answer is looked for where an answer can be, behind the
 * literals, and by the client's tag. What the client has sent behind the command
 * before it is answered is held: 2.3 takes it for deflate, 2.4 refuses the
 * command then.
 *
 * Where bytes of a compressed direction are missing, or it is damaged, nothing
 * that follows there can be inflated: what was inflated before is lacking. All of
 * it is told as lost. Where the command and the answer may be among the bytes that
 * are missing, the next ones show by their looks whether they are deflate.
 */
#ifndef COMPRESS_H
#define COMPRESS_H

#include <stdint.h>

#include "rawlog/format.h"

struct compress;

/* Where it all goes. One call's bytes can come out in many pieces; memory stays bounded, however
 * much deflate makes of a few bytes. */
struct compress_out {
	/* Text. Where more was to come of a system call's bytes, and turns out to be no text, an empty
	 * chunk follows. `chunk` is valid during the call only. */
	void (*text)(const struct chunk *chunk, void *context);
	/* So many bytes (as they passed) could not be inflated. */
	void (*lost)(int dir, uint64_t size, int64_t realtime_ns, void *context);
	void *context;
};

/* For one connection. `whole`: from its first byte on; else the first bytes show by their looks whether
 * they are deflate. The caller frees it with compress_free(). */
struct compress *compress_new(bool whole);

void compress_feed(struct compress *compress, const struct chunk *chunk,
		   const struct compress_out *out);
/* `size` bytes are missing here. Call it before the gap is written to the log. */
void compress_gap(struct compress *compress, int dir, uint64_t size, int64_t realtime_ns,
		  const struct compress_out *out);
/* The connection ends: what is held comes out. Feed nothing afterwards. */
void compress_end(struct compress *compress, int64_t realtime_ns, const struct compress_out *out);

void compress_free(struct compress **compress); /* NULL afterwards */

#endif
