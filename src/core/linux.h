/* SPDX-License-Identifier: MIT */
/*
 * What the Linux profiles share: the host's perf events, the event filter, MSRs and RDPMC, and what
 * KVM makes of a model. What differs between kernels is in profile_linux_*.c.
 */
#ifndef CORE_LINUX_H
#define CORE_LINUX_H

#include <core/room_int.h>

/* --- The profiles --- */

extern const struct engine engine_linux;

/* --- linux/perf_event.c: the host kernel's perf core --- */

static inline unsigned pmc_index(unsigned slot)
{
	return slot < SLOT_FIXED ? slot : PMC_GP + slot - SLOT_FIXED;
}

static inline struct pmc *pmc_of(struct vpmu_pmu *pmu, unsigned slot)
{
	return &pmu->kvm.pmc[pmc_index(slot)];
}

static inline const struct pmc *pmc_at(const struct vpmu_pmu *pmu, unsigned slot)
{
	return &pmu->kvm.pmc[pmc_index(slot)];
}

/* Creates a perf event. False: the creation failed (EBUSY). sample_period 0: it does not sample. */
bool event_create(struct vpmu_pmu *pmu, unsigned slot, uint64_t sample_period);
void event_release(struct vpmu_pmu *pmu, unsigned slot);
void event_enable(struct vpmu_pmu *pmu, unsigned slot);

/* Stops the event, returns its count and resets the count to 0. */
uint64_t event_pause(struct vpmu_pmu *pmu, unsigned slot);

#define EVENT_MIN_PERIOD 2

/* Programs the hardware counter: the sample period ends after `left` more events. */
static inline void event_program(struct vpmu_pmu *pmu, struct event *event, uint64_t count,
                                 int64_t left)
{
	int64_t max = pmu->kvm.max_period;

	event->period_end = count + (uint64_t)left;
	left = left < EVENT_MIN_PERIOD ? EVENT_MIN_PERIOD : left;
	event->wrap = count + (uint64_t)(left > max ? max : left);
	pmu->epoch++;
	account_settle(pmu);
}

/* A new sample period starts at `count`, the event's present count. */
static inline void event_set_period(struct vpmu_pmu *pmu, unsigned slot, uint64_t count,
                                    uint64_t period)
{
	struct event *event = &pmc_of(pmu, slot)->event;

	event->sample_period = period;
	event->period_end = count;
	if (event->active)
		event_program(pmu, event, count, (int64_t)period);
}

/* The hardware counter has wrapped; true at the end of a sample period. */
bool event_interrupt(struct vpmu_pmu *pmu, unsigned slot);

/* Events until the hardware counter wraps. */
uint64_t event_distance(const struct vpmu_pmu *pmu, unsigned slot);

/* --- linux/filter.c --- */

bool filter_allows(const struct vpmu_pmu *pmu, unsigned slot);

/* --- linux/msr.c: RDMSR and WRMSR, as all kernels do it --- */

/* How KVM answers for a number that is not a register of the model. */
enum absent {
	ABSENT_NOTHING,      /* nothing: the end of a table */
	ABSENT_LEGACY,       /* writes are dropped, reads give 0 (kvm_set_msr_common, K7 and P6) */
	ABSENT_ADVERTISED,   /* in KVM_GET_MSR_INDEX_LIST: the VMM reads 0 and may write 0 */
	ABSENT_CAPABILITIES, /* IA32_PERF_CAPABILITIES */
	ABSENT_MISC_ENABLE,  /* IA32_MISC_ENABLE, of any vendor's guest */
	ABSENT_DEBUGCTL,     /* IA32_DEBUGCTL; AMD's DebugCtl */
	ABSENT_PEBS_ENABLE,  /* IA32_PEBS_ENABLE, also of a guest without a PMU */
	ABSENT_DS_AREA,      /* IA32_DS_AREA, also of a guest without PEBS */
};

struct absent_row {
	uint32_t first, last;
	enum absent what;
	/* Whether the access fails because KVM accepts the number as a register but then finds no
	 * counter for it. */
	bool (*fails)(const struct vpmu_pmu *pmu);
	/* Whether the guest has it; if not, it is ABSENT_ADVERTISED. NULL: always. */
	bool (*has)(const struct vpmu_pmu *pmu);
	/* ABSENT_ADVERTISED: whether the host has the number, first + index. NULL: always. */
	bool (*on)(const struct vpmu_host *host, uint32_t index);
};

bool linux_never(const struct vpmu_pmu *pmu);
bool linux_on_gp(const struct vpmu_host *host, uint32_t index);

enum vpmu_status linux_read_absent(const struct vpmu_pmu *pmu, uint32_t msr, bool host,
                                   uint64_t *value);
enum vpmu_status linux_write_absent(struct vpmu_pmu *pmu, uint32_t msr, bool host, uint64_t value);
bool linux_has_intel(const struct vpmu_host *host, const struct vpmu_register *from,
                     uint64_t *writable);
bool linux_has_amd(const struct vpmu_host *host, const struct vpmu_register *from,
                   uint64_t *writable);
bool linux_has_apart(const struct vpmu_profile *profile, const struct vpmu_model *model,
                     struct vpmu_register *reg);
bool linux_has_capabilities(const struct vpmu_pmu *pmu);
bool linux_can_have(const struct vpmu_pmu *pmu, uint64_t capabilities);
enum vpmu_status linux_use_fixed(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);

/* Not a counter: an RDPMC index that no model has. */
enum { NO_SLOT = SLOTS };

/* The slot of the counter that RDPMC names by its index within its type. */
static inline unsigned linux_gp_slot(uint32_t index)
{
	return index < PMC_GP ? index : NO_SLOT;
}

static inline unsigned linux_fixed_slot(uint32_t index)
{
	return index < PMC_FIXED ? SLOT_FIXED + index : NO_SLOT;
}

/* is_vmware_backdoor_pmc: these indices succeed at every privilege level, with a time that vpmu
 * does not model. */
static inline bool linux_is_vmware_selector(uint32_t ecx)
{
	return ecx >= 0x10000 && ecx <= 0x10002;
}

/* RDPMC of a slot, or of NO_SLOT. */
enum vpmu_status linux_rdpmc_slot(const struct vpmu_pmu *pmu, uint32_t ecx, unsigned slot,
                                  enum reader reader, uint64_t *value);

/* Whether the VMM's CPUID has PERFCORE, whatever KVM makes of it. */
static inline bool linux_asked_perfcore(const struct vpmu_pmu *pmu)
{
	return pmu->asked.features & VPMU_FEATURE_PERFCORE;
}

/* --- linux/counter.c: counting, as all kernels with perf events do it --- */

struct vpmu_outcome kvm_emulate(struct vpmu_pmu *pmu, bool branch, unsigned cpl);

/* Whether the counter's own control enables it: pmc_speculative_in_use. */
static inline bool kvm_in_use(const struct vpmu_pmu *pmu, unsigned slot)
{
	if (slot < SLOT_FIXED)
		return pmu->selector[slot] & SEL_EN;
	return fixed_field(pmu, slot) & (FIXED_OS | FIXED_USR);
}

/* Event and unit mask as KVM sees them; for a fixed counter, perf's code of its event. */
uint64_t kvm_event_code(const struct vpmu_pmu *pmu, unsigned slot);

/* Gives the counter an event for its configuration, reused or new; false if perf could not create
 * one. */
bool kvm_start_event(struct vpmu_pmu *pmu, unsigned slot);

/* Adds the event's count to the counter, and releases the event. */
void kvm_stop_counter(struct vpmu_pmu *pmu, unsigned slot);

/* Sets the status bit and requests a PMI if one is wanted, as the event's overflow does; in_pmi:
 * perf has told of it, it was not emulated. */
void kvm_mark_overflow(struct vpmu_pmu *pmu, unsigned slot, bool in_pmi);
void kvm_event_overflow(struct vpmu_pmu *pmu, unsigned slot, bool in_pmi);

/* Releases, if that is due, the events of counters that were not used in the last time slice. */
void kvm_cleanup(struct vpmu_pmu *pmu);

void kvm_clear_counter(struct vpmu_pmu *pmu, unsigned slot);
void kvm_clear_controls(struct vpmu_pmu *pmu);
void kvm_enable_gp(struct vpmu_pmu *pmu);

/* --- linux/lbr.c: the host's last branches, which a guest has through a perf event --- */

bool kvm_claim_lbr(struct vpmu_pmu *pmu);
enum vpmu_status kvm_bad_lbr(const struct vpmu_pmu *pmu, enum vpmu_status refusal);
void kvm_release_lbr(struct vpmu_pmu *pmu);
void kvm_clean_up_lbr(struct vpmu_pmu *pmu);

/* At the delivery of a PMI; at an entry. */
void kvm_freeze_lbr(struct vpmu_pmu *pmu);
void kvm_pass_lbr(struct vpmu_pmu *pmu);

/* A guest that has lost its PMU has the host's stack nevertheless. */
bool kvm_keep_lbr(struct vpmu_pmu *pmu);

/* Setters of MSR_LBR_SELECT and MSR_LASTBRANCH_TOS. */
enum vpmu_status linux_guest_lbr(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);
enum vpmu_status linux_host_lbr(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);

enum vpmu_status linux_write_debugctl(struct vpmu_pmu *pmu, bool host, uint64_t value);
enum vpmu_status linux_write_debugctl_amd(struct vpmu_pmu *pmu, bool host, uint64_t value);

/* --- linux/pebs.c: PEBS, which writes to the guest's memory while a perf event counts --- */

/* The bits about PEBS that a guest's IA32_PERF_CAPABILITIES has, or none of them: of the hosts
 * whose PEBS KVM gives to guests, without the adaptive format. */
#define LINUX_PEBS                                                                                 \
	((uint64_t)PEBS_ADAPTIVE << PEBS_FORMAT_SHIFT | VPMU_PERF_CAP_PEBS_TRAP |                  \
	 VPMU_PERF_CAP_PEBS_REGS)

/* vmx_pebs_supported */
bool kvm_gives_pebs(const struct vpmu_profile *profile, const struct vpmu_host *host);

/* Whether the CPUID of a guest of that model has DS and DTES64. */
bool kvm_shows_ds(const struct vpmu_pmu *pmu, const struct vpmu_model *asked);

/* Whether the counter's next event is for PEBS. */
bool kvm_is_precise(const struct vpmu_pmu *pmu, unsigned slot);

bool linux_has_pebs_enable(const struct vpmu_pmu *pmu);
bool linux_has_ds_area(const struct vpmu_pmu *pmu);
uint64_t linux_pebs_bits(const struct vpmu_profile *profile, const struct vpmu_model *model);
unsigned linux_address_bits(const struct vpmu_profile *profile);
enum vpmu_status linux_write_pebs_enable(struct vpmu_pmu *pmu, bool host, uint64_t value);
enum vpmu_status linux_write_ds_area(struct vpmu_pmu *pmu, bool host, uint64_t value);

/* --- linux/host.c --- */

/* AMD64_NUM_COUNTERS_CORE: no processor has more. */
enum { AMD_COUNTERS = 6 };

bool host_is_valid(const struct vpmu_host *host);

/* Whether KVM can have a mediated vPMU on the host: intel_pmu_is_mediated_pmu_supported(),
 * amd_pmu_is_mediated_pmu_supported(). */
bool host_mediates(const struct vpmu_host *host, const struct module *module);

/* --- linux/model.c --- */

/* A vendor's module, kvm_intel or kvm_amd: everything except registers. */
struct module {
	/* The most that it gives a guest. */
	struct vpmu_model (*limit)(const struct vpmu_profile *profile,
	                           const struct vpmu_host *host);
	void (*adapt)(struct vpmu_model *model, const struct vpmu_model *limit);
	/* Adds the PMU that the vendor's CPUID cannot hide to a model without a PMU. */
	void (*show)(struct vpmu_model *model);
	/* kvm_caps.supported_perf_cap with enable_pmu. NULL: 0. */
	uint64_t (*capabilities)(const struct vpmu_profile *profile, const struct vpmu_host *host);
	enum vpmu_status (*write_debugctl)(struct vpmu_pmu *pmu, bool host, uint64_t value);
	uint8_t mediated_needs; /* the offset in struct vpmu_host of the property that a mediated
	                           vPMU needs */
	uint64_t ref_cycles;    /* the event of fixed counter 2, perf's own code; 0: none */
	/* Bits of a selector: the event's number (kvm_pmu_ops.EVENTSEL_EVENT); in_tx: counts only
	 * in transactions, so it counts nothing here; in_txcp: does not count aborted transactions,
	 * and perf then cannot sample. */
	uint64_t event_number, in_tx, in_txcp;
};

/* module_p6 is module_intel with a guest that has no CPUID.0AH. */
extern const struct module module_intel, module_p6, module_amd_6_1, module_amd_6_12;

/* The vendor by whose rules the model's PMU behaves on the host: KVM's module decides. */
enum vpmu_vendor kvm_rules_of(const struct vpmu_profile *profile, const struct vpmu_host *host,
                              const struct vpmu_model *model);

/* Whether the host's module reads the CPUID of such a model. */
bool kvm_is_own(const struct vpmu_host *host, const struct vpmu_model *model);

/* The host as far as a guest of that model sees it. */
struct vpmu_host kvm_seen_host(const struct vpmu_host *host, const struct vpmu_model *model);

/* Whether there is a machine of that model: the status of vpmu_profile_adapt_on(). */
enum vpmu_status kvm_can_have(const struct vpmu_profile *profile, const struct vpmu_host *host,
                              const struct vpmu_model *model);

/* Makes of *model what KVM gives a guest on the host; on profile hardware it stays the same. */
void kvm_adapt(const struct vpmu_profile *profile, const struct vpmu_host *host,
               struct vpmu_model *model);

/* The features that KVM finds the guest to have: guest_cpuid_has(), guest_cpu_cap_has(). */
uint32_t kvm_features(const struct vpmu_pmu *pmu);

/* The bits of IA32_PERF_CAPABILITIES that KVM supports on the host. */
uint64_t kvm_capabilities(const struct vpmu_pmu *pmu);

/* Loads what KVM makes of the model that the VMM asked for; register values stay. */
bool kvm_load_model(struct vpmu_pmu *pmu);

/* A model as the CPUID of KVM_SET_CPUID2 can express it: version 2 at most, no
 * IA32_PERF_CAPABILITIES, AMD without a PMU as K7, and P6 as no PMU. */
struct vpmu_model kvm_leaves_of(const struct vpmu_pmu *pmu, const struct vpmu_model *from);
bool kvm_power_up(struct vpmu_pmu *pmu);
enum vpmu_status kvm_set_model(struct vpmu_pmu *pmu, const struct vpmu_model *model);

#endif
