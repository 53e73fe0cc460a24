/* SPDX-License-Identifier: MIT */
/* KVM's event filter (KVM_SET_PMU_EVENT_FILTER), as each kernel reads it. */
#include <core/linux.h>

#define EVENT_SELECT  (SEL_EVENT | SEL_AMD_EVENT)
#define ENTRY_EXCLUDE BIT64(55)
#define ENTRY_MASK    56 /* bits 63:56: which unit mask bits must match */

static uint64_t vendor_event_bits(const struct vpmu_pmu *pmu)
{
	return pmu->rules->module->event_number;
}

/* Linux 6.1 check_pmu_event_filter: the list holds event and unit mask, nothing else. */
static bool is_listed(const struct vpmu_filter *filter, uint64_t selector)
{
	for (uint32_t i = 0; i < filter->count; i++)
		if (filter->events[i] == (selector & (EVENT_SELECT | SEL_UMASK)))
			return true;
	return false;
}

/* convert_to_masked_filter: an entry of an unmasked list must match the whole unit mask; an entry
 * with other bits set matches nothing. Returns the masked entry, or 0 with *matches_nothing set. */
static uint64_t masked_entry(const struct vpmu_pmu *pmu, const struct vpmu_filter *filter,
                             uint32_t i, bool *matches_nothing)
{
	uint64_t entry = filter->events[i];

	*matches_nothing = false;
	if (filter->flags & VPMU_FILTER_MASKED)
		return entry;
	*matches_nothing = entry & ~(vendor_event_bits(pmu) | SEL_UMASK);
	return entry | UINT64_C(0xff) << ENTRY_MASK;
}

/* filter_contains_match, is_filter_entry_match */
static bool entry_matches(const struct vpmu_pmu *pmu, uint64_t entry, uint64_t selector)
{
	uint64_t event = selector & vendor_event_bits(pmu);
	uint64_t mask = entry >> (ENTRY_MASK - 8) & SEL_UMASK;

	return (entry & EVENT_SELECT) == event && (selector & mask) == (entry & SEL_UMASK);
}

/* is_gp_event_allowed: some entry includes the event, and none excludes it. */
static bool is_matched(const struct vpmu_pmu *pmu, const struct vpmu_filter *filter,
                       uint64_t selector)
{
	bool included = false, nothing;

	for (uint32_t i = 0; i < filter->count; i++) {
		uint64_t entry = masked_entry(pmu, filter, i, &nothing);

		if (nothing || !entry_matches(pmu, entry, selector))
			continue;
		if (filter->flags & VPMU_FILTER_MASKED && entry & ENTRY_EXCLUDE)
			return false;
		included = true;
	}
	return included;
}

bool filter_allows(const struct vpmu_pmu *pmu, unsigned slot)
{
	const struct vpmu_filter *filter = pmu->kvm.filter;
	bool listed;

	if (!filter)
		return true;
	if (slot >= SLOT_FIXED)
		listed = filter->fixed_bitmap >> (slot - SLOT_FIXED) & 1;
	else if (has_fact(pmu->profile, VPMU_FACT_MASKED_FILTER))
		listed = is_matched(pmu, filter, pmu->selector[slot]);
	else
		listed = is_listed(filter, pmu->selector[slot]);
	return listed == (filter->action == VPMU_FILTER_ALLOW);
}

/* is_masked_filter_valid */
static bool is_valid_masked(const struct vpmu_pmu *pmu, const struct vpmu_filter *filter)
{
	uint64_t bits =
		vendor_event_bits(pmu) | SEL_UMASK | ENTRY_EXCLUDE | UINT64_C(0xff) << ENTRY_MASK;

	for (uint32_t i = 0; i < filter->count; i++)
		if (filter->events[i] & ~bits)
			return false;
	return true;
}

enum vpmu_status vpmu_pmu_set_filter(struct vpmu_pmu *pmu, const struct vpmu_filter *filter)
{
	uint32_t flags;

	if (!pmu)
		return VPMU_BAD_ARGUMENT;
	flags = has_fact(pmu->profile, VPMU_FACT_MASKED_FILTER) ? VPMU_FILTER_MASKED : 0;
	if (!has_fact(pmu->profile, VPMU_FACT_KVM))
		return VPMU_REFUSED;
	if (filter) {
		if (filter->action > VPMU_FILTER_DENY || filter->count > VPMU_FILTER_EVENTS ||
		    filter->flags & ~flags)
			return VPMU_BAD_ARGUMENT;
		if (filter->flags & VPMU_FILTER_MASKED && !is_valid_masked(pmu, filter))
			return VPMU_BAD_ARGUMENT;
	}
	pmu->kvm.filter = filter;
	pmu->response->filter_changed(pmu);
	return VPMU_OK;
}
