/* SPDX-License-Identifier: MIT */
/*
 * The stack of last branches: the registers of its entries, in three runs whose first numbers the
 * machine knows. Intel SDM vol. 3B chapter 18 (by model) and 19 (architectural); AMD APM vol.
 * 2 13.1.
 */
#include <core/room_int.h>

static unsigned part_of(unsigned kind)
{
	return kind - VPMU_KIND_LBR_FROM;
}

/* Registers are added in the order of their numbers, so a part's entries come in sequence. */
void lbr_add(struct vpmu_pmu *pmu, const struct vpmu_register *from)
{
	struct lbr_part *part = &pmu->lbr.part[part_of(from->kind)];

	if (!pmu->lbr.count)
		__builtin_memset(pmu->lbr.part, 0, sizeof(pmu->lbr.part));
	if (!from->index)
		*part = (struct lbr_part){
			.base = from->msr,
			.stride = 1,
			.address = from->address,
			.flags = from->flags,
			.writable = from->writable,
		};
	else if (from->index == 1)
		part->stride = (uint8_t)(from->msr - part->base);
	if (pmu->lbr.count <= from->index)
		pmu->lbr.count = (uint8_t)(from->index + 1);
}

void lbr_clear(struct vpmu_pmu *pmu)
{
	if (pmu->lbr.count)
		__builtin_memset(pmu->lbr.entry, 0, sizeof(pmu->lbr.entry));
}

/* Finds the part and the entry that the number is a register of. */
static bool find(const struct lbr *lbr, uint32_t msr, unsigned *part, unsigned *index)
{
	for (unsigned i = 0; lbr->count && i < LBR_PARTS; i++) {
		uint32_t distance = msr - lbr->part[i].base;
		unsigned stride = lbr->part[i].stride;

		if (!stride || distance % stride || distance / stride >= lbr->count)
			continue;
		*part = i;
		*index = distance / stride;
		return true;
	}
	return false;
}

/* A machine is its caller's memory and no constant, so that a read may change it. */
bool lbr_claim(const struct vpmu_pmu *pmu)
{
	return !pmu->engine->claim_lbr || pmu->engine->claim_lbr((struct vpmu_pmu *)pmu);
}

enum vpmu_status lbr_refuse(const struct vpmu_pmu *pmu, enum vpmu_status refusal)
{
	return pmu->engine->bad_lbr ? pmu->engine->bad_lbr(pmu, refusal) : refusal;
}

bool lbr_read(const struct vpmu_pmu *pmu, uint32_t msr, uint64_t *value)
{
	unsigned part, index;

	if (!find(&pmu->lbr, msr, &part, &index))
		return false;
	*value = lbr_claim(pmu) ? pmu->lbr.entry[part][index] : 0;
	return true;
}

/* A non-canonical address raises #GP, as a reserved bit does (SDM vol. 4, MSR_LASTBRANCH_x). */
static uint64_t excess_of(const struct lbr_part *part, uint64_t value)
{
	return part->address ? address_excess(value, part->address, part->flags)
	                     : value & ~part->writable;
}

bool lbr_write(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value, enum vpmu_status refusal,
               enum vpmu_status *status)
{
	enum vpmu_status bad;
	unsigned part, index;

	if (!find(&pmu->lbr, msr, &part, &index))
		return false;
	*status = VPMU_OK;
	bad = lbr_refuse(pmu, refusal);
	if (!lbr_claim(pmu))
		return true;
	if (excess_of(&pmu->lbr.part[part], value))
		*status = bad;
	else
		pmu->lbr.entry[part][index] = value;
	return true;
}

/* SDM vol. 3B 18.4.7: from version 4 on GLOBAL_STATUS.LBR_FRZ is set, which freezes the stack until
 * it is cleared; before, the enable bit is cleared. */
void lbr_freeze(struct vpmu_pmu *pmu)
{
	if (model_status_bits(&pmu->model) & STATUS_LBR_FRZ)
		pmu->single[VPMU_KIND_GLOBAL_STATUS] |= STATUS_LBR_FRZ;
	else
		pmu->single[VPMU_KIND_DEBUGCTL] &= ~DEBUGCTL_LBR;
}

/* On Linux 6.1 the stack can be taken from a guest and be given back as it was. */
uint64_t lbr_hash(const struct vpmu_pmu *pmu, uint64_t hash)
{
	unsigned count = pmu->kvm.lbr_event ? MAX_LBR : pmu->lbr.count;

	for (unsigned kind = VPMU_KIND_LBR_CTL; kind < VPMU_KINDS; kind++)
		hash = hash_mix(hash, pmu->single[kind]);
	for (unsigned part = 0; part < LBR_PARTS; part++)
		for (unsigned i = 0; i < count; i++)
			hash = hash_mix(hash, pmu->lbr.entry[part][i]);
	return hash;
}

/* A write clears the stack, even if the depth is the same (SDM vol. 3B 19.1). */
enum vpmu_status set_lbr_depth(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	lbr_clear(pmu);
	return set_plain(pmu, reg, value);
}
