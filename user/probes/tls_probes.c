// SPDX-License-Identifier: MIT
#include "probes/tls_probes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/elf_object.h"
#include "base/mem.h"
#include "base/print_line.h"
#include "probes/plt.h"
#include "host/procfs.h"
#include "host/trusted_file.h"

/* Dovecot's TLS module. ssl_module_load() in lib-ssl-iostream/iostream-ssl.c of 2.3.19.1 loads it from
 * MODULE_DIR. */
#define MODULE "libssl_iostream_openssl.so"

/* MODULE_DIR of Debian, Fedora and openSUSE, Arch and Alpine, Dovecot's own build. */
static const char *const module_folders[] = {
	"/usr/lib/dovecot/modules", "/usr/lib64/dovecot",     "/usr/lib64/dovecot/modules",
	"/usr/lib/dovecot",	    "/usr/local/lib/dovecot", NULL,
};

static const char *const library_folders[] = {
#ifdef __aarch64__
	"/usr/lib/aarch64-linux-gnu",
#else
	"/usr/lib/x86_64-linux-gnu",
#endif
	"/usr/lib64",
	"/usr/lib",
	"/usr/local/lib64",
	"/usr/local/lib",
	NULL,
};

const char *tls_function_name(enum tls_function function)
{
	static const char *const names[] = {
#define X(constant, function) [constant] = #function,
		TLS_FUNCTIONS(X)
#undef X
	};

	return names[function];
}

static struct tls_file *find_file(const struct tls_probes *probes, const struct stat *st)
{
	size_t i;

	for (i = 0; i < probes->files_count; i++)
		if (probes->files[i]->dev == st->st_dev && probes->files[i]->ino == st->st_ino)
			return probes->files[i];
	return NULL;
}

static struct tls_file *add_file(struct tls_probes *probes, const char *path, int fd,
				 const struct stat *st)
{
	struct tls_file *file = mem_alloc(sizeof(*file));

	file->path = mem_strdup(path);
	procfs_fd_path(fd, file->open_path);
	file->fd = fd;
	file->dev = st->st_dev;
	file->ino = st->st_ino;
	probes->files =
		mem_resize(probes->files, (probes->files_count + 1) * sizeof(struct tls_file *));
	probes->files[probes->files_count++] = file;
	return file;
}

/*
 * The file that `open_path` leads to; `path` is for messages. It is added to probes->files, and opened
 * only if it is trusted. 0: it is new; 1: it was known; -errno.
 */
static int get_file(struct tls_probes *probes, const char *path, const char *open_path,
		    struct tls_file **file_r)
{
	int handle = open(open_path, O_PATH | O_CLOEXEC), fd = -1, ret = 0;
	char again[PROCFS_FD_PATH_LEN];
	struct stat st;

	if (handle < 0)
		return -errno;
	if (fstat(handle, &st)) {
		ret = -errno;
		goto out;
	}
	*file_r = find_file(probes, &st);
	if (*file_r) {
		ret = 1;
		goto out;
	}
	if (is_trusted_file(&st)) {
		procfs_fd_path(handle, again);
		fd = open(again, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			ret = -errno;
			goto out;
		}
	}
	*file_r = add_file(probes, path, fd, &st);
out:
	close(handle);
	return ret;
}

/* Sets file->object, until free_objects(). 0; -EPERM: the file is not trusted; -ENOEXEC: not an object
 * of this machine; -errno. */
static int read_object(struct tls_file *file)
{
	int ret = 0;

	if (file->fd < 0)
		return -EPERM;
	if (!file->object)
		ret = elf_object_read(file->fd, &file->object);
	if (ret)
		return ret;
	return elf_object_machine(file->object) == ELF_OBJECT_HOST ? 0 : -ENOEXEC;
}

/* The search for a module, and for a library that it needs. */
struct search {
	struct tls_probes *probes;
	pid_t pid; /* the process that maps the module; 0: none, so the usual folders count */
	struct str *error;
	bool is_found;	    /* there is a module, whether it was known or can be used or not */
	const char *soname; /* of the library that is searched for */
	struct tls_file *library; /* the library that was found, or NULL */
};

/* Is it the library that is searched for? 1: yes; 0: no; -errno. */
static int try_library(struct search *search, const char *path, const char *open_path)
{
	struct tls_file *file = NULL;
	const char *soname;
	int ret = get_file(search->probes, path, open_path, &file);

	if (!file)
		return ret;
	ret = read_object(file);
	if (ret)
		return ret;
	soname = elf_object_soname(file->object);
	if (!soname || strcmp(soname, search->soname) != 0)
		return 0;
	search->library = file;
	return 1;
}

static int found_library(void *context, const struct procfs_mapping *mapping)
{
	return try_library(context, mapping->path, mapping->open_path);
}

/* Finds the library whose soname is search->soname: the one that the process maps, or in the usual
 * folders. 0 or -errno. */
static int find_library(struct search *search)
{
	char prefix[64], path[512];
	unsigned int i;
	int ret = 0;

	search->library = NULL;
	if (search->pid) { /* the file may have more numbers in its name: libssl.so.3.0.7 */
		snprintf(prefix, sizeof(prefix), "%.*s", (int)strcspn(search->soname, "."),
			 search->soname);
		ret = procfs_each_mapping(search->pid, prefix, found_library, search);
		return ret < 0 ? ret : search->library ? 0 : -ENOENT;
	}
	for (i = 0; library_folders[i] && ret == 0; i++) {
		snprintf(path, sizeof(path), "%s/%s", library_folders[i], search->soname);
		ret = try_library(search, path, path);
		if (ret == -ENOENT)
			ret = 0;
	}
	return ret < 0 ? ret : search->library ? 0 : -ENOENT;
}

static bool is_openssl(const char *soname)
{
	return strncmp(soname, "libssl.", 7) == 0 || strncmp(soname, "libcrypto.", 10) == 0;
}

/* Puts the probe on the function itself, in the library of OpenSSL's that the module needs. 0 or
 * -errno. */
static int find_function(struct search *search, const struct elf_object *module,
			 struct tls_probe *probe)
{
	unsigned int i;
	int ret = -ENOENT;

	for (i = 0; (search->soname = elf_object_needed(module, i)) != NULL; i++) {
		if (!is_openssl(search->soname))
			continue;
		ret = find_library(search);
		if (ret)
			break;
		ret = elf_object_function(search->library->object,
					  tls_function_name(probe->function), &probe->offset);
		if (ret == -ENOENT)
			continue;
		probe->file = search->library;
		break;
	}
	return ret;
}

/* One is enough: the module uses the symbol. */
static int found_reloc(void *context, const struct elf_reloc *reloc)
{
	return 1;
}

/* Puts the probe on the module's PLT, else on the function itself. 0; -ENOENT: the module does not
 * call the function, or it was not found; -errno. */
static int find_probe(struct search *search, const struct tls_file *module, struct tls_probe *probe)
{
	const char *name = tls_function_name(probe->function);
	struct plt_site site;
	int ret = elf_object_relocs(module->object, name, found_reloc, NULL);

	if (ret <= 0)
		return ret ? ret : -ENOENT;
	ret = plt_find(module->object, name, &site);
	if (ret == 0 && !site.has_other_ways) {
		probe->file = module;
		probe->offset = site.offset;
		probe->is_plt = true;
		return 0;
	}
	if (ret == -ENOEXEC)
		return ret;
	return find_function(search, module->object, probe);
}

static bool is_there(const struct tls_probes *probes, const struct tls_probe *probe)
{
	size_t i;

	for (i = 0; i < probes->count; i++)
		if (probes->probes[i].file == probe->file &&
		    probes->probes[i].function == probe->function)
			return true;
	return false;
}

/* Where to append one more error: several are one line. */
static struct str *next_error(struct str *error)
{
	if (error->len)
		str_append_text(error, "; ");
	return error;
}

/* Adds all of a module's probes or none: with fewer it would not be known which bytes belong to which
 * connection. */
static int add_probes(struct search *search, struct tls_file *module)
{
	struct tls_probe found[TLS_FUNCTIONS_COUNT] = {0};
	struct tls_probes *probes = search->probes;
	unsigned int i;
	int ret = read_object(module);

	if (ret) {
		str_printf(next_error(search->error), "%s: %s", module->path,
			   ret == -EPERM   ? "the file must belong to root, and nobody else may "
					     "write to it (chown root, chmod 644)" :
			   ret == -ENOEXEC ? "not an ELF file of this machine, or damaged" :
					     strerror(-ret));
		return ret;
	}
	for (i = 0; i < TLS_FUNCTIONS_COUNT; i++) {
		found[i].function = i;
		ret = find_probe(search, module, &found[i]);
		if (ret) {
			str_printf(next_error(search->error),
				   "%s: no place for a probe on %s in it or in OpenSSL's "
				   "libraries: %s",
				   module->path, tls_function_name(i), strerror(-ret));
			return ret;
		}
	}
	probes->probes = mem_resize(probes->probes, (probes->count + TLS_FUNCTIONS_COUNT) *
							    sizeof(*probes->probes));
	for (i = 0; i < TLS_FUNCTIONS_COUNT; i++)
		if (!is_there(probes, &found[i]))
			probes->probes[probes->count++] = found[i];
	return 0;
}

static void free_objects(struct tls_probes *probes)
{
	size_t i;

	for (i = 0; i < probes->files_count; i++)
		elf_object_free(&probes->files[i]->object);
}

/* 0, also when there is no such file; -errno, with a text in search->error. */
static int add_module(struct search *search, const char *path, const char *open_path)
{
	struct tls_file *file = NULL;
	int ret = get_file(search->probes, path, open_path, &file);

	if (ret == -ENOENT)
		return 0;
	search->is_found = true;
	if (file)
		return ret ? 0 : add_probes(search, file);
	str_printf(next_error(search->error), "%s: %s", path, strerror(-ret));
	return ret;
}

static int found_module(void *context, const struct procfs_mapping *mapping)
{
	if (strcmp(strrchr(mapping->path, '/') + 1, MODULE) != 0)
		return 0;
	return add_module(context, mapping->path, mapping->open_path);
}

int tls_probes_add_process(struct tls_probes *probes, pid_t pid, struct str *error)
{
	struct search search = {.probes = probes, .pid = pid, .error = error};
	int ret = procfs_each_mapping(pid, MODULE, found_module, &search);

	free_objects(probes);
	if (ret && !search.is_found)
		str_printf(next_error(error), "/proc/%d/maps: %s", (int)pid, strerror(-ret));
	return ret;
}

int tls_probes_add_usual(struct tls_probes *probes, struct str *error)
{
	struct search search = {.probes = probes, .error = error};
	int first = 0, ret;
	char path[512];
	unsigned int i;

	for (i = 0; module_folders[i]; i++) {
		snprintf(path, sizeof(path), "%s/%s", module_folders[i], MODULE);
		ret = add_module(&search, path, path);
		if (ret && !first)
			first = ret;
	}
	free_objects(probes);
	if (search.is_found)
		return first;
	str_printf(next_error(error),
		   "no %s in %s or the other usual folders, nor in a running Dovecot: install "
		   "Dovecot's TLS module, or start Dovecot first",
		   MODULE, module_folders[0]);
	return -ENOENT;
}

void tls_probes_print(const struct tls_probes *probes)
{
	const struct tls_probe *probe;
	struct str line = {0};
	size_t i, j;

	for (i = 0; i < probes->files_count; i++) {
		str_clear(&line);
		for (j = 0; j < probes->count; j++) {
			probe = &probes->probes[j];
			if (probe->file != probes->files[i])
				continue;
			if (line.len)
				str_append_text(&line, ", ");
			else
				str_printf(&line, "ok   TLS probes: %s: ", probe->file->path);
			str_printf(&line, "%s at 0x%" PRIx64 " (%s)",
				   tls_function_name(probe->function), probe->offset,
				   probe->is_plt ? "PLT" : "the function, for all programs");
		}
		if (line.len)
			print_line("%s", str_text(&line));
	}
	str_free(&line);
}

void tls_probes_free(struct tls_probes *probes)
{
	size_t i;

	free_objects(probes);
	for (i = 0; i < probes->files_count; i++) {
		if (probes->files[i]->fd >= 0)
			close(probes->files[i]->fd);
		free(probes->files[i]->path);
		free(probes->files[i]);
	}
	free(probes->files);
	free(probes->probes);
	*probes = (struct tls_probes){0};
}
