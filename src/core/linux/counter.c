/* SPDX-License-Identifier: MIT */
/*
 * What Linux 6.1, 6.12 and 7.3 have in common of KVM's virtual PMU on perf events
 * (arch/x86/kvm/pmu.c): a counter's value is what KVM holds, plus what was emulated, plus its
 * event's count; events are created, reused and released; requests wait for the entry.
 */
#include <core/linux.h>

/* pmc_read_counter. The tally is 0 while there is no event, or it is paused. */
static uint64_t read_counter(const struct vpmu_pmu *pmu, unsigned slot)
{
	const struct pmc *pmc = pmc_at(pmu, slot);

	return (pmc->counter + pmc->emulated + tally_value(pmu, slot)) & slot_mask(pmu, slot);
}

/* get_sample_period */
static inline uint64_t sample_period(const struct pmc *pmc, uint64_t mask)
{
	uint64_t period = -pmc->counter & mask;

	return period ? period : mask + 1;
}

/* pmc_write_counter, pmc_update_sample_period: the base is the value less the event's count, and
 * the period is computed from the base, not from the value that the guest sees. */
static void write_counter(struct vpmu_pmu *pmu, unsigned slot, uint64_t value)
{
	struct pmc *pmc = pmc_of(pmu, slot);
	uint64_t mask = slot_mask(pmu, slot);
	uint64_t count = tally_value(pmu, slot);

	pmc->emulated = 0;
	pmc->counter = (value - count) & mask;
	if (pmc->event.samples && !pmc->is_paused)
		event_set_period(pmu, slot, count, sample_period(pmc, mask));
}

static void release_event(struct vpmu_pmu *pmu, unsigned slot)
{
	if (!pmc_of(pmu, slot)->event.exists)
		return;
	event_release(pmu, slot);
	pmc_of(pmu, slot)->current_config = 0;
}

/* pmc_stop_counter */
void kvm_stop_counter(struct vpmu_pmu *pmu, unsigned slot)
{
	if (!pmc_of(pmu, slot)->event.exists)
		return;
	pmc_of(pmu, slot)->counter = read_counter(pmu, slot);
	release_event(pmu, slot);
}

/* pmc_resume_counter: older kernels cannot reuse an event that does not sample, because
 * perf_event_period() fails. */
static bool can_reuse(const struct vpmu_pmu *pmu, const struct event *event)
{
	return event->exists && (event->samples || has_fact(pmu->profile, FACT_REUSES_COUNTING));
}

/* pmc_reprogram_counter: HSW_IN_TX_CHECKPOINTED */
static bool can_sample(const struct vpmu_pmu *pmu, unsigned slot)
{
	return slot >= SLOT_FIXED || !(pmu->selector[slot] & pmu->rules->module->in_txcp);
}

/* pmc_resume_counter, else pmc_reprogram_counter: the event of the same configuration goes on with
 * a new period, any other is replaced. */
bool kvm_start_event(struct vpmu_pmu *pmu, unsigned slot)
{
	struct pmc *pmc = pmc_of(pmu, slot);
	uint64_t config = slot < SLOT_FIXED ? pmu->selector[slot] : fixed_field(pmu, slot);
	uint64_t period = sample_period(pmc, slot_mask(pmu, slot));
	bool precise = kvm_is_precise(pmu, slot);

	if (pmc->current_config == config && can_reuse(pmu, &pmc->event) &&
	    pmc->event.precise == precise) {
		if (pmc->event.samples)
			event_set_period(pmu, slot, tally_value(pmu, slot), period);
		event_enable(pmu, slot);
		pmc->is_paused = false;
		return true;
	}
	release_event(pmu, slot);
	pmc->current_config = config;
	if (!event_create(pmu, slot, can_sample(pmu, slot) ? period : 0))
		return false;
	pmc->is_paused = false;
	pmc->event.precise = precise;
	pmc->intr = precise || control_of(pmu, slot).pmi;
	return true;
}

/* __kvm_perf_overflow, without its guard. An event for PEBS says that the guest's buffer is full,
 * once until the guest clears the bit; what is emulated makes no record. */
void kvm_mark_overflow(struct vpmu_pmu *pmu, unsigned slot, bool in_pmi)
{
	const struct pmc *pmc = pmc_of(pmu, slot);
	uint64_t *status = &pmu->single[VPMU_KIND_GLOBAL_STATUS];
	uint64_t bit = pmc->event.precise ? STATUS_DS : BIT64(slot_global_bit(slot));
	bool is_silent = pmc->event.precise && (!in_pmi || *status & STATUS_DS);

	note_overflow(pmu, slot);
	if (in_pmi || !pmc->event.precise)
		*status |= bit;
	if (pmc->intr && !is_silent)
		pmu->kvm.request_pmi = true;
}

/* kvm_perf_overflow: an overflow of a counter that waits for reprogramming is ignored. */
void kvm_event_overflow(struct vpmu_pmu *pmu, unsigned slot, bool in_pmi)
{
	if (pmu->kvm.reprogram & BIT64(slot))
		return;
	pmu->kvm.reprogram |= 1u << slot;
	pmu->kvm.request_pmu = true;
	kvm_mark_overflow(pmu, slot, in_pmi);
}

/* kvm_pmu_cleanup: events of counters that nobody touched in the last time slice are released. */
void kvm_cleanup(struct vpmu_pmu *pmu)
{
	if (!pmu->kvm.need_cleanup)
		return;
	pmu->kvm.need_cleanup = false;
	FOR_SLOTS(slot, pmu->kvm.valid & pmu->slots & ~pmu->kvm.in_use)
		if (!kvm_in_use(pmu, slot))
			kvm_stop_counter(pmu, slot);
	kvm_clean_up_lbr(pmu);
	pmu->kvm.in_use = 0;
}

/* vcpu_enter_guest */
static void handle_requests(struct vpmu_pmu *pmu, struct vpmu_outcome *outcome)
{
	if (pmu->kvm.request_pmu) {
		pmu->kvm.request_pmu = false;
		pmu->response->handle_event(pmu);
	}
	if (pmu->kvm.request_pmi) {
		pmu->kvm.request_pmi = false;
		kvm_freeze_lbr(pmu);
		deliver_pmi(pmu, outcome);
	}
}

static struct vpmu_outcome enter(struct vpmu_pmu *pmu)
{
	struct vpmu_outcome outcome = {0};

	handle_requests(pmu, &outcome);
	kvm_pass_lbr(pmu);
	pmu->kvm.has_run = true;
	return outcome;
}

/* Hardware counters wrap while the guest runs: perf's interrupt handles it, and the next entry
 * follows at once. */
static void overflow(struct vpmu_pmu *pmu, uint32_t slots, struct vpmu_outcome *outcome)
{
	FOR_SLOTS(slot, slots)
		if (event_interrupt(pmu, slot))
			kvm_event_overflow(pmu, slot, true);
	if (!pmu->kvm.host_runs)
		handle_requests(pmu, outcome);
}

/* kvm_arch_sched_in (6.1), kvm_arch_vcpu_load (6.12) */
static void schedule(struct vpmu_pmu *pmu)
{
	if (pmu->model.version && pmu->kvm.counts.live) {
		pmu->kvm.need_cleanup = true;
		pmu->kvm.request_pmu = true;
	}
}

/* The event codes that KVM emulates (kvm_pmu_eventsel; PERF_COUNT_HW_INSTRUCTIONS and
 * PERF_COUNT_HW_BRANCH_INSTRUCTIONS before). */
static uint64_t emulated_code(const struct vpmu_pmu *pmu, bool branch)
{
	return event_code((enum vpmu_vendor)pmu->model.vendor,
	                  branch ? VPMU_BRANCHES : VPMU_INSTRUCTIONS);
}

/* Event and unit mask of a counter as KVM sees it; fixed counters have perf's code. */
uint64_t kvm_event_code(const struct vpmu_pmu *pmu, unsigned slot)
{
	static const uint16_t fixed[PMC_FIXED] = {0xc0, 0x3c, 0x300};

	if (slot >= SLOT_FIXED)
		return fixed[slot - SLOT_FIXED];
	return pmu->selector[slot] & (SEL_EVENT | SEL_UMASK | SEL_AMD_EVENT);
}

/* kvm_pmu_trigger_event */
static void trigger(struct vpmu_pmu *pmu, uint64_t code, enum mode mode)
{
	FOR_SLOTS(slot, pmu->slots)
		if (kvm_event_code(pmu, slot) == code &&
		    pmu->response->is_triggered(pmu, slot, mode))
			pmu->response->increment(pmu, slot);
}

struct vpmu_outcome kvm_emulate(struct vpmu_pmu *pmu, bool branch, unsigned cpl)
{
	trigger(pmu, emulated_code(pmu, false), mode_of_cpl(cpl));
	if (branch)
		trigger(pmu, emulated_code(pmu, true), mode_of_cpl(cpl));
	return (struct vpmu_outcome){0};
}

/* What kvm_pmu_reset of every kernel clears of one counter. */
void kvm_clear_counter(struct vpmu_pmu *pmu, unsigned slot)
{
	kvm_stop_counter(pmu, slot);
	pmc_of(pmu, slot)->counter = 0;
	pmc_of(pmu, slot)->emulated = 0;
	if (slot < SLOT_FIXED)
		pmu->selector[slot] = 0;
}

/* kvm_pmu_refresh: the GP counters are enabled globally, as after RESET. */
void kvm_enable_gp(struct vpmu_pmu *pmu)
{
	if (pmu->has_global)
		pmu->single[VPMU_KIND_GLOBAL_CTRL] = model_gp_bits(&pmu->model);
}

/* The same, of what is no counter's. */
void kvm_clear_controls(struct vpmu_pmu *pmu)
{
	kvm_release_lbr(pmu);
	pmu->single[VPMU_KIND_FIXED_CTRL] = 0;
	pmu->single[VPMU_KIND_GLOBAL_CTRL] = 0;
	pmu->single[VPMU_KIND_GLOBAL_STATUS] = 0;
}

const struct engine engine_linux = {
	.value = read_counter,
	.guest_value = read_counter,
	.write = write_counter,
	.distance = event_distance,
	.overflow = overflow,
	.enter = enter,
	.emulate = kvm_emulate,
	.schedule = schedule,
	.power_up = kvm_power_up,
	.set_model = kvm_set_model,
	.claim_lbr = kvm_claim_lbr,
	.bad_lbr = kvm_bad_lbr,
};
