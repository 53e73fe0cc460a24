/* SPDX-License-Identifier: MIT */
/*
 * IA32_PERF_METRICS: how the slots that fixed counter 3 counts were used, in four shares that add
 * up to 255: retiring, bad speculation, frontend bound, backend bound, from bit 0 on (Intel SDM
 * vol. 3B 20.3.9.3). The four shares of level 2 above them keep what is written.
 *
 * It counts while fixed counter 3 does and GLOBAL_CTRL[48] is set. A value that is written stands
 * for as many slots as fixed counter 3 has at that moment: so that counter is written first (Linux
 * arch/x86/events/intel/core.c, intel_update_topdown_event), and 0 begins anew. When that counter
 * wraps, the shares stand for no slots any more, so that the two registers are all that there is.
 *
 * The shares are an estimate, of what a timing model tells of: an instruction retires with one
 * slot; the cycles behind a branch miss are lost to speculation; a taken branch ends its cycle, of
 * which half is lost to the front end on average; what is left, the back end has kept waiting.
 */
#include <core/room_int.h>

enum part { PART_RETIRED, PART_REFILL, PART_TAKEN, PART_CYCLES, PART_SLOTS };

static const uint8_t classes[METRIC_PARTS] = {
	[PART_RETIRED] = VPMU_INSTRUCTIONS, [PART_REFILL] = VPMU_STALLS_FRONTEND,
	[PART_TAKEN] = VPMU_TAKEN_BRANCHES, [PART_CYCLES] = VPMU_CYCLES,
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

enum { FIT_BITS = 40, WIDTH_ONE = 256, WIDTH_MOST = 64 * WIDTH_ONE };

/* By how much numbers are shifted so that they can be multiplied by a width, or a share. */
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

/* Slots of a cycle, in parts of WIDTH_ONE. */
static uint64_t width_of(uint64_t slots, uint64_t cycles)
{
	uint64_t width = cycles ? slots * WIDTH_ONE / cycles : WIDTH_ONE;

	return width < WIDTH_ONE ? WIDTH_ONE : lesser(width, WIDTH_MOST);
}

/* How the slots since the last write were used, but for the last share, the rest. */
static void use_of(const uint64_t part[METRIC_PARTS], uint64_t use[SHARES - 1])
{
	uint64_t width = width_of(part[PART_SLOTS], part[PART_CYCLES]);
	uint64_t left = part[PART_SLOTS];

	use[0] = lesser(part[PART_RETIRED], left);
	left -= use[0];
	use[1] = lesser(part[PART_REFILL] * width / WIDTH_ONE, left);
	left -= use[1];
	use[2] = lesser(part[PART_TAKEN] * (width - WIDTH_ONE) / (2 * WIDTH_ONE), left);
}

uint64_t metrics_value(const struct vpmu_pmu *pmu)
{
	uint64_t written = pmu->single[VPMU_KIND_METRICS], value = written & ~SHARES_MASK;
	uint64_t slots = tally_value(pmu, SLOT_METRICS + PART_SLOTS);
	unsigned shift = too_wide(slots | pmu->metrics_weight);
	uint64_t part[METRIC_PARTS], use[SHARES - 1], weight = pmu->metrics_weight >> shift;
	uint64_t left = WHOLE, left_before = WHOLE; /* a guest may write more than the whole */

	if (!slots)
		return written;
	for (unsigned i = 0; i < METRIC_PARTS; i++)
		part[i] = lesser(tally_value(pmu, SLOT_METRICS + i), slots) >> shift;
	use_of(part, use);
	for (unsigned i = 0; i < SHARES - 1; i++) {
		uint64_t before = lesser(written >> i * SHARE_BITS & WHOLE, left_before);
		uint64_t all = weight + part[PART_SLOTS];
		uint64_t share = (before * weight + use[i] * WHOLE + all / 2) / all;

		share = lesser(share, left);
		value |= share << i * SHARE_BITS;
		left -= share;
		left_before -= before;
	}
	return value | left << (SHARES - 1) * SHARE_BITS;
}

/* From now on the value stands for so many slots. */
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
