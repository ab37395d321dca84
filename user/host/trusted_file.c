// SPDX-License-Identifier: MIT
#include "host/trusted_file.h"

#include <sys/stat.h>

bool is_trusted_file(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}
