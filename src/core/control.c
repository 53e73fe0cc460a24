/* SPDX-License-Identifier: MIT */
/* What selectors and control registers say of a counter: class, privilege modes, thresholds. */
#include <core/room_int.h>

static uint8_t modes_of(bool kernel, bool user)
{
	return (uint8_t)((kernel ? BIT64(MODE_KERNEL) : 0) | (user ? BIT64(MODE_USER) : 0));
}

static struct tally gp_control(const struct vpmu_pmu *pmu, unsigned slot)
{
	uint64_t sel = pmu->selector[slot];
	unsigned cmask = (unsigned)((sel & SEL_CMASK) >> SEL_CMASK_BIT);
	bool edge = sel & SEL_EDGE, on = sel & SEL_EN && !(sel & pmu->rules->idle_bits);

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

struct tally control_of(const struct vpmu_pmu *pmu, unsigned slot)
{
	return slot < SLOT_FIXED ? gp_control(pmu, slot) : fixed_control(pmu, slot);
}
