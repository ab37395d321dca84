// SPDX-License-Identifier: MIT
#include "engine/log_place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "dovecot/expand.h"
#include "dovecot/host_port.h"
#include "rules/needs.h"

/* The setting can have variables itself, of which `text` becomes the owner. */
static void expand_hostname(const struct session *session, struct expand_vars *vars,
			    struct str *text)
{
	struct expand_vars own = *vars;

	if (!vars->hostname || !strchr(vars->hostname, '%'))
		return;
	own.hostname = NULL;
	own.is_mail_home = true;
	vars->hostname = expand(session->release->expander, vars->hostname, &own, text) ?
				 NULL :
				 str_text(text);
}

/* What nobody knows of a session that was open before becomes `unknown`, which can be an address. */
static void fill_unknown(const struct session *session, const char *unknown,
			 struct expand_vars *vars)
{
	const uint16_t port = (uint16_t)strlen(unknown);

	if (!session->found)
		return;
	vars->session = unknown;
	if (!vars->local_ip[0])
		vars->local_ip = unknown;
	if (!vars->remote_ip[0])
		vars->remote_ip = unknown;
	if (!vars->local_port)
		vars->local_port = port;
	if (!vars->remote_port)
		vars->remote_port = port;
}

static int expand_for(const struct session *session, const char *text, bool is_mail_home,
		      const char *unknown, struct str *out)
{
	const struct endpoints *addresses = &session->who.login.addresses;
	char local[IP_TEXT_LEN], remote[IP_TEXT_LEN];
	struct str hostname = {0};
	int ret;
	struct expand_vars vars = {
		.user = session->who.user.name,
		.home = session->names.base,
		.service = session->service->protocol,
		.local_ip = local,
		.remote_ip = remote,
		.session = session->who.session_id,
		.auth_user = session->who.user.auth_user,
		.hostname = proc_setting(session->proc, "hostname"),
		.import_environment = proc_setting(session->proc, "import_environment"),
		.pid = session->tgid,
		.uid = session->who.user.uid,
		.gid = session->who.user.gid,
		.local_port = addresses->local_port,
		.remote_port = addresses->remote_port,
		.system_hostname = proc_setting(session->proc, "system_hostname"),
		.userdb = &session->who.user.fields,
		.is_mail_home = is_mail_home,
	};

	ip_addr_text(&addresses->local, local);
	ip_addr_text(&addresses->remote, remote);
	fill_unknown(session, unknown, &vars);
	expand_hostname(session, &vars, &hostname);
	ret = expand(session->release->expander, text, &vars, out);
	str_free(&hostname);
	return ret;
}

void log_place_set_base(const struct engine *engine, struct session *session)
{
	const struct master *master = session->proc ? session->proc->master : NULL;
	const char *mail_home = proc_setting(session->proc, "mail_home");
	struct str base = {0}, error = {0};

	free(session->names.base);
	session->names.base = NULL;
	if (traffic_has_user(session->traffic)) {
		if (session->who.user.home)
			str_append_text(&base, session->who.user.home);
		else if (mail_home && *mail_home)
			session->names.base_failed =
				expand_check(session->release->expander, mail_home, &error) ||
				expand_for(session, mail_home, true, "", &base);
	} else if (master) {
		str_printf(&base, "%s%s", master->base_dir,
			   session->traffic == TRAFFIC_LOGIN ? "/login" : "");
	}
	if (base.data && base.data[0] == '/')
		session->names.base = base.data;
	else
		str_free(&base);
	str_free(&error);
}

const char *log_place_tcp(const struct engine *engine, const struct session *session,
			  uint32_t rule_index)
{
	const struct mode *mode = engine->rules->all[rule_index].mode;
	const char *dir = session->names.log[rule_index].dir;

	if (!mode->tcp_format || !session->service->tcp || !dir)
		return NULL;
	return host_port_of_dir(dir);
}

/* The offset from UTC in a zone, "OFFSET SECONDS=OFFSET ...", see rl_abi.h. */
static int32_t zone_offset(const char *zone, int64_t realtime_ns)
{
	char *at;
	int32_t offset = strtol(zone, &at, 10);

	while (*at == ' ' && strtoimax(at, &at, 10) <= realtime_ns / 1000000000 && *at == '=')
		offset = strtol(at + 1, &at, 10);
	return offset;
}

static int32_t utc_offset(const struct engine *engine, const struct session *session,
			  const struct rule *rule, int64_t realtime_ns)
{
	const char *zone = proc_setting(session->proc, "zone");

	return zone && *zone && rule->mode->iostream ? zone_offset(zone, realtime_ns) :
						       engine->utc_offset;
}

/* [IP-]yyyymmdd-HHMMSS-pid, or yyyymmdd-HHMMSS.pid.number. */
static char *name_of(const struct engine *engine, const struct session *session,
		     uint32_t rule_index, uint64_t time_ns)
{
	const struct rule *rule = &engine->rules->all[rule_index];
	char ip[IP_TEXT_LEN], when[TIMESTAMP_NAME_LEN];
	uint32_t number = session->proc ? session->proc->rawlogs : session->names.rawlogs;
	int64_t now = engine_realtime(engine, time_ns);
	struct str name = {0};

	timestamp_name(now, utc_offset(engine, session, rule, now), when);
	if (log_place_tcp(engine, session, rule_index)) {
		/* a TCP stream uses up no number; only a replay makes a file of this name */
		str_printf(&name, "%s.%" PRIu32 ".session-%" PRIu32, when, session->tgid,
			   session->id);
		return name.data;
	}
	if (rule->mode->iostream) {
		str_printf(&name, "%s.%" PRIu32 ".%" PRIu32, when, session->tgid, number + 1);
		return name.data;
	}
	if (rule->flags.ip_in_name) {
		ip_addr_text(&session->who.login.addresses.remote, ip);
		str_printf(&name, "%s-",
			   ip); /* of a client on a unix socket: "", as Dovecot has it */
	}
	str_printf(&name, "%s-%" PRIu32, when, session->tgid);
	return name.data;
}

void log_place_count(const struct engine *engine, struct session *session, uint32_t rule_index)
{
	const struct rule *rule = &engine->rules->all[rule_index];

	if (!rule->mode->iostream || log_place_tcp(engine, session, rule_index))
		return;
	session->names.rawlogs++;
	if (session->proc)
		session->names.rawlogs = ++session->proc->rawlogs;
}

void log_place_uncount(struct session *session)
{
	if (session->proc && session->proc->rawlogs == session->names.rawlogs)
		session->names.rawlogs = --session->proc->rawlogs;
}

void log_place_leave_process(struct session *session)
{
	session->names.rawlogs = session->proc->rawlogs;
}

static int expand_with(const struct session *session, const struct rule *rule, const char *unknown,
		       struct str *dir)
{
	struct str path = {0};
	int ret = expand_check_dir(session->release->expander, rule->dir, &path);

	str_clear(&path);
	if (ret == 0)
		ret = expand_for(session, rule->dir, false, unknown, &path);
	if (ret == 0 && rule->mode->tilde)
		expand_home(str_text(&path), session->names.base, dir);
	else if (ret == 0)
		str_append_text(dir, str_text(&path));
	str_free(&path);
	return ret;
}

/* -EINVAL, too: it depends on what nobody knows. */
static int expand_dir(const struct session *session, const struct rule *rule, struct str *dir)
{
	struct str other = {0};
	int ret = expand_with(session, rule, "", dir);

	if (ret == 0 && session->found)
		ret = expand_with(session, rule, "192.0.2.1", &other);
	if (ret == 0 && session->found && strcmp(str_text(dir), str_text(&other)) != 0)
		ret = -EINVAL;
	str_free(&other);
	return ret;
}

/* Would it depend on settings of Dovecot's that could not be read? */
static bool is_unread(const struct session *session, const struct rule *rule)
{
	const char *unread = proc_setting(session->proc, "unread"), *name;
	const char *mail_home = proc_setting(session->proc, "mail_home");
	unsigned int needs = needs_of_dir(rule->dir);

	if (session->who.user.home)
		needs &= ~NEED_HOME;
	else if (needs & NEED_HOME && mail_home)
		needs |= needs_of_dir(mail_home);
	while (unread && (name = needs_next(&needs)))
		if (strstr(unread, name))
			return true;
	return false;
}

/* Its directory, expanded. */
static enum reason dir_set(const struct engine *engine, struct session *session,
			   uint32_t rule_index)
{
	const struct rule *rule = &engine->rules->all[rule_index];
	struct str dir = {0};

	if (rule->mode->home_dir)
		return session->who.user.home ? REASON_NONE : REASON_NO_HOME;
	if (!rule->mode->variables) {
		str_append_text(&dir, rule->dir);
	} else if (is_unread(session, rule)) {
		return REASON_SETTINGS;
	} else if (session->names.base_failed || expand_dir(session, rule, &dir)) {
		str_free(&dir);
		return REASON_EXPAND;
	}
	if (!dir.data)
		str_append_text(&dir, "");
	session->names.log[rule_index].dir = dir.data;
	if (dir.data[0] == '/' || log_place_tcp(engine, session, rule_index))
		return REASON_NONE;
	return session->names.base ? REASON_NONE : REASON_NO_HOME;
}

static void forget(struct session *session, uint32_t rule_index)
{
	free(session->names.log[rule_index].name);
	free(session->names.log[rule_index].dir);
	session->names.log[rule_index].name = session->names.log[rule_index].dir = NULL;
}

enum reason log_place_name(struct engine *engine, struct session *session, uint32_t rule_index,
			   uint64_t time_ns)
{
	enum reason reason;

	forget(session, rule_index);
	reason = dir_set(engine, session, rule_index);
	session->names.log[rule_index].name = name_of(engine, session, rule_index, time_ns);
	return reason;
}

static const struct format *tcp_format(const struct session *session, const struct rule *rule)
{
	return session->release->tcp_lines ? rule->mode->tcp_lines_format : rule->mode->tcp_format;
}

void log_place_get(const struct engine *engine, const struct session *session, uint32_t rule_index,
		   struct log_place *place_r)
{
	const struct rule *rule = &engine->rules->all[rule_index];
	const char *chroot = session->who.user.chroot, *base = session->names.base;
	const struct proc *proc = session->proc;
	const char *tcp = log_place_tcp(engine, session, rule_index);
	const struct format *format = tcp ? tcp_format(session, rule) : rule->format;
	bool home_rule = rule->mode->home_dir;

	if (home_rule) {
		base = session->who.user.home;
	} else if (rule->mode->base == BASE_LOGIN && session->names.log[rule_index].dir[0] != '/') {
		chroot = base; /* a login process finds it inside its root directory */
		base = "/";
	}
	*place_r = (struct log_place){
		.session = session->id,
		.rule = rule_index,
		.turn = session->logs.turn,
		.tgid = session->tgid,
		.format = format,
		.files = {format_has_file(format, &rule->flags, RL_IN),
			  format_has_file(format, &rule->flags, RL_OUT)},
		.tcp = tcp,
		.chroot = chroot,
		.base = base ? base : "/",
		.dir = home_rule ? rule->mode->home_dir : session->names.log[rule_index].dir,
		.iostream = rule->mode->iostream,
		.name = session->names.log[rule_index].name,
		.uid = session->who.user.uid,
		.gid = session->who.user.gid,
	};
	/* the groups that the process had as another user are not this user's */
	if (proc && proc->groups_uid == place_r->uid) {
		place_r->groups = proc->groups;
		place_r->groups_count = proc->groups_count;
	}
}

void log_place_set_serial(struct session *session, uint32_t rule_index, uint32_t serial)
{
	char **name = &session->names.log[rule_index].name, text[SINK_SERIAL_LEN];
	struct str whole = {0};

	str_printf(&whole, "%s%s", *name, sink_serial_text(serial, text));
	free(*name);
	*name = whole.data;
}

void log_place_text(const struct engine *engine, const struct session *session, uint32_t rule_index,
		    struct str *text)
{
	const struct rule *rule = &engine->rules->all[rule_index];
	const char *own = session->names.log[rule_index].dir;
	const char *dir = rule->mode->home_dir ? rule->mode->home_dir : own;
	const char *base = rule->mode->home_dir ? session->who.user.home : session->names.base;
	bool tcp = log_place_tcp(engine, session, rule_index);

	if (!tcp && session->who.user.chroot)
		str_append_text(text, session->who.user.chroot);
	if (dir && dir[0] != '/' && !tcp && base)
		str_printf(text, "%s%s", base, strcmp(base, "/") == 0 ? "" : "/");
	str_append_text(text, dir ? dir : rule->dir);
}

void log_place_free(struct session *session)
{
	uint32_t rule_index;

	for (rule_index = 0; rule_index < RULES_MAX; rule_index++)
		forget(session, rule_index);
	free(session->names.base);
	session->names.base = NULL;
}
