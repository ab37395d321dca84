// SPDX-License-Identifier: MIT
/* tests/e2e/test_expand.py compares these cases, and more, with Dovecot itself. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "dovecot/expand.h"

#define TEN(text) text text text text text text text text text text

static const struct expand_vars vars = {
	.user = "Al.Ice@Ex.Org@x",
	.home = "/home/al",
	.service = "imap",
	.local_ip = "127.0.0.1",
	.remote_ip = "::1",
	.session = "cQ/pL9\"h",
	.auth_user = "Boss",
	.hostname = "mx.example",
	.import_environment = "HOMER=doh HOME=/root TZ EMPTY=",
	.pid = 4711,
	.uid = 5100,
	.gid = 4294967294U,
};

struct row {
	const char *text;
	const char *expect;
};

static void check_rows(const struct row *row, const struct expand_vars *with)
{
	struct str out = {0};

	for (; row->text; row++) {
		str_clear(&out);
		str_append_text(&out, "-");
		if (expand_check(&expander_2_3, row->text, &out))
			fail_msg("%s: %s", row->text, out.data);
		if (expand(&expander_2_3, row->text, with, &out))
			fail_msg("%s: cannot be expanded", row->text);
		if (strcmp(out.data + 1, row->expect))
			fail_msg("%s: %s instead of %s", row->text, out.data + 1, row->expect);
	}
	str_free(&out);
}

static void variables(void **state)
{
	static const struct row rows[] = {
		{"", ""},
		{"/no/variable", "/no/variable"},
		{"%u,%n,%d,%s", "Al.Ice@Ex.Org@x,Al.Ice,Ex.Org@x,imap"},
		{"%h,%l,%r,%p,%i", "/home/al,127.0.0.1,::1,4711,5100"},
		{"%{user},%{username},%{domain}", "Al.Ice@Ex.Org@x,Al.Ice,Ex.Org@x"},
		{"%{service},%{home},%{lip},%{rip}", "imap,/home/al,127.0.0.1,::1"},
		{"%{local_ip},%{remote_ip}", "127.0.0.1,::1"},
		{"%{pid},%{uid},%{gid}", "4711,5100,4294967294"},
		{"%{session}", "cQ/pL9\"h"},
		{"%{auth_user},%{auth_username},%{auth_domain}", "Boss,Boss,"},
		{"%{hostname}", "mx.example"},
		{"%%,%%u,%%%s", "%,%u,%imap"},
		{"%{env:HOME},%{env:EMPTY},%{env:NONE},%{env:HOME=},%{env}", "/root,,,,"},
		/* an incomplete variable at the end is dropped */
		{"a%", "a"},
		{"a%-03.5LU", "a"},
		{NULL, NULL},
	};

	check_rows(rows, &vars);
}

static void no_values(void **state)
{
	static const struct expand_vars nothing = {0}, only_user = {.user = "bob@ex"};
	static const struct row empty[] = {
		{"%u%n%d%s%h%l%r%{session}%{auth_user}%{auth_domain}%{hostname}", ""},
		{"%p%i%{gid}", "000"},
		{"%Ru%Tu%Lu%Uu%Eu%Du,%Xu", ",0"},
		{"%Mu", "d41d8cd98f00b204e9800998ecf8427e"},
		{"%{md5:user}", "d41d8cd98f00b204e9800998ecf8427e"},
		{"%3u,%-3.u,%03u,%0.-3u", ",,000,"},
		{"%{size:user}", "0000000000000000"},
		{NULL, NULL},
	};
	static const struct row user[] = {
		{"%{auth_user},%{auth_username},%{auth_domain}", "bob@ex,bob,ex"},
		{NULL, NULL},
	};

	check_rows(empty, &nothing);
	check_rows(user, &only_user);
}

static void widths(void **state)
{
	static const struct row rows[] = {
		{"%1s%3s%4s%50s", "iimaimapimap"},
		{"%1.s,%2.1s,%2.50s,%50.1s", "map,a,ap,"},
		{"%-1.s,%-3.2s,%-50.2s", "p,ma,im"},
		{"%0.-1s,%1.-1s,%0.-4s,%0.-50s,%3.-1s", "ima,ma,,imap,"},
		{"%06s,%02s,%1.06s,%-1.03s,%-2.0-5s", "00imap,imap,000map,00p,ap"},
		/* a sign without an offset is ignored, and a zero before one, too */
		{"%-2s,%01.2s,%-02.1s", "im,ma,a"},
		{"%0s,%0.s,%0.0s", "imap,imap,imap"},
		{"%2{service},%-2.{service}", "im,ap"},
		{NULL, NULL},
	};

	check_rows(rows, &vars);
}

static void modifiers(void **state)
{
	static const struct row rows[] = {
		{"%Lu,%Uu", "al.ice@ex.org@x,AL.ICE@EX.ORG@X"},
		{"%E{session}", "cQ/pL9\\\"h"},
		{"%Xi,%X{gid},%Xs", "13ec,fffffffe,0"},
		{"%Rs,%RRs,%LRu", "pami,imap,x@gro.xe@eci.la"},
		{"%Dn", "Al,dc=Ice"},
		{"%Ms", "b2a4d1002579716e40261daba3be0fc7"},
		{"%2.3Rs", "mi"},
		{"%LLLLLLLLLLs", "imap"},
		/* a modifier without a variable */
		{"%L%,%U{user}", "%,AL.ICE@EX.ORG@X"},
		/* the hash uses width and offset for itself */
		{"%Hs,%256Hs,%5.256Hs,%8.Hs", "70380,80,00080,00070380"},
		{"%Ns,%256Ns,%5.256Ns", "2579716e,6e,0006e"},
		{"%0.-7Ns,%0.-7Hs", "2579716e,70380"},
		{"%Hu,%8.4096Hu", "9ef5848,00000848"},
		{NULL, NULL},
	};
	static const struct expand_vars spaces = {.user = " a b \t\n\v\f\r",
						  .service = "it's \\ \"x\"",
						  .home = "18446744073709551616"};
	static const struct row trimmed[] = {
		{"[%Tu]%Xh", "[ a b]0"},
		{"%Es", "it\\'s \\\\ \\\"x\\\""},
		{NULL, NULL},
	};

	check_rows(rows, &vars);
	check_rows(trimmed, &spaces);
}

static void hashes(void **state)
{
	static const struct row rows[] = {
		{"%{md4:service}", "d4888fb42f0f5ce3eff7cbd5de107c5c"},
		{"%{md5:service}", "b2a4d1002579716e40261daba3be0fc7"},
		{"%{sha1:service}", "0c3a5a9ff202fc5f5bf5a4933b58b4a97e9c99f9"},
		{"%{sha256:service}",
		 "c009985fb4244f13b3d75450cfcc0961858e1d547dd6878c96a19684492843af"},
		{"%{sha384:service}",
		 "cdd1c92b1b030f74d2efe9bb9dee8a3fb6e32a15a196a4157e38503aa8782b96"
		 "4d4ebb5cf45d901c5f073639a7fb9706"},
		{"%{sha512:service}",
		 "1acff4a89b948d89d71787353035fc2cfb1a27f8cee9efd3cc2932fba6b67cd4"
		 "a58d2210b2839932969a8c1ac0393b34790cef53c3c46bb7d8a18330e8b715ef"},
		{"%{sha3-256:service}",
		 "e8f3646a5f19a83e746b1f3945102e84de9236d729dac7841908899d10743bb9"},
		{"%{sha3-512:service}",
		 "ce713828620ee1b6f47c329feec8086aafbbdb708b35e352010e02ab8e8b2c17"
		 "712ff343e71f2a445123aee2d3ab4a84d78ea837ec93dd46571c520520e3ed9e"},
		{"%{size:service}", "0000000000000004"},
		{"%{md5;rounds=3:service}", "de99bd92e6e27e7385e11aac1839c95c"},
		{"%{md5;salt=%n:service}", "dd20a84c07d80cecef9bb02c6c2b03f1"},
		{"%{md5;salt=%{username}:service}", "dd20a84c07d80cecef9bb02c6c2b03f1"},
		{"%{md5;salt=%k,rounds=x:service}", "6c219fdf0ee18b732e8e67353c170a51"},
		{"%{md5;salt=Al.Ice,rounds=3:service}", "dd20a84c07d80cecef9bb02c6c2b03f1"},
		{"%{md5;rounds=3,salt=Al.Ice:service}", "f627b2ad9e963c119b39a4ba088979e7"},
		{"%{md5;truncate=32:service}", "b2a4d100"},
		{"%{md5;truncate=13:service}", "1654"},
		{"%{md5;truncate=1:service}", "01"},
		{"%{md5;truncate=0:service}", "b2a4d1002579716e40261daba3be0fc7"},
		{"%{md5;truncate=999:service}", "b2a4d1002579716e40261daba3be0fc7"},
		{"%{md5;format=hex:service}", "b2a4d1002579716e40261daba3be0fc7"},
		{"%{md5;format=hexuc:service}", "b2a4d1002579716e40261daba3be0fc7"},
		{"%{md5;format=base64:service}", "sqTRACV5cW5AJh2ro74Pxw=="},
		{"%{md5;format=base64,truncate=13:service}", "FlQ="},
		{"%{md5;:service}", "b2a4d1002579716e40261daba3be0fc7"},
		{"%{md5;a,b=c,rounds:service}", "b2a4d1002579716e40261daba3be0fc7"},
		{"%{size;salt=abc:service}", "0000000000000007"},
		{"%{size;rounds=3,salt=abc:service}", "000000000000000b"},
		{"%{pkcs5;truncate=256:service}",
		 "8063831c34a002f09496f25ea29303a32cdbaaa841e5114076b04a7f4ec02096"},
		{"%{pkcs5;rounds=2,truncate=64,salt=x:service}", "6b16ad2de19d371e"},
		{"%{pkcs5;rounds=1,truncate=64,salt=:service}", "a1a01546f6ac98f1"},
		{"%{pkcs5;rounds=1,truncate=11:service}", "0223"},
		{"%{md5:sha1:service}", "255f6a520ecd1b264f7c1855fc3051f7"},
		{"%{md5:if;%s;eq;imap;a;b}", "0cc175b9c0f1b6a831c399e269772661"},
		{"%{md5:env:HOME}", "887904812217cca9bc2b9adb875daf42"},
		{"%8.8{md5:service}", "2579716e"},
		{"%U{md5:service}", "B2A4D1002579716E40261DABA3BE0FC7"},
		{NULL, NULL},
	};

	check_rows(rows, &vars);
}

static void conditions(void **state)
{
	static const struct row rows[] = {
		{"%{if;%s;eq;imap;yes;no}%{if;%s;ne;imap;yes;no}", "yesno"},
		{"%{if;a;lt;b;1;0}%{if;a;le;a;1;0}%{if;a;gt;b;1;0}%{if;a;ge;b;1;0}", "1100"},
		{"%{if;10;>;9;1;0}%{if;10;gt;9;1;0}%{if;-1;<;0;1;0}%{if;010;==;10;1;0}", "1011"},
		{"%{if;1;!=;1;1;0}%{if;1;<=;1;1;0}%{if;1;>=;2;1;0}", "010"},
		{"%{if;-9223372036854775808;<;9223372036854775807;1;0}", "1"},
		{"%{if;%u;*;*@*;1;0}%{if;%s;*;?ma?;1;0}%{if;%s;*;ima;1;0}", "110"},
		{"%{if;%s;*;*m*a*p;1;0}%{if;%s;*;*x*;1;0}%{if;;*;**;1;0}%{if;a;*;;1;0}", "1010"},
		{"%{if;%s;!*;i*;1;0}%{if;%s;!*;p*;1;0}", "01"},
		{"%{if;%s;~;^i.*p$;1;0}%{if;%s;~;m{2};1;0}%{if;%s;!~;(x|y);1;0}", "101"},
		/* no else; no then */
		{"%{if;a;eq;b;c}%{if;a;eq;b;c;}%{if;a;eq;a;;d}", ""},
		{"%{if;a;eq;b;c;d;}", "d"},
		{"%{if;%{if;%s;eq;imap;a;b};eq;a;%{md5:service};}",
		 "b2a4d1002579716e40261daba3be0fc7"},
		{"%1.2U{if;%s;eq;imap;yes;no}", "ES"},
		{"%{IF;a;eq;a;%%;b},%{if:;a;eq;a;c;d}", "%,c"},
		{"%{if;a\\;b;eq;a\\;b;\\};\\:}", "}"},
		{"%{if;a;eq;a;b;c:d;e}", "b"},
		/* a '%' without '{' makes the next '{' open a variable, even in a later parameter */
		{"%{if;%%;eq;{;remote_ip};IF;}", ""},
		{NULL, NULL},
	};

	check_rows(rows, &vars);
}

static void check_refused(const char *text, const char *why)
{
	struct str out = {0};

	if (expand_check(&expander_2_3, text, &out) != -EINVAL)
		fail_msg("%s is not refused", text);
	assert_string_equal(out.data, why);
	str_clear(&out);
	str_append_text(&out, "before");
	assert_int_equal(expand(&expander_2_3, text, &vars, &out), -EINVAL);
	assert_string_equal(out.data, "before");
	str_free(&out);
}

static void unknown(void **state)
{
	check_refused("%k", "unknown variable '%k'");
	check_refused("%u%m%k", "unknown variable '%m'");
	check_refused("%5.LU{lport}", "unknown variable '%lport'");
	check_refused("%{userdb:home}", "unknown variable '%userdb'");
	check_refused("%{use}", "unknown variable '%use'");
	check_refused("%{users}", "unknown variable '%users'");
	check_refused("%{USER}", "unknown variable '%USER'");
	check_refused("%{}", "unknown variable '%'");
	check_refused("%{user", "unknown variable '%{'");
	check_refused("%{MD5;a:user}", "unknown variable '%MD5;a'");
	check_refused("%{md5:nope}", "unknown variable '%nope'");
	check_refused("%{md5}", "unknown variable '%'");
	check_refused("%{if;%k;eq;a;b;c}", "unknown variable '%k'");
	check_refused("%{a\nb\x7f}", "unknown variable '%a?b?'");
	check_refused("%\x80", "unknown variable '%\x80'");
	check_refused("%LLLLLLLLLLLs", "unknown variable '%L'");
	check_refused("%0-3s", "unknown variable '%-'");
	check_refused("%{encrypt;algo=x:user}", "%{encrypt} is not supported");
	check_refused("%{Decrypt:user}", "%{decrypt} is not supported");
	check_refused("%{env:GENERATION}", "%{env:GENERATION} is not known here");
	check_refused("%{md5:env:SOCKET0_SETTINGS}", "%{env:SOCKET0_SETTINGS} is not known here");
}

static void mistakes(void **state)
{
	check_refused("%{{user}", "'%{{user}' has no closing brace");
	check_refused("%{user\\}", "'%{user\\}' has no closing brace");
	check_refused("%65536s", "a width or offset above 65535");
	check_refused("%-99999999999999999999.s", "a width or offset above 65535");
	check_refused("%1.-65536s", "a width or offset above 65535");
	check_refused("%{md5;rounds=0:user}", "rounds=0 is not between 1 and 100000");
	check_refused("%{md5;rounds=100001:user}", "rounds=100001 is not between 1 and 100000");
	check_refused("%{md5;rounds=-1:user}", "rounds='-1' is not a number");
	check_refused("%{md5;rounds=4294967297:user}", "rounds='4294967297' is not a number");
	check_refused("%{md5;truncate=:user}", "truncate='' is not a number");
	check_refused("%{md5;format=HEX:user}", "unknown format 'HEX': use hex, hexuc or base64");
	check_refused("%{md5;salt=%k%{if}:user}", "if: takes four or five parameters, not 0");
	check_refused("%{if;a;eq;b}", "if: takes four or five parameters, not 3");
	check_refused("%{if;a;eq;b;}", "if: takes four or five parameters, not 3");
	check_refused("%{if;a;eq;b;c;d;e}", "if: takes four or five parameters, not 6");
	check_refused("%{if;a;===;b;c}", "if: unknown operator '==='");
	check_refused("%{if;a;!;b;c}", "if: unknown operator '!'");
	check_refused("%{if;a;==;1;c}", "if: 'a' is not a number");
	check_refused("%{if;1;==;+1;c}", "if: '+1' is not a number");
	check_refused("%{if;1; ==;1;c}", "if: unknown operator ' =='");
	check_refused("%{if; 1;==;1;c}", "if: ' 1' is not a number");
	check_refused("%{if;1;<;9223372036854775808;c}",
		      "if: '9223372036854775808' is not a number");
	check_refused("%{if;-;<;;c}", "if: '-' is not a number");
	check_refused("%{if;a;~;(;b}", "if: regular expression '(': Unmatched ( or \\(");
	check_refused("%{" TEN(TEN("md5:")) "user}", "more than 50 levels of %{}");
}

/* These are only found when values are known; in Dovecot the login fails then. */
static void values_decide(void **state)
{
	static const char *const texts[] = {
		"%{if;%u;==;5;a;b}",	   "%{if;5;>=;%d;a;b}", "%{if;a;%s;b;c}",
		"%{if;a;~;%{session}(;b}", "%{env:TZ}",
	};
	static const struct expand_vars good = {
		.user = "5@6",
		.service = "eq",
		.session = "(x)|\\\\",
	};
	struct str out = {0};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(expand_check(&expander_2_3, texts[i], &out), 0);
		assert_string_equal(str_text(&out), "");
		assert_int_equal(expand(&expander_2_3, texts[i], &vars, &out), -EINVAL);
		assert_string_equal(str_text(&out), "");
	}
	assert_int_equal(expand(&expander_2_3, "%{if;%n;==;5;a;b}%{if;5;>=;%d;a;b}%{if;a;%s;b;c;d}",
				&good, &out),
			 0);
	assert_string_equal(str_text(&out), "abd");
	str_free(&out);
}

static void check_home(const char *path, const char *home, const char *expect)
{
	struct str out = {0};

	expand_home(path, home, &out);
	assert_string_equal(str_text(&out), expect);
	str_free(&out);
}

static void home(void **state)
{
	check_home("~", "/home/al", "/home/al");
	check_home("~/", "/home/al", "/home/al/");
	check_home("~/rawlog", "/home/al", "/home/al/rawlog");
	check_home("~al/rawlog", "/home/al", "~al/rawlog");
	check_home("/~/rawlog", "/home/al", "/~/rawlog");
	check_home("rawlog/~", "/home/al", "rawlog/~");
	check_home("~/rawlog", NULL, "~/rawlog");
	check_home("", "/home/al", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables),	 cmocka_unit_test(no_values),
		cmocka_unit_test(widths),	 cmocka_unit_test(modifiers),
		cmocka_unit_test(hashes),	 cmocka_unit_test(conditions),
		cmocka_unit_test(unknown),	 cmocka_unit_test(mistakes),
		cmocka_unit_test(values_decide), cmocka_unit_test(home),
	};

	return cmocka_run_group_tests_name("expand", tests, NULL, NULL);
}
