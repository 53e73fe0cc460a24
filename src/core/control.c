/* SPDX-License-Identifier: MIT */
/* What selectors and control registers say of a counter: class, privilege modes, thresholds. */
#include <core/room_int.h>

uint32_t slots_of_fixed_fields(uint64_t bits)
{
	uint32_t slots = 0;

	while (bits) {
		unsigned i = (unsigned)__builtin_ctzll(bits) / FIXED_BITS;

		slots |= 1u << (SLOT_FIXED + i);
		bits &= ~((BIT64(FIXED_BITS) - 1) << (FIXED_BITS * i));
	}
	return slots;
}

static uint8_t modes_of(bool kernel, bool user)
{
	return (uint8_t)((kernel ? BIT64(MODE_KERNEL) : 0) | (user ? BIT64(MODE_USER) : 0));
}

static struct tally gp_control(const struct vpmu_pmu *pmu, unsigned slot)
{
	uint64_t sel = pmu->selector[slot];
	unsigned cmask = (unsigned)((sel & SEL_CMASK) >> SEL_CMASK_BIT);
	bool edge = sel & SEL_EDGE;

	return (struct tally){
		.class_ = (uint8_t)event_class(&pmu->model, sel),
		.modes = sel & SEL_EN ? modes_of(sel & SEL_OS, sel & SEL_USR) : 0,
		/* Intel SDM vol. 3B 20.2.1.1: INV is ignored while CMASK is 0; EDGE looks at
	         * whether the event happens in a cycle at all. */
		.threshold = (uint8_t)(cmask ? cmask : edge),
		.invert = cmask && (sel & SEL_INV),
		.edge = edge,
		.pmi = sel & SEL_INT,
	};
}

uint64_t fixed_field(const struct vpmu_pmu *pmu, unsigned slot)
{
	return pmu->single[VPMU_KIND_FIXED_CTRL] >> (FIXED_BITS * (slot - SLOT_FIXED)) &
	       (BIT64(FIXED_BITS) - 1);
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

/* Global control has priority over a counter's own control, and a freeze over both. */
uint32_t globally_enabled_slots(const struct vpmu_pmu *pmu)
{
	if (!pmu->has_global)
		return UINT32_MAX;
	if (pmu->rules->freeze && pmu->single[VPMU_KIND_GLOBAL_STATUS] & STATUS_CTR_FRZ)
		return 0;
	return slots_of_global_bits(pmu->single[VPMU_KIND_GLOBAL_CTRL]);
}

bool globally_enabled(const struct vpmu_pmu *pmu, unsigned slot)
{
	return globally_enabled_slots(pmu) >> slot & 1;
}
