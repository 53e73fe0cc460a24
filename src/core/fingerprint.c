/* SPDX-License-Identifier: MIT */
/*
 * One number for everything that decides how a machine goes on. What only tells of the past is left
 * out: the epoch, the counts of perf calls, and the totals (the distances to the next overflows are
 * included instead). Profile and models change seldom, so they are hashed when a model is loaded.
 */
#include <core/linux.h>

static uint64_t mix(uint64_t hash, uint64_t word)
{
	return hash_mix(hash, word);
}

/* Hashes the name, since a profile's address differs from process to process. */
static uint64_t profile_hash(const struct vpmu_profile *profile)
{
	uint64_t hash = 0;

	for (const char *at = profile->name; *at; at++)
		hash = mix(hash, (uint8_t)*at);
	return hash;
}

static uint64_t mix_host(uint64_t hash, const struct vpmu_host *host)
{
	const uint8_t *byte = (const uint8_t *)host;

	for (size_t i = 0; i < sizeof(*host); i++)
		hash = mix(hash, byte[i]);
	return hash;
}

uint64_t fingerprint_identity(const struct vpmu_pmu *pmu)
{
	struct vpmu_model leaves = kvm_leaves_of(pmu, &pmu->asked);
	uint64_t hash = mix(profile_hash(pmu->profile), model_hash(&pmu->model));

	hash = mix(hash, model_hash(&leaves));
	return has_fact(pmu->profile, VPMU_FACT_KVM) ? mix_host(hash, &pmu->host) : hash;
}

static uint64_t mix_tally(uint64_t hash, const struct vpmu_pmu *pmu, unsigned slot)
{
	const struct tally *tally = &pmu->tally[slot];

	hash = mix(hash, tally_value(pmu, slot));
	return mix(hash, tally->class_ | (uint64_t)tally->modes << 8 |
	                         (uint64_t)tally->threshold << 16 | (uint64_t)tally->invert << 24 |
	                         (uint64_t)tally->edge << 25 | (uint64_t)tally->level << 26 |
	                         (uint64_t)tally->pmi << 27 | (uint64_t)tally->equal << 28 |
	                         (uint64_t)tally->kept << 32);
}

static uint64_t mix_event(uint64_t hash, const struct event *event, uint64_t count)
{
	if (!event->exists)
		return hash;
	hash = mix(hash, event->sample_period);
	hash = mix(hash, event->period_end - count);
	hash = mix(hash, event->wrap - count);
	return mix(hash, 1 | (uint64_t)event->active << 1 | (uint64_t)event->what.class_ << 8 |
	                         (uint64_t)event->what.modes << 16 |
	                         (uint64_t)event->what.threshold << 24 |
	                         (uint64_t)event->what.invert << 32 |
	                         (uint64_t)event->what.edge << 33 | (uint64_t)event->samples << 34 |
	                         (uint64_t)event->precise << 35);
}

static uint64_t mix_pmc(uint64_t hash, const struct vpmu_pmu *pmu, unsigned slot)
{
	const struct pmc *pmc = pmc_at(pmu, slot);

	hash = mix(hash, pmc->counter);
	hash = mix(hash, pmc->emulated);
	hash = mix(hash, pmc->current_config << 2 | (uint64_t)pmc->is_paused << 1 | pmc->intr);
	return mix_event(hash, &pmc->event, tally_value(pmu, slot));
}

/* Hashes the filter's contents, not its address. */
static uint64_t mix_filter(uint64_t hash, const struct vpmu_filter *filter)
{
	if (!filter)
		return hash;
	hash = mix(hash, filter->action | (uint64_t)filter->fixed_bitmap << 32);
	hash = mix(hash, filter->flags | (uint64_t)filter->count << 32);
	for (uint32_t i = 0; i < filter->count; i++)
		hash = mix(hash, filter->events[i]);
	return hash;
}

static uint64_t mix_kvm(uint64_t hash, const struct vpmu_pmu *pmu)
{
	const struct kvm_pmu *kvm = &pmu->kvm;

	FOR_SLOTS(slot, pmu->slots | kvm->valid)
		hash = mix_pmc(hash, pmu, slot);
	hash = mix(hash, kvm->reprogram | (uint64_t)kvm->in_use << 32);
	hash = mix(hash, kvm->valid | (uint64_t)kvm->request_pmu << 32 |
	                         (uint64_t)kvm->request_pmi << 33 |
	                         (uint64_t)kvm->need_cleanup << 34 | (uint64_t)kvm->has_run << 35 |
	                         (uint64_t)kvm->is_disabled << 36 |
	                         (uint64_t)kvm->counts_host << 37 |
	                         (uint64_t)kvm->sees_cycles << 38 | (uint64_t)kvm->lbr_event << 39 |
	                         (uint64_t)kvm->lbr_passes << 40 | (uint64_t)kvm->keeps_lbr << 41);
	hash = mix(hash, kvm->failing_creations);
	return mix_filter(hash, kvm->filter);
}

/* A guest of KVM that has lost the registers has their values nevertheless. */
static bool has_pebs_values(const struct vpmu_pmu *pmu)
{
	return pmu->single[VPMU_KIND_PEBS_ENABLE] || pmu->single[VPMU_KIND_PEBS_DATA] ||
	       pmu->single[VPMU_KIND_DS_AREA];
}

uint64_t vpmu_pmu_fingerprint(const struct vpmu_pmu *pmu)
{
	uint64_t hash;

	if (!pmu)
		return 0;
	hash = mix(mix(pmu->identity, pmu->overflowed), pmu->lvtpc | (uint64_t)pmu->svm << 32);
	for (unsigned kind = 0; kind < VPMU_KIND_LBR_CTL; kind++)
		hash = mix(hash, pmu->single[kind]);
	if (pmu->lbr.count || pmu->kvm.lbr_event || has_pebs_values(pmu))
		hash = lbr_hash(pmu, hash);
	FOR_SLOTS(slot, pmu->slots)
		hash = mix_tally(hash, pmu, slot);
	if (pmu->metrics)
		hash = mix(hash, pmu->metrics_weight);
	FOR_SLOTS(slot, pmu->metrics)
		hash = mix_tally(hash, pmu, slot);
	FOR_SLOTS(slot, pmu->slots & (uint32_t)(BIT64(SLOT_FIXED) - 1))
		hash = mix(hash, pmu->selector[slot]);
	if (pmu->takes_pebs)
		hash = mix(hash, 1 | (uint64_t)pmu->pebs_due << 8);
	return has_fact(pmu->profile, VPMU_FACT_KVM) ? mix_kvm(hash, pmu) : hash;
}
