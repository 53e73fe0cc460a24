/* SPDX-License-Identifier: MIT */
/* Ways to write a register that every profile shares. The value has been checked, and cut where
 * the rule says so. */
#include <core/room_int.h>

enum vpmu_status set_counter(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	pmu->engine->write(pmu, reg->slot, value);
	return VPMU_OK;
}

/* Intel SDM vol. 3B 20.2.8: a write to IA32_PMCi takes 32 bits and sign-extends them. */
enum vpmu_status set_low_half(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	return set_counter(pmu, reg, (uint64_t)(int64_t)(int32_t)(uint32_t)value);
}

enum vpmu_status set_selector(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	if (pmu->selector[reg->slot] != value) {
		pmu->selector[reg->slot] = value;
		pmu->response->changed(pmu, 1u << reg->slot);
	}
	return VPMU_OK;
}

/* For P6, whose first selector enables every counter. */
enum vpmu_status set_first_or_other(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	uint64_t changed = pmu->selector[reg->slot] ^ value;

	pmu->selector[reg->slot] = value;
	if (changed)
		pmu->response->changed(pmu, reg->slot ? 1u << reg->slot : pmu->slots);
	return VPMU_OK;
}

enum vpmu_status set_plain(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	pmu->single[reg->kind] = value;
	return VPMU_OK;
}

/* Adds the slots of IA32_PERF_METRICS, which counts when fixed counter 3 does. */
static uint32_t with_metrics(const struct vpmu_pmu *pmu, uint32_t slots)
{
	return slots >> SLOT_OF_SLOTS & 1 ? slots | pmu->metrics : slots;
}

enum vpmu_status set_fixed_ctrl(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	uint64_t changed = pmu->single[VPMU_KIND_FIXED_CTRL] ^ value;

	pmu->single[VPMU_KIND_FIXED_CTRL] = value;
	pmu->response->changed(pmu, with_metrics(pmu, slots_of_fixed_fields(changed) & pmu->slots));
	return VPMU_OK;
}

enum vpmu_status set_global_ctrl(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	uint64_t changed = pmu->single[VPMU_KIND_GLOBAL_CTRL] ^ value;
	uint32_t metrics = changed & METRICS_ON ? pmu->metrics : 0;

	pmu->single[VPMU_KIND_GLOBAL_CTRL] = value;
	pmu->response->switched(pmu, (slots_of_global_bits(changed) & pmu->slots) | metrics);
	return VPMU_OK;
}

/* The status register also has the freeze bit, which stops every counter. */
enum vpmu_status set_status(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	uint64_t changed = pmu->single[VPMU_KIND_GLOBAL_STATUS] ^ value;

	if (pmu->takes_pebs && changed)
		pebs_changes(pmu);
	pmu->single[VPMU_KIND_GLOBAL_STATUS] = value;
	if (changed & STATUS_CTR_FRZ)
		pmu->response->switched(pmu, pmu->slots | pmu->metrics);
	return VPMU_OK;
}

enum vpmu_status clear_status(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	return set_status(pmu, reg, pmu->single[VPMU_KIND_GLOBAL_STATUS] & ~value);
}

enum vpmu_status add_status(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	return set_status(pmu, reg, pmu->single[VPMU_KIND_GLOBAL_STATUS] | value);
}

enum vpmu_status do_nothing(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	return VPMU_OK;
}
