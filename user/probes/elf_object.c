// SPDX-License-Identifier: MIT
#include "probes/elf_object.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define VERSION_HIDDEN 0x8000 /* in .gnu.version: not the default one (binutils' VERSYM_HIDDEN) */

struct elf_object {
	Elf *elf;
	void *owned; /* the file's bytes, if we read them */
	GElf_Ehdr header;
};

unsigned int elf_object_machine(const struct elf_object *object)
{
	return object->header.e_machine;
}

int elf_object_open(const void *bytes, size_t size, struct elf_object **object_r)
{
	struct elf_object *object;
	GElf_Ehdr header;
	Elf *elf;

	*object_r = NULL;
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOEXEC;
	/* it writes nothing, but wants a pointer to non-const */
	elf = elf_memory((char *)bytes, size);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header) ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
	    (header.e_machine != EM_X86_64 && header.e_machine != EM_AARCH64)) {
		elf_end(elf);
		return -ENOEXEC;
	}
	object = mem_alloc(sizeof(*object));
	object->elf = elf;
	object->header = header;
	*object_r = object;
	return 0;
}

static int read_all(int fd, uint8_t *bytes, size_t size)
{
	size_t done = 0;
	ssize_t ret;

	while (done < size) {
		ret = pread(fd, bytes + done, size - done, done);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return -errno;
		if (ret == 0)
			return -ENOEXEC; /* truncated meanwhile */
		done += ret;
	}
	return 0;
}

int elf_object_read(int fd, struct elf_object **object_r)
{
	struct stat st;
	uint8_t *bytes;
	int ret;

	*object_r = NULL;
	if (fstat(fd, &st))
		return -errno;
	if (st.st_size > ELF_OBJECT_MAX)
		return -EFBIG;
	bytes = mem_alloc(st.st_size);
	ret = read_all(fd, bytes, st.st_size);
	if (ret == 0)
		ret = elf_object_open(bytes, st.st_size, object_r);
	if (ret)
		free(bytes);
	else
		(*object_r)->owned = bytes;
	return ret;
}

void elf_object_free(struct elf_object **object)
{
	if (!*object)
		return;
	elf_end((*object)->elf);
	free((*object)->owned);
	free(*object);
	*object = NULL;
}

/* Are `size` bytes from `at` inside the `room` bytes from `start`? */
static bool is_within(uint64_t at, uint64_t size, uint64_t start, uint64_t room)
{
	return at >= start && at - start <= room && size <= room - (at - start);
}

int elf_object_offset(const struct elf_object *object, uint64_t address, uint64_t size,
		      uint64_t *offset_r)
{
	size_t count, i, image_size;
	GElf_Phdr segment;

	if (elf_getphdrnum(object->elf, &count) || !elf_rawfile(object->elf, &image_size))
		return -ENOENT;
	for (i = 0; i < count && gelf_getphdr(object->elf, i, &segment); i++) {
		if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X) ||
		    !is_within(address, size, segment.p_vaddr, segment.p_filesz) ||
		    !is_within(segment.p_offset, segment.p_filesz, 0, image_size))
			continue;
		*offset_r = address - segment.p_vaddr + segment.p_offset;
		return 0;
	}
	return -ENOENT;
}

/* The next section after `section` (NULL: the first) of a type; NULL: none. */
static Elf_Scn *next_section(const struct elf_object *object, Elf_Scn *section, unsigned int type,
			     GElf_Shdr *header_r)
{
	while ((section = elf_nextscn(object->elf, section)) != NULL)
		if (gelf_getshdr(section, header_r) && header_r->sh_type == type)
			return section;
	return NULL;
}

static const char *section_name(const struct elf_object *object, const GElf_Shdr *header)
{
	size_t strings;

	if (elf_getshdrstrndx(object->elf, &strings))
		return NULL;
	return elf_strptr(object->elf, strings, header->sh_name);
}

int elf_object_code(const struct elf_object *object, const char *name, unsigned int nth,
		    struct elf_code *code_r)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	const char *found, *image;
	uint64_t offset;
	size_t image_size;

	while ((section = next_section(object, section, SHT_PROGBITS, &header)) != NULL) {
		found = section_name(object, &header);
		if (!found || strcmp(found, name) != 0 || !(header.sh_flags & SHF_EXECINSTR))
			continue;
		if (nth-- > 0)
			continue;
		image = elf_rawfile(object->elf, &image_size);
		if (!image || elf_object_offset(object, header.sh_addr, header.sh_size, &offset) ||
		    offset != header.sh_offset)
			return -ENOEXEC;
		*code_r = (struct elf_code){(const uint8_t *)image + offset, header.sh_size,
					    header.sh_addr};
		return 0;
	}
	return -ENOENT;
}

/* A symbol's name, from the table of symbols whose header is given. */
static const char *symbol_name(const struct elf_object *object, const GElf_Shdr *table,
			       const GElf_Sym *symbol)
{
	return elf_strptr(object->elf, table->sh_link, symbol->st_name);
}

/* The relocations of one section. */
static int relocs_of(const struct elf_object *object, Elf_Scn *section, const GElf_Shdr *header,
		     const char *name, elf_reloc_fn *found, void *context)
{
	Elf_Data *relocs = elf_getdata(section, NULL), *symbols;
	Elf_Scn *table = elf_getscn(object->elf, header->sh_link);
	GElf_Shdr table_header;
	GElf_Rela rela;
	GElf_Sym symbol;
	const char *text;
	int i, ret;

	/* no symbol table: relocations of a static program, which name no symbols */
	if (header->sh_link == SHN_UNDEF)
		return 0;
	if (!relocs || !table || !gelf_getshdr(table, &table_header) ||
	    table_header.sh_type != SHT_DYNSYM || !(symbols = elf_getdata(table, NULL)))
		return -ENOEXEC;
	for (i = 0; gelf_getrela(relocs, i, &rela); i++) {
		if (GELF_R_SYM(rela.r_info) == STN_UNDEF)
			continue;
		if (!gelf_getsym(symbols, GELF_R_SYM(rela.r_info), &symbol) ||
		    !(text = symbol_name(object, &table_header, &symbol)))
			return -ENOEXEC;
		if (strcmp(text, name) != 0)
			continue;
		ret = found(context, &(struct elf_reloc){rela.r_offset, GELF_R_TYPE(rela.r_info)});
		if (ret)
			return ret;
	}
	return 0;
}

int elf_object_relocs(const struct elf_object *object, const char *symbol, elf_reloc_fn *found,
		      void *context)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	int ret = 0;

	/* sections without SHF_ALLOC are not loaded: they were for the linker that made the object */
	while (ret == 0 && (section = next_section(object, section, SHT_RELA, &header)) != NULL)
		if (header.sh_flags & SHF_ALLOC)
			ret = relocs_of(object, section, &header, symbol, found, context);
	return ret;
}

/* Is the nth symbol of .dynsym the version of its name that the linker takes? */
static bool is_default_version(const struct elf_object *object, int nth)
{
	GElf_Shdr header;
	Elf_Scn *section = next_section(object, NULL, SHT_GNU_versym, &header);
	Elf_Data *versions = section ? elf_getdata(section, NULL) : NULL;
	GElf_Versym version;

	return !section ||
	       (versions && gelf_getversym(versions, nth, &version) && !(version & VERSION_HIDDEN));
}

/* Does the object define it as a function? An indirect function (IFUNC) does not count: its address
 * is that of its resolver. */
static bool is_function(const GElf_Sym *symbol)
{
	return GELF_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_shndx != SHN_UNDEF;
}

int elf_object_function(const struct elf_object *object, const char *name, uint64_t *offset_r)
{
	GElf_Shdr header;
	Elf_Scn *section = next_section(object, NULL, SHT_DYNSYM, &header);
	Elf_Data *symbols = section ? elf_getdata(section, NULL) : NULL;
	uint64_t offset, found = 0;
	bool is_found = false;
	const char *text;
	GElf_Sym symbol;
	int i;

	if (!section)
		return -ENOENT;
	if (!symbols)
		return -ENOEXEC;
	for (i = 0; gelf_getsym(symbols, i, &symbol); i++) {
		text = symbol_name(object, &header, &symbol);
		if (!text)
			return -ENOEXEC;
		if (strcmp(text, name) != 0 || !is_function(&symbol) ||
		    !is_default_version(object, i))
			continue;
		if (elf_object_offset(object, symbol.st_value, 1, &offset))
			return -ENOEXEC;
		if (is_found && offset != found)
			return -ENOTUNIQ;
		is_found = true;
		found = offset;
	}
	if (!is_found)
		return -ENOENT;
	*offset_r = found;
	return 0;
}

/* The nth text that .dynamic has under a tag. */
static const char *dynamic_text(const struct elf_object *object, int64_t tag, unsigned int nth)
{
	GElf_Shdr header;
	Elf_Scn *section = next_section(object, NULL, SHT_DYNAMIC, &header);
	Elf_Data *entries = section ? elf_getdata(section, NULL) : NULL;
	GElf_Dyn entry;
	int i;

	if (!entries)
		return NULL;
	for (i = 0; gelf_getdyn(entries, i, &entry) && entry.d_tag != DT_NULL; i++)
		if (entry.d_tag == tag && nth-- == 0)
			return elf_strptr(object->elf, header.sh_link, entry.d_un.d_val);
	return NULL;
}

const char *elf_object_needed(const struct elf_object *object, unsigned int nth)
{
	return dynamic_text(object, DT_NEEDED, nth);
}

const char *elf_object_soname(const struct elf_object *object)
{
	return dynamic_text(object, DT_SONAME, 0);
}
