/* SPDX-License-Identifier: MIT */
/*
 * Finds the stub in an object's procedure linkage table (PLT) through which it
 * calls a function of a library. A probe there sees only this object's calls,
 * not those of the library's other users.
 *
 * Stubs are found by decoding, never by counting: a stub is recognized by its
 * instructions, and its function by the slot that it jumps through and the
 * relocation that fills that slot. So it does not matter which linker made the
 * object.
 */
#ifndef PLT_H
#define PLT_H

#include <stdbool.h>
#include <stdint.h>

struct elf_object;

struct plt_site {
	/* In the file, as uprobes take it: an instruction of the stub that each call runs, when the
	 * arguments and the return address are where the function expects them. */
	uint64_t offset;
	/* Some calls may bypass the stub: the object also holds the function's address, for a function
	 * pointer or for code built with -fno-plt. */
	bool has_other_ways;
};

/*
 * `object` stays the caller's. 0. -ENOENT: the object does not call the symbol
 * through a PLT. -ENOTUNIQ: it does through several stubs. -EOPNOTSUPP: its PLT
 * has an unknown instruction, so where the next one begins would be a guess.
 * -ENOEXEC: damaged.
 */
int plt_find(const struct elf_object *object, const char *symbol, struct plt_site *site_r);

#endif
