// SPDX-License-Identifier: MIT
#include "dovecot/reference.h"

#include <string.h>

const char *reference_find(const char *value, size_t *len_r)
{
	for (value += strspn(value, " \t"); *value; value += strspn(value, " \t")) {
		*len_r = strcspn(value, " \t");
		if (*value == '$')
			return value;
		value += *len_r;
	}
	return NULL;
}
