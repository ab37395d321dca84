// SPDX-License-Identifier: MIT
#include "redact_case.h"

static void pop3(void **state)
{
	const struct redact_case cases[] = {
		PASSES(POP3, "CAPA\r\nUSER x\r\nSTLS\r\nPASSX y\r\nXAUTH y\r\nXAPOP y z\r\n"),
		PASSES(POP3, "PASS\r\nPASS \r\nAUTH\r\nAUTH \r\nAPOP\nPASS\n"),
		PASSES(POP3, "USER PASS\r\nUSER AUTH PLAIN x\r\n\r\nX \0\xff\r\n"),
		CASE(POP3, "USER x\r\nPASS redacted\r\n", C("USER x\r\nPASS SECRET\r\n")),
		CASE(POP3, "pAsS redacted\n", C("pAsS SECRET \"SECRET\" {6}\n")),
		CASE(POP3, "PASS redacted\r\nNOOP\r\n", C("PASS  \r\nNOOP\r\n")),
		CASE(POP3, "PASS redacted\r\n", C("PASS SECRET\rSECRET\r\r\n")),
		CASE(POP3, "PASS redacted\r\n", C("PASS \r\r\n")),
		CASE(POP3, " \tPASS redacted\r\n", C(" \tPASS SECRET\r\n")),
		CASE(POP3, "\r\n\nPASS\tredacted\r\n", C("\r\n\nPASS\tSECRET\r\n")),
		CASE(POP3, "PA\r\rSS redacted\r\n", C("PA\r\rSS SECRET\r\n")),
		CASE(POP3, "PASS redacted\n", C("PASS\rSECRET\n")),
		CASE(POP3, "PASS redacted\r\n", C("PASS\0SECRET\r\n")),
		CASE(POP3, "PASS redacted\r\n", C("PASS:SECRET\r\n")),
		CASE(POP3, "\xef\xbb\xbfPASS redacted\r\n", C("\xef\xbb\xbfPASS SECRET\r\n")),
		CASE(POP3, "APOP redacted\r\nAPOP redacted\r\n",
		     C("APOP SECRET SECRET\r\nAPOP SECRET\r\n")),
		CASE(POP3, "AUTH PLAIN " B "\r\n", C("AUTH PLAIN SECRET\r\n")),
		CASE(POP3, "auth plain\r\n" B "\r\n*\r\nNOOP\r\n", POP3_GREETING,
		     C("auth plain\r\n"), S("+ \r\n"), C("SECRET\r\n"), S("+\r\n"), C("*\r\n"),
		     S("-ERR [AUTH] x\r\n"), C("NOOP\r\n")),
		CASE(POP3, "AUTH PLAIN\n" B "\n" B "\n", C("AUTH PLAIN\n==\n**\n")),
		CASE(POP3, "NOOP\r\n" B "\r\n", C("NOOP\r\n"), S("+\n"), C("SECRET\r\n")),
		CASE(POP3, "AU\rTH PLAIN\n" B "\n", C("AU\rTH PLAIN\nSECRET\n")),
	};

	CHECK(cases);
}

static void pop3_replies(void **state)
{
	const struct redact_case cases[] = {
		/* the greeting is no reply; replies to other commands end no authentication */
		CASE(POP3, "AUTH PLAIN\r\n" B "\r\nNOOP\r\n", C("AUTH PLAIN\r\n"), POP3_GREETING,
		     C("SECRET\r\n"), S("+ \r\n-ERR x\r\n"), C("NOOP\r\n")),
		CASE(POP3, "CAPA\r\nNOOP\r\nAUTH PLAIN\r\n" B "\r\nNOOP\r\n", POP3_GREETING,
		     C("CAPA\r\nNOOP\r\nAUTH PLAIN\r\n"),
		     S("+OK\r\nSASL PLAIN\r\nx\r\n.\r\n-ERR x\r\n"), C("SECRET\r\n"),
		     S("+ \r\n-ERR x\r\n"), C("NOOP\r\n")),
		CASE(POP3, "AUTH\r\nPASS redacted\r\n", POP3_GREETING, C("AUTH\r\n"),
		     S("+OK\r\nPLAIN\r\n.\r\n"), C("PASS SECRET\r\n")),
		CASE(POP3, "AUTH  PLAIN " B "\r\nPASS redacted\r\n", POP3_GREETING,
		     C("AUTH  PLAIN SECRET\r\n"), S("+OK\r\nPLAIN\r\n.\r\n"), C("PASS SECRET\r\n")),
		CASE(POP3, "USER x\r\nPASS redacted\r\nUSER x\r\nPASS redacted\r\nPASS y\r\n",
		     POP3_GREETING, C("USER x\r\nPASS SECRET\r\n"), S("+OK\r\n-ERR x\r\n"),
		     C("USER x\r\nPASS SECRET\r\n"), S("+OK\r\n+OK Logged in.\r\n"),
		     C("PASS y\r\n")),
		CASE(POP3, "CAPA\r\nPASS redacted\r\nPASS redacted\r\n", POP3_GREETING,
		     C("CAPA\r\nPASS SECRET\r\n"), S("+OK\r\n.\r\n-ERR x\r\n"),
		     C("PASS SECRET\r\n")),
		CASE(POP3, "APOP redacted\r\nPASS y\r\n", POP3_GREETING, C("APOP SECRET\r\n"),
		     S("+OK x\r\n"), C("PASS y\r\n")),
		CASE(POP3, "AUTH PLAIN " B "\r\nPASS y\r\n", POP3_GREETING,
		     C("AUTH PLAIN SECRET\r\n"), S("+OK x\r\n"), C("PASS y\r\n")),
		CASE(POP3, "AUTH PLAIN " B "\r\n" B "\r\nPASS redacted\r\nPASS redacted\r\n",
		     POP3_GREETING, C("AUTH PLAIN SECRET\r\nCAPA\r\n"), S("-ERR x\r\n"),
		     C("PASS SECRET\r\n"), S("+OK\r\n.\r\n-ERR x\r\n"), C("PASS SECRET\r\n")),
		CASE(POP3, "CAPA\r\n" B "\r\nPASS redacted\r\n", POP3_GREETING, C("CAPA\r\n"),
		     S("+OK\r\n.\r\n+ x\r\n"), C("SECRET\r\n"), S("+OK x\r\n"),
		     C("PASS SECRET\r\n")),
	};

	CHECK(cases);
}

/* Commands, challenges and responses are counted. */
static void counts(void **state)
{
	const struct redact_case cases[] = {
		CASE(POP3, "AUTH PLAIN\r\n" B "\r\nAUTH PLAIN " B "\r\nNOOP\r\n", POP3_GREETING,
		     C("AUTH PLAIN\r\n"), S("+ \r\n"), C("SECRET\r\n"), S("-ERR x\r\n"),
		     C("AUTH PLAIN SECRET\r\n"), S("-ERR x\r\n"), C("NOOP\r\n")),
		CASE(POP3, "AUTH PLAIN\r\n" B "\r\nAUTH PLAIN " B "\r\nNOOP\r\n", POP3_GREETING,
		     C("AUTH PLAIN\r\nSECRET\r\n"), S("+ \r\n-ERR x\r\n"),
		     C("AUTH PLAIN SECRET\r\n"), S("-ERR x\r\n"), C("NOOP\r\n")),
		/* the server answers before the response: that becomes a command */
		CASE(POP3, "AUTH PLAIN\r\n" B "\r\nAUTH PLAIN\r\n" B "\r\nNOOP\r\n", POP3_GREETING,
		     C("AUTH PLAIN\r\n"), S("+ \r\n"), C("SEC"), S("-ERR x\r\n"),
		     C("RET\r\nAUTH PLAIN\r\n"), S("-ERR x\r\n"), C("SECRET\r\n"),
		     S("+ \r\n-ERR x\r\n"), C("NOOP\r\n")),
		/* a challenge that comes too early */
		CASE(POP3, "AUTH PLAIN\r\n" B "\r\n", POP3_GREETING, C("AUTH PL"), S("+ x\r\n"),
		     C("AIN\r\n"), S("-ERR x\r\n"), C("SECRET\r\n")),
		CASE(SMTP, "NOOP\r\nAUTH PLAIN\r\n" B "\r\n", SMTP_GREETING,
		     C("NOOP\r\nAUTH PLAIN\r\n"), S("150 x\r\n250 x\r\n"), C("SECRET\r\n")),
		CASE(SMTP, "DATA\r\nx\r\n.\r\nAUTH PLAIN " B "\r\nQUIT\r\n", SMTP_GREETING,
		     C("DATA\r\nx"), S("354 x\r\n"), C("\r\n.\r\n"), S("250 x\r\n"),
		     C("AUTH PLAIN SECRET\r\n"), S("504 x\r\n"), C("QUIT\r\n")),
	};

	CHECK(cases);
}

/* More commands of alternating kinds are pending than are kept: replies are ignored. */
static void too_many(void **state)
{
	struct redact *redact = redact_new(REDACT_POP3, RL_IN);
	struct result result = {0};
	struct str sent = {0}, replies = {0};
	unsigned int i;

	str_append_text(&replies, "+OK x\r\n");
	for (i = 0; i < 33; i++) {
		str_append_text(&sent, "CAPA\r\nPASS redacted\r\n");
		str_append_text(&replies, "+OK\r\n.\r\n-ERR x\r\n");
	}
	feed_pieces(redact, RL_IN, &(struct step){CLIENT, sent.data, sent.len}, 0, &result);
	feed_pieces(redact, RL_OUT, &(struct step){SERVER, replies.data, replies.len}, 0, &result);
	feed_pieces(redact, RL_IN, &(struct step)C("AUTH PLAIN\r\n"), 0, &result);
	feed_pieces(redact, RL_OUT, &(struct step)S("+OK\r\n"), 0, &result);
	feed_pieces(redact, RL_IN, &(struct step)C("SECRET\r\n"), 0, &result);
	str_append_text(&sent, "AUTH PLAIN\r\n" B "\r\n");
	same(&result.out[RL_IN], sent.data, sent.len);
	redact_free(&redact);
	str_free(&sent);
	str_free(&replies);
	str_free(&result.out[RL_IN]);
	str_free(&result.out[RL_OUT]);
}

/* A SCRAM server's last message. */
static void verifier(void **state)
{
	const struct redact_case cases[] = {
		CASE_SERVER(IMAP, "a AUTHENTICATE SCRAM-SHA-1 " B "\r\n" B "\r\n\r\n",
			    "+ cj1YWCxzPVlZLGk9NDA5Ng==\r\n+ dj1yZWRhY3RlZA==\r\na OK dj1x\r\n",
			    C("a AUTHENTICATE SCRAM-SHA-1 SECRET\r\n"),
			    S("+ cj1YWCxzPVlZLGk9NDA5Ng==\r\n"), C("SECRET\r\n"),
			    S("+ dj1TRUNSRVQ=\r\n"), C("\r\n"), S("a OK dj1x\r\n")),
		CASE_SERVER(
			SMTP, "AUTH SCRAM-SHA-256\r\n" B "\r\n", "334 dj1yZWRhY3RlZA==\n250 x\r\n",
			C("AUTH SCRAM-SHA-256\r\nSECRET\r\n"), S("334 dj0vU0VDUkVU\n250 x\r\n")),
		CASE_SERVER(POP3, B "\r\n", "+ \r\n+ dj1yZWRhY3RlZA==\r\n", S("+ \r\n"),
			    C("SECRET\r\n"), S("+ dj1TRUNSRVQ=\r\n")),
		CASE(IMAP, "a AUTHENTICATE GSSAPI\r\n" B "\r\n",
		     C("a AUTHENTICATE GSSAPI\r\nSECRET\r\n"), S("* dj1x\r\n+ dj1x\r\n")),
		CASE(IMAP, "", S("+ dj1x\r\n")),
		CASE_SERVER(IMAP, "a AUTHENTICATE SCRAM-SHA-1\r\n",
			    "+ dj1yZWRhY3RlZA==[gap]\r\n+ x\r\n",
			    C("a AUTHENTICATE SCRAM-SHA-1\r\n"), S("+ dj1TRUN"), S_GAP(3),
			    S("SRVQ\r\n+ x\r\n")),
		CASE_SERVER(IMAP, "a AUTHENTICATE SCRAM-SHA-1\r\n", "+[gap]\r\n+ x\r\n",
			    C("a AUTHENTICATE SCRAM-SHA-1\r\n"), S("+"), S_GAP(4),
			    S("TRUNSRVQ\r\n+ x\r\n")),
	};

	CHECK(cases);
}

static void client_gaps(void **state)
{
	const struct redact_case cases[] = {
		CASE(IMAP, "a LOGIN " Q "[gap]redacted\r\nb NOOP\r\n", C("a LOGIN SEC"), C_GAP(1),
		     C("SECRET SECRET\r\nb NOOP\r\n")),
		CASE(IMAP, "a LOG[gap]redacted\r\nb NOOP\r\n", C("a LOG"), C_GAP(3),
		     C("SECRET\r\nb NOOP\r\n")),
		CASE(IMAP, "a NOOP\r\n[gap]redacted\r\nb NOOP\r\n", C("a NOOP\r\n"), C_GAP(3),
		     C("SECRET SECRET\r\nb NOOP\r\n")),
		CASE(IMAP, "a NO[gap]\r\nb NOOP\r\n", C("a NO"), C_GAP(2), C("\r\nb NOOP\r\n")),
		CASE(IMAP, "a NO[gap]OP\r\nb NOOP\r\n", C("a NO"), C_GAP(0), C("OP\r\nb NOOP\r\n")),
		CASE(IMAP, "[gap]redacted\r\n" Q "\r\nb NOOP\r\n", C_GAP(9),
		     C("SECRET {6+}\r\nSECRET\r\nb NOOP\r\n")),
		/* a gap inside a literal: its size says where the line continues */
		CASE(IMAP, "a LOGIN {8+}\r\nredacted[gap] {8+}\r\nredacted\r\nb NOOP x\r\n",
		     C("a LOGIN {10+}\r\nSEC"), C_GAP(4), C("RET {6+}\r\nSECRET\r\nb NOOP x\r\n")),
		CASE(IMAP, "a LOGIN {8+}\r\nredacted[gap] " Q "\r\nb NOOP x\r\n",
		     C("a LOGIN {6+}\r\nSEC"), C_GAP(3), C(" SECRET\r\nb NOOP x\r\n")),
		CASE(IMAP, "a LOGIN {8+}\r\nredacted[gap]redacted\r\nb NOOP x\r\n",
		     C("a LOGIN {6+}\r\nSEC"), C_GAP(4), C("SECRET\r\nb NOOP x\r\n")),
		CASE(IMAP, "a ID {20+}\r\n1234[gap]x LOGIN y z\r\n\r\nb NOOP x\r\n",
		     C("a ID {20+}\r\n1234"), C_GAP(2), C("x LOGIN y z\r\n\r\nb NOOP x\r\n")),
		/* the literal was refused, and what came after that is lost */
		CASE(IMAP, "a ID {3}\r\n[gap]c\r\nb NOOP\r\n", C("a ID {3}\r\n"), C_GAP(2),
		     S("a BAD x\r\n"), C("c\r\nb NOOP\r\n")),
		CASE(IMAP, "a LOGIN {8}\r\n[gap]redacted " Q "\r\n", C("a LOGIN {6}\r\n"), C_GAP(2),
		     S("a BAD x\r\n"), C("CRET SECRET\r\n")),
		/* something is held when the gap comes */
		CASE(IMAP, "a AUTHENTICATE REDACTED[gap]redacted\r\n", C("a AUTHENTICATE SEC"),
		     C_GAP(3), C("SECRET\r\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN[gap]redacted\r\n", C("a AUTHENTICATE PLAIN"),
		     C_GAP(3), C("SECRET\r\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN " B "[gap]redacted\r\n",
		     C("a AUTHENTICATE PLAIN ="), C_GAP(3), C("SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "[gap]redacted\r\n", C("a LOGIN {1"), C_GAP(3), C("}\r\n")),
		CASE(POP3, "PASS redacted[gap]redacted\r\n", C("PASS SECRET\r"), C_GAP(3),
		     C("SECRET\r\n")),
	};

	CHECK(cases);
}

static void client_gaps_sasl(void **state)
{
	const struct redact_case cases[] = {
		CASE(IMAP, "a AUTHENTICATE PLAIN\r\n[gap]" B "\r\n" B "\r\nb NOOP\r\n",
		     C("a AUTHENTICATE PLAIN\r\n"), C_GAP(3), C("SECRET\r\nSECRET\r\n"),
		     S("a NO x\r\n"), C("b NOOP\r\n")),
		CASE(IMAP, "a AUTHENTICATE [gap]\r\n" B "\r\nb NOOP\r\n", C("a AUTHENTICATE "),
		     C_GAP(3), C("\r\n"), S("+ \r\n"), C("SECRET\r\n"), S("a NO x\r\n"),
		     C("b NOOP\r\n")),
		CASE(IMAP, "[gap]\r\n" B "\r\nb NOOP\r\nc LOGIN " Q " " Q "\r\n", C_GAP(20),
		     C("\r\n"), S("+ \r\n"), C("SECRET\r\n"), S("a OK x\r\n"),
		     C("b NOOP\r\nc LOGIN SECRET SECRET\r\n")),
		CASE(IMAP, "[gap]" B "\r\nb NOOP\r\n", S("+ \r\n"), C_GAP(20), C("SECRET\r\n"),
		     S("a NO x\r\n"), C("b NOOP\r\n")),
		CASE(IMAP, "a LOGIN {8}\r\n[gap]\r\n" B "\r\n", C("a LOGIN {6}\r\n"),
		     S("a BAD x\r\n"), C_GAP(20), C("\r\n"), S("+ \r\n"), C("SECRET\r\n")),
		/* replies can't be counted any more */
		CASE(POP3, "[gap]\r\nPASS redacted\r\nPASS redacted\r\n", POP3_GREETING, C_GAP(20),
		     C("\r\nPASS SECRET\r\n"), S("+OK x\r\n"), C("PASS SECRET\r\n")),
		CASE(POP3, "[gap]\r\nAUTH PLAIN\r\n" B "\r\nNOOP\r\n", POP3_GREETING, C_GAP(20),
		     C("\r\nAUTH PLAIN\r\n"), S("-ERR x\r\n+OK\r\n"), C("SECRET\r\n"),
		     S("+ \r\n-ERR x\r\n"), C("NOOP\r\n")),
		CASE(SMTP, "[gap]\r\nAUTH PLAIN " B "\r\n" B "\r\nAUTH x y\r\n", SMTP_GREETING,
		     C_GAP(20), C("\r\nAUTH PLAIN SECRET\r\n"), S("250 x\r\n"), C("SECRET\r\n"),
		     S("235 x\r\n"), C("AUTH x y\r\n")),
		CASE(SMTP, "[gap]\r\nAUTH PLAIN " B "\r\nAUTH PLAIN " B "\r\nQUIT\r\n",
		     SMTP_GREETING, C_GAP(20), C("\r\nAUTH PLAIN SECRET\r\n"), S("535 x\r\n"),
		     C("AUTH PLAIN SECRET\r\n"), S("534 x\r\n"), C("QUIT\r\n")),
		/* after the login nothing is a secret */
		CASE(IMAP, "a LOGIN " Q " " Q "\r\nb X[gap]x LOGIN y z\r\n",
		     C("a LOGIN SECRET SECRET\r\n"), S("a OK x\r\n"), C("b X"), C_GAP(3),
		     C("x LOGIN y z\r\n")),
	};

	CHECK(cases);
}

static void server_gaps(void **state)
{
	const struct redact_case cases[] = {
		/* a line with a gap is no reply */
		CASE(IMAP, "a LOGIN " Q " " Q "\r\nb LOGIN " Q " " Q "\r\n",
		     C("a LOGIN SECRET SECRET\r\n"), S("* x"), S_GAP(3), S("a OK x\r\n"),
		     C("b LOGIN SECRET SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q " " Q "\r\nb LOGIN " Q " " Q "\r\n",
		     C("a LOGIN SECRET SECRET\r\n"), S("a O"), S_GAP(3), S("K x\r\na OK x"),
		     C("b LOGIN SECRET SECRET\r\n")),
		/* the authentication's end was lost: a reply to a later command shows it */
		CASE(IMAP,
		     "a AUTHENTICATE PLAIN " B "\r\n" B "\r\nc NOOP\r\nd LOGIN " Q " " Q "\r\n",
		     C("a AUTHENTICATE PLAIN SECRET\r\n"), S_GAP(30), S("\r\n"), C("b NOOP\r\n"),
		     S("b OK x\r\n"), C("c NOOP\r\nd LOGIN SECRET SECRET\r\n")),
		/* the counts are not valid any more */
		CASE(POP3, "AUTH PLAIN " B "\r\n" B "\r\n" B "\r\n", POP3_GREETING,
		     C("AUTH PLAIN SECRET\r\n"), S_GAP(9), S("\r\n"), C("CAPA\r\n"),
		     S("+OK\r\n.\r\n"), C("PASS SECRET\r\n")),
		CASE(POP3, "AUTH PLAIN\r\n" B "\r\n" B "\r\n" B "\r\n", POP3_GREETING,
		     C("AUTH PLAIN\r\n"), S("+ \r\n"), C("SECRET\r\n"), S_GAP(9), S("\r\n"),
		     C("CAPA\r\n"), S("+OK\r\n.\r\n"), C("PASS SECRET\r\n")),
		/* a literal's go-ahead that was lost is not waited for */
		CASE(IMAP, "a ID {3}\r\nabc\r\n" B "\r\n", C("a ID {3}\r\n"), S_GAP(6), S("\r\n"),
		     C("abc\r\n"), S("+ \r\n"), C("SECRET\r\n")),
	};

	CHECK(cases);
}

/* Something is held when the connection ends. */
static void ends(void **state)
{
	const struct redact_case cases[] = {
		CASE(IMAP, "a LOG", C("a LOG")),
		CASE(IMAP, "a LOGIN " Q, C("a LOGIN SEC")),
		CASE(IMAP, "a LOGIN " Q, C("a LOGIN {6")),
		CASE(IMAP, "a LOGIN " Q, C("a LOGIN {6}\r")),
		CASE(IMAP, "a LOGIN {8}\r\n", C("a LOGIN {6}\r\n")),
		CASE(IMAP, "a LOGIN {8}\r\nredacted", C("a LOGIN {6}\r\nSEC")),
		CASE(IMAP, "a AUTHENTICATE REDACTED", C("a AUTHENTICATE SEC")),
		CASE(IMAP, "a AUTHENTICATE REDACTED", C("a AUTHENTICATE PLAI")),
		CASE(IMAP, "a AUTHENTICATE PLAIN", C("a AUTHENTICATE PLAIN")),
		CASE(IMAP, "a AUTHENTICATE PLAIN\r\n" B, C("a AUTHENTICATE PLAIN\r\nSEC")),
		CASE(IMAP, "a AUTHENTICATE PLAIN\r\n" B, C("a AUTHENTICATE PLAIN\r\n=")),
		CASE(IMAP, "a AUTHENTICATE PLAIN\r\n" B, C("a AUTHENTICATE PLAIN\r\n*\r")),
		CASE(POP3, "PASS redacted", C("PASS SECRET\r")),
		CASE(POP3, "AUTH PLAIN ", C("AUTH PLAIN \r")),
		CASE(SMTP, "", S("220")),
	};

	CHECK(cases);
}

struct piece {
	int dir;
	const char *text;
	int64_t ns;
	bool continues, more;
};

struct pieces {
	const struct piece *next;
	const struct piece *end;
};

static void expect_piece(const struct chunk *chunk, void *context)
{
	struct pieces *pieces = context;
	const struct piece *piece = pieces->next++;

	assert_true(piece < pieces->end);
	assert_int_equal(chunk->len, strlen(piece->text));
	assert_memory_equal(chunk->data, piece->text, chunk->len);
	assert_int_equal(chunk->dir, piece->dir);
	assert_int_equal(chunk->realtime_ns, piece->ns);
	assert_int_equal(chunk->continues, piece->continues);
	assert_int_equal(chunk->more, piece->more);
}

/* Bytes that were held keep their time and their system call. */
static void times(void **state)
{
	static const struct piece in[] = {
		{RL_IN, "a AUTHENTICATE PL", 1, false, false},
		{RL_IN, "AI", 2, false, true},
		{RL_IN, "N\r\n=", 3, true, false},
		{RL_OUT, "+ \r\n", 4, false, true},
		{RL_IN, "\r", 5, false, false},
		{RL_IN, "\n*", 6, false, false},
		{RL_IN, "SEC", 7, false, true},
		{RL_IN, "RET\r", 8, true, false},
		{RL_IN, "\n", 9, false, false},
		{RL_IN, "a AUTHENTICATE SEC", 10, false, false},
		{RL_OUT, "a OK x\r\n", 11, false, false},
		{RL_IN, "RET\r\n", 12, false, false},
		{RL_IN, "x LOGIN ", 13, true, true},
	};
	static const struct piece out[] = {
		{RL_IN, "a AUTHENTICATE ", 1, false, true},
		{RL_IN, "PLAIN", 1, true, true}, /* "PL" held, "AI", "N": the last says `more` */
		{RL_IN, "\r\n", 3, true, true},
		{RL_OUT, "+ \r\n", 4, false, true},
		{RL_IN, "=\r", 3, true, false},
		{RL_IN, "\n", 6, false, true},
		{RL_IN, B, 6, true, false}, /* "*SEC" */
		{RL_IN, "\r", 8, true, false},
		{RL_IN, "\n", 9, false, false},
		{RL_IN, B, 10, false, false},
		{RL_OUT, "a OK x\r\n", 11, false, false},
		{RL_IN, "\r\n", 12, false, false},
		{RL_IN, "x LOGIN ", 13, true, true},
	};
	struct pieces pieces = {out, out + sizeof(out) / sizeof(out[0])};
	struct redact *redact = redact_new(REDACT_IMAP, RL_IN);
	unsigned int i;

	for (i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		const struct chunk chunk = {(const unsigned char *)in[i].text,
					    strlen(in[i].text),
					    in[i].ns,
					    in[i].continues,
					    in[i].more,
					    in[i].dir};

		redact_feed(redact, &chunk, expect_piece, &pieces);
	}
	redact_end(redact, expect_piece, &pieces);
	assert_ptr_equal(pieces.next, pieces.end);
	redact_free(&redact);
	redact_free(&redact);
}

static void count_bytes(const struct chunk *chunk, void *context)
{
	*(size_t *)context += chunk->len;
}

/* Nothing is held of ordinary lines, however long they are, and little of others. */
static void held(void **state)
{
	static const char *const begins[] = {
		"a", "a LOGIN {0", "a LOGI",	       "a NOOP x",
		"",  "a LOGIN \"", "a AUTHENTICATE x", "a AUTHENTICATE PLAIN x"};
	unsigned int i, round;

	for (i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		struct redact *redact = redact_new(REDACT_IMAP, RL_IN);
		size_t out = 0, before, len = strlen(begins[i]);
		struct chunk chunk = {.data = (const unsigned char *)begins[i], .len = len};

		redact_feed(redact, &chunk, count_bytes, &out);
		for (round = 0; round < 1000; round++) {
			chunk = (struct chunk){.data = (const unsigned char *)"0", .len = 1};
			redact_feed(redact, &chunk, count_bytes, &out);
		}
		before = out;
		redact_end(redact, count_bytes, &out);
		assert_true(out - before <= 40);
		redact_free(&redact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pop3),
		cmocka_unit_test(pop3_replies),
		cmocka_unit_test(counts),
		cmocka_unit_test(too_many),
		cmocka_unit_test(verifier),
		cmocka_unit_test(client_gaps),
		cmocka_unit_test(client_gaps_sasl),
		cmocka_unit_test(server_gaps),
		cmocka_unit_test(ends),
		cmocka_unit_test(times),
		cmocka_unit_test(held),
	};

	return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
