// SPDX-License-Identifier: MIT
#include "base/printable.h"

#include <stdbool.h>
#include <stdint.h>

/* Not plainly printable: controls, format characters, separators except space, surrogates, private
 * use, noncharacters, and marks and letters that nobody sees (Default_Ignorable_Code_Point). */
static const struct range {
	uint32_t first, last;
} hidden[] = {
	{0x0000, 0x001f},   {0x007f, 0x00a0}, /* DEL, C1, no-break space */
	{0x00ad, 0x00ad},   {0x034f, 0x034f},
	{0x0600, 0x0605},   {0x061c, 0x061c},
	{0x06dd, 0x06dd},   {0x070f, 0x070f},
	{0x0890, 0x0891},   {0x08e2, 0x08e2},
	{0x115f, 0x1160},   {0x1680, 0x1680},
	{0x17b4, 0x17b5},   {0x180b, 0x180f},
	{0x2000, 0x200f}, /* spaces, joiners, marks of direction */
	{0x2028, 0x202f}, /* separators, bidirectional embeddings and overrides */
	{0x205f, 0x206f}, /* bidirectional isolates and more */
	{0x3000, 0x3000},   {0x3164, 0x3164},
	{0xd800, 0xf8ff}, /* surrogates, private use */
	{0xfdd0, 0xfdef}, /* noncharacters */
	{0xfe00, 0xfe0f}, /* variation selectors */
	{0xfeff, 0xfeff},   {0xffa0, 0xffa0},
	{0xfff0, 0xfffb},   {0xfffe, 0xffff},
	{0x110bd, 0x110bd}, {0x110cd, 0x110cd},
	{0x13430, 0x1343f}, {0x1bca0, 0x1bca3},
	{0x1d173, 0x1d17a}, {0x1fffe, 0x1ffff},
	{0x2fffe, 0x2ffff}, {0x3fffe, UINT32_MAX}, /* not assigned, tags, private use, no Unicode */
};

static bool is_hidden(uint32_t character)
{
	size_t i;

	for (i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (character <= hidden[i].last)
			return character >= hidden[i].first;
	}
	return false;
}

/* The bytes of the UTF-8 character at the beginning, 1 to 4; 0: it is not well-formed. */
static size_t decode(const unsigned char *text, size_t size, uint32_t *character_r)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* less is overlong */
	const unsigned char first = text[0];
	uint32_t character;
	size_t len, i;

	if (first < 0x80)
		len = 1;
	else if (first < 0xc0 || first >= 0xf8)
		return 0;
	else
		len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (len > size)
		return 0;
	character = len == 1 ? first : first & (0x7f >> len);
	for (i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (text[i] & 0x3f);
	}
	*character_r = character;
	return character >= least[len] ? len : 0;
}

void printable_append(struct str *out, const char *text, size_t size)
{
	const unsigned char *pos = (const unsigned char *)text, *end = pos + size;
	uint32_t character;
	size_t len;

	for (; pos < end; pos += len) {
		len = decode(pos, end - pos, &character);
		if (len && !is_hidden(character)) {
			str_append(out, pos, len);
			continue;
		}
		len = 1; /* the rest of a character is not well-formed either */
		str_printf(out, "\\x%02x", *pos);
	}
}
