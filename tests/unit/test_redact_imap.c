// SPDX-License-Identifier: MIT
#include "redact_case.h"

static void imap_login_arguments(void **state)
{
	static const struct redact_case cases[] = {
		CASE(IMAP, "a LOGIN " Q " " Q "\r\n", C("a LOGIN SECRET SECRET\r\n")),
		CASE(IMAP, "a lOgIn " Q " " Q "\n", C("a lOgIn SECRET SECRET2\n")),
		CASE(IMAP, "a LOGIN  " Q "   " Q "\r\n", C("a LOGIN  SECRET   SECRET  \r\n")),
		CASE(IMAP, "a LOGIN " Q " " Q "\r\nb NOOP\r\n",
		     C("a LOGIN \"SECRET \\\"SECRET\\\\\" \"SE{4}CRET\"\r\nb NOOP\r\n")),
		CASE(IMAP, "a LOGIN " Q Q "\r\n", C("a LOGIN \"SECRET\"SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q " " Q "\r\n", C("a LOGIN \"\" \"\"\r\n")),
		CASE(IMAP, "a LOGIN " Q " " Q "\r\n", C("a LOGIN ~SECRET NIL\r\n")),
		/* literals */
		CASE(IMAP, "a LOGIN {8}\r\nredacted {8}\r\nredacted\r\nb NOOP\r\n",
		     C("a LOGIN {6}\r\n"), S("+ OK\r\n"), C("SECRET {9}\r\n"), S("+ OK\r\n"),
		     C("SE\r\nCRET\n\r\nb NOOP\r\n")),
		CASE(IMAP, "a LOGIN {8+}\r\nredacted {8+}\r\nredacted\r\nb NOOP\r\n",
		     C("a LOGIN {6+}\r\nSECRET {012+}\r\nx LOGIN y z\n\r\nb NOOP\r\n")),
		CASE(IMAP, "a LOGIN {8+}\r\nredacted {8}\nredacted\nb NOOP\n",
		     C("a LOGIN {0+}\r\n {0}\n\nb NOOP\n")),
		CASE(IMAP, "a LOGIN {8+}\r\nredacted " Q "\r\n",
		     C("a LOGIN {6+}\r\nSECRET SECRET\r\n")),
		CASE(IMAP, "a LOGIN {8+}\r\nredacted" Q "\r\n",
		     C("a LOGIN {6+}\r\nSECRETSECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q " {8+}\r\nredacted\r\nb NOOP\r\n",
		     C("a LOGIN SECRET {6+}\r\nSECRET\r\nb NOOP\r\n")),
		/* the server refuses the literal: it does not come */
		CASE(IMAP, "a LOGIN " Q " {8}\r\nb NOOP\r\n", C("a LOGIN SECRET {600}\r\n"),
		     S("a BAD Too long\r\n"), C("b NOOP\r\n")),
	};

	CHECK(cases);
}

static void imap_login_broken(void **state)
{
	static const struct redact_case cases[] = {
		CASE(IMAP, "a LOGIN " Q " " Q "\r\nb NOOP\r\n",
		     C("a LOGIN SECRET SECRET SECRET SECRET\r\nb NOOP\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\n", C("a LOGIN SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\n", C("a LOGIN \"SECRET SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q " " Q "\r\n", C("a LOGIN SECRET \"SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\nb NOOP\r\n",
		     C("a LOGIN (SECRET SECRET)\r\nb NOOP\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\n", C("a LOGIN SEC\xc3\xa9RET SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\n", C("a LOGIN \xc3SECRET SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\n", C("a LOGIN \"SEC\0SECRET\" SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\n", C("a LOGIN SECRET\tSECRET SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "\nb NOOP\n", C("a LOGIN \"SECRET\\\nb NOOP\n")),
		CASE(IMAP, "a LOGIN " Q "\r\nb NOOP\r\n",
		     C("a LOGIN \"SECRET\rSECRET\r\nb NOOP\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\n", C("a LOGIN \rSECRET SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\n", C("a LOGIN {6SECRET SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\n", C("a LOGIN {6} SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\n", C("a LOGIN {6+2}SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\n", C("a LOGIN {{6} SECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\n",
		     C("a LOGIN {0000000000000000000000000000000000000SECRET\r\n")),
		/* a literal to the client, but not to Dovecot */
		CASE(IMAP, "a LOGIN " Q "\r\n" Q "\r\nb NOOP\r\n",
		     C("a LOGIN ~{6+}\r\nSECRET SECRET\r\nb NOOP\r\n")),
		CASE(IMAP, "a LOGIN " Q " " Q "\r\n" Q "\r\nb NOOP\r\n",
		     C("a LOGIN SECRET SECRET {6+}\r\nSECRET\r\nb NOOP\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\nb NOOP\r\n", C("a LOGIN \"SECRET {6}\r\n"),
		     S("a BAD Missing '\"'\r\n"), C("b NOOP\r\n")),
		/* larger than any number */
		CASE(IMAP, "a LOGIN {8+}\r\nredacted",
		     C("a LOGIN {99999999999999999999999+}\r\nSECRET\r\nx NOOP\r\n")),
		CASE(IMAP, "a LOGIN {8+}\r\nredacted",
		     C("a LOGIN {18446744073709551617+}\r\nSECRET\r\nx NOOP\r\n")),
	};

	CHECK(cases);
}

/* Where Dovecot sees no LOGIN, but the client meant one. */
static void imap_login_places(void **state)
{
	static const struct redact_case cases[] = {
		CASE(IMAP, " \t a  LOGIN " Q " " Q "\r\n", C(" \t a  LOGIN SECRET SECRET\r\n")),
		CASE(IMAP, "a\tLOGIN\t" Q "\r\n", C("a\tLOGIN\tSECRET\tSECRET\r\n")),
		CASE(IMAP, "a\rLOGIN " Q " " Q "\n", C("a\rLOGIN SECRET SECRET\n")),
		CASE(IMAP, "LOGIN " Q " " Q "\r\nb NOOP\r\n",
		     C("LOGIN SECRET SECRET\r\nb NOOP\r\n")),
		CASE(IMAP, "login" Q Q "\r\n", C("login\"SECRET\"\"SECRET\"\r\n")),
		CASE(IMAP, "LOGIN {8+}\r\nredacted\r\n", C("LOGIN {6+}\r\nSECRET\r\n")),
		CASE(IMAP, "a LOGIN" Q " " Q "\r\n", C("a LOGIN\"SECRET\" SECRET\r\n")),
		CASE(IMAP, "a LOGIN" Q "\r\n", C("a LOGIN(SECRET SECRET\r\n")),
		CASE(IMAP, "a LOGIN" Q "\r\n", C("a LOGIN\xc2\xa0SECRET SECRET\r\n")),
		CASE(IMAP, "a \"LOGIN" Q "\r\n", C("a \"LOGIN\" SECRET\r\n")),
		CASE(IMAP, "+ LOGIN " Q " " Q "\r\n", C("+ LOGIN SECRET SECRET\r\n")),
		CASE(IMAP, "AUTHENTICATE PLAIN " B "\r\n", C("AUTHENTICATE PLAIN SECRET\r\n")),
		CASE(IMAP,
		     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
		     "LOGIN " Q " " Q "\r\n",
		     C("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
		       "LOGIN SECRET SECRET\r\n")),
		CASE(IMAP, "\r\n\na LOGIN " Q " " Q "\r\n", C("\r\n\na LOGIN SECRET SECRET\r\n")),
	};

	CHECK(cases);
}

static void imap_passes(void **state)
{
	static const struct redact_case cases[] = {
		PASSES(IMAP, "a CAPABILITY\r\nb NOOP\r\nc LOGOUT\r\n"),
		PASSES(IMAP, "a ID (\"name\" \"LOGIN x y\" \"os\" NIL)\r\nb ENABLE QRESYNC\r\n"),
		PASSES(IMAP, "a LOGINX x y\r\na XLOGIN x y\r\na AUTHENTICATED x\r\n"),
		PASSES(IMAP, "LOGIN\r\nAUTHENTICATE\n"),
		PASSES(IMAP, "a LOGIN\r\nb AUTHENTICATE\r\nc AUTHENTICATE \r\nd LOGIN \r\n"),
		PASSES(IMAP, "a NOOP LOGIN x y\r\n\r\nA0001 SELECT login\r\n"),
		PASSES(IMAP, "LOGIN.1 NOOP x\r\nlogin2 NOOP x y\r\n"),
		PASSES(IMAP,
		       "a ID (\"x\" {14+}\r\nx LOGIN y z\r\n\"k\" {5}\r\nb LOG)\r\nb NOOP\r\n"),
		PASSES(IMAP, "a ID {14+}\r\nx LOGIN y z\r\n\r\nb NOOP\r\n"),
		PASSES(IMAP, "a X (({14}\r\nx LOGIN y z\r\n))\r\nb NOOP\r\n"),
		PASSES(IMAP, "a NOOP\r\nb NOOP LOGIN x y\r\n"),
		PASSES(IMAP, "a ID {0}\r\n\r\nb NOOP x y\r\n"),
		PASSES(IMAP, "\xff\0a b c\r\n"),
	};

	CHECK(cases);
}

/* No literal to Dovecot: what follows is a line, and is looked at. */
static void imap_no_literals(void **state)
{
#define NO_LITERAL(text)                                                                           \
	CASE(IMAP, text "\r\nb LOGIN " Q " " Q "\r\n", C(text "\r\nb LOGIN SECRET SECRET\r\n"))
	static const struct redact_case cases[] = {
		NO_LITERAL("a NOOP x{20}"),
		NO_LITERAL("a NOOP \"{20}"),
		NO_LITERAL("a NOOP \"\\\"{20}"),
		NO_LITERAL("a NOOP \"x\" \"{20}"),
		NO_LITERAL("a NOOP ~{20}"),
		NO_LITERAL("a NOOP {20} "),
		NO_LITERAL("a NOOP {2 0}"),
		NO_LITERAL("a NOOP {20+0}"),
		NO_LITERAL("a NOOP {{20}"),
		NO_LITERAL("a NOOP {20"),
		NO_LITERAL("a NOOP ) {20}"),
		NO_LITERAL("a NOOP x) {20}"),
		NO_LITERAL("a NOOP (x)) {20}"),
		NO_LITERAL("a NOOP \x80 {20}"),
		NO_LITERAL("a NOOP x\x7f {20}"),
		NO_LITERAL("a NOOP x\rx {20}"),
		NO_LITERAL("a NOOP \"x\r\" {20}"),
		NO_LITERAL("a NOOP \"\0\" {20}"),
		NO_LITERAL("a NOOP \"\\\r\" {20}"),
		NO_LITERAL("a NOOP {20}\r"),
		NO_LITERAL("a NOOP {8193}"),
		NO_LITERAL("a NOOP {99999999999999999999999}"),
		NO_LITERAL("a AUTHENTICATE"),
		CASE(IMAP, "a NOOP {20}\r\nb LOGIN " Q " " Q "\r\n", C("a NOOP {20}\r\n"),
		     S("a BAD No\r\n"), C("b LOGIN SECRET SECRET\r\n")),
		CASE(IMAP, "+ NOOP {20}\r\nb LOGIN " Q " " Q "\r\n", C("+ NOOP {20}\r\n"),
		     S("* BAD Error\r\n"), C("b LOGIN SECRET SECRET\r\n")),
		/* neither an alert nor a reply to another command refuses the literal */
		CASE(IMAP, "a X {14}\r\nx LOGIN y z\r\n\r\n", C("a X {14}\r\n"),
		     S("* BAD [ALERT] x\r\nb BAD x\r\n+ OK\r\n"), C("x LOGIN y z\r\n\r\n")),
		/* no untagged line refuses the literal of a secret */
		CASE(IMAP, "a LOGIN {8}\r\nredacted {8}\r\nredacted\r\n", C("a LOGIN {6}\r\n"),
		     S("* BAD Error\r\n"), C("SECRET {6}\r\n"), S("+\r\n+\r\n"), C("SECRET\r\n")),
	};

	CHECK(cases);
}

static void imap_sasl(void **state)
{
	static const struct redact_case cases[] = {
		CASE(IMAP, "a AUTHENTICATE PLAIN " B "\r\n", C("a AUTHENTICATE PLAIN SECRET\r\n")),
		CASE(IMAP, "a authenticate plain " B "\n", C("a authenticate plain SECRET\n")),
		CASE(IMAP, "a AUTHENTICATE EXTERNAL =\r\nb NOOP x\r\n",
		     C("a AUTHENTICATE EXTERNAL =\r\n"), S("a NO x\r\n"), C("b NOOP x\r\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN\r\n" B "\r\nb NOOP x\r\n",
		     C("a AUTHENTICATE PLAIN\r\n"), S("+ \r\n"), C("SECRET\r\n"),
		     S("a NO [AUTHENTICATIONFAILED] x\r\n"), C("b NOOP x\r\n")),
		CASE(IMAP, "a AUTHENTICATE LOGIN\r\n" B "\r\n" B "\r\nb NOOP x\r\n",
		     C("a AUTHENTICATE LOGIN\r\n"), S("+ VXNlcm5hbWU6\r\n"), C("SECRET\r\n"),
		     S("+ UGFzc3dvcmQ6\r\n"), C("SECRET\r\n"), S("a NO x\r\n"), C("b NOOP x\r\n")),
		/* in one go */
		CASE(IMAP, "a AUTHENTICATE LOGIN\r\n" B "\r\n" B "\r\nb NOOP x\r\n",
		     C("a AUTHENTICATE LOGIN\r\nSECRET\r\nSECRET\r\n"),
		     S("+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\na BAD x\r\n"), C("b NOOP x\r\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN\r\n*\r\nb NOOP\r\n", C("a AUTHENTICATE PLAIN\r\n"),
		     S("+ \r\n"), C("*\r\n"), S("a BAD Aborted\r\n"), C("b NOOP\r\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN\r\n\r\n=\r\n" B "\r\n" B "\r\n" B "\r\n" B "\r\n",
		     C("a AUTHENTICATE PLAIN\r\n\r\n=\r\n=SECRET\r\n*S\r\n==\r\n\rSECRET\r\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN\r\n" B "\r\n" B "\n" B "\r\n",
		     C("a AUTHENTICATE PLAIN\r\n*\rSECRET\r\nSECRET\n=\r\r\n")),
	};

	CHECK(cases);
}

static void mechanisms(void **state)
{
#define KNOWN(name)                                                                                \
	CASE(IMAP, "a AUTHENTICATE " name " " B "\r\n", C("a AUTHENTICATE " name " SECRET\r\n"))
#define UNKNOWN(name)                                                                              \
	CASE(IMAP, "a AUTHENTICATE REDACTED " B "\r\n", C("a AUTHENTICATE " name " SECRET\r\n"))
	const struct redact_case cases[] = {
		KNOWN("PLAIN"),
		KNOWN("login"),
		KNOWN("CRAM-MD5"),
		KNOWN("DIGEST-MD5"),
		KNOWN("SCRAM-SHA-1"),
		KNOWN("SCRAM-SHA-256-PLUS"),
		KNOWN("SCRAM-SHA3-512-PLUS"),
		KNOWN("XOAUTH2"),
		KNOWN("OAUTHBEARER"),
		KNOWN("EXTERNAL"),
		KNOWN("ANONYMOUS"),
		KNOWN("GSSAPI"),
		KNOWN("GSS-SPNEGO"),
		KNOWN("NTLM"),
		KNOWN("OTP"),
		UNKNOWN("SECRET"),
		UNKNOWN("SECRETSECRETSECRETSECRETSECRETSECRETSECRET"),
		UNKNOWN("PLAINSECRET"),
		UNKNOWN("PLAIN-PLUSSECRET"),
		UNKNOWN("PLAI"),
		UNKNOWN("SCRAM-SECRET"),
		UNKNOWN("PLAIN:SECRET"),
		UNKNOWN("PLAIN\0SECRET"),
		UNKNOWN("\0SECRET"),
		UNKNOWN("{6+}"),
		CASE(IMAP, "a AUTHENTICATE REDACTED\r\n", C("a AUTHENTICATE SECRET\r\n")),
		CASE(IMAP, "a AUTHENTICATE REDACTED\n", C("a AUTHENTICATE SECRET\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN" B "\n", C("a AUTHENTICATE PLAIN\rSECRET\n")),
		CASE(IMAP, "a AUTHENTICATE redacted\n", C("a AUTHENTICATE\rSECRET\n")),
		CASE(IMAP, "a AUTHENTICATE REDACTED " B "\r\n",
		     C("a AUTHENTICATE:SECRET SECRET\r\n")),
		CASE(IMAP, "a AUTHENTICATE\tPLAIN\t" B "\r\n",
		     C("a AUTHENTICATE\tPLAIN\tSECRET\r\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN \r\n", C("a AUTHENTICATE PLAIN \r\n")),
		CASE(POP3, "AUTH REDACTED\r\n", C("AUTH SECRET\r\n")),
		CASE(SMTP, "AUTH REDACTED " B "\r\n", C("AUTH SECRET SECRET\r\n")),
	};

	CHECK(cases);
}

/* To which command does a reply belong? */
static void imap_replies(void **state)
{
	const struct redact_case cases[] = {
		/* replies to other commands end no authentication */
		CASE(IMAP, "b NOOP\r\na AUTHENTICATE PLAIN\r\n" B "\r\nc NOOP\r\n",
		     C("b NOOP\r\na AUTHENTICATE PLAIN\r\n"),
		     S("b OK NOOP\r\n* OK x\r\n* BYE x\r\nx\r\nd NO x\r\na OKAY\r\na\r\n+ \r\n"),
		     C("SECRET\r\n"), S("a NO x\r\n"), C("c NOOP\r\n")),
		/* nor do replies to earlier commands with the same tag */
		CASE(IMAP, "a NOOP\r\na NOOP\r\na AUTHENTICATE PLAIN\r\n" B "\r\na NOOP\r\n",
		     C("a NOOP\r\na NOOP\r\na AUTHENTICATE PLAIN\r\n"), S("a OK x\r\na OK x\r\n"),
		     C("SECRET\r\n"), S("+ \r\na NO x\r\n"), C("a NOOP\r\n")),
		CASE(IMAP, "a NOOP\r\na LOGIN " Q " " Q "\r\na LOGIN " Q " " Q "\r\n",
		     C("a NOOP\r\na LOGIN SECRET SECRET\r\n"), S("a OK x\r\na NO x\r\n"),
		     C("a LOGIN SECRET SECRET\r\n")),
		/* sent before the authentication's end: replaced, to be safe */
		CASE(IMAP,
		     "a AUTHENTICATE PLAIN " B "\r\n" B "\r\na LOGIN " Q " " Q "\r\na NOOP\r\n",
		     C("a AUTHENTICATE PLAIN SECRET\r\na NOOP\r\n"), S("a NO x\r\n"),
		     C("a LOGIN SECRET SECRET\r\n"), S("a OK NOOP\r\na NO x\r\n"), C("a NOOP\r\n")),
		CASE(IMAP,
		     "a AUTHENTICATE PLAIN\r\n" B "\r\n" B "\r\na LOGIN " Q " " Q "\r\n"
		     "a LOGIN " Q " " Q "\r\n",
		     C("a AUTHENTICATE PLAIN\r\nSECRET\r\na NOOP\r\n"), S("+ \r\na NO x\r\n"),
		     C("a LOGIN SECRET SECRET\r\n"), S("a OK NOOP\r\n"),
		     C("a LOGIN SECRET SECRET\r\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN " B "\r\n" B "\r\n" B "\r\nc NOOP\r\n",
		     C("a AUTHENTICATE PLAIN SECRET\r\nb LOGIN {6+}\r\n"), S("a NO x\r\n"),
		     C("SECRET SECRET\r\nc NOOP\r\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN " B "\r\n" B "\r\nb NOOP\r\n",
		     C("a AUTHENTICATE PLAIN SECRET\r\nb LOG"), S("a NO x\r\n"),
		     C("IN SECRET SECRET\r\nb NOOP\r\n")),
		/* a reply before the line's end */
		CASE(IMAP, "a LOGIN " Q "\r\na LOGIN " Q " " Q "\r\nx LOGIN y z\r\n",
		     C("a LOGIN (SECRET"), S("a BAD x\r\n"),
		     C("SECRET)\r\na LOGIN SECRET SECRET\r\n"), S("a OK x\r\n"),
		     C("x LOGIN y z\r\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN\r\n" B "\r\n", C("a AUTHENTICATE PLAI"),
		     S("a BAD x\r\n"), C("N\r\nSECRET\r\n")),
		CASE(IMAP, "a LOGIN " Q "\r\na NOOP\r\na LOGIN " Q " " Q "\r\n",
		     C("a LOGIN (SECRET"), S("a BAD x\r\n"), C(")\r\na NOOP\r\n"), S("a OK x\r\n"),
		     C("a LOGIN SECRET SECRET\r\n")),
		CASE(IMAP, "a LOGIN {8+}\r\nredacted " Q "\r\n", C("a LOGIN {6+}\r\n"),
		     S("a BAD x\r\n"), C("SECRET SECRET\r\n")),
		/* a challenge to a command that was not seen */
		CASE(IMAP, "a NOOP\r\n" B "\r\nb NOOP\r\nc LOGIN " Q " " Q "\r\n", C("a NOOP\r\n"),
		     S("+ \r\n"), C("SECRET\r\n"), S("a OK x\r\n"),
		     C("b NOOP\r\nc LOGIN SECRET SECRET\r\n")),
		/* the "+" for a literal is no challenge */
		CASE(IMAP, "a ID {3}\r\nabc\r\nb NOOP\r\n", C("a ID {3}\r\nabc\r\n"), S("+ OK\r\n"),
		     C("b NOOP\r\n")),
	};

	CHECK(cases);
}

static void imap_success(void **state)
{
	const struct redact_case cases[] = {
		CASE(IMAP, "a LOGIN " Q " " Q "\r\nb APPEND x {20}\r\nx LOGIN y z\r\n{99}\r\n\r\n",
		     C("a LOGIN SECRET SECRET\r\n"), S("a OK x\r\n"),
		     C("b APPEND x {20}\r\nx LOGIN y z\r\n{99}\r\n\r\n")),
		CASE(IMAP, "a LOGIN " Q " " Q "\r\nb LOGIN " Q " " Q "\r\nx LOGIN y z\r\n",
		     C("a LOGIN SECRET SECRET\r\n"), S("a NO x\r\n"),
		     C("b LOGIN SECRET SECRET\r\n"), S("* CAPABILITY x\r\nb ok x\r\n"),
		     C("x LOGIN y z\r\n"), S("+ x\r\n")),
		CASE(IMAP, "a LOGIN {8}\r\nredacted {8}\r\nredacted\r\nx LOGIN {6}\r\n",
		     C("a LOGIN {6}\r\n"), S("+ OK\r\n"), C("SECRET {6}\r\n"), S("+ OK\r\n"),
		     C("SECRET\r\n"), S("a OK\r\n"), C("x LOGIN {6}\r\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN\r\n" B "\r\nx LOGIN y z\r\n",
		     C("a AUTHENTICATE PLAIN\r\n"), S("+ \r\n"), C("SECRET\r\n"),
		     S("* CAPABILITY x\r\na OK x\r\n"), C("x LOGIN y z\r\n")),
		CASE(IMAP, "a AUTHENTICATE PLAIN " B "\r\nx LOGIN y z\r\n",
		     C("a AUTHENTICATE PLAIN SECRET\r\n"), S("a OK [X] x\r\n"),
		     C("x LOGIN y z\r\n")),
		/* after the login everything passes, from the next line on */
		CASE(IMAP, "a LOGIN " Q " " Q "\r\nb LOGIN " Q " " Q "\r\nx LOGIN y z\r\n",
		     C("a LOGIN SECRET SECRET\r\nb LOG"), S("a OK x\r\n"),
		     C("IN SECRET SECRET\r\nx LOGIN y z\r\n")),
		CASE(IMAP, "a LOGIN " Q " " Q "\r\nb NOOP\r\nx LOGIN y z\r\n",
		     C("a LOGIN SECRET SECRET\r\nb NO"), S("a OK x\r\n"),
		     C("OP\r\nx LOGIN y z\r\n")),
		CASE(IMAP,
		     "a LOGIN " Q " " Q "\r\nb LOGIN {8+}\r\nredacted " Q "\r\nx LOGIN y z\r\n",
		     C("a LOGIN SECRET SECRET\r\nb LOGIN {6+}\r\nSEC"), S("a OK x\r\n"),
		     C("RET SECRET\r\nx LOGIN y z\r\n")),
		/* replies that are no successful login */
		CASE(IMAP, "a NOOP\r\nb LOGIN " Q " " Q "\r\n", C("a NOOP\r\n"), S("a OK x\r\n"),
		     C("b LOGIN SECRET SECRET\r\n")),
		CASE(IMAP, "a STARTTLS\r\nb LOGIN " Q " " Q "\r\n", C("a STARTTLS\r\n"),
		     S("a OK Begin TLS\r\n"), C("b LOGIN SECRET SECRET\r\n")),
		CASE(IMAP, "a AUTHENTICATE  PLAIN\r\nb LOGIN " Q " " Q "\r\n",
		     C("a AUTHENTICATE  PLAIN\r\n"), S("a OK x\r\n"),
		     C("b LOGIN SECRET SECRET\r\n")),
	};

	CHECK(cases);
}

/* More commands are pending than are kept: replies are ignored. */
static void too_many(void **state)
{
	struct redact *redact = redact_new(REDACT_IMAP, RL_IN);
	struct result result = {0};
	struct str sent = {0}, replies = {0};
	unsigned int i;

	for (i = 0; i < 65; i++) {
		str_printf(&sent, "%u NOOP\r\n", i);
		str_printf(&replies, "%u OK x\r\n", i);
	}
	feed_pieces(redact, RL_IN, &(struct step){CLIENT, sent.data, sent.len}, 0, &result);
	feed_pieces(redact, RL_IN, &(struct step)C("a AUTHENTICATE PLAIN\r\nSECRET\r\n"), 0,
		    &result);
	feed_pieces(redact, RL_OUT, &(struct step){SERVER, replies.data, replies.len}, 0, &result);
	feed_pieces(redact, RL_OUT, &(struct step)S("+ \r\na OK x\r\n"), 0, &result);
	feed_pieces(redact, RL_IN, &(struct step)C("SECRET\r\n"), 0, &result);
	str_append_text(&sent, "a AUTHENTICATE PLAIN\r\n" B "\r\n" B "\r\n");
	same(&result.out[RL_IN], sent.data, sent.len);
	redact_free(&redact);
	str_free(&sent);
	str_free(&replies);
	str_free(&result.out[RL_IN]);
	str_free(&result.out[RL_OUT]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(imap_login_arguments), cmocka_unit_test(imap_login_broken),
		cmocka_unit_test(imap_login_places),	cmocka_unit_test(imap_passes),
		cmocka_unit_test(imap_no_literals),	cmocka_unit_test(imap_sasl),
		cmocka_unit_test(mechanisms),		cmocka_unit_test(imap_replies),
		cmocka_unit_test(imap_success),		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests_name("redact_imap", tests, NULL, NULL);
}
