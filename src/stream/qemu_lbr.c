/* SPDX-License-Identifier: MIT */
/*
 * The fields of QEMU's subsection cpu/arch_lbr and the registers of Intel's architectural last
 * branches (target/i386/machine.c, vmstate_arch_lbr). QEMU sends it of every vCPU whose CPUID has
 * them, but reads them from KVM only if KVM has them, with 32 entries: else all fields are 0.
 */
#include <stream/room_int.h>

enum { FIELDS = VPMU_QEMU_LBR_BYTES / 8, HEAD_FIELDS = 2, ENTRY_FIELDS = 3, NO_FIELD = FIELDS };
_Static_assert(sizeof(struct vpmu_qemu_lbr) == VPMU_QEMU_LBR_BYTES, "the structure is the fields");
_Static_assert((int)VPMU_QEMU_LBR == (int)MAX_LBR, "a field for every entry of any model");

/* By kind: the first field; an entry's fields follow those of the entry before. */
static const struct {
	const char *name;
	uint8_t kind;
	uint8_t field;
} rows[] = {
	{"lbr_ctl", VPMU_KIND_LBR_CTL, 0},
	{"lbr_depth", VPMU_KIND_LBR_DEPTH, 1},
	{"from", VPMU_KIND_LBR_FROM, HEAD_FIELDS},
	{"to", VPMU_KIND_LBR_TO, HEAD_FIELDS + 1},
	{"info", VPMU_KIND_LBR_INFO, HEAD_FIELDS + 2},
};

void vpmu_qemu_lbr_pack(const struct vpmu_qemu_lbr *lbr, void *out)
{
	if (lbr && out)
		be_put_fields(out, lbr, sizeof(*lbr));
}

void vpmu_qemu_lbr_unpack(struct vpmu_qemu_lbr *lbr, const void *payload)
{
	if (lbr && payload)
		be_get_fields(payload, lbr, sizeof(*lbr));
}

/* AMD's stack has registers of the same kinds, and QEMU does not migrate it. */
static bool has_stack(const struct vpmu_layout *layout)
{
	for (unsigned i = 0; i < layout->value_count; i++)
		if (stored_register(layout, i)->kind == VPMU_KIND_LBR_DEPTH)
			return true;
	return false;
}

/* Which field a register is; NO_FIELD: none of these. */
static unsigned field_of(const struct vpmu_register *reg)
{
	for (unsigned row = 0; row < ARRAY_SIZE(rows); row++)
		if (rows[row].kind == reg->kind)
			return rows[row].field + ENTRY_FIELDS * reg->index;
	return NO_FIELD;
}

/* "lbr_records[3].from" */
static void add_field(struct text *text, unsigned field)
{
	if (field < HEAD_FIELDS) {
		text_add(text, rows[field].name);
		return;
	}
	text_add(text, "lbr_records[");
	text_add_unsigned(text, (field - HEAD_FIELDS) / ENTRY_FIELDS);
	text_add(text, "].");
	text_add(text, rows[HEAD_FIELDS + (field - HEAD_FIELDS) % ENTRY_FIELDS].name);
}

/* "lbr_ctl: the model has no such register: 0x7f0001" */
static enum vpmu_status wrong_field(const struct why *why, unsigned field, const char *name,
                                    const char *what, uint64_t value)
{
	struct text text = text_in(why->text, why->bytes);

	add_field(&text, field);
	text_add(&text, ": ");
	text_add(&text, name);
	text_add(&text, what);
	text_add(&text, ": ");
	text_add_hex(&text, value);
	return VPMU_INCOMPATIBLE;
}

/* Takes the fields that are registers of the model, and sets them to 0. */
static enum vpmu_status take_fields(uint64_t fields[FIELDS], const struct vpmu_layout *layout,
                                    struct vpmu_state *state, const struct why *why)
{
	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = stored_register(layout, i);
		unsigned field = field_of(reg);

		if (field == NO_FIELD)
			continue;
		if (vpmu_layout_excess(layout, layout->stored[i], fields[field]))
			return wrong_field(why, field, reg->name, " cannot hold its value",
			                   fields[field]);
		state->values[i] = fields[field];
		fields[field] = 0;
	}
	return VPMU_OK;
}

static bool is_empty(const uint64_t fields[FIELDS])
{
	uint64_t any = 0;

	for (unsigned i = 0; i < FIELDS; i++)
		any |= fields[i];
	return !any;
}

/* The depth of a stack that the model lacks is no loss. */
enum vpmu_status vpmu_qemu_lbr_to_state(const struct vpmu_qemu_lbr *lbr,
                                        const struct vpmu_layout *layout, struct vpmu_state *state,
                                        char *why, size_t why_bytes)
{
	const struct why where = {why, why_bytes};
	enum vpmu_status status = VPMU_OK;
	struct vpmu_state filled;
	uint64_t fields[FIELDS];

	if (!lbr)
		return argument_missing(why, why_bytes);
	if (vpmu_state_check(state, layout, why, why_bytes))
		return VPMU_BAD_ARGUMENT;
	memcpy(fields, lbr, sizeof(fields));
	if (is_empty(fields))
		fields[1] = layout->model.lbr;
	filled = *state;
	if (has_stack(layout))
		status = take_fields(fields, layout, &filled, &where);
	fields[1] = 0;
	for (unsigned i = 0; i < FIELDS && !status; i++)
		if (fields[i])
			status = wrong_field(&where, i, "", "the model has no such register",
			                     fields[i]);
	if (!status)
		*state = filled;
	return status;
}

enum vpmu_status vpmu_qemu_lbr_take(struct vpmu_state *state, const struct vpmu_layout *layout,
                                    struct vpmu_qemu_lbr *lbr, char *why, size_t why_bytes)
{
	uint64_t fields[FIELDS] = {0};

	if (!lbr)
		return argument_missing(why, why_bytes);
	if (vpmu_state_check(state, layout, why, why_bytes))
		return VPMU_BAD_ARGUMENT;
	for (unsigned i = 0; i < layout->value_count && has_stack(layout); i++) {
		const struct vpmu_register *reg = stored_register(layout, i);
		unsigned field = field_of(reg);

		if (field == NO_FIELD)
			continue;
		fields[field] = state->values[i];
		state->values[i] = reg->reset;
	}
	memcpy(lbr, fields, sizeof(fields));
	return VPMU_OK;
}
