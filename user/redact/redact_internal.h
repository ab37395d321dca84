/* SPDX-License-Identifier: MIT */
/* What the files of redact share, and nobody else sees. Each file calls only those after it in this
 * list: redact, client, imap_args, server, output. */
#ifndef REDACT_INTERNAL_H
#define REDACT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "rawlog/format.h"
#include "dovecot/imap_args.h"
#include "dovecot/service.h"
#include "base/str.h"

/* What stands in the log in place of a secret. */
#define MARK_TEXT     "redacted"
#define MARK_QUOTED   "\"redacted\""
#define MARK_MECH     "REDACTED"
#define MARK_BASE64   "cmVkYWN0ZWQ="   /* MARK_TEXT in base64 */
#define MARK_VERIFIER "1yZWRhY3RlZA==" /* follows "dj": together "v=redacted" in base64 */

#define WORD_MAX      24  /* more than the longest keyword or mechanism */
#define REPLY_MAX     160 /* how much of a server's line is looked at; an IMAP tag has at most 126 */
#define PENDING_MAX   64
#define TAG_HASH_INIT 0xcbf29ce484222325 /* FNV-1a */

/* What the client's next byte is. */
enum client_state {
	CLIENT_BEGIN,	   /* the first one of a line */
	CLIENT_WORD,	   /* before or in the keyword */
	CLIENT_PASS,	   /* passes, up to the line's end */
	CLIENT_BDAT,	   /* SMTP: in the arguments of BDAT */
	CLIENT_DATA,	   /* SMTP: in the mail that follows 354 */
	CLIENT_ARGS,	   /* IMAP: in arguments that pass */
	CLIENT_BYTES,	   /* passes, as `left` bytes do */
	CLIENT_LOGIN,	   /* IMAP: in arguments that are replaced */
	CLIENT_SECRET,	   /* POP3: between PASS and its argument */
	CLIENT_MECH_DELIM, /* between AUTH and the mechanism */
	CLIENT_MECH,	   /* in the SASL mechanism */
	CLIENT_RESPONSE,   /* SASL: at the beginning of a response */
	CLIENT_REST,	   /* dropped, up to the line's end */
	CLIENT_SWALLOW,	   /* dropped, as `left` bytes are */
};

/* What the caller does after a byte of an argument list. */
enum args_then {
	ARGS_GO_ON,	  /* nothing */
	ARGS_LINE_END,	  /* this byte has ended the line */
	ARGS_REST,	  /* drop this byte and all up to the line's end */
	ARGS_REST_QUOTED, /* the same, and put MARK_QUOTED in their place */
};

enum command_kind {
	COMMAND_OTHER,
	COMMAND_LOGIN, /* its success is the login; all of it is in one line */
	COMMAND_SASL, /* likewise, but the client's next lines are responses until it is answered */
	COMMAND_PROBE, /* responses may follow, but its success is no login */
	COMMAND_MAIL,  /* SMTP */
	COMMAND_DATA,  /* SMTP */
};

/* One or several equal commands in a row that wait for their final replies. */
struct pending {
	uint64_t tag; /* its hash; IMAP only, else 0 */
	enum command_kind kind;
	unsigned int count;
};

/* The client's current line. */
struct line {
	uint64_t tag;  /* its hash; IMAP only, else 0 */
	bool tag_open; /* the next byte may belong to the tag */
	bool response; /* a SASL command was pending when it began */
	bool answered; /* the server replied before the line was complete */
	bool doubtful; /* a SASL command that Dovecot may refuse or take for another one */
	enum command_kind kind;
};

/* One direction's output. */
struct side {
	struct str out;	 /* what the chunk that is being fed has become */
	struct str held; /* not known yet whether it is replaced; comes after `out` */
	/* `held` began in an earlier chunk, which had this time and these flags of struct chunk. */
	bool held_earlier;
	int64_t held_ns;
	bool held_continues, held_more;
};

struct redact {
	enum redact_protocol protocol;
	int client_dir;
	struct side sides[2]; /* by enum rl_dir */
	bool done;	      /* logged in: after the current line everything passes */

	/* valid during a call only */
	const struct chunk *chunk;
	void (*emit)(const struct chunk *chunk, void *context); /* redact_emit_fn */
	void *context;

	/* The client. */
	enum client_state state, after; /* after: the state after `left` bytes */
	char word[WORD_MAX + 1];	/* the current word, in capitals, its beginning */
	unsigned int word_len, words;	/* words: complete ones of the line (IMAP) */
	struct line line;
	const char *mark;      /* put out once the next byte is dropped; NULL: none */
	uint64_t left;	       /* bytes of a literal or of BDAT that are to come */
	bool left_waits;       /* they are a literal's that waits for "+", and none has come yet */
	struct imap_args list; /* the literal: of any line (IMAP), or the size of BDAT */
	unsigned int args;     /* arguments of LOGIN so far */
	unsigned int dot;      /* DATA: 0: line's beginning; 1: "."; 2: ". CR"; 3: any other */
	uint64_t chunk_size;   /* BDAT: bytes that follow the line */
	unsigned int chunk_args; /* BDAT: 0: no digit yet; 1: digits; 2: after them; 3: malformed */

	/* The server. */
	char reply[REPLY_MAX]; /* the beginning of its current line */
	size_t reply_len;
	bool reply_lost;    /* bytes of this line are missing: it is no reply */
	bool reply_swallow; /* the rest of this line is dropped */
	bool greeted;	    /* POP3, SMTP: the greeting, which answers no command, has come */
	struct pending pending[PENDING_MAX];
	unsigned int pending_count;
	bool deaf;	       /* too many were pending: replies are ignored from then on */
	bool unsure;	       /* POP3, SMTP: bytes are missing, so replies can't be counted */
	bool sasl;	       /* a COMMAND_SASL or COMMAND_PROBE is pending */
	bool sasl_any_tag;     /* its line was lost, so its tag is not known */
	bool sasl_begun;       /* the server has answered it with a challenge */
	bool scram;	       /* its mechanism is SCRAM, or not known */
	unsigned int expected; /* challenges that the client has not responded to */
	unsigned int go_ahead; /* literals whose "+" has not come yet */
	bool data;	       /* SMTP: the client's lines are a mail's */
	bool data_answered;    /* SMTP: a final reply came while `data` */
	bool data_unsure; /* SMTP: the mail's end may have been missed: a final reply ends it */
	bool transaction; /* SMTP: MAIL was not refused so far: bytes follow BDAT's line */
	bool lmtp;
};

/* output.c. All but redact_put() are about the client's direction. */
struct side *redact_client_side(struct redact *redact);
void redact_put(struct redact *redact, int dir, const void *data, size_t len);
void redact_put_text(struct redact *redact, const char *text);
void redact_hold(struct redact *redact, unsigned char c);
/* What is held is replaced by the mark, or put out as it is, or dropped. */
void redact_replace(struct redact *redact, const char *mark);
void redact_release(struct redact *redact);
void redact_drop(struct redact *redact);

/* client.c: the client's bytes, or `size` missing ones. */
void redact_client(struct redact *redact, const unsigned char *data, size_t len);
void redact_client_gap(struct redact *redact, uint64_t size);
/* What would decide about the held bytes will not come: puts them out, or a mark. */
void redact_client_flush(struct redact *redact);

/* imap_args.c. `state`: CLIENT_ARGS or CLIENT_LOGIN. */
void redact_args_begin(struct redact *redact, enum client_state state);
/* One byte of arguments that pass. */
enum args_then redact_args(struct redact *redact, unsigned char c);
/* One byte of LOGIN's arguments. What can't be one is dropped, with the rest of the line. */
enum args_then redact_login(struct redact *redact, unsigned char c);
/* The bytes of redact->list.literal follow, in `state`; `after` them comes that state. */
void redact_literal_begin(struct redact *redact, enum client_state state, enum client_state after);

/* server.c: the server's bytes, or missing ones. */
void redact_server(struct redact *redact, const unsigned char *data, size_t len);
void redact_server_gap(struct redact *redact);
/* The client's line is complete: a command, or what may be a SASL response. */
void redact_sent(struct redact *redact, uint64_t tag, enum command_kind kind);
void redact_response_sent(struct redact *redact, uint64_t tag);

#endif
