/* SPDX-License-Identifier: MIT */
/* What selectors and control registers say of a counter: class, privilege modes, thresholds. */
#include <core/linux.h>

static uint8_t modes_of(bool kernel, bool user)
{
	return (uint8_t)((kernel ? BIT64(MODE_KERNEL) : 0) | (user ? BIT64(MODE_USER) : 0));
}

/* Whether the selector's own bits keep its counter from counting anything now. */
static bool is_idle(const struct vpmu_pmu *pmu, uint64_t sel)
{
	uint64_t guest = pmu->rules->guest_only, host = pmu->rules->host_only;

	if (sel & pmu->rules->idle_bits)
		return true;
	sel &= guest | host;
	switch (pmu->svm) {
	case VPMU_SVM_HOST:
		return sel && sel == guest;
	case VPMU_SVM_GUEST:
		return sel && sel == host;
	default:
		return sel;
	}
}

static struct tally gp_control(const struct vpmu_pmu *pmu, unsigned slot)
{
	uint64_t sel = pmu->selector[slot];
	unsigned cmask = (unsigned)((sel & SEL_CMASK) >> SEL_CMASK_BIT);
	enum vpmu_vendor vendor = (enum vpmu_vendor)pmu->model.vendor;
	uint64_t enables = pmu->selector[enabling_selector(vendor, slot)];
	bool edge = sel & SEL_EDGE, on = enables & SEL_EN && !is_idle(pmu, sel);

	return (struct tally){
		.class_ = (uint8_t)event_class(&pmu->model, sel),
		.modes = on ? modes_of(sel & SEL_OS, sel & SEL_USR) : 0,
		/* Intel SDM vol. 3B 20.2.1.1: INV is ignored while CMASK is 0; EDGE looks at
	         * whether the event happens in a cycle at all. */
		.threshold = (uint8_t)(cmask ? cmask : edge),
		.invert = cmask && (sel & SEL_INV),
		.edge = edge,
		.equal = cmask && sel & SEL_EQ && pmu->model.features & VPMU_FEATURE_EQ,
		.pmi = sel & SEL_INT,
	};
}

static struct tally fixed_control(const struct vpmu_pmu *pmu, unsigned slot)
{
	uint64_t field = fixed_field(pmu, slot);

	return (struct tally){
		.class_ = (uint8_t)fixed_class(&pmu->model, slot - SLOT_FIXED),
		.modes = modes_of(field & FIXED_OS, field & FIXED_USR),
		.pmi = field & FIXED_PMI,
	};
}

static bool has_svm(const struct vpmu_pmu *pmu)
{
	return has_fact(pmu->profile, VPMU_FACT_KVM) ? pmu->host.svm : pmu->rules->guest_only != 0;
}

enum vpmu_status vpmu_pmu_set_svm(struct vpmu_pmu *pmu, enum vpmu_svm svm)
{
	if (!pmu || (unsigned)svm > VPMU_SVM_GUEST)
		return VPMU_BAD_ARGUMENT;
	if (!has_svm(pmu))
		return VPMU_REFUSED;
	if (pmu->svm == svm)
		return VPMU_OK;
	pmu->svm = (uint8_t)svm;
	if (pmu->rules->guest_only)
		pmu->response->changed(pmu, pmu->slots);
	return VPMU_OK;
}

/* Fixed counter 2's event has a code of perf's own, which the vendor does not know. */
static bool is_perfs_own(const struct vpmu_pmu *pmu, uint64_t selector)
{
	uint64_t own =
		has_fact(pmu->profile, VPMU_FACT_PERF_EVENTS) ? pmu->rules->module->ref_cycles : 0;

	return own && (selector & (SEL_EVENT | SEL_UMASK)) == own;
}

enum vpmu_class host_event_class(const struct vpmu_pmu *pmu, uint64_t selector)
{
	if (is_perfs_own(pmu, selector))
		return VPMU_REF_CYCLES;
	return event_code_class(&pmu->model, selector);
}

enum vpmu_class vpmu_pmu_event_class(const struct vpmu_pmu *pmu, uint64_t selector)
{
	if (!pmu || (has_fact(pmu->profile, FACT_EVENTS_OF_CPUID) &&
	             !event_is_available(&pmu->model, selector)))
		return VPMU_NO_CLASS;
	return host_event_class(pmu, selector);
}

/* The tallies of IA32_PERF_METRICS count when and where fixed counter 3 does. */
static struct tally metrics_control(const struct vpmu_pmu *pmu, unsigned slot)
{
	return (struct tally){
		.class_ = (uint8_t)metrics_class(slot),
		.modes = fixed_control(pmu, SLOT_OF_SLOTS).modes,
	};
}

struct tally control_of(const struct vpmu_pmu *pmu, unsigned slot)
{
	if (slot >= SLOT_METRICS)
		return metrics_control(pmu, slot);
	return slot < SLOT_FIXED ? gp_control(pmu, slot) : fixed_control(pmu, slot);
}
