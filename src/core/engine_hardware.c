/* SPDX-License-Identifier: MIT */
/* Profile hardware: a counter is its tally, everything takes effect at once, and an overflow sets
 * status, may freeze the counters and raises a PMI. */
#include <core/room_int.h>

static uint64_t value(const struct vpmu_pmu *pmu, unsigned slot)
{
	return tally_value(pmu, slot) & slot_mask(pmu, slot);
}

static void changed(struct vpmu_pmu *pmu, uint32_t slots)
{
	uint32_t on = globally_enabled_slots(pmu);

	FOR_SLOTS(slot, slots) {
		struct tally control = control_of(pmu, slot);

		tally_control(pmu, slot, &control, on >> slot & 1);
	}
}

static void switched(struct vpmu_pmu *pmu, uint32_t slots)
{
	tallies_switch(pmu, slots, globally_enabled_slots(pmu));
}

void hardware_pmi(struct vpmu_pmu *pmu, struct vpmu_outcome *outcome)
{
	if (pmu->has_global && pmu->single[VPMU_KIND_DEBUGCTL] & DEBUGCTL_FREEZE_PERFMON)
		pmu->rules->freeze(pmu);
	if (pmu->lbr.count && pmu->single[VPMU_KIND_DEBUGCTL] & DEBUGCTL_FREEZE_LBRS)
		lbr_freeze(pmu);
	deliver_pmi(pmu, outcome);
}

static void overflow(struct vpmu_pmu *pmu, uint32_t slots, struct vpmu_outcome *outcome)
{
	slots = pebs_see(pmu, slots);
	if (slots >> SLOT_OF_SLOTS & 1)
		metrics_wrap(pmu);
	if (tallies_wrap(pmu, slots))
		hardware_pmi(pmu, outcome);
}

/* The next event of an armed counter is looked at, too. */
static uint64_t distance(const struct vpmu_pmu *pmu, unsigned slot)
{
	bool armed = !pmu->pebs_due && pebs_armed(pmu) >> slot & 1;

	return armed ? 1 : counter_distance(pmu, slot);
}

static struct vpmu_outcome enter(struct vpmu_pmu *pmu)
{
	return (struct vpmu_outcome){0};
}

/* Nothing is emulated on hardware: the instruction runs. */
static struct vpmu_outcome emulate(struct vpmu_pmu *pmu, bool branch, unsigned cpl)
{
	struct vpmu_amounts one = {.of = {
					   [VPMU_INSTRUCTIONS] = 1,
					   [VPMU_CYCLES] = 1,
					   [VPMU_REF_CYCLES] = 1,
					   [VPMU_BRANCHES] = branch,
				   }};

	return vpmu_pmu_account(pmu, &one, cpl);
}

/* Hardware has no threads to schedule. */
static void schedule(struct vpmu_pmu *pmu)
{
}

/* Sets every register to its reset value, counters to 0. LVTPC belongs to the APIC. */
static void reset(struct vpmu_pmu *pmu)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(&pmu->model, registers);
	const struct reg *next = pmu->reg;

	lbr_clear(pmu);
	pmu->pebs_due = 0;
	for (size_t i = 0; i < count; i++) {
		const struct reg *reg = next;

		if (kind_is_lbr_entry(registers[i].kind))
			continue;
		next++;
		if (reg->store == STORE_SELECTOR)
			pmu->selector[reg->slot] = registers[i].reset;
		else if (reg->store == STORE_SINGLE)
			pmu->single[reg->kind] = registers[i].reset;
		else if (reg->store == STORE_METRICS)
			set_metrics(pmu, reg, registers[i].reset);
		else if (reg->store == STORE_COUNTER)
			tally_set(pmu, reg->slot, registers[i].reset);
	}
	changed(pmu, pmu->slots | pmu->metrics);
}

static bool power_up(struct vpmu_pmu *pmu)
{
	if (!pmu_load_model(pmu, &pmu->asked))
		return false;
	reset(pmu);
	return true;
}

/* A processor cannot become another model. */
static enum vpmu_status set_model(struct vpmu_pmu *pmu, const struct vpmu_model *model)
{
	return vpmu_model_equal(&pmu->model, model) ? VPMU_OK : VPMU_REFUSED;
}

const struct engine engine_hardware = {
	.value = value,
	.guest_value = value,
	.write = tally_write,
	.distance = distance,
	.overflow = overflow,
	.enter = enter,
	.emulate = emulate,
	.schedule = schedule,
	.power_up = power_up,
	.set_model = set_model,
};

const struct response response_hardware = {
	.changed = changed,
	.switched = switched,
	.reset = reset,
};
