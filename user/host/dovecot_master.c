// SPDX-License-Identifier: MIT
#include "host/dovecot_master.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dovecot/release.h"
#include "host/procfs.h"
#include "host/run_program.h"
#include "dovecot/service.h"
#include "base/mem.h"
#include "base/str.h"
#include "host/trusted_file.h"

static bool is_called_dovecot(const char *path)
{
	const char *base = strrchr(path, '/');

	return base && strcmp(base + 1, "dovecot") == 0;
}

/*
 * A handle of the process's program, if it is trusted to be a master: root runs
 * it, and only root can have put that program there as "dovecot". (Anybody can
 * give a process that name.) -EPERM: it is not trusted; -errno.
 */
static int open_program(pid_t pid, const struct procfs_status *status)
{
	char path[PATH_MAX];
	struct stat st;
	int fd = procfs_program(pid, path, sizeof(path));

	if (fd < 0)
		return fd;
	if (status->uid != 0 || !is_called_dovecot(path))
		return -EPERM;
	fd = procfs_open_program(pid);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == 0 && is_trusted_file(&st))
		return fd;
	close(fd);
	return -EPERM;
}

/* What the master's own program prints as its version; "" if that fails. 0; -EIO: it does not tell;
 * -errno: it could not be run, or takes too long. */
static int ask_version(int program, char version_r[RL_VERSION_LEN])
{
	char path[PROCFS_FD_PATH_LEN], *argv[] = {path, (char *)"--version", NULL};
	struct str out = {0};
	int ret;

	version_r[0] = '\0';
	procfs_fd_path(program, path);
	ret = run_program(argv, &out);
	if (ret == 0)
		snprintf(version_r, RL_VERSION_LEN, "%.*s", (int)strcspn(str_text(&out), "\n"),
			 str_text(&out));
	str_free(&out);
	return ret;
}

/* Why a process could not be looked at. Who can't be examined is not trusted. */
static enum rl_master_status status_of(int error)
{
	return error == -ENOENT || error == -ESRCH ? RL_MASTER_GONE : RL_MASTER_UNTRUSTED;
}

/* What /proc tells. OK: its program, which the caller closes, may be run. */
static enum rl_master_status look(pid_t pid, const char *base_dir, struct rl_master *fact,
				  int *program_r)
{
	struct procfs_status status;
	int contained;

	if (procfs_status(pid, &status))
		return RL_MASTER_GONE;
	*program_r = open_program(pid, &status);
	if (*program_r < 0)
		return status_of(*program_r);
	contained = procfs_is_contained(pid);
	if (contained) /* its program must not run outside of its container */
		return contained < 0 ? status_of(contained) : RL_MASTER_CONTAINER;
	if (procfs_working_dir(pid, fact->base_dir, sizeof(fact->base_dir)))
		return RL_MASTER_GONE;
	return base_dir && strcmp(base_dir, fact->base_dir) != 0 ? RL_MASTER_EXCLUDED :
								   RL_MASTER_OK;
}

int dovecot_master_open(pid_t pid, const char *base_dir, struct rl_master *fact_r)
{
	int program = -1;

	memset(fact_r, 0, sizeof(*fact_r));
	fact_r->status = look(pid, base_dir, fact_r, &program);
	if (fact_r->status == RL_MASTER_OK)
		return program;
	if (program >= 0)
		close(program);
	return -1;
}

void dovecot_master_version(int program, struct rl_master *fact)
{
	int ret = ask_version(program, fact->version);
	bool known;

	if (ret && ret != -EIO)
		fact->status = RL_MASTER_SILENT;
	else if (!release_find(fact->version, &known))
		fact->status = RL_MASTER_VERSION;
}

void dovecot_master_look(pid_t pid, const char *base_dir, struct rl_master *fact_r)
{
	int program = dovecot_master_open(pid, base_dir, fact_r);

	if (program < 0)
		return;
	dovecot_master_version(program, fact_r);
	close(program);
}

struct scan {
	bool masters; /* only masters, or only the others */
	dovecot_found_fn *found;
	void *context;
};

static void on_process(void *context, pid_t pid, const struct procfs_status *status)
{
	const struct service *service = service_find(status->comm);
	const struct scan *scan = context;

	if (service && scan->masters == (service->role == RL_ROLE_MASTER))
		scan->found(scan->context,
			    &(struct found_process){pid, status->parent, status->uid, service});
}

int dovecot_scan(dovecot_found_fn *found, void *context)
{
	int ret = procfs_each_process(on_process, &(struct scan){true, found, context});

	return ret ? ret : procfs_each_process(on_process, &(struct scan){false, found, context});
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

static int ask_doveconf(const struct rl_master *fact, const char *protocol, const char *setting,
			struct str *value)
{
	char path[PATH_MAX], filter[64];
	/* an empty filter is none */
	char *argv[] = {(char *)"doveconf", (char *)"-c",    path, (char *)"-f", filter,
			(char *)"-h",	    (char *)setting, NULL};
	int ret = dovecot_master_config(fact, path, sizeof(path));

	snprintf(filter, sizeof(filter), "protocol=%s", protocol ? protocol : "");
	str_clear(value);
	if (!ret)
		ret = run_program(argv, value);
	if (ret)
		str_clear(value);
	return ret;
}

int dovecot_master_lines(const struct rl_master *fact, const char *setting, struct str *value)
{
	return ask_doveconf(fact, NULL, setting, value);
}

int dovecot_master_setting(const struct rl_master *fact, const char *protocol, const char *setting,
			   struct str *value)
{
	int ret = ask_doveconf(fact, protocol, setting, value);

	if (value->len)
		value->data[value->len = strcspn(value->data, "\n")] = '\0';
	return ret;
}

int dovecot_master_who(const struct rl_master *fact, struct str *out)
{
	char path[PATH_MAX];
	char *argv[] = {(char *)"doveadm", (char *)"-c",  path,		(char *)"-f",
			(char *)"tab",	   (char *)"who", (char *)"-1", NULL};
	int ret = dovecot_master_config(fact, path, sizeof(path));

	return ret ? ret : run_program(argv, out);
}

int dovecot_master_users(const struct rl_master *fact, const char *protocol,
			 const char *const names[], size_t count, struct str *out)
{
	char path[PATH_MAX], service[64];
	char *const begin[] = {(char *)"doveadm", (char *)"-c", path,	      (char *)"user",
			       (char *)"-x",	  service,	(char *)"-u", (char *)"--"};
	const size_t begin_count = sizeof(begin) / sizeof(begin[0]);
	char **argv = mem_alloc((begin_count + count + 1) * sizeof(*argv));
	int ret = dovecot_master_config(fact, path, sizeof(path));

	snprintf(service, sizeof(service), "service=%s", protocol);
	memcpy(argv, begin, sizeof(begin));
	memcpy(argv + begin_count, names, count * sizeof(*names));
	if (!ret)
		ret = run_program(argv, out);
	free(argv);
	return ret;
}

int dovecot_hostname(char *name_r, size_t size)
{
	char own[256] = "", buffer[8192]; /* enough for any entry of sense */
	struct hostent entry, *host = NULL;
	int error;

	if (gethostname(own, sizeof(own) - 1))
		return -errno;
	gethostbyname_r(own, &entry, buffer, sizeof(buffer), &host, &error);
	if ((size_t)snprintf(name_r, size, "%s", host ? host->h_name : own) >= size)
		return -ENAMETOOLONG;
	return 0;
}
