// SPDX-License-Identifier: MIT
/*
 * An input is an ELF object. Those of the corpus were made from
 *	int first(int), second(int);
 *	int a(int n) { return first(n) + second(n) + 1; }
 *	void *b(void) { return (void *)second; }
 * by gcc or clang with -nostdlib -shared -fPIC -Os -s -Wl,--build-id=none,-z,noseparate-code and
 * what the names of its files say.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "probes/elf_object.h"
#include "probes/plt.h"

/* The site must be in the file, at the first byte of an instruction that a probe may be put on. */
static void check_site(const struct elf_object *object, const uint8_t *data, size_t len,
		       uint64_t offset)
{
	static const uint8_t firsts[] = {0xff, 0xf2, 0xf3, 0x41};

	assert(len >= 4 && offset <= len - 4);
	if (elf_object_machine(object) == EM_X86_64)
		assert(memchr(firsts, data[offset], sizeof(firsts)));
	else
		assert((data[offset] & 0x1f) == 0x10 && (data[offset + 3] & 0x9f) == 0x90);
}

static void check_symbol(const struct elf_object *object, const uint8_t *data, size_t len,
			 const char *name)
{
	struct plt_site site;
	uint64_t offset;
	int ret = plt_find(object, name, &site);

	assert(ret == 0 || ret == -ENOENT || ret == -ENOTUNIQ || ret == -EOPNOTSUPP ||
	       ret == -ENOEXEC);
	if (ret == 0)
		check_site(object, data, len, site.offset);
	ret = elf_object_function(object, name, &offset);
	assert(ret == 0 || ret == -ENOENT || ret == -ENOTUNIQ || ret == -ENOEXEC);
	if (ret == 0)
		assert(offset < len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const names[] = {"first", "second", "a", "b", ""};
	struct elf_object *object;
	const char *soname;
	unsigned int i;
	int ret = elf_object_open(data, len, &object);

	assert(ret == 0 ? object != NULL : ret == -ENOEXEC && !object);
	if (ret)
		return 0;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_symbol(object, data, len, names[i]);
	for (i = 0; i < 8 && elf_object_needed(object, i); i++)
		assert(strlen(elf_object_needed(object, i)) < len);
	soname = elf_object_soname(object);
	assert(!soname || strlen(soname) < len);
	elf_object_free(&object);
	assert(!object);
	return 0;
}
