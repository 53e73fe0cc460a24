/* SPDX-License-Identifier: MIT */
/* The simulated stack of last branches, as far as registers show it: nothing is recorded. Its MSR
 * numbers and bits come from the rows of vpmu's register tables. */
#include "silicon.h"

#include <arch/room.h>

static struct vpmu_model model_of(u64 format)
{
	struct vpmu_model model;

	if (vpmu_model_parse(&model, "intel-v2", NULL, 0))
		abort();
	model.perf_capabilities |= format;
	return model;
}

unsigned int branches_of_format(u64 format)
{
	struct vpmu_model model = model_of(format);

	return model_lbr(&model);
}

static bool find(u64 format, u32 msr, struct vpmu_register *row)
{
	struct vpmu_register rows[VPMU_MAX_REGISTERS];
	struct vpmu_model model = model_of(format);
	size_t count = vpmu_model_registers(&model, rows);

	for (size_t i = 0; i < count; i++)
		if (rows[i].msr == msr && kind_is_lbr(rows[i].kind)) {
			*row = rows[i];
			return true;
		}
	return false;
}

static u64 *place_of(struct branches *branches, const struct vpmu_register *row)
{
	if (row->kind == VPMU_KIND_LBR_SELECT)
		return &branches->select;
	if (row->kind == VPMU_KIND_LBR_TOS)
		return &branches->newest;
	return &branches->entry[row->kind - VPMU_KIND_LBR_FROM][row->index];
}

bool branches_read(const struct branches *branches, u32 msr, u64 *value)
{
	struct vpmu_register row;

	if (!branches->format || !find(branches->format, msr, &row))
		return false;
	*value = *place_of((struct branches *)branches, &row);
	return true;
}

bool branches_write(struct branches *branches, u32 msr, u64 value)
{
	struct vpmu_register row;
	u64 excess;

	if (!branches->format || !find(branches->format, msr, &row))
		return false;
	excess =
		row.address ? address_excess(value, row.address, row.flags) : value & ~row.writable;
	if (!excess)
		*place_of(branches, &row) = value;
	return !excess;
}

void branches_reset(struct branches *branches)
{
	branches->select = 0;
	memset(branches->entry, 0, sizeof(branches->entry));
}
