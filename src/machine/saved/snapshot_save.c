/* SPDX-License-Identifier: MIT */
/* Saves a machine: each of its records, and all of them in sequence. */
#include <stdlib.h>
#include <string.h>

#include <state/room.h>
#include <stream/room.h>

#include "snapshot.h"
#include "snapshot_board.h"

size_t record_begin(struct pack *pack, enum record_type type)
{
	size_t begun = pack->used;

	pack_number(pack, type, 4);
	pack_number(pack, 0, 8);
	return begun;
}

void record_end(struct pack *pack, size_t begun)
{
	uint8_t *header = pack->bytes + begun;
	size_t length = pack->used - begun - RECORD_HEADER_BYTES;
	uint32_t crc;

	if (pack->failed)
		return;
	store_le(header + 4, 4, length);
	crc = crc32c(0, header, 8);
	crc = crc32c(crc, header + RECORD_HEADER_BYTES, length);
	store_le(header + 8, 4, crc);
}

void saved_header(struct pack *pack, const char magic[8])
{
	pack_bytes(pack, magic, 8);
	pack_number(pack, SAVED_VERSION, 8);
}

bool save_head(const struct machine *machine, struct pack *pack, struct text *why)
{
	size_t begun = record_begin(pack, RECORD_HEAD);
	const char *profile = machine_profile_name(machine);

	pack_number(pack, machine->config.memory_bytes, 8);
	pack_bytes(pack, profile, strlen(profile));
	record_end(pack, begun);
	return true;
}

/* "vendor=amd,gp=4,…": all that the host has. */
static void print_host(const struct vpmu_host *host, struct text *text)
{
	const char *key;
	unsigned value;

	for (size_t i = 0; (key = vpmu_host_key(i)); i++) {
		if (!vpmu_host_get(host, i, &value))
			continue;
		text_add(text, text->used ? "," : "");
		text_add_bytes(text, key, strcspn(key, "=") + 1);
		if (vpmu_host_word(i, value))
			text_add(text, vpmu_host_word(i, value));
		else
			text_add_unsigned(text, value);
	}
}

bool save_host(const struct machine *machine, struct pack *pack)
{
	char line[HOST_TEXT_BYTES] = "";
	struct text text = text_in(line, sizeof(line));
	struct vpmu_host usual;
	size_t begun;

	vpmu_host_init(&usual, (enum vpmu_vendor)machine->config.model.vendor);
	if (!memcmp(machine->config.host, &usual, sizeof(usual)))
		return false;
	print_host(machine->config.host, &text);
	begun = record_begin(pack, RECORD_HOST);
	pack_bytes(pack, line, strlen(line));
	record_end(pack, begun);
	return true;
}

/* Reads the PMU's state as a VMM does. */
static bool get_state(struct machine *machine, struct vpmu_layout *layout, struct vpmu_state *state,
                      struct text *why)
{
	struct vpmu_target target = vpmu_target_machine(machine->pmu);
	struct vpmu_report report;
	char line[200] = "";

	if (vpmu_layout_init(layout, vpmu_pmu_model(machine->pmu))) {
		text_add(why, "the PMU's model is not possible");
		return false;
	}
	if (!vpmu_state_get(state, layout, &target, VPMU_POLICY_ROLL_BACK, &report) &&
	    !vpmu_state_check(state, layout, line, sizeof(line)))
		return true;
	if (!*line)
		vpmu_report_describe(&report, 0, line, sizeof(line));
	text_add(why, "the PMU's state: ");
	text_add(why, line);
	return false;
}

/* --- Nothing is saved that its reader would refuse -------------------------------------------- */

/* Whether a new PMU of this model, profile and host takes the state. */
static bool pmu_restores(const struct machine *machine, const struct vpmu_layout *layout,
                         const struct vpmu_state *state, struct text *why)
{
	void *memory = aligned_alloc(VPMU_PMU_ALIGN, VPMU_PMU_BYTES);
	struct vpmu_report report;
	struct vpmu_target target;
	struct vpmu_pmu *pmu;
	enum vpmu_status status;
	char line[200] = "no memory";

	if (memory) {
		pmu = vpmu_pmu_init_on(memory, VPMU_PMU_BYTES, &machine->config.model,
		                       machine->config.profile, machine->config.host);
		target = vpmu_target_machine(pmu);
		status = vpmu_state_put(state, layout, &target, VPMU_LEVEL_FULL,
		                        vpmu_order_find("safe"), VPMU_POLICY_ROLL_BACK, &report);
		free(memory);
		if (!status)
			return true;
		vpmu_report_describe(&report, 0, line, sizeof(line));
	}
	text_add(why, "the PMU's state could not be put again: ");
	text_add(why, line);
	return false;
}

/* A reader of what has been packed since the record began. */
static struct unpack read_back(const struct pack *pack, size_t begun)
{
	return (struct unpack){
		.bytes = pack->bytes + begun + RECORD_HEADER_BYTES,
		.count = pack->used - begun - RECORD_HEADER_BYTES,
	};
}

static bool not_restored(struct text *why, const char *part, const char *wrong)
{
	text_add(why, part);
	text_add(why, ": a value that could not be restored: ");
	text_add(why, wrong);
	return false;
}

/* Whether a copy of the machine would take the board's record. The copy shares the PMU, which this
 * does not change. */
static bool board_restores(const struct machine *machine, struct unpack in, struct text *why)
{
	struct machine *twin = aligned_alloc(_Alignof(struct machine), sizeof(*twin));
	bool good;

	if (!twin)
		return not_restored(why, "the board", "no memory");
	memcpy(twin, machine, sizeof(*twin));
	good = board_unpack(twin, &in);
	free(twin);
	return good || not_restored(why, "the board", in.wrong);
}

bool save_pmu(struct machine *machine, struct pack *pack, struct text *why)
{
	uint8_t stream[VPMU_STREAM_BYTES];
	struct vpmu_layout layout;
	struct vpmu_state state;
	size_t begun, used;

	if (!get_state(machine, &layout, &state, why))
		return false;
	if (vpmu_stream_encode(&state, &layout, 0, stream, sizeof(stream), &used)) {
		text_add(why, "the PMU's state cannot be encoded");
		return false;
	}
	if (!pmu_restores(machine, &layout, &state, why))
		return false;
	begun = record_begin(pack, RECORD_PMU);
	pack_bytes(pack, stream, used);
	record_end(pack, begun);
	return true;
}

bool save_board(const struct machine *machine, struct pack *pack, struct text *why)
{
	size_t begun = record_begin(pack, RECORD_BOARD);

	board_pack(machine, pack);
	record_end(pack, begun);
	return pack->failed || board_restores(machine, read_back(pack, begun), why);
}

bool save_cpu(struct machine *machine, struct pack *pack, struct text *why)
{
	size_t begun = record_begin(pack, RECORD_CPU);
	struct unpack in;

	if (!machine->ops->save(machine->cpu, pack)) {
		text_add(why, "the CPU has stopped for good");
		return false;
	}
	record_end(pack, begun);
	if (pack->failed || !machine->ops->restores)
		return true;
	in = read_back(pack, begun);
	return machine->ops->restores(&in) || not_restored(why, "the CPU", in.wrong);
}

void save_notes(const struct machine_notes *notes, struct pack *pack)
{
	size_t begun = record_begin(pack, RECORD_NOTES);

	for (unsigned i = 0; i < notes->count; i++)
		pack_number(pack, notes->values[i], 8);
	record_end(pack, begun);
}

void save_end(struct pack *pack, uint64_t records)
{
	size_t begun = record_begin(pack, RECORD_END);

	pack_number(pack, records, 8);
	record_end(pack, begun);
}

/* Writes out what has been packed, and empties the buffer. */
static bool drain(struct pack *pack, const struct machine_sink *sink)
{
	bool good = !pack->failed && sink->write(sink->context, pack->bytes, pack->used);

	pack->used = 0;
	return good;
}

/* Writes the records of pages; false when the sink takes no more. */
static bool save_pages(const struct guest_memory *memory, struct pack *pack,
                       const struct machine_sink *sink, uint64_t *records)
{
	uint64_t page = pages_next(memory, 0), pages = memory->bytes / PAGE_SIZE_;

	while (page < pages) {
		size_t begun = record_begin(pack, RECORD_PAGES);

		for (unsigned n = 0; n < PAGES_A_RECORD && page < pages;
		     page = pages_next(memory, page + 1)) {
			if (page_is_zero(memory, page))
				continue;
			page_pack(pack, memory, page);
			n++;
		}
		record_end(pack, begun);
		++*records;
		if (!drain(pack, sink))
			return false;
	}
	return true;
}

/* Packs the records that come before memory. */
static bool save_state(struct machine *machine, struct pack *pack, uint64_t *records,
                       struct text *why)
{
	/* Pack the CPU first: that settles what it has counted, which the PMU's state must
	 * include. */
	struct pack cpu = {0};
	bool good = save_cpu(machine, &cpu, why) && save_head(machine, pack, why);

	if (good)
		*records += save_host(machine, pack);
	good = good && save_pmu(machine, pack, why) && save_board(machine, pack, why);
	if (good)
		pack_bytes(pack, cpu.bytes, cpu.used);
	pack->failed = pack->failed || cpu.failed;
	free(cpu.bytes);
	return good;
}

enum vpmu_status machine_save(struct machine *machine, const struct machine_notes *notes,
                              const struct machine_sink *sink, char *why, size_t why_bytes)
{
	struct text reason = text_in(why, why_bytes);
	struct pack pack = {0};
	uint64_t records = 5;
	bool good;

	if (!machine->loaded || machine->ports.exited) {
		text_add(&reason, "there is no guest to go on with");
		return VPMU_BAD_ARGUMENT;
	}
	if (!machine_has_a_life(machine, &reason))
		return VPMU_BAD_ARGUMENT;
	saved_header(&pack, MACHINE_SAVED_MAGIC);
	if (!save_state(machine, &pack, &records, &reason)) {
		free(pack.bytes);
		return VPMU_BAD_ARGUMENT;
	}
	save_notes(notes, &pack);
	records += save_cycles(machine, &pack);
	good = drain(&pack, sink) && save_pages(&machine->memory, &pack, sink, &records);
	save_end(&pack, records);
	good = good && drain(&pack, sink);
	if (!good)
		text_add(&reason, pack.failed ? "no memory" : "it cannot be written");
	free(pack.bytes);
	return good ? VPMU_OK : VPMU_HOST;
}
