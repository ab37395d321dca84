// SPDX-License-Identifier: MIT
#include "dovecot/master_status.h"

void master_status_text(const struct rl_master *fact, struct str *text)
{
	switch ((enum rl_master_status)fact->status) {
	case RL_MASTER_OK:
		break;
	case RL_MASTER_GONE:
	case RL_MASTER_MISSED:
	case RL_MASTER_WHOSE:
		str_append_text(text, "it has ended");
		break;
	case RL_MASTER_UNTRUSTED:
		str_append_text(
			text, "its program is not a dovecot that belongs to root and runs as root");
		break;
	case RL_MASTER_VERSION:
		if (fact->version[0])
			str_printf(text,
				   "its program tells --version '%s', which is none of Dovecot's",
				   fact->version);
		else
			str_append_text(text, "its program does not tell --version");
		break;
	case RL_MASTER_EXCLUDED:
		str_printf(text, "another instance (%s)", fact->base_dir);
		break;
	case RL_MASTER_CONTAINER:
		str_append_text(text, "it runs in a container, which rawtap can't record");
		break;
	case RL_MASTER_SILENT:
		str_append_text(text, "it could not be examined");
		break;
	}
}
