/* SPDX-License-Identifier: MIT */
/*
 * An ELF object that uprobes can be attached to: 64 bits, little endian, x86-64
 * or arm64 (on either machine). Every offset and index in it is checked before
 * it is used.
 */
#ifndef ELF_OBJECT_H
#define ELF_OBJECT_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_object;

/*
 * Reads the file into memory (if it were mapped, and somebody truncated it, we
 * would be killed). `fd` stays the caller's, who can close it then. 0, and the
 * caller frees the object; -ENOEXEC: not such an object, or damaged; -EFBIG:
 * more than ELF_OBJECT_MAX bytes; -errno.
 */
#define ELF_OBJECT_MAX (64u << 20) /* libcrypto.so.3 has 5 MB */
int elf_object_read(int fd, struct elf_object **object_r);

/* The same for bytes in memory, which stay the caller's and must outlive the object. */
int elf_object_open(const void *bytes, size_t size, struct elf_object **object_r);
void elf_object_free(struct elf_object **object); /* NULL afterwards */

/* EM_X86_64 or EM_AARCH64. ELF_OBJECT_HOST is this machine's. */
unsigned int elf_object_machine(const struct elf_object *object);
#ifdef __aarch64__
#define ELF_OBJECT_HOST EM_AARCH64
#else
#define ELF_OBJECT_HOST EM_X86_64
#endif

/* The file offset of `size` bytes at a virtual address, if they are code (PT_LOAD, PF_X). 0; -ENOENT:
 * they are not. */
int elf_object_offset(const struct elf_object *object, uint64_t address, uint64_t size,
		      uint64_t *offset_r);

/*
 * The file offset of a function that the object exports (.dynsym). Of several
 * versions it is the default one, which the linker takes. 0; -ENOENT: there is
 * none; -ENOTUNIQ: there are several; -ENOEXEC: damaged.
 */
int elf_object_function(const struct elf_object *object, const char *name, uint64_t *offset_r);

/* The nth library that it needs, from 0 (DT_NEEDED), and its own name as a library (DT_SONAME). NULL:
 * there is none. The text belongs to the object. */
const char *elf_object_needed(const struct elf_object *object, unsigned int nth);
const char *elf_object_soname(const struct elf_object *object);

/* A section's bytes, which are loaded at `address`. They belong to the object. */
struct elf_code {
	const uint8_t *bytes;
	size_t size;
	uint64_t address;
};

/* The nth section of code with this name, from 0. 0; -ENOENT: there is none; -ENOEXEC: its place in
 * the file does not match the address where it is loaded. */
int elf_object_code(const struct elf_object *object, const char *name, unsigned int nth,
		    struct elf_code *code_r);

/* A relocation that names a symbol: the linker puts the symbol's address at `address`. */
struct elf_reloc {
	uint64_t address;
	unsigned int type; /* R_X86_64_* or R_AARCH64_* */
};

/* Calls `found` for each relocation of a symbol, until it returns other than 0, which is returned
 * then. 0; -ENOEXEC: damaged. `reloc` is valid during the call. */
typedef int elf_reloc_fn(void *context, const struct elf_reloc *reloc);
int elf_object_relocs(const struct elf_object *object, const char *symbol, elf_reloc_fn *found,
		      void *context);

#endif
