/* SPDX-License-Identifier: MIT */
/*
 * Compares two models: in what the target's has less, and how much of the state's model a virtual
 * CPU there can have.
 */
#include <state/room_int.h>

/* If the PMU is missing or another vendor's, nothing of the guest's PMU remains. */
static enum vpmu_take judge(const struct field_row *row, uint64_t lacks, uint64_t to)
{
	if (!lacks)
		return VPMU_TAKES;
	return row->is_vital && (row->order == FIELD_SAME || !to) ? VPMU_CANNOT_TAKE
	                                                          : VPMU_TAKES_CHANGED;
}

static void compare_field(struct vpmu_compat *compat, size_t field, const struct vpmu_model *a,
                          const struct vpmu_model *b)
{
	const struct field_row *row = &field_rows[field];
	uint64_t from = field_had(row, a), to = field_offers(row, b);
	enum vpmu_take take = judge(row, field_lacks(row, a, b), to);
	bool is_seen = row->order == FIELD_SHOWN && row->lost && from != to;

	if (take == VPMU_TAKES && !is_seen)
		return;
	compat->differences[compat->difference_count++] = (struct vpmu_compat_difference){
		.field = (uint8_t)field,
		.take = (uint8_t)take,
		.from = from,
		.to = to,
	};
	if (take > compat->take)
		compat->take = take;
}

void compare_models(struct vpmu_compat *compat, const struct vpmu_model *a,
                    const struct vpmu_model *b)
{
	for (size_t i = 0; i < field_count; i++)
		compare_field(compat, i, a, b);
}

/* Before PerfMonV2, AMD's CPUID cannot say how many counters there are: the leaves may imply more
 * than the host has. The guest then gets the host's PMU. */
struct vpmu_model vpmu_compat_model(const struct vpmu_model *wanted, const struct vpmu_model *host)
{
	struct vpmu_model model = {0};

	if (!wanted || !host)
		return model;
	if (vpmu_model_covers(host, wanted))
		return wanted->version ? *wanted : *host;
	if (vpmu_model_check(wanted, NULL, 0) || vpmu_model_check(host, NULL, 0) ||
	    wanted->vendor != host->vendor)
		return *host;
	model = *wanted;
	model_cap(&model, host);
	return model.version && vpmu_model_covers(host, &model) ? model : *host;
}
