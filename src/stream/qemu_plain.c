/* SPDX-License-Identifier: MIT */
/*
 * The vCPUs of a QEMU migration file without a description. Up to the end of RAM every length is
 * known, so that nothing in the guest's memory is taken for a section. After it come the devices,
 * whose lengths are not known: there the heads of CPU sections are searched, and believed when the
 * section goes on as QEMU lays it out: fields of a length that has been the same since 2010, then
 * subsections, in their order, of known lengths up to the PMU's.
 *
 * migration/savevm.c, migration/ram.c, target/i386/machine.c.
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

/* Where the next byte is read. */
struct cursor {
	struct search *search;
	uint64_t at;
};

static uint64_t take_be(struct cursor *cursor, unsigned bytes)
{
	cursor->at += bytes;
	return window_be(&cursor->search->window, cursor->at - bytes, bytes);
}

static void skip(struct cursor *cursor, uint64_t bytes)
{
	cursor->at += bytes;
}

/* Passes over a text with its length before it. */
static void skip_text(struct cursor *cursor)
{
	skip(cursor, take_be(cursor, 1));
}

static bool text_at(struct cursor *cursor, uint64_t at, const char *text)
{
	size_t length = name_length(text);

	return window_byte(&cursor->search->window, at) == length &&
	       window_is(&cursor->search->window, at + 1, text, length);
}

static bool is_over(const struct cursor *cursor)
{
	return cursor->search->window.ended || cursor->search->window.broken;
}

/* --- The configuration ---------------------------------------------------------------------------
 */

/* Capabilities that change what RAM looks like. */
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
	skip(cursor, take_be(cursor, 4));
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

/* --- RAM
 * ------------------------------------------------------------------------------------------ */

/* The list of blocks: of each its name and length, up to the length of all. */
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
	skip(cursor, take_be(cursor, 2));
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
		skip(cursor, take_be(cursor, 4));
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

/* --- Sections up to the devices'
 * ------------------------------------------------------------------- */

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

/* Up to the first section of a device. */
static enum vpmu_status skip_to_devices(struct cursor *cursor)
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
			skip(cursor, take_be(cursor, 2));
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

/* --- CPU sections
 * ---------------------------------------------------------------------------------- */

/* The fields of vmstate_x86_cpu in qemu-system-x86_64 and qemu-system-i386. */
static const uint16_t cpu_fields[] = {1817, 1313};

/* Subsections that may come before the PMU's, and what they hold. */
static const struct {
	const char *name;
	uint8_t bytes;
} before_pmu[] = {
	{"cpu/exception_info", 11},
	{"cpu/async_pf_msr", 8},
	{"cpu/async_pf_int_msr", 8},
	{"cpu/async_pv_eoi_msr", 8},
	{"cpu/steal_time_msr", 8},
	{"cpu/poll_control_msr", 8},
	{"cpu/fpop_ip_dp", 18},
	{"cpu/msr_tsc_adjust", 8},
	{"cpu/msr_tscdeadline", 8},
	{"cpu/msr_ia32_misc_enable", 8},
	{"cpu/msr_ia32_feature_control", 8},
};

/* Where the subsection before the PMU's ends, whose head is at the offset; 0: it is none. */
static uint64_t pass_subsection(struct cursor *cursor, uint64_t at)
{
	for (size_t i = 0; i < ARRAY_SIZE(before_pmu); i++)
		if (text_at(cursor, at + 1, before_pmu[i].name))
			return at + QEMU_SUBSECTION_BYTES + name_length(before_pmu[i].name) +
			       before_pmu[i].bytes;
	return 0;
}

/* Whether a section's fields may end here: with its footer, or a subsection of a CPU. */
static bool ends_fields(struct cursor *cursor, uint64_t section, uint64_t at)
{
	struct window *window = &cursor->search->window;

	if (at + QEMU_FOOTER_BYTES > window->source->bytes)
		return false;
	if (window_byte(window, at) == QEMU_FOOTER)
		return window_be(window, at + 1, 4) == window_be(window, section + 1, 4);
	return window_byte(window, at) == QEMU_SUBSECTION && at + 6 <= window->source->bytes &&
	       window_is(window, at + 2, "cpu/", 4);
}

/* Where the section's subsections begin, or 0: no CPU section begins here. */
static uint64_t cpu_subsections(struct cursor *cursor, uint64_t section, uint32_t *instance)
{
	uint64_t start = section + QEMU_SECTION_BYTES + sizeof(QEMU_CPU) - 1;
	uint32_t version;

	if (!search_cpu_at(cursor->search, section, instance, &version) ||
	    version != QEMU_CPU_VERSION)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(cpu_fields); i++)
		if (ends_fields(cursor, section, start + cpu_fields[i]))
			return start + cpu_fields[i];
	return 0;
}

/* Takes the CPU whose subsections begin at the cursor, which is left behind those that are known.
 */
static enum vpmu_status take_cpu(struct cursor *cursor, uint64_t section, uint32_t instance)
{
	struct vpmu_qemu_cpu cpu = {.instance = instance, .offset = section};
	struct window *window = &cursor->search->window;
	enum vpmu_status status;

	while (window_byte(window, cursor->at) == QEMU_SUBSECTION && !is_over(cursor)) {
		uint64_t next = pass_subsection(cursor, cursor->at);

		if (next) {
			cursor->at = next;
			continue;
		}
		if (!text_at(cursor, cursor->at + 1, QEMU_PMU))
			break;
		status = search_pmu(cursor->search, &cpu, cursor->at);
		if (status)
			return status;
		cursor->at = cpu.offset + VPMU_QEMU_BYTES;
		break;
	}
	return search_add(cursor->search, &cpu);
}

static bool is_lbr(struct cursor *cursor)
{
	return cursor->search->count &&
	       window_byte(&cursor->search->window, cursor->at) == QEMU_SUBSECTION &&
	       text_at(cursor, cursor->at + 1, QEMU_LBR);
}

/* --- The end
 * ---------------------------------------------------------------------------------------- */

/* How such a file ends: with the last section's footer and the mark of the end. */
enum { END_BYTES = QEMU_FOOTER_BYTES + 1, SHORTEST_SECTION = QEMU_SECTION_BYTES + 3 };

/* Whether the head of a section is here whose number is the last footer's. */
static bool is_last_section(struct cursor *cursor)
{
	struct window *window = &cursor->search->window;
	uint64_t footer = window->source->bytes - END_BYTES;

	return window_byte(window, cursor->at) == QEMU_SECTION_FULL &&
	       window_be(window, cursor->at + 1, 4) == window_be(window, footer + 1, 4) &&
	       window_byte(window, cursor->at + 5) && window_byte(window, cursor->at + 6) > ' ';
}

static bool ends_well(struct search *search)
{
	uint64_t bytes = search->window.source->bytes;

	return bytes > END_BYTES &&
	       window_byte(&search->window, bytes - END_BYTES) == QEMU_FOOTER &&
	       window_byte(&search->window, bytes - 1) == QEMU_EOF;
}

static enum vpmu_status search_devices(struct cursor *cursor)
{
	struct search *search = cursor->search;
	uint64_t end = search->window.source->bytes - END_BYTES;
	enum vpmu_status status = VPMU_OK;
	bool complete = false;

	while (!status && cursor->at + SHORTEST_SECTION <= end) {
		uint32_t instance;
		uint64_t section = cursor->at;
		uint64_t subsections = cpu_subsections(cursor, section, &instance);

		complete |= is_last_section(cursor);
		if (is_lbr(cursor))
			search->cpus[search->count - 1].has_lbr = true;
		cursor->at = subsections ? subsections : section + 1;
		if (subsections)
			status = take_cpu(cursor, section, instance);
	}
	if (!status && (!complete || is_over(cursor)))
		return search_fail(search, VPMU_BAD_DATA, "the file is cut short", end);
	return status;
}

enum vpmu_status search_plain(struct search *search)
{
	struct cursor cursor = {search, QEMU_START};
	enum vpmu_status status = skip_to_devices(&cursor);

	if (!status && !ends_well(search))
		return search_fail(search, VPMU_BAD_DATA,
		                   "the file has neither a description nor QEMU's end: cut short",
		                   search->window.source->bytes);
	return status ? status : search_devices(&cursor);
}
