// SPDX-License-Identifier: MIT
/* Programs that are run: what they say, and how long they may take. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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
	assert_says("echo out; exit 3", -EIO, "out\n");
	assert_says("kill -9 $$", -EIO, "");
	assert_says("cat; echo end", 0, "end\n");
}

/* Warnings are no answer; what went wrong is said. */
static void test_errors(void **state)
{
	assert_says("echo err >&2; echo out", 0, "out\n");
	assert_says("echo err >&2; echo out; exit 3", -EIO, "out\nerr\n");
	assert_says("exec >&-; head -c 300000 /dev/zero >&2", 0, "");
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

/* A program that is not waited for: what it says on its standard output alone. */
static void test_beside(void **state)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)"echo out; echo err >&2; read line",
			NULL};
	struct program program;
	struct str out = {0};
	int status;

	assert_int_equal(program_start(argv, &program), 0);
	while (!program_read(&program, &out))
		usleep(1000);
	assert_string_equal(str_text(&out), "out\n");
	assert_int_equal(waitpid(program.pid, &status, 0), program.pid);
	assert_true(WIFEXITED(status));
	close(program.out);
	str_free(&out);
	argv[0] = (char *)"no-such-program";
	assert_int_equal(program_start(argv, &program), -ENOENT);
	assert_int_equal(program.pid, 0);
}

static void test_beside_is_killed(void **state)
{
	char *argv[] = {(char *)"sleep", (char *)"60", NULL};
	struct program program;
	struct str out = {0};
	int status;

	assert_int_equal(program_start(argv, &program), 0);
	assert_false(program_read(&program, &out));
	program_kill(&program);
	assert_int_equal(waitpid(program.pid, &status, 0), program.pid);
	assert_true(WIFSIGNALED(status));
	assert_true(program_read(&program, &out));
	close(program.out);
}

/* Whom it is run for goes away: at once, and while it runs. Is last: it can't be undone. */
static void test_for_nobody(void **state)
{
	int64_t begin;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	run_program_for(fds[1]);
	assert_says("echo out", 0, "out\n");
	begin = clock_now_ms();
	if (fork() == 0) {
		usleep(300 * 1000);
		_exit(0);
	}
	close(fds[0]); /* the child has it, too */
	assert_says("sleep 60", -ETIME, "");
	assert_true(clock_now_ms() - begin >= 250);
	assert_says("sleep 60", -ETIME, "");
	assert_true(clock_now_ms() - begin < RUN_PROGRAM_MS / 2);
	assert_true(wait(NULL) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result),	    cmocka_unit_test(test_errors),
		cmocka_unit_test(test_no_program),  cmocka_unit_test(test_much),
		cmocka_unit_test(test_left_behind), cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_beside),	    cmocka_unit_test(test_beside_is_killed),
		cmocka_unit_test(test_for_nobody),
	};
	char place[] = "/tmp/rawtap-unit-XXXXXX";
	int ret;

	if (!mkdtemp(place) || chdir(place))
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	return rmdir(place) || ret;
}
