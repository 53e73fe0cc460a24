/* SPDX-License-Identifier: MIT */
/*
 * Restores a machine, record by record. The machine is made anew, so nothing of the caller's has
 * changed when a record turns out to be wrong. The PMU's record comes before memory and CPU, so
 * that a state which this model cannot take is found first.
 */
#include <stdlib.h>
#include <string.h>

#include <state/room.h>
#include <stream/room.h>

#include "snapshot.h"
#include "snapshot_board.h"

/* The reason for a stream of another model lists every field that differs. */
enum { MODEL_WHY_BYTES = 1024 };

enum seen {
	SEEN_HEAD = 1 << 0,
	SEEN_PMU = 1 << 1,
	SEEN_BOARD = 1 << 2,
	SEEN_CPU = 1 << 3,
	SEEN_END = 1 << 4,
	SEEN_HOST = 1 << 5,
	SEEN_ALL = SEEN_HEAD | SEEN_PMU | SEEN_BOARD | SEEN_CPU,
};

enum vpmu_status restore_fail(struct restore *restore, enum vpmu_status status, const char *what,
                              const char *detail)
{
	text_add(&restore->why, what);
	if (detail) {
		text_add(&restore->why, ": ");
		text_add(&restore->why, detail);
	}
	return status;
}

enum vpmu_status restore_header(struct restore *restore, const uint8_t *bytes, const char magic[8])
{
	if (memcmp(bytes, magic, 8))
		return restore_fail(restore, VPMU_BAD_DATA, "not a saved machine", NULL);
	if (load_le(bytes + 8, 8) == SAVED_VERSION)
		return VPMU_OK;
	restore_fail(restore, VPMU_INCOMPATIBLE, "a saved machine of version ", NULL);
	text_add_unsigned(&restore->why, load_le(bytes + 8, 8));
	text_add(&restore->why, ", this vpmu knows ");
	text_add_unsigned(&restore->why, SAVED_VERSION);
	return VPMU_INCOMPATIBLE;
}

enum vpmu_status record_length(const uint8_t *header, size_t *length, struct text *why)
{
	*length = load_le(header + 4, 4);
	if (*length <= RECORD_MOST)
		return VPMU_OK;
	text_add(why, "a record of ");
	text_add_unsigned(why, *length);
	text_add(why, " bytes");
	return VPMU_BAD_DATA;
}

/* --- The records ----------------------------------------------------------------------------- */

static enum vpmu_status take_head(struct restore *restore, struct unpack *in)
{
	uint64_t memory = unpack_number(in, 8, "the memory's size");
	char name[32] = "";
	const struct vpmu_profile *profile;

	if (in->wrong || in->count - in->at >= sizeof(name))
		return restore_fail(restore, VPMU_BAD_DATA, "the profile's name", NULL);
	memcpy(name, in->bytes + in->at, in->count - in->at);
	profile = vpmu_profile_find(name);
	if (!profile || strlen(name) != in->count - in->at)
		return restore_fail(restore, VPMU_INCOMPATIBLE, "an unknown profile", NULL);
	if (!restore->expects_profile)
		restore->config.profile = profile;
	if (memory % MIB || memory < 2 * MIB || memory > 4096 * MIB)
		return restore_fail(restore, VPMU_BAD_DATA, "the memory's size", NULL);
	if (memory > restore->config.memory_bytes) {
		restore_fail(restore, VPMU_INCOMPATIBLE, "it has more memory than allowed: ", NULL);
		text_add_unsigned(&restore->why, memory / MIB);
		text_add(&restore->why, "M");
		return VPMU_INCOMPATIBLE;
	}
	restore->memory_bytes = memory;
	return VPMU_OK;
}

/* The machine that is made by the PMU's record is on this host. */
static enum vpmu_status take_host(struct restore *restore, struct unpack *in)
{
	char text[HOST_TEXT_BYTES] = "", why[MODEL_WHY_BYTES] = "";

	if (restore->machine)
		return restore_fail(restore, VPMU_BAD_DATA, "out of place", NULL);
	if (in->count >= sizeof(text) || memchr(in->bytes, '\0', in->count))
		return restore_fail(restore, VPMU_BAD_DATA, "the host's text", NULL);
	memcpy(text, in->bytes, in->count);
	vpmu_host_init(&restore->host, VPMU_VENDOR_INTEL);
	if (vpmu_host_set(&restore->host, text, why, sizeof(why)))
		return restore_fail(restore, VPMU_INCOMPATIBLE, "the host", why);
	if (!restore->expects_host)
		restore->config.host = &restore->host;
	return VPMU_OK;
}

/* Makes the machine, as soon as the records have said which one it is. */
static enum vpmu_status make_machine(struct restore *restore)
{
	char why[200] = "";

	if (!restore->config.cpu->counts)
		return restore_fail(restore, VPMU_INCOMPATIBLE,
		                    "this CPU cannot go on at an instruction", NULL);
	restore->config.memory_bytes = restore->memory_bytes;
	restore->machine = machine_create(&restore->config, why, sizeof(why));
	if (!restore->machine)
		return restore_fail(restore, VPMU_HOST, why, NULL);
	if (vpmu_layout_init(&restore->layout, vpmu_pmu_model(restore->machine->pmu)))
		return restore_fail(restore, VPMU_INTERNAL, "the model's layout", NULL);
	return VPMU_OK;
}

static enum vpmu_status take_pmu(struct restore *restore, struct unpack *in)
{
	struct vpmu_stream_about about;
	enum vpmu_status status;
	char why[MODEL_WHY_BYTES] = "";

	if (!restore->machine) {
		status = vpmu_stream_look(in->bytes, in->count, &about, why, sizeof(why));
		if (status)
			return restore_fail(restore, status, "the PMU's state", why);
		if (!restore->expects_model)
			restore->config.model = about.model;
		status = make_machine(restore);
		if (status)
			return status;
	}
	status = vpmu_stream_decode(in->bytes, in->count, &restore->layout, &restore->state, NULL,
	                            why, sizeof(why));
	return status ? restore_fail(restore, status, "the PMU's state", why) : VPMU_OK;
}

static enum vpmu_status wrong_field(struct restore *restore, const struct unpack *in)
{
	return restore_fail(restore, VPMU_BAD_DATA, "a value out of range", in->wrong);
}

static enum vpmu_status take_board(struct restore *restore, struct unpack *in)
{
	return board_unpack(restore->machine, in) ? VPMU_OK : wrong_field(restore, in);
}

static enum vpmu_status take_cpu(struct restore *restore, struct unpack *in)
{
	return restore->machine->ops->restore(restore->machine->cpu, in) ? VPMU_OK
	                                                                 : wrong_field(restore, in);
}

static enum vpmu_status take_pages(struct restore *restore, struct unpack *in)
{
	return pages_unpack(in, &restore->machine->memory) ? VPMU_OK : wrong_field(restore, in);
}

static enum vpmu_status take_notes(struct restore *restore, struct unpack *in)
{
	struct machine_notes *notes = &restore->notes;

	if (in->count % 8 || in->count / 8 > MACHINE_NOTES)
		return restore_fail(restore, VPMU_BAD_DATA, "the notes' length", NULL);
	for (notes->count = 0; notes->count < in->count / 8; notes->count++)
		notes->values[notes->count] = unpack_number(in, 8, "notes");
	return VPMU_OK;
}

static enum vpmu_status take_cycles(struct restore *restore, struct unpack *in)
{
	return cycles_unpack(in, &restore->last_cycles) ? VPMU_OK : wrong_field(restore, in);
}

static enum vpmu_status take_end(struct restore *restore, struct unpack *in)
{
	uint64_t records = unpack_number(in, 8, "the number of records");

	if (!unpack_is_done(in, "the end") || records != restore->records)
		return restore_fail(restore, VPMU_BAD_DATA, "records are missing", NULL);
	if ((restore->seen & SEEN_ALL) != SEEN_ALL)
		return restore_fail(restore, VPMU_BAD_DATA, "a part of the machine is missing",
		                    NULL);
	return VPMU_OK;
}

/* Which records may come when. In a live migration a later record replaces the one before it. */
static const struct record_row {
	uint32_t type;
	uint8_t after; /* enum seen: what must have come */
	uint8_t marks; /* its own bit; 0: may always come again */
	bool live;     /* may come again in a live migration */
	enum vpmu_status (*take)(struct restore *restore, struct unpack *in);
} rows[] = {
	{RECORD_HEAD, 0, SEEN_HEAD, false, take_head},
	{RECORD_HOST, SEEN_HEAD, SEEN_HOST, false, take_host},
	{RECORD_PMU, SEEN_HEAD, SEEN_PMU, true, take_pmu},
	{RECORD_BOARD, SEEN_PMU, SEEN_BOARD, false, take_board},
	{RECORD_CPU, SEEN_PMU, SEEN_CPU, false, take_cpu},
	{RECORD_PAGES, SEEN_PMU, 0, true, take_pages},
	{RECORD_CYCLES, SEEN_PMU, 0, true, take_cycles},
	{RECORD_NOTES, SEEN_HEAD, 0, true, take_notes},
	{RECORD_END, SEEN_HEAD, SEEN_END, false, take_end},
};

static const struct record_row *find_row(uint32_t type)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].type == type)
			return &rows[i];
	return NULL;
}

static void name_record(struct restore *restore, uint32_t type)
{
	char name[5] = "";

	for (unsigned i = 0; i < 4; i++) {
		char c = (char)(type >> 8 * i);

		name[i] = c >= ' ' && c <= '~' ? c : '?';
	}
	text_add(&restore->why, "record ");
	text_add_unsigned(&restore->why, restore->records + 1);
	text_add(&restore->why, " '");
	text_add(&restore->why, name);
	text_add(&restore->why, "': ");
}

static enum vpmu_status take(struct restore *restore, uint32_t type, struct unpack *in)
{
	const struct record_row *row = find_row(type);
	enum vpmu_status status;

	name_record(restore, type);
	if (!row && !(type & 0x20)) /* upper-case: may not be skipped */
		return restore_fail(restore, VPMU_INCOMPATIBLE, "this vpmu does not know it", NULL);
	if (row && ((restore->seen & row->after) != row->after || (restore->seen & SEEN_END) ||
	            (!(restore->live && row->live) && (restore->seen & row->marks))))
		return restore_fail(restore, VPMU_BAD_DATA, "out of place", NULL);
	status = row ? row->take(restore, in) : VPMU_OK;
	if (status)
		return status;
	restore->seen |= row ? row->marks : 0;
	restore->records++;
	restore->why.used = 0;
	restore->why.start[0] = '\0';
	return VPMU_OK;
}

bool record_is_sound(const uint8_t *record, size_t bytes)
{
	uint32_t crc = crc32c(0, record, 8);

	crc = crc32c(crc, record + RECORD_HEADER_BYTES, bytes - RECORD_HEADER_BYTES);
	return crc == load_le(record + 8, 4);
}

enum vpmu_status restore_record(struct restore *restore, const uint8_t *record, size_t bytes)
{
	struct unpack in = {.bytes = record + RECORD_HEADER_BYTES,
	                    .count = bytes - RECORD_HEADER_BYTES};

	if (!record_is_sound(record, bytes)) {
		name_record(restore, (uint32_t)load_le(record, 4));
		return restore_fail(restore, VPMU_BAD_DATA, "damaged, its checksum is wrong", NULL);
	}
	return take(restore, (uint32_t)load_le(record, 4), &in);
}

bool restore_has_end(const struct restore *restore)
{
	return restore->seen & SEEN_END;
}

enum vpmu_status restore_finish(struct restore *restore, struct machine **machine)
{
	struct vpmu_target target = vpmu_target_machine(restore->machine->pmu);
	struct vpmu_report report;
	enum vpmu_status status;
	char line[200];

	status = vpmu_state_put(&restore->state, &restore->layout, &target, VPMU_LEVEL_FULL,
	                        restore->order, VPMU_POLICY_ROLL_BACK, &report);
	if (status) {
		vpmu_report_describe(&report, 0, line, sizeof(line));
		return restore_fail(restore, status, line, NULL);
	}
	vpmu_pmu_set_last_cycles(restore->machine->pmu, &restore->last_cycles);
	restore->machine->loaded = true;
	*machine = restore->machine;
	restore->machine = NULL;
	return VPMU_OK;
}

void restore_abandon(struct restore *restore)
{
	machine_destroy(restore->machine);
	restore->machine = NULL;
}

/* --- From an origin -------------------------------------------------------------------------- */

static enum vpmu_status read_all(struct restore *restore, const struct machine_origin *origin,
                                 void *into, size_t bytes)
{
	long got = origin->read(origin->context, into, bytes);

	if (got == (long)bytes)
		return VPMU_OK;
	if (got < 0)
		return restore_fail(restore, VPMU_HOST, "it cannot be read", NULL);
	return restore_fail(restore, VPMU_BAD_DATA, "it is truncated", NULL);
}

static enum vpmu_status read_record(struct restore *restore, const struct machine_origin *origin,
                                    uint8_t *record)
{
	enum vpmu_status status = read_all(restore, origin, record, RECORD_HEADER_BYTES);
	size_t length;

	if (!status)
		status = record_length(record, &length, &restore->why);
	if (!status)
		status = read_all(restore, origin, record + RECORD_HEADER_BYTES, length);
	return status ? status : restore_record(restore, record, RECORD_HEADER_BYTES + length);
}

static enum vpmu_status read_saved(struct restore *restore, const struct machine_origin *origin,
                                   uint8_t *record, struct machine **machine)
{
	enum vpmu_status status = read_all(restore, origin, record, SAVED_HEADER_BYTES);

	if (!status)
		status = restore_header(restore, record, MACHINE_SAVED_MAGIC);
	while (!status && !restore_has_end(restore))
		status = read_record(restore, origin, record);
	if (!status && origin->read(origin->context, record, 1) != 0)
		status = restore_fail(restore, VPMU_BAD_DATA, "something follows the end", NULL);
	return status ? status : restore_finish(restore, machine);
}

void restore_begin(struct restore *restore, const struct machine_restore *wanted, struct text why)
{
	*restore = (struct restore){
		.config = wanted->config,
		.expects_model = wanted->has_model,
		.expects_profile = wanted->config.profile != NULL,
		.expects_host = wanted->config.host != NULL,
		.order = wanted->order,
		.why = why,
	};
	restore->config.append = NULL;
}

struct machine *machine_load_saved(const struct machine_restore *wanted,
                                   const struct machine_origin *origin, struct machine_notes *notes,
                                   enum vpmu_status *status, char *why, size_t why_bytes)
{
	uint8_t *record = malloc(RECORD_HEADER_BYTES + RECORD_MOST);
	struct machine *machine = NULL;
	struct restore *restore = malloc(sizeof(*restore));
	struct text reason = text_in(why, why_bytes);

	*status = VPMU_HOST;
	if (record && restore) {
		restore_begin(restore, wanted, reason);
		*status = read_saved(restore, origin, record, &machine);
		restore_abandon(restore);
		*notes = restore->notes;
	} else {
		text_add(&reason, "no memory");
	}
	free(restore);
	free(record);
	return machine;
}
