/* SPDX-License-Identifier: MIT */
/*
 * IA32_PERF_METRICS: how the slots that fixed counter 3 counts were used, in four shares that add
 * up to 255: retiring, bad speculation, frontend bound, backend bound, from bit 0 on (Intel SDM
 * vol. 3B 20.3.9.3). The four shares of level 2 above them keep what is written.
 *
 * It counts while fixed counter 3 does and GLOBAL_CTRL[48] is set. A written value is taken as
 * shares of the slots that fixed counter 3 has at that moment, so that counter must be written
 * first (Linux arch/x86/events/intel/core.c, intel_update_topdown_event); writing 0 begins anew.
 * When that counter wraps, the shares start again from no slots. So these two registers are the
 * whole state.
 *
 * The shares are those of the classes that the architectural top-down events count, too.
 */
#include <core/room_int.h>

enum part { PART_RETIRING, PART_SPECULATION, PART_FRONTEND, PART_SLOTS };

static const uint8_t classes[METRIC_PARTS] = {
	[PART_RETIRING] = VPMU_TOPDOWN_RETIRING,
	[PART_SPECULATION] = VPMU_TOPDOWN_SPECULATION,
	[PART_FRONTEND] = VPMU_TOPDOWN_FRONTEND,
	[PART_SLOTS] = VPMU_SLOTS,
};

uint32_t metrics_slots(const struct vpmu_model *model)
{
	_Static_assert((int)SLOTS <= 32, "a bit each");
	return model_has_metrics(model) ? ~COUNTER_SLOTS & (uint32_t)(BIT64(SLOTS) - 1) : 0;
}

enum vpmu_class metrics_class(unsigned slot)
{
	return (enum vpmu_class)classes[slot - SLOT_METRICS];
}

enum { SHARE_BITS = 8, SHARES = 4, WHOLE = 255 };
#define SHARES_MASK UINT64_C(0xffffffff)

enum { FIT_BITS = 40 };

/* By how many bits a number must be shifted right so that it can be multiplied by a share without
 * overflow. */
static unsigned too_wide(uint64_t number)
{
	unsigned shift = 0;

	while (number >> shift >> FIT_BITS)
		shift++;
	return shift;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t metrics_value(const struct vpmu_pmu *pmu)
{
	uint64_t written = pmu->single[VPMU_KIND_METRICS], value = written & ~SHARES_MASK;
	uint64_t slots = tally_value(pmu, SLOT_METRICS + PART_SLOTS);
	unsigned shift = too_wide(slots | pmu->metrics_weight);
	uint64_t weight = pmu->metrics_weight >> shift, unused = slots >> shift;
	uint64_t all = weight + unused;
	uint64_t left = WHOLE, left_before = WHOLE; /* a guest may write more than the whole */

	if (!slots)
		return written;
	for (unsigned i = 0; i < SHARES - 1; i++) {
		uint64_t use = lesser(tally_value(pmu, SLOT_METRICS + i) >> shift, unused);
		uint64_t before = lesser(written >> i * SHARE_BITS & WHOLE, left_before);
		uint64_t share = (before * weight + use * WHOLE + all / 2) / all;

		share = lesser(share, left);
		value |= share << i * SHARE_BITS;
		left -= share;
		unused -= use;
		left_before -= before;
	}
	return value | left << (SHARES - 1) * SHARE_BITS;
}

/* From now on the value's shares are of `weight` slots. */
static void begin(struct vpmu_pmu *pmu, uint64_t value, uint64_t weight)
{
	pmu->single[VPMU_KIND_METRICS] = value;
	pmu->metrics_weight = value & SHARES_MASK ? weight : 0;
	FOR_SLOTS(slot, pmu->metrics)
		tally_set(pmu, slot, 0);
}

void metrics_wrap(struct vpmu_pmu *pmu)
{
	if (pmu->metrics)
		begin(pmu, metrics_value(pmu), 0);
}

enum vpmu_status set_metrics(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value)
{
	begin(pmu, value, pmu->engine->value(pmu, SLOT_OF_SLOTS));
	return VPMU_OK;
}
