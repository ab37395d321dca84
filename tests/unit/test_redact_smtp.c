// SPDX-License-Identifier: MIT
#include "redact_case.h"

static void smtp(void **state)
{
	const struct redact_case cases[] = {
		PASSES(SMTP,
		       "EHLO x\r\nMAIL FROM:<x> AUTH=<>\r\nXAUTH x\r\nAUTHX y\r\nNOOP AUTH\n"),
		PASSES(SMTP, "AUTH\r\nAUTH \r\nAUTH\n\r\nSTARTTLS\r\n\0\xff\r\n"),
		CASE(SMTP, "AUTH PLAIN " B "\r\n", C("AUTH PLAIN SECRET\r\n")),
		CASE(SMTP, "auth PLAIN =\n", C("auth PLAIN =\n")),
		CASE(SMTP, " \tAUTH  PLAIN " B "\r\n", C(" \tAUTH  PLAIN \tSECRET SECRET\r\n")),
		CASE(SMTP, "AUTH LOGIN\r\n" B "\r\n" B "\r\nQUIT\r\n", SMTP_GREETING,
		     C("AUTH LOGIN\r\n"), S("334 VXNlcm5hbWU6\r\n"), C("SECRET\r\n"),
		     S("334 UGFzc3dvcmQ6\r\n"), C("SECRET\r\n"), S("535 5.7.8 x\r\n"),
		     C("QUIT\r\n")),
		CASE(SMTP, "AUTH PLAIN\r\n*\r\nQUIT\r\n", SMTP_GREETING, C("AUTH PLAIN\r\n"),
		     S("334 \r\n"), C("*\r\n"), S("501 5.5.2 x\r\n"), C("QUIT\r\n")),
		CASE(SMTP, "AUTH PLAIN " B "\r\nAUTH PLAIN " B "\r\nAUTH x y\r\n", SMTP_GREETING,
		     C("AUTH PLAIN SECRET\r\n"), S("454-x\r\n454 x\r\n"),
		     C("AUTH PLAIN SECRET\r\n"), S("235 2.7.0 x\r\n"), C("AUTH x y\r\n")),
		CASE(SMTP, "EHLO x\r\nAUTH PLAIN\r\n" B "\r\nQUIT\r\n", SMTP_GREETING,
		     C("EHLO x\r\nAUTH PLAIN\r\n"), S("250-x\r\n250 x\r\n"), C("SECRET\r\n"),
		     S("334 \r\n504 x\r\n"), C("QUIT\r\n")),
		CASE(SMTP, "AUTH PLAIN\r\n" B "\r\nQUIT\r\n", C("AUTH PLAIN\r\n"), SMTP_GREETING,
		     C("SECRET\r\n"), S("334 \r\n504 x\r\n"), C("QUIT\r\n")),
		CASE(SMTP, "NOOP\r\n" B "\r\nAUTH PLAIN " B "\r\n", SMTP_GREETING, C("NOOP\r\n"),
		     S("250 x\r\n334 x\r\n"), C("SECRET\r\n"), S("250 x\r\n"),
		     C("AUTH PLAIN SECRET\r\n")),
		CASE(SMTP, "AUTH PLAIN " B "\r\n" B "\r\n", SMTP_GREETING,
		     C("AUTH PLAIN SECRET\r\n"), S("12 x\r\n1234 x\r\n25x x\r\n"), C("SECRET\r\n")),
	};

	CHECK(cases);
}

/* Mails pass; secrets between them are replaced. */
static void smtp_mails(void **state)
{
#define NO_CHUNK(text)                                                                             \
	CASE(SMTP, "MAIL x\r\n" text "\r\nAUTH PLAIN " B "\r\n",                                   \
	     C("MAIL x\r\n" text "\r\nAUTH PLAIN SECRET\r\n"))
#define MAIL_TEXT "AUTH PLAIN x\r\n..\r\n.x\r\nAUTH\r.\r\n\r\n. \r\nx.\r\n.\r\n"
	const struct redact_case cases[] = {
		CASE(SMTP, "MAIL x\r\nRCPT x\r\nDATA\r\n" MAIL_TEXT "AUTH PLAIN " B "\r\n",
		     SMTP_GREETING, C("MAIL x\r\nRCPT x\r\nDATA\r\n"),
		     S("250 x\r\n250 x\r\n354 x\r\n"), C(MAIL_TEXT), S("250 x\r\n"),
		     C("AUTH PLAIN SECRET\r\n")),
		CASE(SMTP,
		     "DATA\n"
		     "AUTH x y\n.\nAUTH PLAIN " B "\r\n",
		     SMTP_GREETING, C("DATA\n"), S("354 x\r\n"),
		     C("AUTH x y\n.\nAUTH PLAIN SECRET\r\n")),
		CASE(SMTP, "DATA\r\n.\r\nAUTH PLAIN " B "\r\n", SMTP_GREETING, C("DATA\r\n"),
		     S("354 x\r\n"), C(".\r\nAUTH PLAIN SECRET\r\n")),
		/* an early reply does not end the mail */
		CASE(SMTP, "DATA\r\nAUTH x y\r\nAUTH x y\r\n.\r\n", SMTP_GREETING, C("DATA\r\n"),
		     S("354 x\r\n"), C("AUTH x y\r\n"), S("552 x\r\n"), C("AUTH x y\r\n.\r\n")),
		/* DATA is refused */
		CASE(SMTP, "DATA\r\nAUTH PLAIN " B "\r\n", SMTP_GREETING, C("DATA\r\n"),
		     S("503 x\r\n"), C("AUTH PLAIN SECRET\r\n")),
		CASE(SMTP, "MAIL x\r\nAUTH PLAIN " B "\r\n", SMTP_GREETING, C("MAIL x\r\n"),
		     S("530 x\r\n"), C("AUTH PLAIN SECRET\r\n")),
		CASE(SMTP, "NOOP\r\nAUTH PLAIN " B "\r\n", SMTP_GREETING, C("NOOP\r\n"),
		     S("354 x\r\n"), C("AUTH PLAIN SECRET\r\n")),
		/* lines that were sent before 354 came */
		CASE(SMTP, "DATA\r\nx\r\nAUTH x y\r\nAUTH PLAIN " B "\r\n", SMTP_GREETING,
		     C("DATA\r\nx\r\n"), S("354 x\r\n"), C("AUTH x y\r\n"), S("250 x\r\n"),
		     C("AUTH PLAIN SECRET\r\n")),
	};

	CHECK(cases);
}

static void smtp_chunks(void **state)
{
	const struct redact_case cases[] = {
		CASE(SMTP,
		     "MAIL x\r\nBDAT 12\r\nAUTH x y\r\nzzBDAT 14 LAST\r\nAUTH x y\r\nzz\r\nAUTH "
		     "PLAIN " B "\r\n",
		     SMTP_GREETING,
		     C("MAIL x\r\nBDAT 12\r\nAUTH x y\r\nzzBDAT 14 LAST\r\nAUTH x y\r\nzz\r\nAUTH "
		       "PLAIN SECRET\r\n")),
		NO_CHUNK("BDAT 20x"),
		NO_CHUNK("BDAT x"),
		NO_CHUNK("BDAT x20"),
		NO_CHUNK("BDAT  20"),
		NO_CHUNK("BDAT"),
		NO_CHUNK("BDAT "),
		NO_CHUNK("BDAT 0"),
		NO_CHUNK("BDAT 2\r\nxxBDAT"),
		NO_CHUNK("BDAT 2\r\nxxBDAT x"),
		CASE(SMTP, "LHLO x\r\nBDAT 10\r\nAUTH x y\r\nAUTH PLAIN " B "\r\n",
		     C("LHLO x\r\nBDAT 10\r\nAUTH x y\r\nAUTH PLAIN SECRET\r\n")),
		CASE(SMTP, "BDAT 10\r\nAUTH PLAIN " B "\r\n",
		     C("BDAT 10\r\nAUTH PLAIN SECRET\r\n")),
		CASE(SMTP, "MAIL x\r\nBDAT 10\r\nAUTH PLAIN " B "\r\n", SMTP_GREETING,
		     C("MAIL x\r\n"), S("530 x\r\n"), C("BDAT 10\r\nAUTH PLAIN SECRET\r\n")),
		CASE(SMTP, "MAIL x\r\nRSET\r\nBDAT 10\r\nAUTH PLAIN " B "\r\n",
		     C("MAIL x\r\nRSET\r\nBDAT 10\r\nAUTH PLAIN SECRET\r\n")),
	};

	CHECK(cases);
}

static void mail_gaps(void **state)
{
	const struct redact_case cases[] = {
		CASE(SMTP,
		     "MAIL x\r\nBDAT 20\r\n1234[gap]AUTH x y\r\n1234BDAT 0\r\nAUTH PLAIN " B "\r\n",
		     C("MAIL x\r\nBDAT 20\r\n1234"), C_GAP(2),
		     C("AUTH x y\r\n1234BDAT 0\r\nAUTH PLAIN SECRET\r\n")),
		CASE(SMTP, "MAIL x\r\nBDAT 2[gap]redacted\r\nAUTH PLAIN " B "\r\n",
		     C("MAIL x\r\nBDAT 2"), C_GAP(2), C("SECRET\r\nAUTH PLAIN SECRET\r\n")),
		CASE(SMTP, "MAIL x\r\nBDAT 20[gap]\r\nAUTH PLAIN " B "\r\n", C("MAIL x\r\nBDAT 20"),
		     C_GAP(2), C("\r\nAUTH PLAIN SECRET\r\n")),
		CASE(SMTP, "DATA\r\nx\r\n[gap]redacted\r\nAUTH x y\r\n.\r\nAUTH PLAIN " B "\r\n",
		     SMTP_GREETING, C("DATA\r\n"), S("354 x\r\n"), C("x\r\n"), C_GAP(5),
		     C("SECRET\r\nAUTH x y\r\n.\r\nAUTH PLAIN SECRET\r\n")),
		/* the mail's end was lost */
		CASE(SMTP, "DATA\r\nx\r\n[gap]redacted\r\nAUTH PLAIN " B "\r\n", SMTP_GREETING,
		     C("DATA\r\n"), S("354 x\r\n"), C("x\r\n"), C_GAP(5), C("SECRET\r\n"),
		     S("250 x\r\n"), C("AUTH PLAIN SECRET\r\n")),
		CASE(SMTP, "DATA\r\nx\r\n[gap]redacted\r\nAUTH PLAIN " B "\r\n", SMTP_GREETING,
		     C("DATA\r\n"), S("354 x\r\n"), C("x\r\n"), S("250 x\r\n"), C_GAP(5),
		     C("SECRET\r\nAUTH PLAIN SECRET\r\n")),
		/* DATA was lost */
		CASE(SMTP, "[gap]\r\nAUTH x y\r\n.\r\nAUTH PLAIN " B "\r\n", SMTP_GREETING,
		     C_GAP(5), C("\r\n"), S("354 x\r\n"),
		     C("AUTH x y\r\n.\r\nAUTH PLAIN SECRET\r\n")),
	};

	CHECK(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smtp),
		cmocka_unit_test(smtp_mails),
		cmocka_unit_test(smtp_chunks),
		cmocka_unit_test(mail_gaps),
	};

	return cmocka_run_group_tests_name("redact_smtp", tests, NULL, NULL);
}
