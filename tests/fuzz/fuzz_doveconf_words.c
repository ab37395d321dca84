// SPDX-License-Identifier: MIT
/* An input is a service's executable, as doveconf prints it. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/doveconf_words.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = mem_alloc(len + 1);
	struct log_flags flags;
	struct str name = {0};
	bool found;
	int ret;

	memcpy(text, data, len);
	ret = doveconf_script_flags(text, &flags);
	assert(ret == 0 || ret == 1 || ret == -EINVAL);
	if (ret)
		assert(strstr(text, "script-login") && strstr(text, "rawlog"));
	if (ret == 1)
		assert(!flags.only[0] || !flags.only[1]);
	found = doveconf_postlogin_name(text, &name);
	assert(found == (name.len > 0));
	assert(!found || (strstr(text, name.data) && !strpbrk(name.data, " \t")));
	str_clear(&name);
	ret = doveconf_login_dir(text, "imap-login", &name);
	assert(ret == 0 || ret == 1 || ret == -EINVAL);
	assert((ret == 1) == (name.len > 0));
	if (ret)
		assert(strstr(text, "imap-login") && strstr(text, "-"));
	assert(!name.len || (strstr(text, name.data) && !strpbrk(name.data, " \t")));
	str_free(&name);
	free(text);
	return 0;
}
