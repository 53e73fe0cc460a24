/* SPDX-License-Identifier: MIT */
/* Names: of kinds and accesses of registers, and of an MSR without a model. */
#include <arch/room_int.h>

const char *vpmu_kind_name(enum vpmu_kind kind)
{
	static const char *const names[VPMU_KINDS] = {
		[VPMU_KIND_COUNTER] = "counter",
		[VPMU_KIND_COUNTER_ALIAS] = "counter-alias",
		[VPMU_KIND_SELECTOR] = "selector",
		[VPMU_KIND_SELECTOR_ALIAS] = "selector-alias",
		[VPMU_KIND_FIXED_ALIAS] = "fixed-counter-alias",
		[VPMU_KIND_FIXED_COUNTER] = "fixed-counter",
		[VPMU_KIND_FIXED_CTRL] = "fixed-ctrl",
		[VPMU_KIND_GLOBAL_CTRL] = "global-ctrl",
		[VPMU_KIND_GLOBAL_STATUS] = "global-status",
		[VPMU_KIND_STATUS_CLEAR] = "status-clear",
		[VPMU_KIND_STATUS_SET] = "status-set",
		[VPMU_KIND_INUSE] = "inuse",
		[VPMU_KIND_CAPABILITIES] = "capabilities",
		[VPMU_KIND_METRICS] = "metrics",
		[VPMU_KIND_DEBUGCTL] = "debugctl",
		[VPMU_KIND_MISC_ENABLE] = "misc-enable",
		[VPMU_KIND_LBR_CTL] = "lbr-ctl",
		[VPMU_KIND_LBR_SELECT] = "lbr-select",
		[VPMU_KIND_LBR_TOS] = "lbr-tos",
		[VPMU_KIND_LBR_DEPTH] = "lbr-depth",
		[VPMU_KIND_LBR_FROM] = "lbr-from",
		[VPMU_KIND_LBR_TO] = "lbr-to",
		[VPMU_KIND_LBR_INFO] = "lbr-info",
		[VPMU_KIND_PEBS_ENABLE] = "pebs-enable",
		[VPMU_KIND_PEBS_DATA] = "pebs-data",
		[VPMU_KIND_DS_AREA] = "ds-area",
	};

	return (unsigned)kind < ARRAY_SIZE(names) ? names[kind] : NULL;
}

const char *vpmu_access_name(enum vpmu_access access)
{
	static const char *const names[] = {
		[VPMU_ACCESS_NONE] = "none",
		[VPMU_ACCESS_READ] = "read",
		[VPMU_ACCESS_READ_WRITE] = "read-write",
		[VPMU_ACCESS_COMMAND] = "command",
		[VPMU_ACCESS_IGNORED] = "ignored",
	};

	return (unsigned)access < ARRAY_SIZE(names) ? names[access] : NULL;
}

/* A run may be as long as the longest of any model. */
static bool is_of_row(const struct reg_row *row, uint32_t msr, unsigned *index)
{
	static const uint8_t most[] = {
		[REG_ONE] = 1,
		[REG_PER_GP] = VPMU_MAX_GP,
		[REG_PER_K7] = K7_COUNTERS,
		[REG_PER_FIXED] = VPMU_MAX_FIXED,
		[REG_PER_LBR] = MAX_LBR,
	};
	uint32_t offset = msr - row->base;

	*index = row->stride ? offset / row->stride : offset;
	return *index < most[row->count] && *index * row->stride == offset;
}

bool vpmu_msr_name(enum vpmu_vendor vendor, uint32_t msr, char *name)
{
	const struct reg_table *table;
	unsigned index;

	if (!name)
		return false;
	*name = '\0';
	if ((unsigned)vendor >= VPMU_VENDORS)
		return false;
	table = reg_table_of(vendor);
	for (size_t r = 0; r < table->count; r++)
		if (is_of_row(&table->rows[r], msr, &index)) {
			register_name(name, table->rows[r].name, index);
			return true;
		}
	return false;
}
