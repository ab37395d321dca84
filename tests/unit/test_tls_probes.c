// SPDX-License-Identifier: MIT
/*
 * The modules are mapped by this process itself, as code. Needs root: to create
 * files of root's, and to follow /proc/PID/map_files.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "built.h"
#include "probes/elf_object.h"
#include "probes/plt.h"
#include "probes/tls_probes.h"

#define MODULE	     "libssl_iostream_openssl.so"
#define USUAL_FOLDER "/usr/lib/dovecot/modules"

#define SSL_CALLS "SSL_set_bio() + SSL_free() + SSL_read() + SSL_write()"
#define BIO_CALLS "BIO_new_bio_pair() + BIO_write()"

static const char module_source[] =
	"int SSL_set_bio(void), SSL_free(void), SSL_read(void), SSL_write(void);\n"
	"int BIO_new_bio_pair(void), BIO_write(void);\n"
	"int all(void) { return " SSL_CALLS " + " BIO_CALLS "; }\n";
static const char ssl_source[] = "int SSL_set_bio(void) { return 1; }\n"
				 "int SSL_free(void) { return 2; }\n"
				 "int SSL_read(void) { return 3; }\n"
				 "int SSL_write(void) { return 4; }\n";
static const char crypto_source[] = "int BIO_new_bio_pair(void) { return 5; }\n"
				    "int BIO_write(void) { return 6; }\n";

static struct tls_probes probes;
static struct str error;

static int setup(void **state)
{
	return built_setup(state);
}

static int teardown(void **state)
{
	tls_probes_free(&probes);
	assert_null(probes.probes);
	assert_int_equal(probes.files_count, 0);
	str_free(&error);
	return built_teardown(state);
}

struct mapped {
	void *start;
	size_t size;
};

/* Maps a file as the linker maps a library's code. */
static struct mapped map_file(const char *path)
{
	struct mapped mapped;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	mapped.size = st.st_size;
	mapped.start = mmap(NULL, mapped.size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_true(mapped.start != MAP_FAILED);
	close(fd);
	return mapped;
}

static void unmap(struct mapped mapped)
{
	assert_int_equal(munmap(mapped.start, mapped.size), 0);
}

static int add_self(void)
{
	return tls_probes_add_process(&probes, getpid(), &error);
}

static void check_error(const char *text)
{
	if (!strstr(str_text(&error), text) || strchr(str_text(&error), '\n'))
		fail_msg("not one line with '%s': %s", text, str_text(&error));
	str_clear(&error);
}

/* At its offset in the file that open_path leads to, there must be a function or a stub. */
static void check_probe(const struct tls_probe *probe)
{
	const char *name = tls_function_name(probe->function);
	struct elf_object *object;
	struct plt_site site = {0};
	uint64_t offset = 0;
	int fd = open(probe->file->open_path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(elf_object_read(fd, &object), 0);
	close(fd);
	if (probe->is_plt) {
		assert_int_equal(plt_find(object, name, &site), 0);
		assert_int_equal(probe->offset, site.offset);
	} else {
		assert_int_equal(elf_object_function(object, name, &offset), 0);
		assert_int_equal(probe->offset, offset);
	}
	elf_object_free(&object);
}

/* From the probe `first` on, each function must have one probe. */
static void check_all(size_t first, bool is_plt)
{
	unsigned int seen = 0;
	size_t i;

	assert_int_equal(probes.count, first + TLS_FUNCTIONS_COUNT);
	for (i = first; i < probes.count; i++) {
		check_probe(&probes.probes[i]);
		assert_int_equal(probes.probes[i].is_plt, is_plt);
		seen |= 1u << probes.probes[i].function;
	}
	assert_int_equal(seen, (1u << TLS_FUNCTIONS_COUNT) - 1);
}

static void check_nothing(int ret, int expect, const char *text)
{
	assert_int_equal(ret, expect);
	check_error(text);
	assert_int_equal(probes.count, 0);
}

static void test_module(void **state)
{
	struct mapped mapped, again;

	built_object(MODULE, "gcc", module_source);
	assert_int_equal(add_self(), 0); /* the module exists, but is not mapped */
	assert_int_equal(probes.count, 0);
	mapped = map_file(MODULE);
	again = map_file(MODULE);
	assert_int_equal(add_self(), 0);
	check_all(0, true);
	assert_int_equal(add_self(), 0);
	assert_int_equal(probes.count, TLS_FUNCTIONS_COUNT);
	assert_int_equal(error.len, 0);
	unmap(mapped);
	unmap(again);
}

/* An upgrade: the file in use was deleted, and another one has its name. */
static void test_deleted(void **state)
{
	struct mapped mapped;
	struct stat st;

	built_object(MODULE, "gcc", module_source);
	mapped = map_file(MODULE);
	assert_int_equal(stat(MODULE, &st), 0);
	built_object("new", "gcc -fno-plt", module_source);
	assert_int_equal(rename("new", MODULE), 0);
	assert_int_equal(add_self(), 0);
	check_all(0, true);
	assert_int_equal(probes.probes[0].file->ino, st.st_ino);
	assert_non_null(strstr(probes.probes[0].file->path, "/" MODULE));
	assert_null(strstr(probes.probes[0].file->path, "deleted"));
	unmap(mapped);
}

/* Two versions of Dovecot: the second one's probes follow the first one's. */
static void test_two_modules(void **state)
{
	struct mapped mapped[2];

	built_object(MODULE, "gcc", module_source);
	mapped[0] = map_file(MODULE);
	assert_int_equal(add_self(), 0);
	assert_int_equal(mkdir("second", 0755), 0);
	built_object("second/" MODULE, "gcc -fcf-protection=full", module_source);
	mapped[1] = map_file("second/" MODULE);
	assert_int_equal(add_self(), 0);
	check_all(TLS_FUNCTIONS_COUNT, true);
	assert_ptr_not_equal(probes.probes[0].file, probes.probes[TLS_FUNCTIONS_COUNT].file);
	unmap(mapped[0]);
	unmap(mapped[1]);
}

static void test_untrusted(void **state)
{
	static const struct {
		mode_t mode;
		uid_t owner;
	} files[] = {{0664, 0}, {0646, 0}, {0644, 65534}};
	struct mapped mapped;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		built_object(MODULE, "gcc", module_source);
		mapped = map_file(MODULE);
		assert_int_equal(chown(MODULE, files[i].owner, 0), 0);
		assert_int_equal(chmod(MODULE, files[i].mode), 0);
		check_nothing(add_self(), -EPERM, "must belong to root");
		assert_int_equal(add_self(), 0); /* reported once */
		assert_int_equal(error.len, 0);
		assert_int_equal(probes.count, 0);
		tls_probes_free(&probes);
		unmap(mapped);
		assert_int_equal(unlink(MODULE), 0);
	}
}

static void test_damaged(void **state)
{
	struct mapped mapped;

	built_write(MODULE, BYTES("\177ELF and no more"));
	mapped = map_file(MODULE);
	check_nothing(add_self(), -ENOEXEC, "damaged");
	unmap(mapped);
}

/* Two errors are one line, each with its module. */
static void test_two_errors(void **state)
{
	struct mapped mapped[2];

	built_write(MODULE, BYTES("\177ELF and no more"));
	assert_int_equal(mkdir("second", 0755), 0);
	built_write("second/" MODULE, BYTES("neither"));
	mapped[0] = map_file(MODULE);
	assert_int_equal(add_self(), -ENOEXEC);
	mapped[1] = map_file("second/" MODULE);
	assert_int_equal(add_self(), -ENOEXEC);
	check_nothing(-ENOEXEC, -ENOEXEC, MODULE ": not an ELF file of this machine, or damaged; ");
	unmap(mapped[0]);
	unmap(mapped[1]);
}

static void test_other_machine(void **state)
{
#ifdef __aarch64__
	const char *compiler = "clang --target=x86_64-linux-gnu -fuse-ld=lld";
#else
	const char *compiler = "clang --target=aarch64-linux-gnu -fuse-ld=lld";
#endif
	struct mapped mapped;

	if (!built_has("ld.lld"))
		skip();
	built_object(MODULE, compiler, module_source);
	mapped = map_file(MODULE);
	check_nothing(add_self(), -ENOEXEC, "not an ELF file of this machine");
	unmap(mapped);
}

static void build_libraries(void)
{
	built_object("libssl.so.3", "gcc -Wl,-soname,libssl.so.3", ssl_source);
	built_object("libcrypto.so.3.0.9", "gcc -Wl,-soname,libcrypto.so.3", crypto_source);
}

static const char with_libraries[] =
	"gcc -fno-plt -Wl,--no-as-needed ./libssl.so.3 ./libcrypto.so.3.0.9";

/* Without a PLT the functions themselves are probed, in the libraries that this process maps. */
static void test_no_plt(void **state)
{
	struct mapped module, libraries[2];

	build_libraries();
	built_object(MODULE, with_libraries, module_source);
	module = map_file(MODULE);
	libraries[0] = map_file("libssl.so.3");
	libraries[1] = map_file("libcrypto.so.3.0.9");
	assert_int_equal(add_self(), 0);
	check_all(0, false);
	assert_non_null(strstr(probes.probes[TLS_BIO_WRITE].file->path, "/libcrypto.so.3.0.9"));
	assert_non_null(strstr(probes.probes[TLS_SSL_READ].file->path, "/libssl.so.3"));
	unmap(module);
	unmap(libraries[0]);
	unmap(libraries[1]);
}

/* Two modules that lead to the same place give one probe. */
static void test_shared_library(void **state)
{
	struct mapped mapped[4];
	unsigned int i;

	build_libraries();
	built_object(MODULE, with_libraries, module_source);
	assert_int_equal(mkdir("second", 0755), 0);
	built_object("second/" MODULE, with_libraries, module_source);
	mapped[0] = map_file(MODULE);
	mapped[1] = map_file("second/" MODULE);
	mapped[2] = map_file("libssl.so.3");
	mapped[3] = map_file("libcrypto.so.3.0.9");
	assert_int_equal(add_self(), 0);
	assert_int_equal(probes.files_count, 4);
	check_all(0, false);
	for (i = 0; i < 4; i++)
		unmap(mapped[i]);
}

/* One function's address is taken, so its calls may bypass its stub. */
static void test_other_ways(void **state)
{
	struct mapped module, libraries[2];
	struct tls_probe *read_probe;
	char text[512];

	build_libraries();
	snprintf(text, sizeof(text), "%svoid *taken(void) { return (void *)SSL_read; }\n",
		 module_source);
	built_object(MODULE, "gcc -Wl,--no-as-needed ./libssl.so.3 ./libcrypto.so.3.0.9", text);
	module = map_file(MODULE);
	libraries[0] = map_file("libssl.so.3");
	libraries[1] = map_file("libcrypto.so.3.0.9");
	assert_int_equal(add_self(), 0);
	assert_int_equal(probes.count, TLS_FUNCTIONS_COUNT);
	read_probe = &probes.probes[TLS_SSL_READ];
	assert_int_equal(read_probe->function, TLS_SSL_READ);
	assert_false(read_probe->is_plt);
	check_probe(read_probe);
	assert_true(probes.probes[TLS_SSL_WRITE].is_plt);
	unmap(module);
	unmap(libraries[0]);
	unmap(libraries[1]);
}

/* Another version of libcrypto than the module needs is not used. */
static void test_no_library(void **state)
{
	struct mapped module, libraries[2];

	build_libraries();
	built_object(MODULE, with_libraries, module_source);
	module = map_file(MODULE);
	libraries[0] = map_file("libssl.so.3");
	built_object("libcrypto.so.1.1", "gcc -Wl,-soname,libcrypto.so.1.1", crypto_source);
	libraries[1] = map_file("libcrypto.so.1.1");
	check_nothing(add_self(), -ENOENT, "BIO_new_bio_pair");
	unmap(module);
	unmap(libraries[0]);
	unmap(libraries[1]);
}

/* A module that does not call SSL_write is refused, although OpenSSL has that: it is of an unknown
 * Dovecot. */
static void test_other_calls(void **state)
{
	struct mapped module, libraries[2];
	char text[512], *call;

	build_libraries();
	snprintf(text, sizeof(text), "%s", module_source);
	while ((call = strstr(text, "SSL_write")) != NULL)
		memcpy(call, "SSL_other", strlen("SSL_other"));
	built_object(MODULE, with_libraries, text);
	module = map_file(MODULE);
	libraries[0] = map_file("libssl.so.3");
	libraries[1] = map_file("libcrypto.so.3.0.9");
	check_nothing(add_self(), -ENOENT, "SSL_write");
	unmap(module);
	unmap(libraries[0]);
	unmap(libraries[1]);
}

static void test_gone(void **state)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(tls_probes_add_process(&probes, pid, &error), 0);
	assert_int_equal(error.len, 0);
}

static void test_usual(void **state)
{
	if (access(USUAL_FOLDER "/" MODULE, R_OK)) {
		print_message("left out: there is no " USUAL_FOLDER "/" MODULE
			      " (install-deps.sh test)\n");
		skip();
	}
	assert_int_equal(tls_probes_add_usual(&probes, &error), 0);
	assert_int_equal(error.len, 0);
	check_all(0, true);
	assert_string_equal(probes.probes[0].file->path, USUAL_FOLDER "/" MODULE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_module),     TEST(test_deleted),	  TEST(test_two_modules),
		TEST(test_untrusted),  TEST(test_damaged),	  TEST(test_other_machine),
		TEST(test_no_plt),     TEST(test_shared_library), TEST(test_other_ways),
		TEST(test_no_library), TEST(test_other_calls),	  TEST(test_gone),
		TEST(test_usual),      TEST(test_two_errors),
	};

	if (geteuid() != 0) {
		print_message("test_tls_probes: left out: needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
