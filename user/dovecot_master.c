// SPDX-License-Identifier: MIT
#include "dovecot_master.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hs_login.h"
#include "run_program.h"
#include "service.h"
#include "str.h"

/* Reads the link /proc/PID/NAME. 0 or -errno. */
static int read_link(pid_t pid, const char *name, char *target_r, size_t size)
{
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	len = readlink(path, target_r, size);
	if (len < 0)
		return -errno;
	if ((size_t)len >= size)
		return -ENAMETOOLONG;
	target_r[len] = '\0';
	return 0;
}

struct status {
	char comm[RL_COMM_LEN];
	pid_t parent;
	unsigned int uid; /* real */
};

static int read_status(pid_t pid, struct status *status_r)
{
	char path[64], line[256];
	FILE *file;

	*status_r = (struct status){.uid = (unsigned int)-1};
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "Name:\t", 6) == 0)
			snprintf(status_r->comm, sizeof(status_r->comm), "%.15s", line + 6);
		else if (strncmp(line, "PPid:", 5) == 0)
			status_r->parent = strtol(line + 5, NULL, 10);
		else if (strncmp(line, "Uid:", 4) == 0)
			status_r->uid = strtoul(line + 4, NULL, 10);
	}
	fclose(file);
	return 0;
}

/* Is the link to the process's program, without what the kernel adds, one to a "dovecot"? */
static bool is_called_dovecot(pid_t pid)
{
	static const char deleted[] = " (deleted)"; /* its package was upgraded meanwhile */
	char exe[PATH_MAX], *base;
	size_t len;

	if (read_link(pid, "exe", exe, sizeof(exe)))
		return false;
	len = strlen(exe);
	if (len > sizeof(deleted) && strcmp(exe + len - (sizeof(deleted) - 1), deleted) == 0)
		exe[len - (sizeof(deleted) - 1)] = '\0';
	base = strrchr(exe, '/');
	return base && strcmp(base + 1, "dovecot") == 0;
}

/*
 * The process's program, if only root can have put it there, as dovecot, and
 * root runs it: a handle. Whoever else calls a process "dovecot" can't make us
 * believe its children. -errno; -EPERM: not to be trusted.
 */
static int open_program(pid_t pid, const struct status *status)
{
	char path[64];
	struct stat st;
	int fd;

	if (status->uid != 0 || !is_called_dovecot(pid))
		return -EPERM;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return fd;
	close(fd);
	return -EPERM;
}

/* Does the process see another set of processes, or of users, than we do? */
static bool is_contained(pid_t pid)
{
	static const char *const names[] = {"pid", "user"};
	char path[64], own[64];
	struct stat theirs, ours;
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, names[i]);
		snprintf(own, sizeof(own), "/proc/self/ns/%s", names[i]);
		if (stat(path, &theirs) || stat(own, &ours) || theirs.st_ino != ours.st_ino ||
		    theirs.st_dev != ours.st_dev)
			return true;
	}
	return false;
}

/* What the master's own program prints as its version; "" if it does not. */
static void ask_version(int program, char version_r[RL_VERSION_LEN])
{
	char path[64], *argv[] = {path, (char *)"--version", NULL};
	struct str out = {0};

	version_r[0] = '\0';
	snprintf(path, sizeof(path), "/proc/self/fd/%d", program);
	if (run_program(argv, &out) == 0)
		snprintf(version_r, RL_VERSION_LEN, "%.*s", (int)strcspn(str_text(&out), "\n"),
			 str_text(&out));
	str_free(&out);
}

static enum rl_master_status look(pid_t pid, const char *base_dir, struct rl_master *fact)
{
	struct status status;
	int program;

	if (read_status(pid, &status))
		return RL_MASTER_GONE;
	program = open_program(pid, &status);
	if (program < 0)
		return program == -EPERM ? RL_MASTER_UNTRUSTED : RL_MASTER_GONE;
	if (is_contained(pid)) { /* nor is its program to run here */
		close(program);
		return RL_MASTER_CONTAINER;
	}
	ask_version(program, fact->version);
	close(program);
	if (read_link(pid, "cwd", fact->base_dir, sizeof(fact->base_dir)))
		return RL_MASTER_GONE;
	if (base_dir && strcmp(base_dir, fact->base_dir) != 0)
		return RL_MASTER_EXCLUDED;
	return hs_login_layout_find(fact->version) ? RL_MASTER_OK : RL_MASTER_VERSION;
}

void dovecot_master_look(pid_t pid, const char *base_dir, struct rl_master *fact_r)
{
	memset(fact_r, 0, sizeof(*fact_r));
	fact_r->status = look(pid, base_dir, fact_r);
}

static void scan(bool masters, dovecot_found_fn *found, void *context)
{
	DIR *dir = opendir("/proc");
	const struct service *service;
	struct status status;
	struct dirent *entry;
	pid_t pid;

	if (!dir)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = strtol(entry->d_name, NULL, 10);
		if (read_status(pid, &status))
			continue;
		service = service_find(status.comm);
		if (service && masters == (service->role == RL_ROLE_MASTER))
			found(context,
			      &(struct found_process){pid, status.parent, status.uid, service});
	}
	closedir(dir);
}

void dovecot_scan(dovecot_found_fn *found, void *context)
{
	scan(true, found, context);
	scan(false, found, context);
}

int dovecot_master_config(const struct rl_master *fact, char *path_r, size_t size)
{
	char link[RL_BASE_DIR_LEN + 32], *path;
	int ret = 0;

	snprintf(link, sizeof(link), "%s/dovecot.conf", fact->base_dir);
	path = realpath(link, NULL);
	if (!path)
		return -errno;
	if ((size_t)snprintf(path_r, size, "%s", path) >= size)
		ret = -ENAMETOOLONG;
	free(path);
	return ret;
}

int dovecot_master_setting(const struct rl_master *fact, const char *setting, struct str *value_r)
{
	char path[PATH_MAX], *argv[] = {(char *)"doveconf", (char *)"-c",    path,
					(char *)"-h",	    (char *)setting, NULL};
	int ret = dovecot_master_config(fact, path, sizeof(path));

	str_clear(value_r);
	if (!ret)
		ret = run_program(argv, value_r);
	if (ret)
		str_clear(value_r);
	else if (value_r->len)
		value_r->data[value_r->len = strcspn(value_r->data, "\n")] = '\0';
	return ret;
}

int dovecot_hostname(char *name_r, size_t size)
{
	char own[256] = "";
	struct hostent *host;

	if (gethostname(own, sizeof(own) - 1))
		return -errno;
	host = gethostbyname(own);
	if ((size_t)snprintf(name_r, size, "%s", host ? host->h_name : own) >= size)
		return -ENAMETOOLONG;
	return 0;
}
