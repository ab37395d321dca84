// SPDX-License-Identifier: MIT
#include "compress/compress.h"

#include <stddef.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "compress/compress_lines.h"
#include "rl_abi.h"

#define PIECE_SIZE (16 * 1024)
/* What a client may send before COMPRESS is answered; Dovecot itself reads 64 kB. */
#define HELD_MAX   (256 * 1024)

struct inflater {
	z_stream z;
	unsigned char piece[PIECE_SIZE]; /* of what comes out */
};

struct side {
	enum {
		SIDE_TEXT,
		SIDE_HELD, /* RL_IN: behind a COMPRESS that is not answered */
		SIDE_DEFLATE,
		SIDE_LOST, /* deflate that can't be inflated any more */
	} state;
	bool look;		   /* bytes were missing: do the next ones look like deflate? */
	bool in_call;		   /* text of the current system call has come out, */
	bool open;		   /* and more was to come */
	bool more;		   /* as in struct chunk, of the last one */
	struct inflater *inflater; /* DEFLATE */
	uint64_t lost;		   /* bytes that are to be told; */
	bool told;		   /* the first ones are */
};

struct compress {
	struct client_lines client;
	struct server_lines server;
	struct side sides[2]; /* by enum rl_dir */
	bool command_lost;    /* a COMPRESS may be among bytes that are missing */
	/* SIDE_HELD: */
	struct str held;
	int64_t held_ns;
	bool held_in_call; /* in_call where it begins */
	bool held_lost;	   /* too much, or with bytes missing */
	bool answer_lost;  /* the answer may be among bytes that are missing */
};

/* zlib's memory has text in it, and zlib does not say how much it frees. */
struct z_memory {
	size_t size;
	max_align_t data[];
};

static void *z_alloc(void *opaque, unsigned int items, unsigned int size)
{
	struct z_memory *memory = mem_alloc(sizeof(*memory) + (size_t)items * size);

	memory->size = (size_t)items * size;
	return memory->data;
}

static void z_free(void *opaque, void *data)
{
	struct z_memory *memory =
		(struct z_memory *)((char *)data - offsetof(struct z_memory, data));

	mem_wipe(memory->data, memory->size);
	free(memory);
}

static void begin_deflate(struct side *side)
{
	struct inflater *inflater = mem_alloc(sizeof(*inflater));

	inflater->z.zalloc = z_alloc;
	inflater->z.zfree = z_free;
	if (inflateInit2(&inflater->z, -MAX_WBITS) != Z_OK)
		abort(); /* no memory, or another zlib than this was compiled with */
	side->inflater = inflater;
	side->state = SIDE_DEFLATE;
}

static void end_deflate(struct side *side)
{
	if (!side->inflater)
		return;
	inflateEnd(&side->inflater->z);
	mem_wipe(side->inflater, sizeof(*side->inflater));
	free(side->inflater);
	side->inflater = NULL;
}

/* From here on, `size` bytes of this chunk, and all that follows. */
static void lose(struct side *side, uint64_t size)
{
	end_deflate(side);
	side->state = SIDE_LOST;
	side->lost += size;
}

static void tell_lost(struct side *side, int dir, int64_t realtime_ns,
		      const struct compress_out *out)
{
	if (!side->lost)
		return;
	out->lost(dir, side->lost, realtime_ns, out->context);
	side->lost = 0;
	side->told = true;
}

/* A part of what the system call of `chunk` moved, or what has become of it. */
static void put(struct side *side, const struct chunk *chunk, const unsigned char *data, size_t len,
		bool more, const struct compress_out *out)
{
	struct chunk piece = *chunk;

	if (!len)
		return;
	piece.data = data;
	piece.len = len;
	piece.continues = side->in_call;
	piece.more = more || chunk->more;
	side->in_call = true;
	side->open = piece.more;
	out->text(&piece, out->context);
}

/* zlib has then read the byte by which it saw the damage. Behind a stream that has ended Dovecot
 * reads nothing more. */
static void inflate_part(struct side *side, const struct chunk *chunk, const unsigned char *data,
			 size_t len, const struct compress_out *out)
{
	unsigned char *piece = side->inflater->piece;
	z_stream *z = &side->inflater->z;
	int ret = Z_OK;

	z->next_in = (unsigned char *)data;
	z->avail_in = len;
	do {
		z->next_out = piece;
		z->avail_out = PIECE_SIZE;
		ret = inflate(z, Z_SYNC_FLUSH);
		put(side, chunk, piece, PIECE_SIZE - z->avail_out, !z->avail_out, out);
	} while (ret == Z_OK && !z->avail_out);
	if (ret != Z_OK && ret != Z_BUF_ERROR)
		lose(side, z->avail_in + (ret != Z_STREAM_END));
}

/* Bytes behind those that are missing: are they text, or deflate? That ends each flush with this
 * mark, and a tenth of its bytes are controls. */
static bool looks_deflated(const struct chunk *chunk)
{
	static const unsigned char flushed[] = {0, 0, 0xff, 0xff};
	static const char blanks[] = {'\t', '\n', '\f', '\r', '\033'};
	size_t i, controls = 0;

	if (chunk->len >= sizeof(flushed) &&
	    memcmp(chunk->data + chunk->len - sizeof(flushed), flushed, sizeof(flushed)) == 0)
		return true;
	for (i = 0; i < chunk->len; i++)
		controls += chunk->data[i] < ' ' && !memchr(blanks, chunk->data[i], sizeof(blanks));
	return controls > chunk->len / 32;
}

static void hold(struct compress *compress, const struct chunk *chunk, const unsigned char *data,
		 size_t len)
{
	struct side *in = &compress->sides[RL_IN];

	if (!compress->held.len) {
		compress->held_ns = chunk->realtime_ns;
		compress->held_in_call = in->in_call;
	}
	if (!compress->held_lost && compress->held.len + len <= HELD_MAX) {
		str_append(&compress->held, data, len);
		return;
	}
	compress->held_lost = true;
	in->lost += compress->held.len + len;
	str_clear(&compress->held);
}

static void client_text(struct compress *compress, const struct chunk *chunk,
			const unsigned char *data, size_t len, const struct compress_out *out)
{
	struct side *in = &compress->sides[RL_IN];
	bool is_compress;
	size_t size = client_lines_read(&compress->client, data, len, &is_compress);

	put(in, chunk, data, size, size < len, out);
	if (!is_compress)
		return;
	in->state = SIDE_HELD;
	compress->held_lost = compress->answer_lost = false;
	if (size < len)
		hold(compress, chunk, data + size, len - size);
}

/* COMPRESS is answered: what was held is deflate, or text. */
static void let_go(struct compress *compress, bool begins, const struct compress_out *out)
{
	struct side *in = &compress->sides[RL_IN];
	const struct chunk chunk = {.realtime_ns = compress->held_ns, .dir = RL_IN};
	struct str held = compress->held;
	const unsigned char *data = (const unsigned char *)str_text(&held);
	size_t len = held.len;

	compress->held = (struct str){0};
	if (len)
		in->in_call = compress->held_in_call;
	if (begins && compress->held_lost) {
		lose(in, 0);
	} else if (begins) {
		begin_deflate(in);
		if (len)
			inflate_part(in, &chunk, data, len, out);
	} else {
		in->state = SIDE_TEXT;
		compress->command_lost |= compress->held_lost;
		tell_lost(in, RL_IN, chunk.realtime_ns, out);
		in->told = false;
		if (len)
			client_text(compress, &chunk, data, len, out);
	}
	str_free(&held);
}

/* Compression begins; the client's may have begun before. */
static void begin(struct compress *compress, const struct compress_out *out)
{
	if (compress->sides[RL_IN].state == SIDE_HELD)
		let_go(compress, true, out);
	else if (compress->sides[RL_IN].state == SIDE_TEXT)
		begin_deflate(&compress->sides[RL_IN]);
	begin_deflate(&compress->sides[RL_OUT]);
}

/* Does compression begin behind this answer? Where no command is held, it may have been lost. */
static bool is_begin(const struct compress *compress, const struct server_answer *answer, bool ours)
{
	if (!answer->begins)
		return false;
	return ours || (compress->command_lost && compress->sides[RL_IN].state != SIDE_HELD);
}

static void server_text(struct compress *compress, const struct chunk *chunk,
			const struct compress_out *out)
{
	const unsigned char *data = chunk->data, *end = data + chunk->len, *at = data;
	struct side *side = &compress->sides[RL_OUT];
	struct server_answer answer;

	while (at < end && side->state == SIDE_TEXT) {
		bool ours, begins, refused;

		at += server_lines_read(&compress->server, at, end - at, &answer);
		if (!answer.tag)
			continue;
		ours = client_lines_is_tag(&compress->client, answer.tag, answer.tag_len);
		begins = is_begin(compress, &answer, ours);
		refused = ours && !answer.ok && compress->sides[RL_IN].state == SIDE_HELD;
		if (ours)
			client_lines_answered(&compress->client);
		if (!begins && !refused)
			continue;
		put(side, chunk, data, at - data, at < end, out);
		data = at;
		if (begins)
			begin(compress, out);
		else
			let_go(compress, false, out);
	}
	if (side->state == SIDE_TEXT)
		put(side, chunk, data, end - data, false, out);
	else if (at < end)
		inflate_part(side, chunk, at, end - at, out);
}

/* Bytes are missing before this chunk. */
static void look_at(struct compress *compress, const struct chunk *chunk,
		    const struct compress_out *out)
{
	struct side *side = &compress->sides[chunk->dir], *in = &compress->sides[RL_IN];

	side->look = false;
	if (!looks_deflated(chunk))
		return;
	lose(side, 0);
	if (in->state == SIDE_HELD)
		let_go(compress, true, out);
}

static void feed(struct compress *compress, const struct chunk *chunk,
		 const struct compress_out *out)
{
	struct side *side = &compress->sides[chunk->dir];

	if (side->look)
		look_at(compress, chunk, out);
	if (side->state == SIDE_HELD && compress->answer_lost)
		let_go(compress, looks_deflated(chunk), out);
	switch (side->state) {
	case SIDE_TEXT:
		if (chunk->dir == RL_IN)
			client_text(compress, chunk, chunk->data, chunk->len, out);
		else
			server_text(compress, chunk, out);
		break;
	case SIDE_HELD:
		hold(compress, chunk, chunk->data, chunk->len);
		break;
	case SIDE_DEFLATE:
		inflate_part(side, chunk, chunk->data, chunk->len, out);
		break;
	case SIDE_LOST:
		side->lost += chunk->len;
		break;
	}
}

/* If all of the last system call has come: nothing more of it is text, and the first ones that are lost
 * are told. */
static void end_call(struct side *side, int dir, int64_t realtime_ns,
		     const struct compress_out *out)
{
	const struct chunk rest = {.realtime_ns = realtime_ns, .continues = true, .dir = dir};

	if (side->more || side->state == SIDE_HELD)
		return;
	if (side->open)
		out->text(&rest, out->context);
	side->open = false;
	if (side->state == SIDE_LOST && !side->told)
		tell_lost(side, dir, realtime_ns, out);
}

void compress_feed(struct compress *compress, const struct chunk *chunk,
		   const struct compress_out *out)
{
	int dir;

	if (!chunk->len)
		return;
	if (!chunk->continues)
		compress->sides[chunk->dir].in_call = false;
	compress->sides[chunk->dir].more = chunk->more;
	feed(compress, chunk, out);
	for (dir = RL_IN; dir <= RL_OUT; dir++)
		end_call(&compress->sides[dir], dir, chunk->realtime_ns, out);
}

static void gap_in_text(struct compress *compress, int dir, uint64_t size)
{
	bool known = dir == RL_IN ? client_lines_gap(&compress->client, size) :
				    server_lines_gap(&compress->server, size);

	if (known)
		return;
	compress->sides[dir].look = true;
	if (dir == RL_IN)
		compress->command_lost = true;
	else if (compress->sides[RL_IN].state == SIDE_HELD)
		compress->answer_lost = true;
}

struct compress *compress_new(bool whole)
{
	struct compress *compress = mem_alloc(sizeof(*compress));
	int dir;

	for (dir = RL_IN; dir <= RL_OUT && !whole; dir++)
		gap_in_text(compress, dir, UINT64_MAX);
	return compress;
}

void compress_gap(struct compress *compress, int dir, uint64_t size, int64_t realtime_ns,
		  const struct compress_out *out)
{
	struct side *side = &compress->sides[dir];

	if (!size)
		return;
	switch (side->state) {
	case SIDE_TEXT:
		gap_in_text(compress, dir, size);
		break;
	case SIDE_HELD:
		compress->held_lost = true;
		side->lost += compress->held.len;
		str_clear(&compress->held);
		break;
	case SIDE_DEFLATE:
		lose(side, 0);
		break;
	case SIDE_LOST:
		break;
	}
	tell_lost(side, dir, realtime_ns, out);
}

void compress_end(struct compress *compress, int64_t realtime_ns, const struct compress_out *out)
{
	int dir;

	while (compress->sides[RL_IN].state == SIDE_HELD)
		let_go(compress, false, out);
	for (dir = RL_IN; dir <= RL_OUT; dir++)
		tell_lost(&compress->sides[dir], dir, realtime_ns, out);
}

void compress_free(struct compress **compress_p)
{
	struct compress *compress = *compress_p;

	*compress_p = NULL;
	if (!compress)
		return;
	end_deflate(&compress->sides[RL_IN]);
	end_deflate(&compress->sides[RL_OUT]);
	str_free(&compress->held);
	mem_wipe(compress, sizeof(*compress)); /* has parts of lines */
	free(compress);
}
