/* SPDX-License-Identifier: MIT */
/*
 * Where an object calls a function of another one: the stub in its procedure
 * linkage table (PLT) through which it does. A probe there sees this object's
 * calls only, whoever else uses the other one.
 *
 * Found by decoding, never by counting: a stub is known by its instructions,
 * and whose it is by the slot that it jumps through and the relocation that
 * fills that slot. So it does not depend on who linked the object.
 */
#ifndef PLT_H
#define PLT_H

#include <stdbool.h>
#include <stdint.h>

struct elf_object;

struct plt_site {
	/* In the file, as uprobes take it: of an instruction that each call by the stub passes, with
	 * the arguments and the return address where the function finds them. */
	uint64_t offset;
	/* The object also takes the function's address. Calls by that address (a function pointer,
	 * or a part built with -fno-plt) do not pass the stub. */
	bool has_other_ways;
};

/*
 * `object` stays the caller's. 0. -ENOENT: the object does not call it by a PLT. -ENOTUNIQ: by several
 * stubs. -EOPNOTSUPP: its PLT holds an unknown instruction, so where the
 * next one begins would be a guess. -ENOEXEC: damaged.
 */
int plt_find(const struct elf_object *object, const char *symbol, struct plt_site *site_r);

#endif
