/* SPDX-License-Identifier: MIT */
/*
 * The MSRs that are neither the PMU's nor the CPU's own (unicorn/system.c): one row a register or
 * run of registers. What has no row is #GP. Numbers, reserved bits: Intel SDM vol. 4; AMD64 APM
 * vol. 2 appendix A.
 */
#include <string.h>

#include <arch/room.h>

#include "room.h"

struct msr_row {
	uint32_t first, count;
	uint64_t writable; /* a write with any other bit is #GP */
	uint64_t reset;
	enum whose whose;                            /* 0: everybody's */
	bool (*valid)(uint32_t msr, uint64_t value); /* NULL: every value within writable */
	/* NULL: the row's stored value. */
	enum vpmu_status (*read)(struct machine *machine, uint32_t msr, uint64_t *value);
	enum vpmu_status (*write)(struct machine *machine, uint32_t msr, uint64_t value);
	bool shared; /* the PMU owns some of its bits: this row is asked first, and asks the PMU */
};

#define ALL_BITS     UINT64_MAX
#define ADDRESS_BITS ((UINT64_C(1) << PHYSICAL_BITS) - 1)

/* Whether each byte is a memory type out of a set of them (bit i: type i). */
static bool valid_types(uint64_t value, unsigned bytes, uint32_t types)
{
	for (unsigned i = 0; i < bytes; i++, value >>= 8)
		if ((value & 0xff) > 31 || !(types >> (value & 0xff) & 1))
			return false;
	return true;
}

/* IA32_MISC_ENABLE, SDM vol. 4 table 2-2: fast strings, TM1, EST, MONITOR, leaf limit, xTPR, XD. */
#define MISC_FAST_STRINGS UINT64_C(1)
#define MISC_STORED       UINT64_C(0x400c50009)
#define MISC_PMU          (MISC_EMON | MISC_NO_PEBS_NO_BTS)

enum { MTRR_TYPES = 0x73, PAT_TYPES = 0xf3 }; /* UC WC WT WP WB; PAT: UC- too. SDM 12.11, 12.12 */

static bool valid_mtrr_fixed(uint32_t msr, uint64_t value)
{
	return valid_types(value, 8, MTRR_TYPES);
}

/* Even numbers are bases, odd ones masks. */
static bool valid_mtrr_variable(uint32_t msr, uint64_t value)
{
	if (msr & 1)
		return !(value & 0x7ff);
	return !(value & 0xf00) && valid_types(value, 1, MTRR_TYPES);
}

static bool valid_mtrr_default(uint32_t msr, uint64_t value)
{
	return valid_types(value, 1, MTRR_TYPES);
}

static bool valid_pat(uint32_t msr, uint64_t value)
{
	return valid_types(value, 8, PAT_TYPES);
}

static enum vpmu_status refuse_write(struct machine *machine, uint32_t msr, uint64_t value)
{
	return VPMU_GP;
}

static enum vpmu_status drop_write(struct machine *machine, uint32_t msr, uint64_t value)
{
	return VPMU_OK;
}

static uint64_t tsc_now(const struct machine *machine)
{
	return board_now(machine) + machine->apic.timer.tsc_offset;
}

static enum vpmu_status read_tsc(struct machine *machine, uint32_t msr, uint64_t *value)
{
	*value = tsc_now(machine);
	return VPMU_OK;
}

/* SDM vol. 3B 18.17.3: whatever is added to the TSC is also added to IA32_TSC_ADJUST, and vice
 * versa. */
static void move_tsc(struct machine *machine, uint64_t by)
{
	apic_timer_set_tsc_offset(&machine->apic, board_now(machine),
	                          machine->apic.timer.tsc_offset + by);
	machine->tsc_adjust += by;
}

static enum vpmu_status write_tsc(struct machine *machine, uint32_t msr, uint64_t value)
{
	move_tsc(machine, value - tsc_now(machine));
	return VPMU_OK;
}

static enum vpmu_status read_tsc_adjust(struct machine *machine, uint32_t msr, uint64_t *value)
{
	*value = machine->tsc_adjust;
	return VPMU_OK;
}

static enum vpmu_status write_tsc_adjust(struct machine *machine, uint32_t msr, uint64_t value)
{
	move_tsc(machine, value - machine->tsc_adjust);
	return VPMU_OK;
}

static enum vpmu_status read_deadline(struct machine *machine, uint32_t msr, uint64_t *value)
{
	apic_advance(&machine->apic, board_now(machine));
	*value = apic_timer_read_deadline(&machine->apic);
	return VPMU_OK;
}

static enum vpmu_status write_deadline(struct machine *machine, uint32_t msr, uint64_t value)
{
	apic_timer_write_deadline(&machine->apic, board_now(machine), value);
	return VPMU_OK;
}

static enum vpmu_status read_apic_base(struct machine *machine, uint32_t msr, uint64_t *value)
{
	*value = machine->apic.base;
	return VPMU_OK;
}

static enum vpmu_status write_apic_base(struct machine *machine, uint32_t msr, uint64_t value)
{
	return apic_write_base(&machine->apic, board_now(machine), value);
}

static enum vpmu_status read_apic(struct machine *machine, uint32_t msr, uint64_t *value)
{
	return apic_msr_read(&machine->apic, board_now(machine), msr, value);
}

static enum vpmu_status write_apic(struct machine *machine, uint32_t msr, uint64_t value)
{
	return apic_msr_write(&machine->apic, board_now(machine), msr, value);
}

/* Combines the PMU's bits, which are read-only, with the rest, which is stored. */
static enum vpmu_status read_misc_enable(struct machine *machine, uint32_t msr, uint64_t *value)
{
	uint64_t pmu = 0;

	vpmu_pmu_guest_read(machine->pmu, msr, &pmu);
	*value = machine->misc_enable | (pmu & MISC_PMU);
	return VPMU_OK;
}

static enum vpmu_status write_misc_enable(struct machine *machine, uint32_t msr, uint64_t value)
{
	machine->misc_enable = value & ~MISC_PMU;
	return VPMU_OK;
}

enum {
	MTRR_VARIABLE = 8,
	MTRR_CAPABILITIES = MTRR_VARIABLE | 1 << 8 | 1 << 10, /* fixed ranges, write combining */
};

/* Ascending. */
static const struct msr_row rows[] = {
	/* IA32_TIME_STAMP_COUNTER */
	{.first = 0x10, .count = 1, .writable = ALL_BITS, .read = read_tsc, .write = write_tsc},
	/* IA32_PLATFORM_ID */
	{.first = 0x17, .count = 1, .whose = NOT_AMD, .write = refuse_write},
	/* IA32_APIC_BASE */
	{.first = 0x1b,
         .count = 1,
         .writable = ALL_BITS,
         .read = read_apic_base,
         .write = write_apic_base},
	/* IA32_TSC_ADJUST */
	{.first = 0x3b,
         .count = 1,
         .writable = ALL_BITS,
         .whose = NOT_AMD,
         .read = read_tsc_adjust,
         .write = write_tsc_adjust},
	/* IA32_SPEC_CTRL: IBRS, STIBP, with CPUID.7 EDX[27:26] */
	{.first = 0x48, .count = 1, .writable = 3, .whose = NOT_AMD},
	/* IA32_BIOS_SIGN_ID: revision 1; AMD's PATCH_LEVEL */
	{.first = 0x8b,
         .count = 1,
         .writable = ALL_BITS,
         .reset = UINT64_C(0x100000000),
         .whose = NOT_AMD,
         .write = drop_write},
	{.first = 0x8b,
         .count = 1,
         .writable = ALL_BITS,
         .reset = UINT64_C(0x01000065),
         .whose = AMD,
         .write = drop_write},
	/* IA32_MTRRCAP */
	{.first = 0xfe, .count = 1, .reset = MTRR_CAPABILITIES, .write = refuse_write},
	/* IA32_MCG_CAP: no banks; IA32_MCG_STATUS */
	{.first = 0x179, .count = 1, .write = refuse_write},
	{.first = 0x17a, .count = 1, .writable = 7},
	/* IA32_MISC_ENABLE */
	{.first = MSR_MISC_ENABLE,
         .count = 1,
         .writable = MISC_STORED | MISC_PMU,
         .read = read_misc_enable,
         .write = write_misc_enable,
         .shared = true},
	/* IA32_DEBUGCTL, for models whose PMU owns no bits of it: no bit can be set */
	{.first = MSR_DEBUGCTL, .count = 1},
	/* MTRRs: variable, fixed 64K 16K 4K; PAT; default type */
	{.first = 0x200,
         .count = 2 * MTRR_VARIABLE,
         .writable = ADDRESS_BITS,
         .valid = valid_mtrr_variable},
	{.first = 0x250, .count = 1, .writable = ALL_BITS, .valid = valid_mtrr_fixed},
	{.first = 0x258, .count = 2, .writable = ALL_BITS, .valid = valid_mtrr_fixed},
	{.first = 0x268, .count = 8, .writable = ALL_BITS, .valid = valid_mtrr_fixed},
	{.first = 0x277,
         .count = 1,
         .writable = ALL_BITS,
         .reset = UINT64_C(0x0007040600070406),
         .valid = valid_pat},
	{.first = 0x2ff, .count = 1, .writable = 0xcff, .valid = valid_mtrr_default},
	/* IA32_TSC_DEADLINE */
	{.first = 0x6e0,
         .count = 1,
         .writable = ALL_BITS,
         .read = read_deadline,
         .write = write_deadline},
	/* The local APIC in x2APIC mode */
	{.first = 0x800,
         .count = 0x100,
         .writable = ALL_BITS,
         .read = read_apic,
         .write = write_apic},
	/* TSC_AUX */
	{.first = 0xc0000103, .count = 1, .writable = UINT32_MAX},
	/* AMD: SYSCFG, HWCR (what an OS may set), NB_CFG, interrupt pending */
	{.first = 0xc0010010, .count = 1, .writable = ALL_BITS, .whose = AMD, .write = drop_write},
	{.first = 0xc0010015, .count = 1, .writable = 0x1000148, .whose = AMD},
	{.first = 0xc001001f, .count = 1, .writable = ALL_BITS, .whose = AMD, .write = drop_write},
	{.first = 0xc0010055, .count = 1, .writable = ALL_BITS, .whose = AMD, .write = drop_write},
};

static bool is_stored(const struct msr_row *row)
{
	return !row->read;
}

static bool is_there(const struct msr_row *row, const struct vpmu_model *model)
{
	return !row->whose || row->whose >> model->vendor & 1;
}

/* The row that holds an MSR, and where its value is stored; NULL. */
static const struct msr_row *find(struct machine *machine, uint32_t msr, uint64_t **slot)
{
	uint64_t *next = machine->msrs;

	for (unsigned i = 0; i < ARRAY_SIZE(rows) && rows[i].first <= msr; i++) {
		const struct msr_row *row = &rows[i];

		if (msr - row->first < row->count && is_there(row, &machine->config.model)) {
			*slot = next + (msr - row->first);
			return row;
		}
		next += is_stored(row) ? row->count : 0;
	}
	return NULL;
}

bool msr_is_shared(uint32_t msr)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].shared && rows[i].first == msr)
			return true;
	return false;
}

unsigned msr_slots(void)
{
	unsigned slots = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		slots += is_stored(&rows[i]) ? rows[i].count : 0;
	return slots;
}

void msr_reset(struct machine *machine)
{
	uint64_t *next = machine->msrs;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		for (unsigned j = 0; is_stored(&rows[i]) && j < rows[i].count; j++)
			*next++ = rows[i].reset;
	machine->tsc_adjust = 0;
	machine->misc_enable = MISC_FAST_STRINGS;
}

enum vpmu_status msr_read(struct machine *machine, uint32_t msr, uint64_t *value)
{
	uint64_t *slot;
	const struct msr_row *row = find(machine, msr, &slot);

	if (!row)
		return VPMU_GP;
	if (row->read)
		return row->read(machine, msr, value);
	*value = *slot;
	return VPMU_OK;
}

enum vpmu_status msr_write(struct machine *machine, uint32_t msr, uint64_t value)
{
	uint64_t *slot;
	const struct msr_row *row = find(machine, msr, &slot);

	if (!row || (value & ~row->writable) || (row->valid && !row->valid(msr, value)))
		return VPMU_GP;
	if (row->write)
		return row->write(machine, msr, value);
	*slot = value;
	return VPMU_OK;
}
