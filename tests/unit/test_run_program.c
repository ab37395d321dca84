// SPDX-License-Identifier: MIT
/* Programs that are run: what they say, and how long they may take. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/clock.h"
#include "host/run_program.h"

static int run(const char *script, struct str *out)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};

	return run_program(argv, out);
}

static void assert_says(const char *script, int ret, const char *says)
{
	struct str out = {0};

	assert_int_equal(run(script, &out), ret);
	assert_string_equal(str_text(&out), says);
	str_free(&out);
}

static void test_result(void **state)
{
	assert_says("echo out; echo err >&2", 0, "out\nerr\n");
	assert_says("echo out; exit 3", -EIO, "out\n");
	assert_says("kill -9 $$", -EIO, "");
	assert_says("cat; echo end", 0, "end\n");
}

static void test_no_program(void **state)
{
	char *argv[] = {(char *)"no-such-program", NULL};
	struct str out = {0};

	assert_int_equal(run_program(argv, &out), -ENOENT);
	argv[0] = (char *)"/";
	assert_int_equal(run_program(argv, &out), -EACCES);
	str_free(&out);
}

static void test_much(void **state)
{
	struct str out = {0};

	assert_int_equal(run("head -c 3000000 /dev/zero", &out), 0);
	assert_true(out.len >= RUN_PROGRAM_OUTPUT_MAX && out.len < RUN_PROGRAM_OUTPUT_MAX + 65536);
	str_free(&out);
}

/* What it leaves behind has the pipe, too. */
static void test_left_behind(void **state)
{
	int64_t begin = clock_now_ms();

	assert_says("sleep 60 & echo $! >left; echo done", 0, "done\n");
	assert_true(clock_now_ms() - begin < RUN_PROGRAM_MS / 2);
	assert_int_equal(system("kill $(cat left) && rm left"), 0);
}

/* One deadline for its output and its exit: it closes the one and waits with the other. Nothing of
 * its group is left. */
static void test_too_long(void **state)
{
	int64_t begin = clock_now_ms(), took;

	assert_says("echo $$ >group; echo 1; exec >&- 2>&-; sleep 60 & sleep 60", -ETIME, "1\n");
	took = clock_now_ms() - begin;
	assert_true(took >= RUN_PROGRAM_MS && took < RUN_PROGRAM_MS * 3 / 2);
	/* killed, but who adopts its child may not have buried it yet */
	assert_int_equal(system("! ps -o stat= -g $(cat group) | grep -v Z"), 0);
	assert_int_equal(unlink("group"), 0);
}

/* The environment of the beginning. */
static void test_environment(void **state)
{
	setenv("RUN_PROGRAM_TEST", "before", 1);
	run_program_init();
	setenv("RUN_PROGRAM_TEST", "after", 1);
	unsetenv("PATH");
	assert_says("echo $RUN_PROGRAM_TEST", 0, "before\n");
}

/* Is last: it can't be undone. */
static void test_end(void **state)
{
	int64_t begin = clock_now_ms();

	run_program_end();
	assert_says("sleep 60", -ETIME, "");
	assert_true(clock_now_ms() - begin < RUN_PROGRAM_MS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result),	 cmocka_unit_test(test_no_program),
		cmocka_unit_test(test_much),	 cmocka_unit_test(test_left_behind),
		cmocka_unit_test(test_too_long), cmocka_unit_test(test_environment),
		cmocka_unit_test(test_end),
	};
	char place[] = "/tmp/rawtap-unit-XXXXXX";
	int ret;

	if (!mkdtemp(place) || chdir(place))
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	return rmdir(place) || ret;
}
