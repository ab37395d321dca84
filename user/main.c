// SPDX-License-Identifier: MIT
#include "commands/check.h"
#include "base/log.h"
#include "config/opts.h"
#include "commands/record.h"
#include "commands/replay.h"

int main(int argc, char *argv[])
{
	struct opts opts;
	int status = opts_parse(&opts, argc, argv);

	if (status < 0) {
		log_set_debug(opts.debug);
		switch (opts.command) {
		case COMMAND_RECORD:
			status = record_run(&opts);
			break;
		case COMMAND_REPLAY:
			status = replay_run(&opts);
			break;
		case COMMAND_CHECK:
			status = check_run(&opts);
			break;
		}
	}
	opts_free(&opts);
	return status;
}
