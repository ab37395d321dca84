// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "commands/ask_master.h"
#include "commands/check.h"
#include "base/log.h"
#include "config/opts.h"
#include "commands/record.h"
#include "commands/replay.h"

/* Whoever started us may have closed standard descriptors. A file of ours must not get such a
 * number: messages would be written into it. */
static int fill_standard_descriptors(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			return -errno;
	return 0;
}

static int run(const struct opts *opts)
{
	log_set_debug(opts->debug);
	switch (opts->command) {
	case COMMAND_RECORD:
		return record_run(opts);
	case COMMAND_REPLAY:
		return replay_run(opts);
	case COMMAND_CHECK:
		return check_run(opts);
	}
	return 1;
}

int main(int argc, char *argv[])
{
	struct opts opts;
	int ret = fill_standard_descriptors(), status;

	if (ret) {
		log_error("/dev/null, for a standard descriptor that is closed: %s",
			  strerror(-ret));
		return 1;
	}
	if (argc > 1 && strcmp(argv[1], ASK_MASTER_COMMAND) == 0)
		return ask_master_run(argc - 2, argv + 2);
	status = opts_parse(&opts, argc, argv);
	if (status < 0)
		status = run(&opts);
	opts_free(&opts);
	return status;
}
