// SPDX-License-Identifier: MIT
/* Which processes are masters. Real ones are looked at in tests/e2e. */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/dovecot_master.h"

static enum rl_master_status status_of(pid_t pid)
{
	struct rl_master fact;

	dovecot_master_look(pid, NULL, &fact);
	return fact.status;
}

/* It has ended, and its parent has not been told: no program, but a state in /proc. */
static void test_ending(void **state)
{
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(status_of(pid), RL_MASTER_GONE);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(status_of(pid), RL_MASTER_GONE);
}

static void test_another_program(void **state)
{
	assert_int_equal(status_of(getpid()), RL_MASTER_UNTRUSTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ending),
		cmocka_unit_test(test_another_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
