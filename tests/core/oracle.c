/* SPDX-License-Identifier: MIT */
/* The oracle's counting: which counter counts what, event by event, and what an overflow does. */
#include "oracle.h"

#include <string.h>

enum { USR = 16, OS = 17, EDGE = 18, INT = 20, ENABLE = 22, INV = 23, CMASK = 24 };

/* AMD's: host or guest events, of which there are none without SVM (APM vol. 2 13.2.1). A mediated
 * vPMU puts what the guest says of them aside (KVM amd/pmu.c, amd_pmu_set_msr). */
enum { GUEST_ONLY = 40, HOST_ONLY = 41 };
enum { FREEZE_PERFMON = 12, COUNTERS_FROZEN = 59 }; /* of DEBUGCTL, and of the status */

void oracle_init(struct oracle *oracle, const struct oracle_model *model)
{
	memset(oracle, 0, sizeof(*oracle));
	oracle->model = *model;
	if (!model->width)
		oracle->model.width = 48;
	oracle->lvtpc = 0x400; /* NMI, not masked */
	if (oracle_has_global(oracle))
		oracle->global_ctrl = oracle_bit(model->gp) - 1; /* SDM vol. 3A table 10-1 */
}

/* RESET of the processor; kvm_pmu_reset, which leaves no counter enabled. */
void oracle_reset(struct oracle *oracle)
{
	for (unsigned i = 0; i < ORACLE_COUNTERS; i++) {
		oracle->counter[i].value = oracle->counter[i].selector = 0;
		oracle_changed(oracle, i);
	}
	oracle->status = oracle->debugctl = oracle->global_ctrl = 0;
	if (oracle_has_global(oracle) && !oracle->model.mediated)
		oracle->global_ctrl = oracle_bit(oracle->model.gp) - 1;
}

void oracle_set_filter(struct oracle *oracle, const struct oracle_filter *filter)
{
	oracle->filter = *filter;
	for (unsigned i = 0; i < ORACLE_COUNTERS; i++)
		oracle_changed(oracle, i);
}

/* --- What a counter's control says --- */

static bool is_gp(unsigned i)
{
	return i < ORACLE_GP_MOST;
}

static bool selector_has(const struct oracle *oracle, unsigned i, unsigned bit)
{
	return oracle->counter[i].selector >> bit & 1;
}

static unsigned cmask_of(const struct oracle *oracle, unsigned i)
{
	return is_gp(i) ? oracle->counter[i].selector >> CMASK & 0xff : 0;
}

/* Counts cycles in which enough happens, in place of events. */
static bool counts_cycles(const struct oracle *oracle, unsigned i)
{
	return is_gp(i) && (cmask_of(oracle, i) || selector_has(oracle, i, EDGE));
}

static bool asks_for_pmi(const struct oracle *oracle, unsigned i)
{
	return selector_has(oracle, i, is_gp(i) ? INT : 3);
}

static bool counts_at(const struct oracle *oracle, unsigned i, unsigned cpl)
{
	if (!is_gp(i))
		return selector_has(oracle, i, cpl ? 1 : 0);
	if (!oracle->model.mediated &&
	    (selector_has(oracle, i, GUEST_ONLY) || selector_has(oracle, i, HOST_ONLY)))
		return false;
	return selector_has(oracle, i, ENABLE) && selector_has(oracle, i, cpl ? USR : OS);
}

/* SDM vol. 3B table 20-1: event and unit mask, and the event's number in CPUID.0AH EBX. */
static unsigned intel_event(const struct oracle *oracle, uint64_t selector)
{
	unsigned number, what;

	switch (selector & 0xffff) {
	case 0x003c:
		number = 0, what = HAPPENS_CYCLE;
		break;
	case 0x00c0:
		number = 1, what = HAPPENS_INSTRUCTION;
		break;
	case 0x013c:
		number = 2, what = HAPPENS_REF_CYCLE;
		break;
	case 0x4f2e:
		number = 3, what = HAPPENS_LLC_REFERENCE;
		break;
	case 0x412e:
		number = 4, what = HAPPENS_LLC_MISS;
		break;
	case 0x00c4:
		number = 5, what = HAPPENS_BRANCH;
		break;
	case 0x00c5:
		number = 6, what = HAPPENS_BRANCH_MISS;
		break;
	case 0x01a4:
		number = 7, what = HAPPENS_SLOT;
		break;
	default:
		return HAPPENS_NEVER;
	}
	if (oracle->model.mediated) /* the host's processor has every event */
		return what;
	if (number == 7)
		return oracle->model.slots_event ? what : HAPPENS_NEVER;
	return oracle->model.missing >> number & 1 ? HAPPENS_NEVER : what;
}

/* Bits 35:32 are the event's bits 11:8; unit masks do not tell these apart. */
static unsigned amd_event(uint64_t selector)
{
	switch ((selector & 0xff) | (selector >> 32 & 0xf) << 8) {
	case 0x76:
		return HAPPENS_CYCLE;
	case 0xc0:
		return HAPPENS_INSTRUCTION;
	case 0xc2:
		return HAPPENS_BRANCH;
	case 0xc3:
		return HAPPENS_BRANCH_MISS;
	default:
		return HAPPENS_NEVER;
	}
}

static unsigned event_of(const struct oracle *oracle, unsigned i)
{
	static const unsigned fixed[ORACLE_FIXED_MOST] = {HAPPENS_INSTRUCTION, HAPPENS_CYCLE,
	                                                  HAPPENS_REF_CYCLE, HAPPENS_SLOT};

	if (!is_gp(i))
		return fixed[i - ORACLE_GP_MOST];
	if (oracle->model.amd)
		return amd_event(oracle->counter[i].selector);
	return intel_event(oracle, oracle->counter[i].selector);
}

/* --- The event filter (mediated) --- */

static bool entry_matches(const struct oracle *oracle, uint64_t entry, uint64_t selector)
{
	uint64_t event_bits = oracle->model.amd ? 0xf000000ff : 0xff;
	uint64_t unit_mask = oracle->filter.masked ? entry >> 56 : 0xff;

	/* An unmasked list: what is no event and no unit mask matches nothing. */
	if (!oracle->filter.masked && entry & ~(event_bits | 0xff00))
		return false;
	return (entry & 0xf000000ff) == (selector & event_bits) &&
	       (selector >> 8 & 0xff & unit_mask) == (entry >> 8 & 0xff);
}

static bool is_listed(const struct oracle *oracle, unsigned i)
{
	bool included = false, excluded = false;

	if (!is_gp(i))
		return oracle->filter.fixed >> (i - ORACLE_GP_MOST) & 1;
	for (unsigned e = 0; e < oracle->filter.count; e++) {
		uint64_t entry = oracle->filter.event[e];

		if (!entry_matches(oracle, entry, oracle->counter[i].selector))
			continue;
		if (oracle->filter.masked && entry >> 55 & 1)
			excluded = true;
		else
			included = true;
	}
	return included && !excluded;
}

/* --- Whether it counts --- */

/* Whether KVM lets it count, or the processor does. */
static bool is_let(const struct oracle *oracle, unsigned i)
{
	if (!oracle_exists(oracle, i))
		return false;
	if (oracle_has_global(oracle) && !(oracle->global_ctrl & oracle_global_bit(i)))
		return false;
	if (!oracle->model.mediated)
		return !(oracle->status >> COUNTERS_FROZEN & 1);
	return !oracle->filter.exists || is_listed(oracle, i) == !oracle->filter.deny;
}

static bool is_on(const struct oracle *oracle, unsigned i)
{
	return is_let(oracle, i) && !oracle->counter[i].stale &&
	       !(oracle->status >> COUNTERS_FROZEN & 1) &&
	       (counts_at(oracle, i, 0) || counts_at(oracle, i, 3));
}

/* A counter that stands still, or counts events, forgets the last cycle. */
static void settle_levels(struct oracle *oracle)
{
	for (unsigned i = 0; i < ORACLE_COUNTERS; i++) {
		if (is_on(oracle, i) && counts_cycles(oracle, i))
			continue;
		oracle->counter[i].level = false;
		oracle->counter[i].early = 0;
	}
}

void oracle_changed(struct oracle *oracle, unsigned i)
{
	if (oracle->model.mediated)
		oracle->counter[i].stale = true;
	settle_levels(oracle);
}

/* --- The PMI --- */

static void deliver(struct oracle *oracle)
{
	if (oracle->lvtpc & 0x10000) {
		oracle->masked++;
		return;
	}
	oracle->pmi++;
	if (!oracle->model.amd)
		oracle->lvtpc |= 0x10000;
}

static void begin_call(struct oracle *oracle)
{
	oracle->pmi = oracle->masked = 0;
	oracle->overflowed = 0;
}

/* SDM vol. 3B 20.2.4.1; APM vol. 2 13.2: FPCI. */
static void freeze(struct oracle *oracle)
{
	if (oracle->model.mediated || !(oracle->debugctl >> FREEZE_PERFMON & 1))
		return;
	if (oracle->model.amd || oracle->model.version >= 4)
		oracle->status |= oracle_bit(COUNTERS_FROZEN);
	else
		oracle->global_ctrl = 0;
	settle_levels(oracle);
}

/* The counter gets one event; true when that was the last before 0. `bits`: where it is cut. */
static bool step(struct oracle *oracle, unsigned i, uint64_t bits)
{
	oracle->counter[i].value = (oracle->counter[i].value + 1) & bits;
	if (oracle->counter[i].value)
		return false;
	if (oracle_has_global(oracle))
		oracle->status |= oracle_global_bit(i);
	oracle->overflowed |= oracle_global_bit(i);
	return true;
}

/* --- Time --- */

/* CMASK, INV, EDGE: cycle by cycle, events as evenly as can be, the more in the later cycles. What
 * comes while no cycle is complete is the next one's. */
static uint64_t cycles_that_count(struct oracle *oracle, unsigned i, uint64_t events,
                                  uint64_t cycles)
{
	unsigned least = cmask_of(oracle, i);
	bool inverted = least && selector_has(oracle, i, INV);
	uint64_t count = 0, before = 0;

	for (uint64_t cycle = 1; cycle <= cycles; cycle++) {
		uint64_t now = cycle * events / cycles;
		bool enough = oracle->counter[i].early + now - before >= (least ? least : 1);
		bool holds = enough != inverted;

		before = now;
		oracle->counter[i].early = 0;
		if (holds && !(selector_has(oracle, i, EDGE) && oracle->counter[i].level))
			count++;
		oracle->counter[i].level = holds;
	}
	oracle->counter[i].early += cycles ? 0 : events;
	return count;
}

/* The next moment, k/n of the stretch, after `now`, at which any of the numbers of events has one.
 */
struct moment {
	uint64_t k, n;
};

static bool later(struct moment a, struct moment b)
{
	return a.k * b.n > b.k * a.n;
}

static void consider(struct moment *next, struct moment now, uint64_t events)
{
	struct moment then = {now.k * events / now.n + 1, events};

	if (events && then.k <= events && (!next->n || later(*next, then)))
		*next = then;
}

static bool happens_at(struct moment now, uint64_t events)
{
	return events && now.k * events % now.n == 0;
}

/* All that happens at one moment, and then what that leads to. */
static void moment(struct oracle *oracle, struct moment now, const bool *counting)
{
	bool pmi = false;

	for (unsigned i = 0; i < ORACLE_COUNTERS; i++)
		if (counting[i] && happens_at(now, oracle->counter[i].events) &&
		    step(oracle, i, oracle_counted_bits(oracle)))
			pmi |= asks_for_pmi(oracle, i);
	if (!pmi)
		return;
	if (oracle_has_global(oracle))
		freeze(oracle);
	deliver(oracle);
}

static void pass(struct oracle *oracle, const uint64_t *amounts, unsigned cpl)
{
	struct moment now = {0, 1};
	bool counting[ORACLE_COUNTERS];

	for (unsigned i = 0; i < ORACLE_COUNTERS; i++) {
		unsigned what = event_of(oracle, i);

		oracle->counter[i].events = 0;
		if (!is_on(oracle, i) || !counts_at(oracle, i, cpl) || what == HAPPENS_NEVER)
			continue;
		oracle->counter[i].events = counts_cycles(oracle, i)
		                                    ? cycles_that_count(oracle, i, amounts[what],
		                                                        amounts[HAPPENS_CYCLE])
		                                    : amounts[what];
	}
	for (;;) {
		struct moment next = {0, 0};

		for (unsigned i = 0; i < ORACLE_COUNTERS; i++)
			consider(&next, now, oracle->counter[i].events);
		if (!next.n)
			return;
		now = next;
		for (unsigned i = 0; i < ORACLE_COUNTERS; i++)
			counting[i] = is_on(oracle, i);
		moment(oracle, now, counting);
	}
}

void oracle_account(struct oracle *oracle, const uint64_t *amounts, unsigned cpl)
{
	begin_call(oracle);
	pass(oracle, amounts, cpl);
}

/* vcpu_enter_guest: the counters' configurations are loaded, and a PMI that is owed is sent. */
void oracle_enter(struct oracle *oracle)
{
	begin_call(oracle);
	for (unsigned i = 0; i < ORACLE_COUNTERS; i++) {
		oracle->counter[i].stale = false;
		if (!oracle->model.mediated)
			continue;
		/* kvm_mediated_pmu_put, kvm_mediated_pmu_load: stopped, and configured anew. */
		oracle->counter[i].level = false;
		oracle->counter[i].early = 0;
	}
	if (oracle->owes_pmi)
		deliver(oracle);
	oracle->owes_pmi = false;
}

/* kvm_pmu_trigger_event: counters of exactly this event, whatever their thresholds. */
static void trigger(struct oracle *oracle, uint64_t code, unsigned cpl)
{
	for (unsigned i = 0; i < ORACLE_COUNTERS; i++) {
		uint64_t own = oracle->counter[i].selector & 0xf0000ffff;

		if (i == ORACLE_GP_MOST)
			own = 0xc0; /* fixed counter 0 counts instructions */
		else if (i > ORACLE_GP_MOST)
			own = ~(uint64_t)0;
		if (own != code || !is_let(oracle, i) || !counts_at(oracle, i, cpl))
			continue;
		if (step(oracle, i, oracle_bit(oracle->model.width) - 1) && asks_for_pmi(oracle, i))
			oracle->owes_pmi = true;
	}
}

void oracle_emulate(struct oracle *oracle, bool branch, unsigned cpl)
{
	uint64_t one[HAPPENINGS] = {[HAPPENS_INSTRUCTION] = 1,
	                            [HAPPENS_CYCLE] = 1,
	                            [HAPPENS_REF_CYCLE] = 1,
	                            [HAPPENS_BRANCH] = branch};

	begin_call(oracle);
	if (!oracle->model.mediated) {
		pass(oracle, one, cpl);
		return;
	}
	trigger(oracle, 0xc0, cpl);
	if (branch)
		trigger(oracle, oracle->model.amd ? 0xc2 : 0xc4, cpl);
}
