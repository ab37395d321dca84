/* SPDX-License-Identifier: MIT */
/* What the files of redact share, and nobody else. Each calls those that stand below it here:
 * redact, client, imap_args, server, output. */
#ifndef REDACT_INTERNAL_H
#define REDACT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "rawlog/format.h"
#include "dovecot/service.h"
#include "base/str.h"

/* Marks. "redacted" in base64; "v=redacted", as a SCRAM server's last message, in base64. */
#define MARK_TEXT     "redacted"
#define MARK_QUOTED   "\"redacted\""
#define MARK_MECH     "REDACTED"
#define MARK_BASE64   "cmVkYWN0ZWQ="
#define MARK_VERIFIER "1yZWRhY3RlZA==" /* behind "dj" */

#define WORD_MAX      24  /* a keyword or a mechanism, with what makes it too long */
#define REPLY_MAX     160 /* of a server's line, what is looked at: an IMAP tag has 126 at most */
#define PENDING_MAX   64
#define TAG_HASH_INIT 0xcbf29ce484222325 /* FNV-1a */

/* The client's bytes, one after the other. */
enum client_state {
	CLIENT_BEGIN,	   /* of a line */
	CLIENT_WORD,	   /* up to the keyword's end */
	CLIENT_PASS,	   /* what is of no interest, up to the line's end */
	CLIENT_BDAT,	   /* SMTP: the argument of BDAT */
	CLIENT_DATA,	   /* SMTP: the lines behind 354 */
	CLIENT_ARGS,	   /* IMAP: arguments that pass */
	CLIENT_BYTES,	   /* `left` bytes that pass */
	CLIENT_LOGIN,	   /* IMAP: arguments that don't */
	CLIENT_SECRET,	   /* POP3: what is between PASS and its argument */
	CLIENT_MECH_DELIM, /* what is between AUTH and the mechanism */
	CLIENT_MECH,
	CLIENT_RESPONSE, /* SASL: the begin of a response */
	CLIENT_REST,	 /* swallowed up to the line's end */
	CLIENT_SWALLOW,	 /* `left` bytes are swallowed */
};

/* An argument list of IMAP's, see imap-parser.c. */
enum arg_state {
	ARG_NONE,
	ARG_ATOM,
	ARG_STRING,
	ARG_ESCAPE,
	ARG_LITERAL, /* behind the brace */
	ARG_CR,
	ARG_BROKEN,
};

/* {123+} CR LF */
struct literal {
	enum { LITERAL_NONE, LITERAL_DIGITS, LITERAL_PLUS, LITERAL_CLOSED, LITERAL_CR } state;
	bool nonsync;
	uint64_t size; /* UINT64_MAX: that, or more */
};

/* What the caller does after a byte of an argument list. */
enum args_then {
	ARGS_GO_ON,	  /* nothing */
	ARGS_LINE_END,	  /* the line has ended with it */
	ARGS_REST,	  /* swallow from it to the line's end */
	ARGS_REST_QUOTED, /* so, and a quoted mark comes in its place */
};

enum command_kind {
	COMMAND_OTHER,
	COMMAND_LOGIN, /* one line */
	COMMAND_SASL,  /* client's lines are responses until it is answered */
	COMMAND_PROBE, /* so may be this, but its success is no login */
	COMMAND_MAIL,
	COMMAND_DATA,
};

/* Commands that wait for their final reply. */
struct pending {
	uint64_t tag; /* hash; 0 but for IMAP */
	enum command_kind kind;
	unsigned int count;
};

struct line {
	uint64_t tag;
	bool tag_open;
	bool response; /* begun while a SASL command was pending */
	bool answered; /* before it was complete */
	bool doubtful; /* a SASL command that Dovecot may take for another */
	enum command_kind kind;
};

struct side {
	struct str out;	 /* of the chunk that is being fed */
	struct str held; /* not decided yet */
	bool held_earlier;
	int64_t held_ns;
	bool held_continues, held_more; /* as struct chunk has them */
};

struct redact {
	enum redact_protocol protocol;
	int client_dir;
	struct side sides[2]; /* by enum rl_dir */
	bool done;	      /* logged in: from the line's end on nothing is looked at */

	/* While a chunk is fed. */
	const struct chunk *chunk;
	void (*emit)(int dir, const struct chunk *chunk, void *context); /* redact_emit_fn */
	void *context;

	/* The client. */
	enum client_state state, after; /* after: behind `left` bytes */
	char word[WORD_MAX + 1];	/* in capitals */
	unsigned int word_len, words;
	struct line line;
	const char *mark; /* comes out at the next byte that is swallowed */
	uint64_t left;
	bool left_waits; /* a synchronizing literal, of which nothing came yet */
	struct literal literal;
	enum arg_state arg;
	unsigned int depth, args;
	unsigned int dot;	 /* DATA: 0 line's begin, 1 ".", 2 ". CR", 3 other */
	uint64_t chunk_size;	 /* BDAT */
	unsigned int chunk_args; /* 0: no digit yet; 1: digits; 2: behind them; 3: malformed */

	/* The server. */
	char reply[REPLY_MAX];
	size_t reply_len;
	bool reply_lost;    /* up to the line's end */
	bool reply_swallow; /* likewise, and does not come out */
	bool greeted;	    /* POP3, SMTP: the greeting answers nothing */
	struct pending pending[PENDING_MAX];
	unsigned int pending_count;
	bool deaf;	   /* too many were pending: replies are not understood any more */
	bool unsure;	   /* POP3, SMTP: commands may have been lost, replies can't be counted */
	bool sasl;	   /* a SASL command is pending */
	bool sasl_any_tag; /* its line was lost */
	bool sasl_begun;   /* the server has answered with a challenge */
	bool scram;	   /* or not known */
	unsigned int expected; /* challenges without their response so far */
	unsigned int go_ahead; /* literals whose "+" has not come yet */
	bool data;	       /* SMTP: lines are a mail's */
	bool data_answered, data_unsure;
	bool transaction; /* SMTP: MAIL was not refused so far: BDAT has bytes behind it */
	bool lmtp;
};

/* output.c: what comes out, of one direction. */
struct side *redact_client_side(struct redact *redact);
void redact_put(struct redact *redact, int dir, const void *data, size_t len);
void redact_put_text(struct redact *redact, const char *text); /* of the client */
void redact_hold(struct redact *redact, unsigned char c);
void redact_replace(struct redact *redact, const char *mark); /* instead of what is held */
void redact_release(struct redact *redact);		      /* what is held */
void redact_drop(struct redact *redact);

/* client.c */
void redact_client(struct redact *redact, const unsigned char *data, size_t len);
void redact_client_gap(struct redact *redact, uint64_t size);
void redact_client_settle(struct redact *redact); /* what is held won't go on */

/* imap_args.c */
void redact_args_begin(struct redact *redact, enum client_state state);
/* One more byte of arguments that pass. */
enum args_then redact_args(struct redact *redact, unsigned char c);
/* One more byte of arguments that don't. What is no argument of LOGIN is to be swallowed. */
enum args_then redact_login(struct redact *redact, unsigned char c);
void redact_literal_begin(struct redact *redact, enum client_state state, enum client_state after);
/* One more byte; true: the literal's bytes begin behind it. LITERAL_NONE: it is none. */
bool redact_literal_byte(struct literal *literal, unsigned char c);

/* server.c */
void redact_server(struct redact *redact, const unsigned char *data, size_t len);
void redact_server_gap(struct redact *redact);
void redact_sent(struct redact *redact, uint64_t tag, enum command_kind kind);
void redact_response_sent(struct redact *redact, uint64_t tag);

#endif
