// SPDX-License-Identifier: MIT
/* Results are compared with objdump's labels of stubs (<NAME@plt>), nm and readelf. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "built.h"
#include "probes/elf_object.h"
#include "guard.h"
#include "base/mem.h"
#include "probes/plt.h"

#define TLS_MODULE "/usr/lib/dovecot/modules/libssl_iostream_openssl.so"

/* `taken` is called, and its address is taken. */
static const char source[] = "int first(int), second(int), third(int), taken(int);\n"
			     "int a(int n) { return first(n) + second(n) + 1; }\n"
			     "int b(int n) { return third(second(n)) + taken(n); }\n"
			     "void *c(void) { return (void *)taken; }\n";
static const char *const called[] = {"first", "second", "third", "taken"};

static struct elf_object *read_object(const char *path)
{
	struct elf_object *object;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(elf_object_read(fd, &object), 0);
	close(fd);
	return object;
}

/* A file's bytes; the caller frees them. */
static uint8_t *load(const char *path, size_t *size_r)
{
	uint8_t *bytes = mem_alloc(1 << 20);
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	*size_r = fread(bytes, 1, 1 << 20, file);
	fclose(file);
	return bytes;
}

static uint64_t find_stub(const uint8_t *bytes, size_t size, const char *symbol)
{
	struct elf_object *object;
	struct plt_site site;

	assert_int_equal(elf_object_open(bytes, size, &object), 0);
	assert_int_equal(plt_find(object, symbol, &site), 0);
	elf_object_free(&object);
	return site.offset;
}

/* The functions to which relocations lead other than those of stubs: "\nNAME\nNAME\n". */
static void list_taken(const char *path, char *names_r, size_t size)
{
	char command[256];
	size_t len;
	FILE *lines;

	snprintf(command, sizeof(command),
		 "echo; readelf -rW %s | sed -n '/JUMP_SLO/d; s/.* \\([^ @]*\\)[^ ]* + 0$/\\1/p'",
		 path);
	lines = popen(command, "r");
	assert_non_null(lines);
	len = fread(names_r, 1, size, lines);
	assert_true(len < size);
	names_r[len] = '\0';
	assert_int_equal(pclose(lines), 0);
}

static bool is_taken(const char *names, const char *name)
{
	char line[132];

	snprintf(line, sizeof(line), "\n%s\n", name);
	return strstr(names, line);
}

/* plt_find() must find every stub for which `objdump` has a label, at the same place. Returns how
 * many there are. */
static unsigned int compare_stubs(const char *path, const char *objdump)
{
	struct elf_object *object = read_object(path);
	char command[256], line[256], name[128], taken[4096];
	unsigned int count = 0;
	struct plt_site site;
	uint64_t address;
	FILE *lines;

	list_taken(path, taken, sizeof(taken));
	snprintf(command, sizeof(command), "%s -d %s", objdump, path);
	lines = popen(command, "r");
	assert_non_null(lines);
	while (fgets(line, sizeof(line), lines)) {
		if (sscanf(line, "%" SCNx64 " <%127[^@>-]@plt>:", &address, name) != 2 ||
		    !strstr(line, "@plt>:")) /* <NAME@plt-0x10>: the PLT's first entry, no stub */
			continue;
		assert_int_equal(plt_find(object, name, &site), 0);
		assert_int_equal(site.offset, built_offset(path, address));
		assert_int_equal(site.has_other_ways, is_taken(taken, name));
		count++;
	}
	assert_int_equal(pclose(lines), 0);
	elf_object_free(&object);
	return count;
}

/* Is the linker there that the options name, if they name one? */
static bool has_linker(const char *compiler)
{
	const char *option = strstr(compiler, "-fuse-ld=");
	char name[16] = "ld.";

	return !option ||
	       (sscanf(option, "-fuse-ld=%12s", name + strlen(name)) == 1 && built_has(name));
}

static void test_stubs(void **state)
{
	static const char *const compilers[] = {
		"gcc -Wl,-z,lazy",
		"gcc -Wl,-z,now",
		"gcc -fcf-protection=none -Wl,-z,now",
		"gcc -fcf-protection=full -Wl,-z,lazy",
		"gcc -fcf-protection=full -Wl,-z,now",
		"gcc -fcf-protection=full -Wl,-z,lazy -Wl,-z,ibtplt",
		"gcc -fcf-protection=full -Wl,-z,noseparate-code -s",
		"gcc -fuse-ld=gold -Wl,-z,lazy",
		"gcc -fuse-ld=lld -Wl,-z,lazy",
		"gcc -fuse-ld=lld -fcf-protection=full -Wl,-z,now",
	};
	size_t i;

	for (i = 0; i < sizeof(compilers) / sizeof(compilers[0]); i++) {
		if (!has_linker(compilers[i]))
			continue;
		built_object("t.so", compilers[i], source);
		assert_int_equal(compare_stubs("t.so", "objdump"), 4);
	}
}

/* arm64's stubs, which are decoded on any machine. */
static void test_stubs_arm64(void **state)
{
	static const char *const compilers[] = {
		"clang --target=aarch64-linux-gnu -fuse-ld=lld",
		"clang --target=aarch64-linux-gnu -fuse-ld=lld -Wl,-z,now -Wl,-z,force-bti",
		"clang --target=aarch64-linux-gnu -fuse-ld=lld -Wl,-z,force-bti -Wl,-z,pac-plt",
	};
	struct elf_object *object;
	size_t i;

	if (!built_has("ld.lld") || !built_has("llvm-objdump"))
		skip();
	for (i = 0; i < sizeof(compilers) / sizeof(compilers[0]); i++) {
		built_object("t.so", compilers[i], source);
		assert_int_equal(compare_stubs("t.so", "llvm-objdump"), 4);
		object = read_object("t.so");
		assert_int_equal(elf_object_machine(object), EM_AARCH64);
		elf_object_free(&object);
	}
}

/* A stub that begins with bti c is probed after that. */
static void test_arm64_bti(void **state)
{
	static const uint8_t bti[] = {0x5f, 0x24, 0x03, 0xd5};
	struct elf_object *object;
	struct plt_site site;
	uint64_t offset;
	uint8_t *bytes;
	size_t size;

	if (!built_has("ld.lld"))
		skip();
	built_object("t.so", "clang --target=aarch64-linux-gnu -fuse-ld=lld", source);
	bytes = load("t.so", &size);
	offset = find_stub(bytes, size, "second");
	memcpy(bytes + offset - 4, bti, sizeof(bti)); /* over the end of the stub before it */
	assert_int_equal(find_stub(bytes, size, "second"), offset);
	bytes[offset + 12] = 0; /* it is no br any more */
	assert_int_equal(elf_object_open(bytes, size, &object), 0);
	assert_int_equal(plt_find(object, "second", &site), -ENOENT);
	elf_object_free(&object);
	free(bytes);
}

/* Overwrites the stubs of this machine's linker with those of another one: 16 bytes that begin with
 * endbr64. `disp_at`: where the four bytes of the slot's distance are. */
static void check_stub_form(const uint8_t form[16], size_t disp_at)
{
	uint64_t offset;
	uint8_t *bytes;
	int32_t disp;
	size_t size;

	built_object("t.so", "gcc -fcf-protection=full", source);
	bytes = load("t.so", &size);
	offset = find_stub(bytes, size, "second");
	assert_memory_equal(bytes + offset, "\xf3\x0f\x1e\xfa\xff\x25", 6);
	memcpy(&disp, bytes + offset + 6, sizeof(disp));
	disp -= (int)disp_at - 6;
	memcpy(bytes + offset, form, 16);
	memcpy(bytes + offset + disp_at, &disp, sizeof(disp));
	assert_int_equal(find_stub(bytes, size, "second"), offset);
	free(bytes);
}

static void test_stub_forms(void **state)
{
	/* GNU ld before 2.39, as in Ubuntu 22.04: bnd jmp, nopl */
	check_stub_form((const uint8_t *)"\xf3\x0f\x1e\xfa\xf2\xff\x25----"
					 "\x0f\x1f\x44\x00\x00",
			7);
	/* mold 1.10: mov $7,%r11d, jmp */
	check_stub_form((const uint8_t *)"\xf3\x0f\x1e\xfa\x41\xbb\x07\x00\x00\x00"
					 "\xff\x25----",
			12);
}

/* Two stubs for one function: a probe on one of them would miss calls. */
static void test_two_stubs(void **state)
{
	uint64_t offsets[2];
	struct elf_object *object;
	struct plt_site site;
	uint8_t *bytes;
	int32_t disp;
	size_t size;

	built_object("t.so", "gcc -fcf-protection=full", source);
	bytes = load("t.so", &size);
	offsets[0] = find_stub(bytes, size, "first");
	offsets[1] = find_stub(bytes, size, "second");
	memcpy(&disp, bytes + offsets[0] + 6, sizeof(disp));
	disp += (int)(offsets[0] - offsets[1]);
	memcpy(bytes + offsets[1] + 6, &disp, sizeof(disp));
	assert_int_equal(elf_object_open(bytes, size, &object), 0);
	assert_int_equal(plt_find(object, "first", &site), -ENOTUNIQ);
	assert_int_equal(plt_find(object, "second", &site), -ENOENT);
	elf_object_free(&object);
	free(bytes);
}

static void check_refused(const char *path, int error)
{
	struct elf_object *object = read_object(path);
	struct plt_site site;
	size_t i;

	for (i = 0; i < sizeof(called) / sizeof(called[0]); i++)
		assert_int_equal(plt_find(object, called[i], &site), error);
	assert_int_equal(plt_find(object, "never", &site), -ENOENT);
	elf_object_free(&object);
}

static void test_no_stubs(void **state)
{
	built_object("t.so", "gcc -fno-plt", source);
	check_refused("t.so", -ENOENT);
}

/* Stubs that do not jump through their slots. */
static void test_unknown_stubs(void **state)
{
	if (!built_has("ld.lld"))
		skip();
	built_object("t.so", "gcc -fuse-ld=lld -Wl,-z,retpolineplt", source);
	check_refused("t.so", -EOPNOTSUPP);
}

/* Some code of the object calls through the PLT, some does not. */
static void test_other_ways(void **state)
{
	struct elf_object *object;
	struct plt_site site;

	built_object("one.o", "gcc -fno-plt -c",
		     "int second(int);\n"
		     "int d(int n) { return second(n) + 2; }\n");
	built_object("t.so", "gcc one.o", source);
	object = read_object("t.so");
	assert_int_equal(plt_find(object, "second", &site), 0);
	assert_true(site.has_other_ways);
	assert_int_equal(plt_find(object, "first", &site), 0);
	assert_false(site.has_other_ways);
	elf_object_free(&object);
}

static void test_tls_module(void **state)
{
	if (access(TLS_MODULE, R_OK)) {
		print_message("left out: there is no " TLS_MODULE " (install-deps.sh test)\n");
		skip();
	}
	assert_true(compare_stubs(TLS_MODULE, "objdump") > 100);
}

static const char versions[] = "__asm__(\".symver old,twice@V1\\n.symver new,twice@@V2\");\n"
			       "int old(void) { return 1; }\n"
			       "int new(void) { return 2; }\n"
			       "int once(void) { return 3; }\n"
			       "int variable = 4;\n"
			       "static void *resolve(void) { return once; }\n"
			       "int indirect(void) __attribute__((ifunc(\"resolve\")));\n";

/* The file offset of the address that nm shows for a name. */
static int64_t nm_offset(const char *path, const char *name)
{
	char command[256];
	uint64_t address = 0;
	FILE *lines;

	snprintf(command, sizeof(command), "nm -D %s | grep -F ' T %s'", path, name);
	lines = popen(command, "r");
	assert_non_null(lines);
	assert_int_equal(fscanf(lines, "%" SCNx64, &address), 1);
	pclose(lines);
	return built_offset(path, address);
}

static void test_function(void **state)
{
	struct elf_object *object;
	uint64_t offset;

	built_write("map", BYTES("V1 { };\nV2 { global: once; variable; indirect; };\n"));
	built_object("t.so", "gcc -Wl,-soname,lib.so.7 -Wl,--version-script=map", versions);
	object = read_object("t.so");
	assert_int_equal(elf_object_function(object, "once", &offset), 0);
	assert_int_equal(offset, nm_offset("t.so", "once@"));
	assert_int_equal(elf_object_function(object, "twice", &offset), 0);
	assert_int_equal(offset, nm_offset("t.so", "twice@@V2"));
	assert_int_not_equal(offset, nm_offset("t.so", "twice@V1"));
	assert_int_equal(elf_object_function(object, "variable", &offset), -ENOENT);
	assert_int_equal(elf_object_function(object, "indirect", &offset), -ENOENT);
	assert_int_equal(elf_object_function(object, "never", &offset), -ENOENT);
	assert_string_equal(elf_object_soname(object), "lib.so.7");
	assert_null(elf_object_needed(object, 0));
	elf_object_free(&object);
	built_object("u.so", "gcc -Wl,--no-as-needed ./t.so",
		     "int once(void);\n"
		     "int d(void) { return once() + 1; }\n");
	object = read_object("u.so");
	assert_int_equal(elf_object_function(object, "once", &offset), -ENOENT);
	assert_string_equal(elf_object_needed(object, 0), "lib.so.7");
	assert_null(elf_object_needed(object, 1));
	assert_null(elf_object_soname(object));
	elf_object_free(&object);
}

static void test_no_object(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
	} changes[] = {{EI_MAG1, 0}, {EI_CLASS, ELFCLASS32}, {EI_DATA, ELFDATA2MSB}, {18, EM_386}};
	struct elf_object *object;
	uint8_t header[64], byte;
	size_t i;
	int fd;

	built_object("t.so", "gcc", source);
	fd = open("t.so", O_RDWR);
	assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		byte = header[changes[i].at];
		assert_int_equal(pwrite(fd, &changes[i].byte, 1, changes[i].at), 1);
		assert_int_equal(elf_object_read(fd, &object), -ENOEXEC);
		assert_null(object);
		assert_int_equal(pwrite(fd, &byte, 1, changes[i].at), 1);
	}
	assert_int_equal(elf_object_read(fd, &object), 0);
	elf_object_free(&object);
	assert_int_equal(ftruncate(fd, ELF_OBJECT_MAX + 1), 0);
	assert_int_equal(elf_object_read(fd, &object), -EFBIG);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(elf_object_read(fd, &object), -ENOEXEC);
	close(fd);
	fd = open(".", O_RDONLY);
	assert_true(elf_object_read(fd, &object) < 0);
	close(fd);
}

/* Whatever the bytes are, it does not crash, and each offset is inside the file. Returns how many were
 * found. */
static unsigned int try_damaged(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = guard_dup(bytes, size);
	struct elf_object *object;
	struct plt_site site;
	unsigned int found = 0;
	uint64_t offset;
	size_t i;

	if (elf_object_open(copy, size, &object) == 0) {
		for (i = 0; i < sizeof(called) / sizeof(called[0]); i++) {
			if (plt_find(object, called[i], &site) == 0) {
				found++;
				assert_true(site.offset <= size - 4);
				assert_true(copy[site.offset] == 0xff ||
					    copy[site.offset] == 0xf2 ||
					    copy[site.offset] == 0xf3 || copy[site.offset] == 0x41);
			}
			if (elf_object_function(object, "a", &offset) == 0)
				assert_true(offset < size);
		}
		elf_object_needed(object, 0);
		elf_object_free(&object);
	}
	guard_free(copy, size);
	return found;
}

static void test_damaged(void **state)
{
	unsigned int found = 0, round;
	uint8_t *bytes, byte;
	size_t size, at;

	srand(1);
	built_object("t.so", "gcc -fcf-protection=full -Wl,-z,noseparate-code", source);
	bytes = load("t.so", &size);
	assert_int_equal(try_damaged(bytes, size), 4);
	for (at = 0; at < size; at += 1 + at / 64) /* truncated: the section headers are missing */
		assert_int_equal(try_damaged(bytes, at), 0);
	for (round = 0; round < 4000; round++) {
		if (round & 1)
			at = rand() % size;
		else if (round < 2000) /* its headers */
			at = rand() % 0x200;
		else /* its sections' headers */
			at = size - 1 - rand() % 0x900;
		byte = bytes[at];
		bytes[at] = rand();
		found += try_damaged(bytes, size);
		bytes[at] = byte;
	}
	assert_int_in_range(found, 4000, 4 * 4000 - 1); /* some damage is harmless, some is not */
	free(bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, built_setup, built_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_stubs),	  TEST(test_stubs_arm64), TEST(test_arm64_bti),
		TEST(test_stub_forms),	  TEST(test_two_stubs),	  TEST(test_no_stubs),
		TEST(test_unknown_stubs), TEST(test_other_ways),  TEST(test_tls_module),
		TEST(test_function),	  TEST(test_no_object),	  TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
