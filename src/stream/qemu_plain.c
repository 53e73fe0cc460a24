/* SPDX-License-Identifier: MIT */
/*
 * The vCPUs of a QEMU migration file without a description. After memory come the devices, whose
 * lengths are not known. So the heads of CPU sections are searched for, and accepted if the section
 * continues as QEMU lays it out: fields of a length that has been the same since 2010, then
 * subsections, in a fixed order, of known lengths up to the PMU's.
 *
 * migration/savevm.c, target/i386/machine.c.
 */
#include <stream/room_int.h>

/* --- CPU sections ---------------------------------------------------------------------------- */

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

/* The end of the subsection whose head is at the offset, if it is one of those before the PMU's;
 * else 0. */
static uint64_t pass_subsection(struct cursor *cursor, uint64_t at)
{
	for (size_t i = 0; i < ARRAY_SIZE(before_pmu); i++)
		if (text_at(cursor, at + 1, before_pmu[i].name))
			return at + QEMU_SUBSECTION_BYTES + text_length(before_pmu[i].name) +
			       before_pmu[i].bytes;
	return 0;
}

/* Whether a section's fields may end here: a footer or a CPU's subsection must follow. */
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

/* Takes the CPU whose subsections begin at the cursor, and moves the cursor behind the known
 * subsections. */
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

/*
 * The last branches come behind subsections of unknown lengths, so their head is searched for, too.
 * It is theirs if the section continues behind them as QEMU lays it out. section: the CPU's that
 * was found last.
 */
static enum vpmu_status take_lbr(struct cursor *cursor, uint64_t section)
{
	struct search *search = cursor->search;
	struct vpmu_qemu_cpu found = {.has_lbr = false}, *cpu = &search->cpus[search->count - 1];

	if (!search_lbr(search, &found, cursor->at) ||
	    !ends_fields(cursor, section, found.lbr_offset + VPMU_QEMU_LBR_BYTES))
		return VPMU_OK;
	if (cpu->has_lbr)
		return search_fail(search, VPMU_BAD_DATA,
		                   "a vCPU has two subsections of last branches", cursor->at);
	cpu->has_lbr = true;
	cpu->lbr_offset = found.lbr_offset;
	return VPMU_OK;
}

/* --- The end --------------------------------------------------------------------------------- */

/* How such a file ends: with the last section's footer and the mark of the end. */
enum { END_BYTES = QEMU_FOOTER_BYTES + 1, SHORTEST_SECTION = QEMU_SECTION_BYTES + 3 };

/* Whether the head of the section to which the last footer belongs is here. */
static bool is_last_section(struct cursor *cursor, uint64_t last)
{
	struct window *window = &cursor->search->window;

	return window_byte(window, cursor->at) == QEMU_SECTION_FULL &&
	       window_be(window, cursor->at + 1, 4) == last &&
	       window_byte(window, cursor->at + 5) && window_byte(window, cursor->at + 6) > ' ';
}

static bool ends_well(struct search *search)
{
	uint64_t bytes = search->window.source->bytes;

	return bytes > END_BYTES &&
	       window_byte(&search->window, bytes - END_BYTES) == QEMU_FOOTER &&
	       window_byte(&search->window, bytes - 1) == QEMU_EOF;
}

/* Takes the CPUs among the devices up to the last footer, at `end`. *complete: the section with
 * that footer was found. */
static enum vpmu_status search_devices(struct cursor *cursor, uint64_t end, bool *complete)
{
	struct search *search = cursor->search;
	uint64_t last = window_be(&search->window, end + 1, 4);
	enum vpmu_status status = VPMU_OK;
	uint64_t of_cpu = 0;

	*complete = false;
	while (!status && cursor->at + SHORTEST_SECTION <= end) {
		uint32_t instance;
		uint64_t section = cursor->at;
		uint64_t subsections = cpu_subsections(cursor, section, &instance);

		*complete |= is_last_section(cursor, last);
		if (search->count)
			status = take_lbr(cursor, of_cpu);
		cursor->at = subsections ? subsections : section + 1;
		if (!subsections || status)
			continue;
		of_cpu = section;
		status = take_cpu(cursor, section, instance);
	}
	if (is_over(cursor))
		*complete = false;
	return status;
}

/*
 * Finds the last footer if something follows the stream: the only footer of an open section that is
 * followed by the end mark and not by another section. 0: there is none.
 */
static uint64_t find_end(struct cursor *cursor)
{
	enum { HEADS = 256 };
	struct window *window = &cursor->search->window;
	uint32_t heads[HEADS] = {0};
	uint64_t bytes = window->source->bytes, at = cursor->at;
	size_t count = 0;

	for (;; at++) {
		uint32_t number;

		at = window_next(window, at, QEMU_SECTION_FULL, QEMU_FOOTER);
		if (at == bytes)
			break;
		if (at + SHORTEST_SECTION <= bytes &&
		    window_byte(window, at) == QEMU_SECTION_FULL && window_byte(window, at + 5) &&
		    window_byte(window, at + 6) > ' ')
			heads[count++ % HEADS] = (uint32_t)window_be(window, at + 1, 4);
		if (window_byte(window, at) != QEMU_FOOTER || at + END_BYTES > bytes ||
		    window_byte(window, at + END_BYTES - 1) != QEMU_EOF)
			continue;
		number = (uint32_t)window_be(window, at + 1, 4);
		for (size_t i = 0; i < count && i < HEADS; i++)
			if (heads[i] == number)
				return at;
	}
	return 0;
}

/* Whether a description begins behind the end. A whole one would have been found before, so this
 * one is truncated. */
static bool begins_description(struct search *search, uint64_t at)
{
	uint64_t bytes = search->window.source->bytes;

	return at < bytes && window_byte(&search->window, at) == QEMU_DESCRIPTION &&
	       (at + DESCRIPTION_HEAD >= bytes ||
	        window_byte(&search->window, at + DESCRIPTION_HEAD) == '{');
}

static enum vpmu_status cut_short(struct search *search)
{
	return search_fail(search, VPMU_BAD_DATA,
	                   "the file has neither a description nor QEMU's end: cut short",
	                   search->window.source->bytes);
}

/* First assumes that the file ends with the stream, then that something follows it. */
enum vpmu_status search_plain(struct search *search, uint64_t devices)
{
	struct cursor cursor = {search, devices};
	enum vpmu_status status;
	bool complete = false;
	uint64_t end;

	if (ends_well(search)) {
		status = search_devices(&cursor, search->window.source->bytes - END_BYTES,
		                        &complete);
		if (status || complete)
			return status;
	}
	cursor.at = devices;
	search->count = 0;
	end = is_over(&cursor) ? 0 : find_end(&cursor);
	if (!end)
		return cut_short(search);
	if (begins_description(search, end + END_BYTES))
		return search_fail(search, VPMU_BAD_DATA,
		                   "the description is cut short, or damaged,", end + END_BYTES);
	status = search_devices(&cursor, end, &complete);
	return status || complete ? status : cut_short(search);
}
