/* SPDX-License-Identifier: MIT */
/* Shared objects that a test builds with this host's compilers, in a temporary folder that is its
 * working directory; and what binutils or LLVM show of them. */
#ifndef BUILT_H
#define BUILT_H

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char built_root[] = "/tmp/rawtap-unit-XXXXXX";

static inline int built_setup(void **state)
{
	memcpy(built_root + strlen(built_root) - 6, "XXXXXX", 6);
	return mkdtemp(built_root) && chdir(built_root) == 0 ? 0 : -1;
}

static inline int built_teardown(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", built_root);
	return chdir("/") || system(command);
}

static inline void built_write(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "wb");

	assert(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static inline void built_run(const char *command)
{
	if (system(command) != 0) {
		print_error("failed: %s\n", command);
		abort();
	}
}

/* Is there such a program? If not, prints that its part of the test is skipped. */
static inline bool built_has(const char *program)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	if (system(command) == 0)
		return true;
	print_message("left out: there is no %s (install-deps.sh test)\n", program);
	return false;
}

/* Compiles C text to a shared object. `compiler`: the program and its options. */
static inline void built_object(const char *path, const char *compiler, const char *source)
{
	char command[512];

	built_write("source.c", source, strlen(source));
	snprintf(command, sizeof(command), "%s -O1 -fPIC -shared -nostdlib -o %s source.c 2>log",
		 compiler, path);
	built_run(command);
}

/* The file offset of an address, by the section headers as readelf shows them. -1: there is none. */
static inline int64_t built_offset(const char *path, uint64_t address)
{
	uint64_t start, offset, size;
	char command[512], line[512];
	int64_t found = -1;
	FILE *lines;

	snprintf(command, sizeof(command), "readelf -SW %s | sed -n 's/.*PROGBITS//p'", path);
	lines = popen(command, "r");
	assert(lines);
	while (fgets(line, sizeof(line), lines))
		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start, &offset, &size) == 3 &&
		    start && address >= start && address - start < size)
			found = (int64_t)(address - start + offset);
	pclose(lines);
	return found;
}

#endif
