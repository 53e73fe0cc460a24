/* SPDX-License-Identifier: MIT */
/*
 * A QEMU migration file from its start to the first device, without a description: the
 * configuration, and memory page by page, whose lengths can all be computed. The contents of guest
 * memory are not examined.
 *
 * migration/savevm.c, migration/ram.c.
 */
#include <stream/room_int.h>

/* Flags in the low bits of an address in RAM's records. */
enum {
	RAM_ZERO = 0x02,
	RAM_MEM_SIZE = 0x04,
	RAM_PAGE = 0x08,
	RAM_EOS = 0x10,
	RAM_CONTINUE = 0x20,
	RAM_XBZRLE = 0x40,
	RAM_COMPRESSED = 0x100,
	RAM_FLUSH = 0x200,
	RAM_KNOWN = RAM_ZERO | RAM_MEM_SIZE | RAM_PAGE | RAM_EOS | RAM_CONTINUE | RAM_XBZRLE |
	            RAM_COMPRESSED | RAM_FLUSH,
	RAM_VERSION = 4,
	PAGE_BYTES = 4096,
};

/* --- The configuration ----------------------------------------------------------------------- */

/* Refuses capabilities that change the format of RAM sections. */
static bool skip_capabilities(struct cursor *cursor)
{
	for (uint64_t count = take_be(cursor, 4); count && !is_over(cursor); count--) {
		if (text_at(cursor, cursor->at, "x-ignore-shared") ||
		    text_at(cursor, cursor->at, "mapped-ram") ||
		    text_at(cursor, cursor->at, "fixed-ram"))
			return false;
		skip_text(cursor);
	}
	return true;
}

static bool skip_configuration(struct cursor *cursor)
{
	struct window *window = &cursor->search->window;

	cursor->at++;
	skip_bytes(cursor, take_be(cursor, 4));
	while (window_byte(window, cursor->at) == QEMU_SUBSECTION && !is_over(cursor)) {
		uint64_t name = cursor->at + 1;

		cursor->at = name;
		skip_text(cursor);
		take_be(cursor, 4); /* its version */
		if (text_at(cursor, name, "configuration/capabilities")) {
			if (!skip_capabilities(cursor))
				return false;
		} else if (text_at(cursor, name, "configuration/target-page-bits")) {
			cursor->at += 4;
		} else if (text_at(cursor, name, "configuration/uuid")) {
			cursor->at += 16;
		} else {
			return false;
		}
	}
	return true;
}

/* --- RAM ------------------------------------------------------------------------------------- */

/* The list of blocks: each has a name and a length, and together they have the given total
 * length. */
static bool skip_blocks(struct cursor *cursor, uint64_t left)
{
	while (left && !is_over(cursor)) {
		uint64_t length;

		skip_text(cursor);
		length = take_be(cursor, 8);
		if (!length || length > left)
			return false;
		left -= length;
	}
	return true;
}

/* XBZRLE: a flag, a length, and that much. */
static void skip_delta(struct cursor *cursor)
{
	cursor->at += 1;
	skip_bytes(cursor, take_be(cursor, 2));
}

static void skip_page(struct cursor *cursor, unsigned flags)
{
	if (!(flags & RAM_CONTINUE))
		skip_text(cursor); /* the block's name */
	if (flags & RAM_ZERO)
		cursor->at += 1;
	else if (flags & RAM_PAGE)
		cursor->at += PAGE_BYTES;
	else if (flags & RAM_COMPRESSED)
		skip_bytes(cursor, take_be(cursor, 4));
	else
		skip_delta(cursor);
}

/* The records of a RAM section up to its end. */
static enum vpmu_status skip_ram(struct cursor *cursor)
{
	while (!is_over(cursor)) {
		uint64_t start = cursor->at, word = take_be(cursor, 8);
		unsigned flags = word & (PAGE_BYTES - 1);

		if (flags & ~(unsigned)RAM_KNOWN)
			return search_fail(cursor->search, VPMU_INCOMPATIBLE,
			                   "memory is saved in an unknown way", start);
		if (flags & RAM_MEM_SIZE && !skip_blocks(cursor, word - flags))
			return search_fail(cursor->search, VPMU_BAD_DATA,
			                   "the list of memory blocks is wrong", start);
		if (flags & (RAM_ZERO | RAM_PAGE | RAM_XBZRLE | RAM_COMPRESSED))
			skip_page(cursor, flags);
		if (flags & RAM_EOS)
			return VPMU_OK;
	}
	return search_fail(cursor->search, VPMU_BAD_DATA, "", cursor->at);
}

/* --- Sections up to the devices' ------------------------------------------------------------- */

static enum vpmu_status skip_ram_section(struct cursor *cursor, bool start, uint32_t *id)
{
	uint64_t section = cursor->at++;
	uint32_t number = (uint32_t)take_be(cursor, 4);
	enum vpmu_status status;
	bool is_ram = !start ? number == *id : text_at(cursor, cursor->at, "ram");

	if (start) {
		skip_text(cursor);
		take_be(cursor, 4); /* the instance */
		is_ram = take_be(cursor, 4) == RAM_VERSION && is_ram;
		*id = number;
	}
	if (!is_ram)
		return search_fail(cursor->search, VPMU_INCOMPATIBLE,
		                   "without a description only memory can be passed over", section);
	status = skip_ram(cursor);
	if (!status && window_byte(&cursor->search->window, cursor->at) == QEMU_FOOTER &&
	    window_be(&cursor->search->window, cursor->at + 1, 4) == number)
		cursor->at += QEMU_FOOTER_BYTES;
	return status;
}

enum vpmu_status search_pass_memory(struct cursor *cursor)
{
	struct window *window = &cursor->search->window;
	enum vpmu_status status = VPMU_OK;
	uint32_t id = 0;

	if (window_byte(window, cursor->at) == QEMU_CONFIGURATION && !skip_configuration(cursor))
		return search_fail(cursor->search, VPMU_INCOMPATIBLE,
		                   "the configuration needs a description", cursor->at);
	while (!status && !is_over(cursor)) {
		uint64_t at = cursor->at;

		switch (window_byte(window, at)) {
		case QEMU_SECTION_START:
		case QEMU_SECTION_PART:
		case QEMU_SECTION_END:
			status = skip_ram_section(
				cursor, window_byte(window, at) == QEMU_SECTION_START, &id);
			break;
		case QEMU_COMMAND:
			cursor->at = at + 3;
			skip_bytes(cursor, take_be(cursor, 2));
			break;
		case QEMU_SECTION_FULL:
		case QEMU_EOF:
			return VPMU_OK;
		default:
			return search_fail(cursor->search, VPMU_BAD_DATA, "there is no section",
			                   at);
		}
	}
	return status ? status : search_fail(cursor->search, VPMU_BAD_DATA, "", cursor->at);
}
