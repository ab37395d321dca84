// SPDX-License-Identifier: MIT
/*
 * Runs a fuzz target over every file of a folder, each in a process of its own,
 * so that a crash names its file.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(2);
}

/* Memory of exactly the file's size, so that a sanitizer detects any over-read. */
static uint8_t *read_file(const char *path, size_t *len_r)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	long len;

	if (!file || fseek(file, 0, SEEK_END) < 0 || (len = ftell(file)) < 0)
		die(path);
	rewind(file);
	data = malloc(len);
	if (fread(data, 1, len, file) != (size_t)len)
		die(path);
	fclose(file);
	*len_r = len;
	return data;
}

static int run_file(const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		size_t len;
		uint8_t *data = read_file(path, &len);

		LLVMFuzzerTestOneInput(data, len);
		free(data);
		exit(0);
	}
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	if (status != 0)
		printf("%s: failed\n", path);
	return status == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	const char *folder = argc == 2 ? argv[1] : "";
	DIR *dir = opendir(folder);
	unsigned int files = 0, failed = 0;
	struct dirent *entry;

	if (!dir)
		die(folder);
	setvbuf(stdout, NULL, _IONBF, 0);
	while ((entry = readdir(dir))) {
		char path[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		files++;
		if (run_file(path) < 0)
			failed++;
	}
	closedir(dir);
	printf("%s: %u inputs, %u failed\n", folder, files, failed);
	/* an empty folder is a failure: it tests nothing */
	return files > 0 && failed == 0 ? 0 : 1;
}
