// SPDX-License-Identifier: MIT
#include "host/procfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/clock.h"

#define PATH_LEN 64 /* of "/proc/PID/NAME" */

static void proc_path(pid_t pid, const char *name, char path_r[PATH_LEN])
{
	snprintf(path_r, PATH_LEN, "/proc/%d/%s", (int)pid, name);
}

/* The kernel marks the path of a file that was deleted, or replaced by an upgrade. */
static void remove_deleted_mark(char *path)
{
	static const char mark[] = " (deleted)";
	size_t len = strlen(path), mark_len = sizeof(mark) - 1;

	if (len > mark_len && strcmp(path + len - mark_len, mark) == 0)
		path[len - mark_len] = '\0';
}

static void parse_groups(const char *text, struct procfs_status *status)
{
	char *end;

	while (status->groups_count < PROCFS_GROUPS_MAX) {
		unsigned long gid = strtoul(text, &end, 10);

		if (end == text)
			break;
		status->groups[status->groups_count++] = gid;
		text = end;
	}
}

static void parse_status_line(const char *line, struct procfs_status *status)
{
	if (strncmp(line, "Name:\t", 6) == 0)
		snprintf(status->comm, sizeof(status->comm), "%.15s", line + 6);
	else if (strncmp(line, "PPid:", 5) == 0)
		status->parent = strtol(line + 5, NULL, 10);
	else if (strncmp(line, "Uid:", 4) == 0)
		status->uid = strtoul(line + 4, NULL, 10);
	else if (strncmp(line, "Groups:", 7) == 0)
		parse_groups(line + 7, status);
}

int procfs_status(pid_t pid, struct procfs_status *status_r)
{
	char path[PATH_LEN], *line = NULL;
	size_t size = 0;
	FILE *file;
	int ret;

	memset(status_r, 0, sizeof(*status_r));
	status_r->uid = (uid_t)-1;
	proc_path(pid, "status", path);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (getline(&line, &size, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		parse_status_line(line, status_r);
	}
	ret = ferror(file) ? -ESRCH : 0;
	free(line);
	fclose(file);
	return ret;
}

int procfs_start_ns(pid_t pid, int64_t *ns_r)
{
	/* field 22; the name, the second one, can have anything in it but ends with the last ')' */
	static const char form[] = ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
				   "%*d %*d %*d %*d %" SCNu64;
	char path[PATH_LEN], text[1024];
	const char *name_end;
	uint64_t ticks;
	FILE *file;
	size_t len;

	proc_path(pid, "stat", path);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	name_end = strrchr(text, ')');
	if (!name_end || sscanf(name_end, form, &ticks) != 1)
		return -ESRCH;
	*ns_r = (int64_t)(ticks * (uint64_t)(CLOCK_NS_PER_S / sysconf(_SC_CLK_TCK)));
	return 0;
}

int procfs_each_process(procfs_process_fn *found, void *context)
{
	DIR *dir = opendir("/proc");
	struct procfs_status status;
	struct dirent *entry;
	pid_t pid;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = strtol(entry->d_name, NULL, 10);
		if (procfs_status(pid, &status) == 0)
			found(context, pid, &status);
	}
	closedir(dir);
	return 0;
}

static int read_link(pid_t pid, const char *name, char *target_r, size_t size)
{
	char path[PATH_LEN];
	ssize_t len;

	proc_path(pid, name, path);
	len = readlink(path, target_r, size);
	if (len < 0)
		return -errno;
	if ((size_t)len >= size)
		return -ENAMETOOLONG;
	target_r[len] = '\0';
	return 0;
}

int procfs_program(pid_t pid, char *path_r, size_t size)
{
	int ret = read_link(pid, "exe", path_r, size);

	if (ret == 0)
		remove_deleted_mark(path_r);
	return ret;
}

int procfs_open_program(pid_t pid)
{
	char path[PATH_LEN];
	int fd;

	proc_path(pid, "exe", path);
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int procfs_working_dir(pid_t pid, char *path_r, size_t size)
{
	return read_link(pid, "cwd", path_r, size);
}

int procfs_is_contained(pid_t pid)
{
	static const char *const names[] = {"ns/pid", "ns/user"};
	char path[PATH_LEN], own_path[PATH_LEN];
	struct stat theirs, ours;
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		proc_path(pid, names[i], path);
		snprintf(own_path, sizeof(own_path), "/proc/self/%s", names[i]);
		if (stat(path, &theirs) || stat(own_path, &ours))
			return -errno;
		if (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev)
			return 1;
	}
	return 0;
}

#define OPEN_PATH_LEN 96 /* of "/proc/PID/map_files/START-END" */

/* Parses a line of /proc/PID/maps, and changes it. False: it is not code, or not of a file. */
static bool parse_mapping(pid_t pid, char *line, struct procfs_mapping *mapping_r,
			  char open_path_r[OPEN_PATH_LEN])
{
	uint64_t start, end;
	char perms[5];
	int path = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %n", &start, &end, perms,
		   &path) != 3 ||
	    !path || line[path] != '/' || !strchr(perms, 'x'))
		return false;
	remove_deleted_mark(line + path);
	snprintf(open_path_r, OPEN_PATH_LEN, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid,
		 start, end);
	*mapping_r = (struct procfs_mapping){.path = line + path, .open_path = open_path_r};
	return true;
}

int procfs_each_mapping(pid_t pid, const char *prefix, procfs_mapping_fn *found, void *context)
{
	char path[PATH_LEN], open_path[OPEN_PATH_LEN], *line = NULL;
	struct procfs_mapping mapping;
	size_t size = 0;
	int ret = 0;
	FILE *maps;

	proc_path(pid, "maps", path);
	maps = fopen(path, "re");
	if (!maps)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	while (ret == 0 && getline(&line, &size, maps) >= 0)
		if (parse_mapping(pid, line, &mapping, open_path) &&
		    strncmp(strrchr(mapping.path, '/') + 1, prefix, strlen(prefix)) == 0)
			ret = found(context, &mapping);
	if (ret == 0 && ferror(maps))
		ret = errno == ESRCH ? 0 : -errno;
	free(line);
	fclose(maps);
	return ret;
}

void procfs_fd_path(int fd, char path_r[PROCFS_FD_PATH_LEN])
{
	snprintf(path_r, PROCFS_FD_PATH_LEN, "/proc/self/fd/%d", fd);
}

static int each_listener(pid_t pid, const char *name, procfs_port_fn *found, void *context)
{
	char path[PATH_LEN], line[512];
	unsigned int port, state;
	FILE *file;
	int ret;

	proc_path(pid, name, path);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : -errno; /* a kernel without IPv6 */
	/* "  0: 0100007F:1F90 00000000:0000 0A ...", after a line of titles */
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &port, &state) ==
			    2 &&
		    state == TCP_LISTEN)
			found(context, (uint16_t)port);
	ret = ferror(file) ? -EIO : 0;
	fclose(file);
	return ret;
}

int procfs_listening_ports(pid_t pid, procfs_port_fn *found, void *context)
{
	int ret = each_listener(pid, "net/tcp", found, context);
	int error = each_listener(pid, "net/tcp6", found, context);

	return ret ? ret : error;
}
