/* SPDX-License-Identifier: MIT */
/*
 * Profile linux-6.12: KVM since "Defer reprogram_counter() to kvm_pmu_handle_event" (v6.2). A write
 * only marks counters for reprogramming; the next entry reprograms them.
 */
#include <core/profile_linux.h>

/* kvm_pmu_request_counter_reprogram, reprogram_counters */
static void changed(struct vpmu_pmu *pmu, uint32_t slots)
{
	if (!slots)
		return;
	pmu->kvm.reprogram |= slots;
	pmu->kvm.request_pmu = true;
}

/* pmc_event_is_allowed */
static bool is_allowed(const struct vpmu_pmu *pmu, unsigned slot)
{
	return globally_enabled(pmu, slot) && kvm_in_use(pmu, slot) && filter_allows(pmu, slot);
}

/* pmc_pause_counter: folds the event's count and what was emulated into the counter; true when the
 * latter made it overflow. */
static bool fold(struct vpmu_pmu *pmu, unsigned slot)
{
	struct pmc *pmc = pmc_of(pmu, slot);
	uint64_t before = pmc->counter;

	if (pmc->event.exists && !pmc->is_paused)
		before += event_pause(pmu, slot);
	before &= slot_mask(pmu, slot);
	pmc->counter = (before + pmc->emulated) & slot_mask(pmu, slot);
	pmc->emulated = 0;
	pmc->is_paused = true;
	return pmc->counter < before;
}

/* reprogram_counter; false when perf had no event to give. */
static bool reprogram(struct vpmu_pmu *pmu, unsigned slot)
{
	bool overflowed = fold(pmu, slot);

	if (!is_allowed(pmu, slot))
		return true;
	if (overflowed)
		kvm_mark_overflow(pmu, slot, false);
	return kvm_start_event(pmu, slot);
}

/* kvm_pmu_handle_event: a failed reprogramming is tried again at the next request, but does not
 * make one. */
static void handle_event(struct vpmu_pmu *pmu)
{
	uint32_t slots = pmu->kvm.reprogram;

	pmu->kvm.reprogram = 0;
	FOR_SLOTS(slot, slots & pmu->slots)
		if (!reprogram(pmu, slot))
			pmu->kvm.reprogram |= 1u << slot;
	kvm_cleanup(pmu);
}

/* pmc_event_is_allowed, cpl_is_matched */
static bool is_triggered(const struct vpmu_pmu *pmu, unsigned slot, enum mode mode)
{
	return is_allowed(pmu, slot) && control_of(pmu, slot).modes & BIT64(mode);
}

/* kvm_pmu_incr_counter */
static void increment(struct vpmu_pmu *pmu, unsigned slot)
{
	pmc_of(pmu, slot)->emulated++;
	changed(pmu, 1u << slot);
}

/* kvm_pmu_reset */
static void reset(struct vpmu_pmu *pmu)
{
	pmu->kvm.need_cleanup = false;
	pmu->kvm.reprogram = 0;
	FOR_SLOTS(slot, pmu->slots)
		kvm_clear_counter(pmu, slot);
	kvm_clear_controls(pmu);
}

/* kvm_pmu_refresh: everything anew, and the GP counters enabled as after RESET. */
static bool refresh(struct vpmu_pmu *pmu)
{
	reset(pmu);
	if (!kvm_load_model(pmu))
		return false;
	pmu->kvm.valid = pmu->slots;
	kvm_enable_gp(pmu);
	return true;
}

static void filter_changed(struct vpmu_pmu *pmu)
{
	changed(pmu, UINT32_MAX);
}

const struct response response_linux_6_12 = {
	.changed = changed,
	.switched = changed,
	.reset = reset,
	.refresh = refresh,
	.filter_changed = filter_changed,
	.is_triggered = is_triggered,
	.increment = increment,
	.handle_event = handle_event,
};

/* --- RDMSR and WRMSR: kvm_pmu_set_msr, intel_pmu_set_msr, amd_pmu_set_msr --- */

static const struct write_rule intel_guest[VPMU_KINDS] = {
	LINUX_LBR_RULES(linux_guest_lbr),
	[VPMU_KIND_COUNTER] = {.set = set_low_half, .excess = EXCESS_TAKEN, .marks_in_use = true},
	[VPMU_KIND_COUNTER_ALIAS] = {.set = set_counter, .excess = EXCESS_FAULTS},
	[VPMU_KIND_SELECTOR] = {.set = set_selector, .excess = EXCESS_FAULTS, .marks_in_use = true},
	[VPMU_KIND_FIXED_COUNTER] = {.set = set_counter,
                                     .excess = EXCESS_DROPPED,
                                     .marks_in_use = true},
	[VPMU_KIND_FIXED_CTRL] = {.set = linux_use_fixed, .excess = EXCESS_FAULTS},
	[VPMU_KIND_GLOBAL_CTRL] = {.set = set_global_ctrl, .excess = EXCESS_FAULTS},
	[VPMU_KIND_STATUS_CLEAR] = {.set = clear_status, .excess = EXCESS_FAULTS},
};

const struct write_rule linux_6_12_intel_host[VPMU_KINDS] = {
	LINUX_LBR_RULES(linux_host_lbr),
	[VPMU_KIND_COUNTER] = {.set = set_counter, .excess = EXCESS_DROPPED, .marks_in_use = true},
	[VPMU_KIND_COUNTER_ALIAS] = {.set = set_counter, .excess = EXCESS_FAULTS},
	[VPMU_KIND_SELECTOR] = {.set = set_selector, .excess = EXCESS_FAULTS, .marks_in_use = true},
	[VPMU_KIND_FIXED_COUNTER] = {.set = set_counter,
                                     .excess = EXCESS_DROPPED,
                                     .marks_in_use = true},
	[VPMU_KIND_FIXED_CTRL] = {.set = linux_use_fixed, .excess = EXCESS_FAULTS},
	[VPMU_KIND_GLOBAL_CTRL] = {.set = set_global_ctrl, .excess = EXCESS_FAULTS},
	[VPMU_KIND_GLOBAL_STATUS] = {.set = set_plain, .excess = EXCESS_FAULTS},
	[VPMU_KIND_STATUS_CLEAR] = {.set = do_nothing, .excess = EXCESS_FAULTS},
};

#define AMD_COMMON                                                                                 \
	[VPMU_KIND_COUNTER] = {.set = set_counter,                                                 \
	                       .excess = EXCESS_DROPPED,                                           \
	                       .marks_in_use = true},                                              \
	[VPMU_KIND_COUNTER_ALIAS] = {.set = set_counter,                                           \
	                             .excess = EXCESS_DROPPED,                                     \
	                             .marks_in_use = true},                                        \
	[VPMU_KIND_SELECTOR] = {.set = set_selector,                                               \
	                        .excess = EXCESS_DROPPED,                                          \
	                        .marks_in_use = true},                                             \
	[VPMU_KIND_SELECTOR_ALIAS] = {.set = set_selector,                                         \
	                              .excess = EXCESS_DROPPED,                                    \
	                              .marks_in_use = true},                                       \
	[VPMU_KIND_GLOBAL_CTRL] = {.set = set_global_ctrl, .excess = EXCESS_DROPPED}

const struct write_rule linux_6_12_amd_guest[VPMU_KINDS] = {
	AMD_COMMON,
	[VPMU_KIND_STATUS_CLEAR] = {.set = clear_status, .excess = EXCESS_DROPPED},
	[VPMU_KIND_STATUS_SET] = {.set = add_status, .excess = EXCESS_DROPPED},
};

/* KVM refuses a host write of a status with the freeze bit, which only a mediated guest can have
 * set. */
const struct write_rule linux_6_12_amd_host[VPMU_KINDS] = {
	AMD_COMMON,
	[VPMU_KIND_GLOBAL_STATUS] = {.set = set_status, .excess = EXCESS_FAULTS},
	[VPMU_KIND_STATUS_CLEAR] = {.set = do_nothing, .excess = EXCESS_TAKEN},
	[VPMU_KIND_STATUS_SET] = {.set = do_nothing, .excess = EXCESS_TAKEN},
};

/* --- RDPMC --- */

/* intel_rdpmc_ecx_to_pmc: ECX[31:16] is the type. */
enum vpmu_status linux_6_12_intel_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx,
                                        enum reader reader, uint64_t *value)
{
	unsigned slot = NO_SLOT;

	if (ecx >> 16 == 0)
		slot = linux_gp_slot(ecx);
	else if (ecx >> 16 == 0x4000)
		slot = linux_fixed_slot(ecx & 0xffff);
	return linux_rdpmc_slot(pmu, ecx, slot, reader, value);
}

enum vpmu_status linux_6_12_amd_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, enum reader reader,
                                      uint64_t *value)
{
	return linux_rdpmc_slot(pmu, ecx, linux_gp_slot(ecx), reader, value);
}

/* --- The profile --- */

/* kvm_init_msr_lists, kvm_probe_msr_to_save */
static bool on_fixed(const struct vpmu_host *host, uint32_t index)
{
	return host->enable_pmu && index < host->fixed_count;
}

static bool on_pmu(const struct vpmu_host *host, uint32_t index)
{
	return host->enable_pmu;
}

static bool on_adaptive(const struct vpmu_host *host, uint32_t index)
{
	return host->enable_pmu && host->pebs;
}

static bool on_perfmon_v2(const struct vpmu_host *host, uint32_t index)
{
	return host->enable_pmu && host->perfmon_v2;
}

const struct absent_row linux_6_12_intel_absent[] = {INTEL_ABSENT(on_fixed, on_adaptive, on_pmu),
                                                     ABSENT_END};

/* amd_is_valid_msr */
static bool has_pmu(const struct vpmu_pmu *pmu)
{
	return pmu->model.version;
}

const struct absent_row linux_6_12_amd_absent[] = {
	OF_ANY_VENDOR,
	{0xc0010000, 0xc0010007, ABSENT_LEGACY, .fails = has_pmu},
	{0xc0010200, 0xc001020b, ABSENT_ADVERTISED, .fails = linux_asked_perfcore, .on = on_pmu},
	ADVERTISED(0xc0000300, 0xc0000303, on_perfmon_v2),
	ABSENT_END,
};

#define INTEL_RULES(module)                                                                        \
	LINUX_INTEL_RULES(module, linux_has_intel, intel_guest, linux_6_12_intel_host,             \
	                  linux_6_12_intel_rdpmc, linux_6_12_intel_absent)

const struct rules rules_linux_6_12_intel = {INTEL_RULES(&module_intel)};
const struct rules rules_linux_6_12_p6 = {INTEL_RULES(&module_p6)};

const struct rules rules_linux_6_12_amd = {LINUX_6_12_AMD_RULES, .rdpmc = linux_6_12_amd_rdpmc,
                                           .has = linux_has_amd};

const struct vpmu_profile profile_linux_6_12 = {
	.name = "linux-6.12",
	.about = "KVM since 6.2: a write marks its counter, the entry does the rest",
	.kernel = 0x60c,
	.since = 0x602, /* the deferral of reprogramming */
	.facts = FACTS_LINUX_6_12,
	.engine = &engine_linux,
	.response = &response_linux_6_12,
	.rules = RULES_LINUX_6_12,
};
