/* SPDX-License-Identifier: MIT */
/*
 * The PMU registers of Intel's P6 family, a row a register: Intel SDM vol. 3B, "Performance
 * monitoring (P6 family processor)", and vol. 4 table of MSRs in the P6 family. Their numbers are
 * those of the architectural PMU, which grew from them.
 */
#include <arch/room_int.h>

/*
 * EN of PerfEvtSel0 enables both counters; of PerfEvtSel1 the manual says that it has none. It is
 * kept there all the same, and does nothing: drivers write it to both (Linux before 3.8, OProfile).
 */
static uint64_t selector_bits(const struct vpmu_model *model, unsigned index)
{
	return SEL_EVENT | SEL_UMASK | SEL_USR | SEL_OS | SEL_EDGE | SEL_PC | SEL_INT | SEL_EN |
	       SEL_INV | SEL_CMASK;
}

static const struct reg_row rows[] = {
	{
		.name = "PerfCtr%u",
		.base = 0xc1,
		.stride = 1,
		.kind = VPMU_KIND_COUNTER,
		.count = REG_PER_GP,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = row_always,
		.writable = row_gp_value,
		.reset = row_reset_zero,
	},
	{
		.name = "PerfEvtSel%u",
		.base = 0x186,
		.stride = 1,
		.kind = VPMU_KIND_SELECTOR,
		.count = REG_PER_GP,
		.guest = VPMU_ACCESS_READ_WRITE,
		.host = VPMU_ACCESS_READ_WRITE,
		.level = VPMU_LEVEL_RESET,
		.exists = row_always,
		.writable = selector_bits,
		.reset = row_reset_zero,
	},
};

const struct reg_table p6_registers = {.rows = rows, .count = ARRAY_SIZE(rows)};
