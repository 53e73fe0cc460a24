/* SPDX-License-Identifier: MIT */
/* Finds the vCPUs' PMUs in a QEMU migration file: checks the file's frame, and chooses how to
 * search. */
#include <stream/room_int.h>

enum {
	QEMU_MAGIC = 0x5145564d, /* "QEVM" */
	QEMU_VERSION = 3,
	DESCRIPTION_LIMIT = 16 << 20,
	DESCRIPTION_TRIES = 16, /* places that look like a description */
};

enum vpmu_status search_fail(struct search *search, enum vpmu_status status, const char *what,
                             uint64_t offset)
{
	if (search->window.broken)
		return fail_at(&search->why, VPMU_HOST, "the file cannot be read", offset);
	if (search->window.ended)
		return fail_at(&search->why, VPMU_BAD_DATA, "the file is cut short",
		               search->window.source->bytes);
	return fail_at(&search->why, status, what, offset);
}

enum vpmu_status search_add(struct search *search, const struct vpmu_qemu_cpu *cpu)
{
	for (size_t i = 0; i < search->count; i++)
		if (search->cpus[i].instance == cpu->instance)
			return search_fail(search, VPMU_BAD_DATA,
			                   "there is a second section of a vCPU", cpu->offset);
	if (search->count == search->max)
		return search_fail(search, VPMU_INCOMPATIBLE, "there are too many vCPUs",
		                   cpu->offset);
	search->cpus[search->count++] = *cpu;
	return VPMU_OK;
}

enum vpmu_status search_pmu(struct search *search, struct vpmu_qemu_cpu *cpu, uint64_t offset)
{
	static const uint8_t name[] = "\x19" QEMU_PMU;
	uint8_t payload[VPMU_QEMU_BYTES];
	uint64_t at = offset + QEMU_SUBSECTION_BYTES + sizeof(QEMU_PMU) - 1;

	if (window_byte(&search->window, offset) != QEMU_SUBSECTION ||
	    !window_is(&search->window, offset + 1, name, sizeof(name) - 1))
		return search_fail(search, VPMU_BAD_DATA, "the PMU's subsection is not there",
		                   offset);
	if (window_be(&search->window, at - 4, 4) != QEMU_PMU_VERSION)
		return search_fail(search, VPMU_INCOMPATIBLE,
		                   "the PMU's subsection is of another version than 1", at - 4);
	if (!window_copy(&search->window, at, payload, sizeof(payload)))
		return search_fail(search, VPMU_BAD_DATA, "", at);
	vpmu_qemu_unpack(&cpu->pmu, payload);
	cpu->has_pmu = true;
	cpu->offset = at;
	return VPMU_OK;
}

bool search_lbr(struct search *search, struct vpmu_qemu_cpu *cpu, uint64_t offset)
{
	static const uint8_t head[] = "\5\x0c" QEMU_LBR "\0\0\0";
	uint64_t at = offset + QEMU_SUBSECTION_BYTES + sizeof(QEMU_LBR) - 1;

	if (!window_is(&search->window, offset, head, sizeof(head) - 1) ||
	    window_byte(&search->window, at - 1) != QEMU_LBR_VERSION)
		return false;
	cpu->has_lbr = true;
	cpu->lbr_offset = at;
	return true;
}

bool search_cpu_at(struct search *search, uint64_t offset, uint32_t *instance, uint32_t *version)
{
	static const uint8_t name[] = "\x03" QEMU_CPU;
	struct window *window = &search->window;
	uint64_t numbers = offset + QEMU_SECTION_BYTES + sizeof(QEMU_CPU) - 1 - 8;

	if (window_byte(window, offset) != QEMU_SECTION_FULL ||
	    !window_is(window, offset + 5, name, sizeof(name) - 1))
		return false;
	*instance = (uint32_t)window_be(window, numbers, 4);
	*version = (uint32_t)window_be(window, numbers + 4, 4);
	return !window->ended && !window->broken;
}

/*
 * The offset of the description's mark, or 0. It is found backwards: the length behind the mark
 * leads exactly to the file's end, and the mark that ends the sections is before it. The
 * description's own text never contains the mark's byte.
 */
static uint64_t find_description(struct search *search)
{
	uint64_t bytes = search->window.source->bytes, least = QEMU_START;

	if (bytes > DESCRIPTION_LIMIT)
		least = bytes - DESCRIPTION_LIMIT;
	for (uint64_t at = bytes - DESCRIPTION_HEAD - 1; at > least; at--) {
		if (window_byte(&search->window, at) != QEMU_DESCRIPTION ||
		    window_byte(&search->window, at + DESCRIPTION_HEAD) != '{' ||
		    window_byte(&search->window, at - 1) != QEMU_EOF)
			continue;
		if (window_be(&search->window, at + 1, 4) == bytes - at - DESCRIPTION_HEAD)
			return at;
	}
	return 0;
}

/*
 * The same if something follows the stream, as on a larger volume: searches forwards from the first
 * device. 0: there is none.
 */
static uint64_t find_description_within(struct search *search, uint64_t devices)
{
	struct window *window = &search->window;
	uint64_t bytes = window->source->bytes, at = devices;
	unsigned tries = 0;

	for (;;) {
		uint64_t start, length;

		at = window_next(window, at + 1, QEMU_DESCRIPTION, QEMU_DESCRIPTION);
		start = at + DESCRIPTION_HEAD;
		if (start >= bytes || window->broken)
			break;
		if (window_byte(window, start) != '{' || window_byte(window, at - 1) != QEMU_EOF)
			continue;
		length = window_be(window, at + 1, 4);
		if (length > bytes - start || length > DESCRIPTION_LIMIT)
			continue;
		if (search_is_description(search, start, start + length))
			return at;
		if (++tries == DESCRIPTION_TRIES)
			break;
	}
	return 0;
}

/* Reads the machine type from the configuration, for information only. */
static void read_machine(struct search *search)
{
	char *machine = search->about->machine;
	uint64_t length = window_be(&search->window, QEMU_START + 1, 4);

	if (window_byte(&search->window, QEMU_START) != QEMU_CONFIGURATION ||
	    length >= sizeof(search->about->machine))
		return;
	for (uint64_t i = 0; i < length; i++) {
		uint8_t c = window_byte(&search->window, QEMU_START + 5 + i);

		machine[i] = c >= ' ' && c <= '~' ? (char)c : '?';
	}
}

/* Goes past memory, whose length can be computed, and searches from there. */
static enum vpmu_status find_from_start(struct search *search)
{
	struct cursor cursor = {search, QEMU_START};
	enum vpmu_status status = search_pass_memory(&cursor);
	uint64_t description, start;

	if (status)
		return status;
	description = find_description_within(search, cursor.at);
	if (!description)
		return search_plain(search, cursor.at);
	start = description + DESCRIPTION_HEAD;
	search->about->described = true;
	return search_described(search, description - 1, start,
	                        start + window_be(&search->window, description + 1, 4));
}

static enum vpmu_status find(struct search *search)
{
	uint64_t bytes = search->window.source->bytes, description;
	uint64_t magic = window_be(&search->window, 0, 4);
	uint64_t version = window_be(&search->window, 4, 4);

	if (bytes <= QEMU_START || magic != QEMU_MAGIC)
		return search_fail(search, VPMU_BAD_DATA, "not a QEMU migration file: no 'QEVM'",
		                   0);
	if (version != QEMU_VERSION)
		return search_fail(search, VPMU_INCOMPATIBLE,
		                   "the file is of another QEMU format version than 3", 4);
	read_machine(search);
	description = bytes > QEMU_START + DESCRIPTION_HEAD + 1 ? find_description(search) : 0;
	if (!description)
		return find_from_start(search);
	search->about->described = true;
	return search_described(search, description - 1, description + DESCRIPTION_HEAD, bytes);
}

enum vpmu_status vpmu_qemu_find(const struct vpmu_source *source, struct vpmu_qemu_cpu *cpus,
                                size_t max, struct vpmu_qemu_about *about, char *why,
                                size_t why_bytes)
{
	struct search search = {
		.window.source = source,
		.why = {why, why_bytes},
		.cpus = cpus,
		.max = max,
		.about = about,
	};
	enum vpmu_status status;

	if (!source || !source->read || !about || (!cpus && max))
		return argument_missing(why, why_bytes);
	memset(about, 0, sizeof(*about));
	status = find(&search);
	if (!status && !search.count)
		status = search_fail(&search, VPMU_INCOMPATIBLE,
		                     "there is no section of an x86 CPU up to the end, which is",
		                     source->bytes);
	about->cpus = search.count;
	return status;
}
