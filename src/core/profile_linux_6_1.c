/* SPDX-License-Identifier: MIT */
/*
 * Profile linux-6.1: KVM before v6.2 deferred reprogramming. A write reprograms its counter at
 * once; emulated instructions are added at once; a failed event creation is not tried again.
 */
#include <core/profile_linux.h>

/* intel_arch_events does not have slots and the top-down events. */
static bool is_listed(enum vpmu_class class_)
{
	return class_ != VPMU_SLOTS && class_ != VPMU_TOPDOWN_RETIRING &&
	       class_ != VPMU_TOPDOWN_BACKEND && class_ != VPMU_TOPDOWN_SPECULATION &&
	       class_ != VPMU_TOPDOWN_FRONTEND;
}

/* intel_hw_event_available: an architectural event that CPUID.0AH says is missing does not count,
 * not even on a fixed counter. Fixed counter 2's event is not in that list. */
static bool is_available(const struct vpmu_pmu *pmu, unsigned slot)
{
	uint64_t code = kvm_event_code(pmu, slot);

	return !is_listed(event_code_class(&pmu->model, code)) ||
	       event_is_available(&pmu->model, code);
}

static bool is_enabled(const struct vpmu_pmu *pmu, unsigned slot)
{
	return kvm_in_use(pmu, slot) && globally_enabled(pmu, slot);
}

/* reprogram_counter */
static void reprogram(struct vpmu_pmu *pmu, unsigned slot)
{
	struct pmc *pmc = pmc_of(pmu, slot);

	if (pmc->event.exists && !pmc->is_paused) {
		pmc->counter += event_pause(pmu, slot);
		pmc->counter &= slot_mask(pmu, slot);
		pmc->is_paused = true;
	}
	if (!is_enabled(pmu, slot) || !is_available(pmu, slot) || !filter_allows(pmu, slot))
		return;
	if (kvm_start_event(pmu, slot))
		pmu->kvm.reprogram &= ~(1u << slot);
}

/* Reprogramming does nothing for a counter that has no event and is off. */
static void changed(struct vpmu_pmu *pmu, uint32_t slots)
{
	FOR_SLOTS(slot, slots)
		if (pmc_of(pmu, slot)->event.exists || kvm_in_use(pmu, slot))
			reprogram(pmu, slot);
}

/* kvm_pmu_handle_event */
static void handle_event(struct vpmu_pmu *pmu)
{
	FOR_SLOTS(slot, pmu->kvm.reprogram) {
		if (pmu->slots >> slot & 1 && pmc_of(pmu, slot)->event.exists)
			reprogram(pmu, slot);
		else
			pmu->kvm.reprogram &= ~(1u << slot);
	}
	kvm_cleanup(pmu);
}

/* kvm_pmu_trigger_event; cpl_is_matched goes by the configuration of the last event. */
static bool is_triggered(const struct vpmu_pmu *pmu, unsigned slot, enum mode mode)
{
	static const uint64_t gp[MODES] = {[MODE_KERNEL] = SEL_OS, [MODE_USER] = SEL_USR};
	static const uint64_t fixed[MODES] = {[MODE_KERNEL] = FIXED_OS, [MODE_USER] = FIXED_USR};
	uint64_t selected = slot < SLOT_FIXED ? gp[mode] : fixed[mode];

	return is_enabled(pmu, slot) && pmc_at(pmu, slot)->current_config & selected;
}

/* kvm_pmu_incr_counter */
static void increment(struct vpmu_pmu *pmu, unsigned slot)
{
	struct pmc *pmc = pmc_of(pmu, slot);
	uint64_t before = pmc->counter;

	pmc->counter = (pmc->counter + 1) & slot_mask(pmu, slot);
	reprogram(pmu, slot);
	if (pmc->counter < before)
		kvm_event_overflow(pmu, slot, false);
}

/* intel_pmu_reset, amd_pmu_reset: clears every counter that a model could have; requests stay. */
static void reset(struct vpmu_pmu *pmu)
{
	for (unsigned i = 0; i < PMC_GP; i++)
		kvm_clear_counter(pmu, i);
	for (unsigned i = 0; i < PMC_FIXED; i++)
		kvm_clear_counter(pmu, SLOT_FIXED + i);
	kvm_clear_controls(pmu);
}

/* intel_pmu_refresh, amd_pmu_refresh: values and events stay, and all_valid_pmc_idx is never
 * cleared. A guest that loses its PMU keeps the stack of last branches. */
static bool refresh(struct vpmu_pmu *pmu)
{
	if (!kvm_load_model(pmu))
		return false;
	pmu->kvm.valid |= pmu->slots;
	if (pmu->model.version)
		pmu->kvm.keeps_lbr = pmu->lbr.count;
	return !pmu->kvm.keeps_lbr || kvm_keep_lbr(pmu);
}

/* A new filter takes effect at the next reprogramming. */
static void filter_changed(struct vpmu_pmu *pmu)
{
}

static const struct response response = {
	.changed = changed,
	.switched = changed,
	.reset = reset,
	.refresh = refresh,
	.filter_changed = filter_changed,
	.is_triggered = is_triggered,
	.increment = increment,
	.handle_event = handle_event,
};

/* --- RDMSR and WRMSR: intel_pmu_set_msr, amd_pmu_set_msr --- */

static const struct write_rule intel_guest[VPMU_KINDS] = {
	LINUX_LBR_RULES(linux_guest_lbr),
	[VPMU_KIND_COUNTER] = {.set = set_low_half, .excess = EXCESS_TAKEN, .marks_in_use = true},
	[VPMU_KIND_COUNTER_ALIAS] = {.set = set_counter, .excess = EXCESS_FAULTS},
	[VPMU_KIND_SELECTOR] = {.set = set_selector,
                                .excess = EXCESS_IN_CHANGE,
                                .marks_in_use = true},
	[VPMU_KIND_FIXED_COUNTER] = {.set = set_counter,
                                     .excess = EXCESS_DROPPED,
                                     .marks_in_use = true},
	[VPMU_KIND_FIXED_CTRL] = {.set = linux_use_fixed, .excess = EXCESS_IN_CHANGE},
	[VPMU_KIND_GLOBAL_CTRL] = {.set = set_global_ctrl, .excess = EXCESS_IN_CHANGE},
	[VPMU_KIND_STATUS_CLEAR] = {.set = clear_status, .excess = EXCESS_FAULTS},
};

static const struct write_rule intel_host[VPMU_KINDS] = {
	LINUX_LBR_RULES(linux_host_lbr),
	[VPMU_KIND_COUNTER] = {.set = set_counter, .excess = EXCESS_DROPPED, .marks_in_use = true},
	[VPMU_KIND_COUNTER_ALIAS] = {.set = set_counter, .excess = EXCESS_FAULTS},
	[VPMU_KIND_SELECTOR] = {.set = set_selector,
                                .excess = EXCESS_IN_CHANGE,
                                .marks_in_use = true},
	[VPMU_KIND_FIXED_COUNTER] = {.set = set_counter,
                                     .excess = EXCESS_DROPPED,
                                     .marks_in_use = true},
	[VPMU_KIND_FIXED_CTRL] = {.set = linux_use_fixed, .excess = EXCESS_IN_CHANGE},
	[VPMU_KIND_GLOBAL_CTRL] = {.set = set_global_ctrl, .excess = EXCESS_IN_CHANGE},
	[VPMU_KIND_GLOBAL_STATUS] = {.set = set_plain, .excess = EXCESS_TAKEN},
	[VPMU_KIND_STATUS_CLEAR] = {.set = do_nothing, .excess = EXCESS_FAULTS},
};

/* The same rules for guest and host; this kernel has no PerfMonV2. */
static const struct write_rule amd_rules[VPMU_KINDS] = {
	[VPMU_KIND_COUNTER] = {.set = set_counter, .excess = EXCESS_DROPPED, .marks_in_use = true},
	[VPMU_KIND_COUNTER_ALIAS] = {.set = set_counter,
                                     .excess = EXCESS_DROPPED,
                                     .marks_in_use = true},
	[VPMU_KIND_SELECTOR] = {.set = set_selector,
                                .excess = EXCESS_DROPPED,
                                .marks_in_use = true},
	[VPMU_KIND_SELECTOR_ALIAS] = {.set = set_selector,
                                      .excess = EXCESS_DROPPED,
                                      .marks_in_use = true},
};

/* --- RDPMC: kvm_pmu_rdpmc --- */

#define RDPMC_INDEX UINT32_C(0x3fffffff)

/* Bit 31 asks for the low half. */
static enum vpmu_status rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, unsigned slot,
                              enum reader reader, uint64_t *value)
{
	enum vpmu_status status = linux_rdpmc_slot(pmu, ecx, slot, reader, value);

	if (status == VPMU_OK && ecx >> 31)
		*value &= UINT32_MAX;
	return status;
}

/* Bit 30 asks for fixed counters. */
static enum vpmu_status intel_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, enum reader reader,
                                    uint64_t *value)
{
	uint32_t index = ecx & RDPMC_INDEX;
	unsigned slot = ecx >> 30 & 1 ? linux_fixed_slot(index) : linux_gp_slot(index);

	return rdpmc(pmu, ecx, slot, reader, value);
}

/* amd_pmu_refresh does not look at enable_pmu: no MSR leads to the counters, but RDPMC does. */
static enum vpmu_status rdpmc_of_disabled(const struct vpmu_pmu *pmu, uint32_t ecx,
                                          enum reader reader, uint64_t *value)
{
	uint32_t counters = linux_asked_perfcore(pmu) ? 6 : 4;

	if (!linux_is_vmware_selector(ecx) &&
	    (reader == READER_DENIED || (ecx & RDPMC_INDEX) >= counters))
		return VPMU_GP;
	*value = 0;
	return VPMU_OK;
}

/* Bit 30 is ignored. */
static enum vpmu_status amd_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, enum reader reader,
                                  uint64_t *value)
{
	if (pmu->kvm.is_disabled)
		return rdpmc_of_disabled(pmu, ecx, reader, value);
	return rdpmc(pmu, ecx, linux_gp_slot(ecx & RDPMC_INDEX), reader, value);
}

/* --- The profile --- */

/* kvm_init_msr_list: for fixed counters only the processor decides. */
static bool on_fixed(const struct vpmu_host *host, uint32_t index)
{
	return index < host->fixed_count;
}

static bool on_adaptive(const struct vpmu_host *host, uint32_t index)
{
	return host->pebs;
}

/* msrs_to_save_all also has OVF_CTRL. */
static const struct absent_row intel_absent[] = {INTEL_ABSENT(on_fixed, on_adaptive, NULL),
                                                 ADVERTISED(0x390, 0x390, NULL), ABSENT_END};

static const struct absent_row amd_absent[] = {
	OF_ANY_VENDOR,
	LEGACY(0xc0010000, 0xc0010007),
	ADVERTISED(0xc0010200, 0xc001020b, NULL),
	ABSENT_END,
};

/* x86_perf_get_lbr: only for this format it says where the third registers of entries are. */
static bool has_intel(const struct vpmu_host *host, const struct vpmu_register *from,
                      uint64_t *writable)
{
	if (from->kind == VPMU_KIND_LBR_INFO && host->lbr_format != LBR_INFO)
		return false;
	return linux_has_intel(host, from, writable);
}

static const struct rules intel = {LINUX_INTEL_RULES(&module_intel, has_intel, intel_guest,
                                                     intel_host, intel_rdpmc, intel_absent)};
static const struct rules p6 = {LINUX_INTEL_RULES(&module_p6, has_intel, intel_guest, intel_host,
                                                  intel_rdpmc, intel_absent)};

static const struct rules amd = {
	.module = &module_amd_6_1,
	.guest = amd_rules,
	.host = amd_rules,
	.rdpmc = amd_rdpmc,
	.read_absent = linux_read_absent,
	.write_absent = linux_write_absent,
	.absent_rows = amd_absent,
	.has = linux_has_amd,
	.has_apart = linux_has_apart,
};

const struct vpmu_profile profile_linux_6_1 = {
	.name = "linux-6.1",
	.about = "KVM before 6.2: a write reprograms its counter at once",
	.kernel = 0x601,
	.since = 1, /* nothing that vpmu knows of is older */
	.facts = VPMU_FACT_KVM | VPMU_FACT_PERF_EVENTS | VPMU_FACT_LOST_EVENTS |
                 FACT_EVENTS_OF_CPUID | FACT_PEBS_IN_CHANGE,
	.engine = &engine_linux,
	.response = &response,
	.rules =
		{
			[VPMU_VENDOR_INTEL] = &intel,
			[VPMU_VENDOR_ZHAOXIN] = &intel,
			[VPMU_VENDOR_AMD] = &amd,
			[VPMU_VENDOR_INTEL_P6] = &p6,
		},
};
