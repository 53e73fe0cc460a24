/* SPDX-License-Identifier: MIT */
/*
 * The fields of QEMU's subsection cpu/msr_architectural_pmu and their registers: one row for each
 * array of fields, whatever the vendor (target/i386/machine.c, vmstate_msr_architectural_pmu).
 */
#include <stream/room_int.h>

#define ROW(field, text, many, row_kind)                                                           \
	{                                                                                          \
		.name = (text), .offset = offsetof(struct vpmu_qemu_pmu, field), .count = (many),  \
		.kind = (row_kind)                                                                 \
	}

/* In the order of the stream, which is the structure's. */
static const struct {
	const char *name;
	uint16_t offset;
	uint8_t count;
	uint8_t kind; /* of the registers; the array's index is the register's */
} rows[] = {
	ROW(fixed_ctr_ctrl, "fixed_ctr_ctrl", 1, VPMU_KIND_FIXED_CTRL),
	ROW(global_ctrl, "global_ctrl", 1, VPMU_KIND_GLOBAL_CTRL),
	ROW(global_status, "global_status", 1, VPMU_KIND_GLOBAL_STATUS),
	ROW(global_ovf_ctrl, "global_ovf_ctrl", 1, VPMU_KIND_STATUS_CLEAR),
	ROW(fixed_counters, "fixed_counters", VPMU_QEMU_FIXED, VPMU_KIND_FIXED_COUNTER),
	ROW(gp_counters, "gp_counters", VPMU_QEMU_GP, VPMU_KIND_COUNTER),
	ROW(gp_evtsel, "gp_evtsel", VPMU_QEMU_GP, VPMU_KIND_SELECTOR),
};

enum { FIELDS = VPMU_QEMU_BYTES / 8 };
_Static_assert(sizeof(struct vpmu_qemu_pmu) == VPMU_QEMU_BYTES, "the structure is the fields");

void vpmu_qemu_pack(const struct vpmu_qemu_pmu *pmu, void *out)
{
	if (pmu && out)
		be_put_fields(out, pmu, sizeof(*pmu));
}

void vpmu_qemu_unpack(struct vpmu_qemu_pmu *pmu, const void *payload)
{
	if (pmu && payload)
		be_get_fields(payload, pmu, sizeof(*pmu));
}

/* Which field, of FIELDS, a register is; -1 when QEMU has none for it. */
static int field_of(const struct vpmu_register *reg)
{
	for (unsigned row = 0; row < ARRAY_SIZE(rows); row++)
		if (rows[row].kind == reg->kind && reg->index < rows[row].count)
			return rows[row].offset / 8 + reg->index;
	return -1;
}

static void add_field(struct text *text, unsigned field)
{
	unsigned row = ARRAY_SIZE(rows) - 1;

	while (rows[row].offset / 8u > field)
		row--;
	text_add(text, rows[row].name);
	if (rows[row].count > 1) {
		text_add(text, "[");
		text_add_unsigned(text, field - rows[row].offset / 8u);
		text_add(text, "]");
	}
}

/* "gp_counters[5]: the model has no such register: 0x1f" */
static enum vpmu_status wrong_field(const struct why *why, unsigned field, const char *what,
                                    const char *name, uint64_t value)
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

/* Fields that belong to no register of the model must be 0. Commands are ignored, since they are
 * not state. */
static enum vpmu_status check_rest(const uint64_t fields[FIELDS], uint64_t taken,
                                   const struct why *why)
{
	taken |= BIT64(offsetof(struct vpmu_qemu_pmu, global_ovf_ctrl) / 8);
	for (unsigned i = 0; i < FIELDS; i++)
		if (fields[i] && !(taken & BIT64(i)))
			return wrong_field(why, i, "the model has no such register", "", fields[i]);
	return VPMU_OK;
}

enum vpmu_status vpmu_qemu_to_state(const struct vpmu_qemu_pmu *pmu,
                                    const struct vpmu_layout *layout, struct vpmu_state *state,
                                    char *why, size_t why_bytes)
{
	const struct why where = {why, why_bytes};
	struct vpmu_state filled;
	uint64_t fields[FIELDS], taken = 0;
	enum vpmu_status status;

	if (!pmu || !layout || !state)
		return argument_missing(why, why_bytes);
	memcpy(fields, pmu, sizeof(fields));
	vpmu_state_reset(&filled, layout);
	for (unsigned i = 0; i < layout->value_count; i++) {
		unsigned place = layout->stored[i];
		int field = field_of(&layout->registers[place]);

		if (field < 0)
			continue;
		if (vpmu_layout_excess(layout, place, fields[field]))
			return wrong_field(&where, (unsigned)field, " cannot hold its value",
			                   layout->registers[place].name, fields[field]);
		filled.values[i] = fields[field];
		taken |= BIT64(field);
	}
	status = check_rest(fields, taken, &where);
	if (!status)
		*state = filled;
	return status;
}

static enum vpmu_status not_migrated(const struct why *why, const struct vpmu_register *reg,
                                     uint64_t value)
{
	struct text text = text_in(why->text, why->bytes);

	text_add(&text, reg->name);
	text_add(&text, ": QEMU does not migrate it, and it is not as after a reset: ");
	text_add_hex(&text, value);
	return VPMU_INCOMPATIBLE;
}

enum vpmu_status vpmu_qemu_from_state(const struct vpmu_state *state,
                                      const struct vpmu_layout *layout, struct vpmu_qemu_pmu *pmu,
                                      char *why, size_t why_bytes)
{
	const struct why where = {why, why_bytes};
	uint64_t fields[FIELDS] = {0};

	if (!pmu)
		return argument_missing(why, why_bytes);
	if (vpmu_state_check(state, layout, why, why_bytes))
		return VPMU_BAD_ARGUMENT;
	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = &layout->registers[layout->stored[i]];
		int field = field_of(reg);

		if (field >= 0)
			fields[field] = state->values[i];
		else if (state->values[i] != reg->reset)
			return not_migrated(&where, reg, state->values[i]);
	}
	memcpy(pmu, fields, sizeof(fields));
	return VPMU_OK;
}
