// SPDX-License-Identifier: MIT
#include "commands/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/backend.h"
#include "kernel/bpf_load.h"
#include "host/capabilities.h"
#include "host/dovecot_master.h"
#include "config/config.h"
#include "base/log.h"
#include "base/print_line.h"
#include "dovecot/master_status.h"
#include "dovecot/release.h"
#include "dovecot/service.h"

static bool report(bool ok, const char *what, const char *todo)
{
	print_line("%-4s %s%s%s", ok ? "ok" : "NO", what, ok || !*todo ? "" : ": ", ok ? "" : todo);
	return ok;
}

static bool check_privileges(void)
{
	struct str missing = {0}, todo = {0};
	bool ok = capabilities_check(&missing) == 0;

	str_printf(&todo, "missing:%s; run it as root", str_text(&missing));
	report(ok, "privileges", str_text(&todo));
	str_free(&missing);
	str_free(&todo);
	return ok;
}

static bool check_btf(void)
{
	return report(access(BPF_BTF_PATH, R_OK) == 0, "kernel type information (" BPF_BTF_PATH ")",
		      BPF_BTF_TODO);
}

/* Where the TLS probes would go. */
static bool check_tls(void)
{
	struct str warnings = {0}, error = {0};
	struct tls_probes probes = {0};
	bool ok = true;

	if (bpf_side_find_tls(NULL, &probes, &warnings, &error))
		ok = report(false, "TLS probes", str_text(&error));
	if (warnings.len)
		report(false, "TLS probes", str_text(&warnings));
	tls_probes_print(&probes);
	str_free(&warnings);
	str_free(&error);
	tls_probes_free(&probes);
	return ok;
}

/* Each backend, and which one would be used. */
static bool check_backends(const char *wanted)
{
	char what[256], todo[256];
	bool found = false, known = false;
	unsigned int i;
	int ret;

	for (i = 0; i < backends_count; i++) {
		if (wanted && strcmp(wanted, backends[i].name) != 0)
			continue;
		known = true;
		ret = backend_probe(&backends[i]);
		snprintf(what, sizeof(what), "backend %s%s", backends[i].name,
			 ret == 0 && !found ? " (this one is used)" : "");
		snprintf(todo, sizeof(todo), "%s; it needs %s", strerror(-ret), backends[i].needs);
		report(ret == 0, what, todo);
		found = found || ret == 0;
	}
	if (!known) {
		snprintf(what, sizeof(what), "backend %s", wanted);
		report(false, what, "no backend has this name; try without --backend");
	}
	return found;
}

struct instances {
	const char *base_dir;
	unsigned int good, bad;
};

/* What it is, and as which release's its login requests are read. */
static void print_instance(const struct rl_master *fact, pid_t pid, struct str *text)
{
	const struct release *release;
	bool known;

	if (!fact->version[0]) {
		str_printf(text, "process %d, called dovecot", (int)pid);
		return;
	}
	str_printf(text, "Dovecot %s in %s (master process %d", fact->version, fact->base_dir,
		   (int)pid);
	release = release_find(fact->version, &known);
	if (release)
		str_printf(text, "; login requests as in %s%s", release->name,
			   known ? "" : ", if they are: this release is not known");
	str_append_text(text, ")");
}

static void on_master(void *context, const struct found_process *process)
{
	struct instances *instances = context;
	struct str what = {0}, why = {0};
	struct rl_master fact;

	if (process->service->role != RL_ROLE_MASTER)
		return;
	dovecot_master_look(process->pid, instances->base_dir, &fact);
	if (fact.status == RL_MASTER_GONE || fact.status == RL_MASTER_EXCLUDED)
		return;
	print_instance(&fact, process->pid, &what);
	master_status_text(&fact, &why);
	if (report(fact.status == RL_MASTER_OK, str_text(&what), str_text(&why)))
		instances->good++;
	else
		instances->bad++;
	str_free(&what);
	str_free(&why);
}

static bool check_dovecot(const char *base_dir)
{
	char *canonical = base_dir ? realpath(base_dir, NULL) : NULL;
	struct instances instances = {.base_dir = canonical};
	int ret;

	if (base_dir && !canonical)
		return report(false, base_dir, strerror(errno));
	ret = dovecot_scan(on_master, &instances);
	free(canonical);
	if (ret)
		return report(false, "the list of processes (/proc)", strerror(-ret));
	if (!instances.good && !instances.bad)
		report(false, "a running Dovecot",
		       "none found; start it now, or while rawtap records");
	return instances.good > 0;
}

int check_run(const struct opts *opts)
{
	bool privileges, btf, backend, tls, dovecot;
	struct rules rules = {0};
	int status = config_rules(opts, NULL, &rules);

	if (status)
		goto out;
	bpf_side_take_messages();
	privileges = check_privileges();
	btf = check_btf();
	backend = check_backends(opts->backend);
	tls = check_tls() || !rules_need_tls(&rules); /* NO is no error if no rule needs it */
	dovecot = check_dovecot(opts->base_dir);
	status = privileges && btf && backend && tls && dovecot ? 0 : 1;
out:
	rules_free(&rules);
	return status;
}
