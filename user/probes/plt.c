// SPDX-License-Identifier: MIT
#include "probes/plt.h"

#include <errno.h>
#include <string.h>

#include "probes/elf_object.h"

/* What an instruction is for in a stub. */
enum insn_kind {
	INSN_ENTRY, /* can be the first one, directly before the jump */
	INSN_JUMP,  /* jumps through the slot */
	INSN_OTHER,
};

struct insn {
	enum insn_kind kind;
	size_t size;   /* bytes */
	uint64_t slot; /* INSN_JUMP: its address */
};

struct search {
	uint64_t slots[4]; /* addresses of those that hold the function's address; a PLT has few */
	unsigned int slots_count;
	bool has_other_ways;
	uint64_t stub; /* address of the last one that was found */
	unsigned int stubs_count;
};

static int32_t read_le32(const uint8_t *p)
{
	return (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
			 (uint32_t)p[3] << 24);
}

/* The length of a nop's operand in 64-bit code, from its ModRM byte on, bytes. 0: cut off. */
static size_t x86_operand_size(const uint8_t *p, size_t left)
{
	unsigned int mod, rm;
	size_t size = 1;

	if (left < 2)
		return 0;
	mod = p[0] >> 6;
	rm = p[0] & 7;
	if (mod == 3)
		return size;
	if (rm == 4)
		size++; /* SIB */
	if (mod == 1)
		size++;
	else if (mod == 2 || rm == 5 || (rm == 4 && (p[1] & 7) == 5))
		size += 4;
	return size;
}

/* The length of the nop at `p`, bytes: 90 or 0f 1f /0, with any prefixes 66 and 2e, as assemblers
 * use them for padding. 0: it is no nop. */
static size_t x86_nop_size(const uint8_t *p, size_t left)
{
	size_t prefixes = 0, operand;

	while (prefixes < left && (p[prefixes] == 0x66 || p[prefixes] == 0x2e))
		prefixes++;
	p += prefixes;
	left -= prefixes;
	if (left >= 1 && p[0] == 0x90)
		return prefixes + 1;
	if (left < 3 || p[0] != 0x0f || p[1] != 0x1f)
		return 0;
	operand = x86_operand_size(p + 2, left - 2);
	/* the processor refuses instructions of more than 15 bytes */
	return operand && prefixes + 2 + operand <= 15 ? prefixes + 2 + operand : 0;
}

/* All other instructions in PLTs that GNU ld, gold, lld and mold make. */
static const struct x86_form {
	uint8_t bytes[4];
	uint8_t bytes_count, size;
	enum insn_kind kind; /* INSN_JUMP: the last four bytes are the slot's distance */
} x86_forms[] = {
	{{0xf3, 0x0f, 0x1e, 0xfa}, 4, 4, INSN_ENTRY}, /* endbr64 */
	{{0x41, 0xbb}, 2, 6, INSN_ENTRY},	      /* mov $n,%r11d: mold */
	{{0xff, 0x25}, 2, 6, INSN_JUMP},	      /* jmp *slot(%rip) */
	{{0xf2, 0xff, 0x25}, 3, 7, INSN_JUMP},	      /* bnd jmp *slot(%rip) */
	{{0xff, 0x35}, 2, 6, INSN_OTHER},	      /* push slot(%rip) */
	{{0x68}, 1, 5, INSN_OTHER},		      /* push $n */
	{{0x41, 0x53}, 2, 2, INSN_OTHER},	      /* push %r11: mold */
	{{0xe9}, 1, 5, INSN_OTHER},		      /* jmp */
	{{0xf2, 0xe9}, 2, 6, INSN_OTHER},	      /* bnd jmp */
	{{0xcc}, 1, 1, INSN_OTHER},		      /* int3: padding */
};

/* Decodes the instruction at `at`. 0; -EOPNOTSUPP: unknown, or cut off. */
static int x86_decode(const struct elf_code *code, size_t at, struct insn *insn_r)
{
	const uint8_t *p = code->bytes + at;
	size_t left = code->size - at, i;

	for (i = 0; i < sizeof(x86_forms) / sizeof(x86_forms[0]); i++) {
		const struct x86_form *form = &x86_forms[i];

		if (left < form->size || memcmp(p, form->bytes, form->bytes_count) != 0)
			continue;
		*insn_r = (struct insn){.kind = form->kind, .size = form->size};
		if (form->kind == INSN_JUMP)
			insn_r->slot = code->address + at + form->size +
				       (int64_t)read_le32(p + form->size - 4);
		return 0;
	}
	*insn_r = (struct insn){.kind = INSN_OTHER, .size = x86_nop_size(p, left)};
	return insn_r->size ? 0 : -EOPNOTSUPP;
}

static void found_jump(struct search *search, uint64_t stub, uint64_t slot)
{
	unsigned int i;

	for (i = 0; i < search->slots_count; i++) {
		if (search->slots[i] == slot) {
			search->stub = stub;
			search->stubs_count++;
			return;
		}
	}
}

/* Decodes one instruction after another from the beginning, to know where each begins. */
static int x86_scan(const struct elf_code *code, struct search *search)
{
	size_t at, stub = 0;
	bool has_entry = false;
	struct insn insn;
	int ret;

	for (at = 0; at < code->size; at += insn.size) {
		ret = x86_decode(code, at, &insn);
		if (ret)
			return ret;
		if (insn.kind == INSN_JUMP)
			found_jump(search, code->address + (has_entry ? stub : at), insn.slot);
		if (insn.kind == INSN_ENTRY && !has_entry)
			stub = at;
		has_entry = insn.kind == INSN_ENTRY;
	}
	return 0;
}

/* Instructions of arm64 (Arm's reference manual, C6.2). */
#define ARM64_AUTIA1716 0xd503219fu
#define ARM64_BR_X17	0xd61f0220u

static bool arm64_is_adrp_x16(uint32_t insn)
{
	return (insn & 0x9f00001f) == 0x90000010;
}

static bool arm64_is_ldr_x17_x16(uint32_t insn)
{
	return (insn & 0xffc003ff) == 0xf9400211;
}

/* add x16,x16,#n */
static bool arm64_is_add_x16(uint32_t insn)
{
	return (insn & 0xffc003ff) == 0x91000210;
}

static uint64_t arm64_adrp_page(uint32_t insn, uint64_t address)
{
	uint64_t pages = (uint64_t)(insn >> 5 & 0x7ffff) << 2 | (insn >> 29 & 3);

	if (pages & 1u << 20)
		pages |= ~(uint64_t)0x1fffff;
	return (address & ~(uint64_t)0xfff) + (pages << 12);
}

static uint32_t arm64_insn(const struct elf_code *code, size_t at)
{
	return at + 4 <= code->size ? (uint32_t)read_le32(code->bytes + at) : 0;
}

/*
 * A stub is [bti c] adrp x16; ldr x17,[x16,#n]; add x16,x16,#n; [autia1716] br x17. All
 * instructions have four bytes, so a stub is recognized anywhere. The probe goes on the adrp, which
 * the kernel simulates (arch/arm64/kernel/probes/decode-insn.c), and not on the bti, which it would
 * have to single-step.
 */
static int arm64_scan(const struct elf_code *code, struct search *search)
{
	uint32_t adrp, ldr;
	size_t at, br;

	for (at = 0; at + 16 <= code->size; at += 4) {
		adrp = arm64_insn(code, at);
		ldr = arm64_insn(code, at + 4);
		br = arm64_insn(code, at + 12) == ARM64_AUTIA1716 ? at + 16 : at + 12;
		if (!arm64_is_adrp_x16(adrp) || !arm64_is_ldr_x17_x16(ldr) ||
		    !arm64_is_add_x16(arm64_insn(code, at + 8)) ||
		    arm64_insn(code, br) != ARM64_BR_X17)
			continue;
		found_jump(search, code->address + at,
			   arm64_adrp_page(adrp, code->address + at) + (ldr >> 10 & 0xfff) * 8);
	}
	return code->address % 4 == 0 && code->size % 4 == 0 ? 0 : -EOPNOTSUPP;
}

struct machine {
	unsigned int machine;
	unsigned int jump_slot, glob_dat; /* relocations that fill a slot with an address */
	int (*scan)(const struct elf_code *code, struct search *search);
};

static const struct machine machines[] = {
	{EM_X86_64, R_X86_64_JUMP_SLOT, R_X86_64_GLOB_DAT, x86_scan},
	{EM_AARCH64, R_AARCH64_JUMP_SLOT, R_AARCH64_GLOB_DAT, arm64_scan},
};

struct collect {
	const struct machine *machine;
	struct search *search;
};

static int found_reloc(void *context, const struct elf_reloc *reloc)
{
	const struct collect *collect = context;
	struct search *search = collect->search;

	if (reloc->type != collect->machine->jump_slot)
		search->has_other_ways = true;
	if (reloc->type != collect->machine->jump_slot && reloc->type != collect->machine->glob_dat)
		return 0;
	if (search->slots_count == sizeof(search->slots) / sizeof(search->slots[0]))
		return -ENOTUNIQ;
	search->slots[search->slots_count++] = reloc->address;
	return 0;
}

static const struct machine *find_machine(const struct elf_object *object)
{
	size_t i;

	for (i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (machines[i].machine == elf_object_machine(object))
			return &machines[i];
	return NULL;
}

/* A PLT can have several sections. With control-flow protection the stubs that are called are in
 * .plt.sec (.plt.bnd of older linkers); stubs whose slot is filled by GLOB_DAT are in .plt.got. */
static int scan_sections(const struct elf_object *object, const struct machine *machine,
			 struct search *search)
{
	static const char *const names[] = {".plt", ".plt.sec", ".plt.got", ".plt.bnd"};
	struct elf_code code;
	unsigned int i, nth;
	int ret;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (nth = 0; (ret = elf_object_code(object, names[i], nth, &code)) == 0; nth++) {
			ret = machine->scan(&code, search);
			if (ret)
				return ret;
		}
		if (ret != -ENOENT)
			return ret;
	}
	return 0;
}

int plt_find(const struct elf_object *object, const char *symbol, struct plt_site *site_r)
{
	const struct machine *machine = find_machine(object);
	struct search search = {0};
	int ret;

	if (!machine)
		return -ENOEXEC;
	ret = elf_object_relocs(object, symbol, found_reloc, &(struct collect){machine, &search});
	if (ret)
		return ret;
	if (!search.slots_count)
		return -ENOENT;
	ret = scan_sections(object, machine, &search);
	if (ret)
		return ret;
	if (search.stubs_count != 1)
		return search.stubs_count ? -ENOTUNIQ : -ENOENT;
	site_r->has_other_ways = search.has_other_ways;
	ret = elf_object_offset(object, search.stub, 4, &site_r->offset);
	return ret ? -ENOEXEC : 0;
}
