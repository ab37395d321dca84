// SPDX-License-Identifier: MIT
#include "config/doveconf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/doveconf_words.h"
#include "dovecot/environment.h"
#include "dovecot/reference.h"
#include "host/run_program.h"

/* A configuration that doveconf can read: the running one, or with FILE laid over it. */
struct layer {
	int fd; /* memfd; doveconf gets it as /proc/self/fd/N */
	char path[64];
	int *error; /* -errno: doveconf could not be asked, or did not answer */
};

static int layer_open(struct layer *layer, const char *text)
{
	layer->fd = memfd_create("rawtap-overlay", 0);
	if (layer->fd < 0)
		return -errno;
	snprintf(layer->path, sizeof(layer->path), "/proc/self/fd/%d", layer->fd);
	return dprintf(layer->fd, "%s", text) < 0 ? -errno : 0;
}

static void layer_close(struct layer *layer)
{
	if (layer->fd >= 0)
		close(layer->fd);
	layer->fd = -1;
}

/* Appends why doveconf has failed: the first line of what it says that is no warning. (After a panic it
 * says more.) */
static void append_reason(const struct str *said, struct str *error)
{
	char *copy = mem_strdup(str_text(said)), *save = NULL;
	const char *line = strtok_r(copy, "\n", &save);

	while (line && strstr(line, ": Warning: "))
		line = strtok_r(NULL, "\n", &save);
	str_append_text(error, line ? line : "doveconf fails, and does not say why");
	free(copy);
}

/* One setting's value. 0; else what doveconf says is in `value`: it does not know the setting, unless
 * *layer->error is set. */
static int ask(const struct layer *layer, const char *protocol, const char *setting,
	       struct str *value)
{
	char filter[64], *argv[8], path[64];
	int argc = 0, ret = *layer->error;

	snprintf(filter, sizeof(filter), "protocol=%s", protocol ? protocol : "");
	snprintf(path, sizeof(path), "%s", layer->path);
	argv[argc++] = (char *)"doveconf";
	argv[argc++] = (char *)"-c";
	argv[argc++] = path;
	if (protocol) {
		argv[argc++] = (char *)"-f";
		argv[argc++] = filter;
	}
	argv[argc++] = (char *)"-h";
	argv[argc++] = (char *)setting;
	argv[argc] = NULL;
	str_clear(value);
	if (ret) /* nobody needs more answers */
		return ret;
	ret = run_program(argv, value);
	if (ret && ret != -EIO)
		*layer->error = ret;
	while (value->len && value->data[value->len - 1] == '\n')
		value->data[--value->len] = '\0';
	return ret;
}

/* 0; -EINVAL: a part of the value is somewhere else. */
static int check_references(const char *setting, const char *value, struct str *error)
{
	size_t len;
	const char *reference = reference_find(value, &len);

	if (!reference)
		return 0;
	str_printf(error, "%s has '%.*s', which is not looked up: write what it stands for",
		   setting, (int)len, reference);
	return -EINVAL;
}

/* What the manual's post-login block switches on for one service. 0 or -EINVAL. */
static int read_postlogin(const struct mode *mode, const struct service *service,
			  const struct layer *base, const struct layer *overlay,
			  struct rules *rules, struct str *error)
{
	struct str with = {0}, without = {0}, name = {0}, setting = {0};
	struct log_flags flags;
	bool differs;
	int ret = 0;

	str_printf(&setting, "service/%s/executable", service->name);
	if (ask(overlay, NULL, setting.data, &with) || ask(base, NULL, setting.data, &without))
		str_clear(&with); /* this service is not installed */
	differs = strcmp(str_text(&with), str_text(&without)) != 0;
	if (!with.len || !doveconf_postlogin_name(with.data, &name))
		goto out;
	str_clear(&setting);
	str_printf(&setting, "service/%s/executable", name.data);
	if (ask(overlay, NULL, setting.data, &with) || !with.len) {
		str_printf(error,
			   "service %s names the post-login service '%s', which does not exist",
			   service->name, name.data);
		ret = -EINVAL;
		goto out;
	}
	if (ask(base, NULL, setting.data, &without))
		str_clear(&without);
	differs = differs || strcmp(str_text(&with), str_text(&without)) != 0;
	if (!differs)
		goto out;
	ret = check_references(setting.data, str_text(&with), error);
	if (ret)
		goto out;
	ret = doveconf_script_flags(str_text(&with), &flags);
	if (ret < 0)
		str_printf(error, "service %s: rawlog does not accept these options: %s", name.data,
			   with.data);
	else if (ret > 0)
		ret = rules_add(rules, mode, service->protocol, &flags, NULL) ? 0 : -EINVAL;
out:
	str_free(&with);
	str_free(&without);
	str_free(&name);
	str_free(&setting);
	return ret;
}

/* A login process's root directory; "": it has none. `base_dir`: Dovecot's. As in service-process.c,
 * restrict-access.c and master-settings.c, 2.3.19.1: one slash at the end is dropped, so "/" is none. */
static void login_chroot(const struct layer *layer, const char *service, const char *base_dir,
			 struct str *chroot)
{
	struct str setting = {0}, value = {0};

	str_printf(&setting, "service/%s/chroot", service);
	if (ask(layer, NULL, setting.data, &value) == 0 && value.len) {
		if (value.data[value.len - 1] == '/')
			value.data[--value.len] = '\0';
		if (value.len && value.data[0] != '/')
			str_printf(chroot, "%s/", base_dir);
		str_append_text(chroot, value.data);
	}
	str_free(&setting);
	str_free(&value);
}

/*
 * Makes the DIR of -R that a login process takes a path as the rule has it:
 * below $base_dir/login and never above it, or the host's. Without a chroot the
 * process's current directory is $base_dir/login (login-common/main.c, 2.3.19.1).
 */
static void leave_chroot(const struct layer *layer, const char *service, struct str *dir)
{
	struct str chroot = {0}, base_dir = {0}, login = {0}, inside = {0};
	const char *path = dir->data;

	ask(layer, NULL, "base_dir", &base_dir);
	str_printf(&login, "%s/login", str_text(&base_dir));
	login_chroot(layer, service, str_text(&base_dir), &chroot);
	if (!chroot.len && *path == '/')
		goto out;
	while (chroot.len && (*path == '/' || strncmp(path, "../", 3) == 0))
		path += *path == '/' ? 1 : 3;
	str_append_text(&inside, *path ? path : ".");
	str_clear(dir);
	if (strcmp(str_text(&chroot), login.data) != 0)
		str_printf(dir, "%s/", chroot.len ? chroot.data : login.data);
	str_append_text(dir, inside.data);
out:
	str_free(&chroot);
	str_free(&base_dir);
	str_free(&login);
	str_free(&inside);
}

/* The DIR that a mode has in this configuration for one service, into `dir`; empty: none. `value`:
 * the whole setting. 0; -EINVAL: the service would refuse it. */
static int read_dir(const struct layer *layer, const struct mode *mode,
		    const struct service *service, struct str *value, struct str *dir)
{
	struct str setting = {0};
	int ret;

	str_clear(dir);
	if (mode->block == BLOCK_SETTING) {
		if (ask(layer, service->protocol, mode->setting, value) == 0)
			str_append_text(dir, str_text(value));
		return 0; /* what doveconf does not know is not installed */
	}
	str_printf(&setting, "service/%s/executable", service->name);
	ret = ask(layer, NULL, setting.data, value);
	str_free(&setting);
	if (ret)
		return 0;
	ret = doveconf_login_dir(str_text(value), service->name, dir);
	if (ret > 0)
		leave_chroot(layer, service->name, dir);
	return ret < 0 ? ret : 0;
}

/* `value`: the whole setting. 0 or -EINVAL. */
static int add_dir(const struct mode *mode, const char *protocol, const char *value,
		   const char *dir, struct rules *rules, struct str *error)
{
	int ret = check_references(mode->setting ? mode->setting : "executable", value, error);

	if (!ret && !rules_add(rules, mode, protocol, &(struct log_flags){0}, dir))
		ret = -EINVAL;
	return ret;
}

/* What a mode's directory for one service in `overlay` switches on, and `base` does not. 0 or
 * -EINVAL. */
static int read_dir_setting(const struct mode *mode, const struct service *service,
			    const struct layer *base, const struct layer *overlay,
			    struct rules *rules, struct str *error)
{
	const char *protocol = mode_protocols(mode, NULL) > 1 ? service->protocol : NULL;
	struct str value = {0}, with = {0}, without = {0};
	int ret;

	if (read_dir(base, mode, service, &value, &without))
		str_clear(&without); /* an error of the running configuration, not of FILE */
	ret = read_dir(overlay, mode, service, &value, &with);
	if (ret)
		str_printf(error, "service %s does not accept the options in its executable: %s",
			   service->name, value.data);
	else if (with.len && strcmp(with.data, str_text(&without)) != 0)
		ret = add_dir(mode, protocol, value.data, with.data, rules, error);
	str_free(&value);
	str_free(&with);
	str_free(&without);
	return ret;
}

/* What a mode's block for one service switches on. 0 or -EINVAL. */
static int read_block(const struct mode *mode, const struct service *service,
		      const struct layer *base, const struct layer *overlay, struct rules *rules,
		      struct str *error)
{
	switch (mode->block) {
	case BLOCK_POSTLOGIN:
		return read_postlogin(mode, service, base, overlay, rules, error);
	case BLOCK_SETTING:
	case BLOCK_LOGIN:
		return read_dir_setting(mode, service, base, overlay, rules, error);
	}
	return -EINVAL;
}

static int read_blocks(const struct layer *base, const struct layer *overlay, struct rules *rules,
		       struct str *error)
{
	const struct service *service;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < modes_count; i++)
		for (service = services; service < services + services_count && !ret; service++)
			if (mode_has_service(modes[i], service))
				ret = read_block(modes[i], service, base, overlay, rules, error);
	return ret;
}

/* As in `import_environment = $import_environment DEBUG=1`. */
static bool sets_debug(const struct str *import_environment)
{
	struct str value = {0};
	bool found = environment_get(str_text(import_environment), "DEBUG", &value) == 1;

	str_free(&value);
	return found;
}

/* What doveconf says of a configuration file: all settings but the defaults. Nothing: it fails. */
static void dump(const char *path, struct str *text)
{
	char copy[PATH_MAX], *argv[] = {(char *)"doveconf", (char *)"-c", copy, (char *)"-n", NULL};

	snprintf(copy, sizeof(copy), "%s", path);
	if (run_program(argv, text))
		str_clear(text);
}

static const char *after_comments(const char *text)
{
	while (*text == '#')
		text += strcspn(text, "\n") + (strchr(text, '\n') != NULL);
	return text;
}

/* A block for some clients alone that a dump has and another one lacks: its first line without the brace.
 * NULL: there is none. */
static const char *client_block(char *with, const char *without)
{
	static const char *const names[] = {"local ", "local_name ", "remote "};
	char *save = NULL, *line, *brace;
	size_t i;

	for (line = strtok_r(with, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		brace = strstr(line, " {");
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (brace && !strncmp(line, names[i], strlen(names[i])) &&
			    !strstr(without, line)) {
				*brace = '\0';
				return line;
			}
	}
	return NULL;
}

/* Why FILE, which could be read, switches on nothing. */
static void say_nothing(const struct layer *base, const struct layer *overlay, struct str *error)
{
	struct str with = {0}, without = {0};
	const char *block;

	dump(overlay->path, &with);
	dump(base->path, &without);
	str_append_text(error, "it enables nothing: ");
	if (!strcmp(after_comments(str_text(&with)), after_comments(str_text(&without))))
		str_append_text(error,
				"it sets nothing that Dovecot's configuration does not have");
	else if (with.len && (block = client_block(with.data, str_text(&without))))
		str_printf(error, "what it sets for some clients alone is not looked at: %s",
			   block);
	else
		str_append_text(error, "none of its settings makes Dovecot record what it does not "
				       "record already");
	str_free(&with);
	str_free(&without);
}

static int read_layers(const struct layer *base, const struct layer *overlay, struct rules *rules,
		       bool *debug_r, struct str *error)
{
	struct str with = {0}, without = {0};
	unsigned int before = rules->count;
	int ret;

	/* first: can doveconf read the files at all? */
	if (ask(base, NULL, "import_environment", &without) ||
	    ask(overlay, NULL, "import_environment", &with)) {
		append_reason(with.len ? &with : &without, error);
		ret = -EINVAL;
	} else {
		*debug_r = sets_debug(&with) && !sets_debug(&without);
		ret = 0;
	}
	str_free(&with);
	str_free(&without);
	if (!ret)
		ret = read_blocks(base, overlay, rules, error);
	if (*overlay->error) { /* what it is silent about is not known to be missing */
		str_clear(error);
		str_printf(error, "doveconf: %s",
			   *overlay->error == -ETIME ? "it does not answer" :
						       strerror(-*overlay->error));
		return -EINVAL;
	}
	if (!ret && rules->count == before) {
		say_nothing(base, overlay, error);
		ret = -EINVAL;
	}
	return ret;
}

/* A configuration of 2.4 begins with a setting that no file may have another value of. Appends that line
 * of the running configuration, if it has one. (-h does not show it. If doveconf fails, it will be asked
 * again, and say why.) */
static void append_config_version(const char *running, struct str *text)
{
	static const char setting[] = "\ndovecot_config_version = ";
	struct str all = {0};
	const char *line;

	dump(running, &all);
	line = strstr(str_text(&all), setting);
	if (line)
		str_printf(text, "%.*s\n", (int)strcspn(line + 1, "\n"), line + 1);
	str_free(&all);
}

/* Dovecot would take it, and read nothing. */
static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

int doveconf_read(const char *file, const char *running, struct rules *rules, bool *debug_r,
		  struct str *error)
{
	int ask_error = 0, ret = -EINVAL;
	struct layer base = {.fd = -1, .error = &ask_error}, overlay = base;
	char *path = realpath(file, NULL);
	struct str text = {0};

	if (!path || is_directory(path)) {
		str_append_text(error, strerror(path ? EISDIR : errno));
		free(path);
		return ret;
	}
	if (running) {
		append_config_version(running, &text);
		str_printf(&text, "!include %s\n", running);
	}
	if (layer_open(&base, str_text(&text)) == 0) {
		str_printf(&text, "!include %s\n", path);
		if (layer_open(&overlay, text.data) == 0)
			ret = read_layers(&base, &overlay, rules, debug_r, error);
	}
	if (ret && !error->len)
		str_append_text(error, "a temporary file for doveconf could not be made");
	layer_close(&base);
	layer_close(&overlay);
	str_free(&text);
	free(path);
	return ret;
}
