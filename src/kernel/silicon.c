/* SPDX-License-Identifier: MIT */
/* The simulated hardware PMU. Its MSR numbers and bits come from the rows of vpmu's register
 * tables. */
#include "silicon.h"

#include <arch/room.h>

#include "perf.h"

/* --- The processor ---------------------------------------------------------------------------- */

static void take_row(struct silicon *silicon, const struct vpmu_register *row)
{
	if (row->kind == VPMU_KIND_GLOBAL_CTRL)
		silicon->global_bits = row->writable;
	else if (row->kind == VPMU_KIND_STATUS_CLEAR)
		silicon->status_bits = row->writable;
}

/* Intel's version 5 without IA32_PERF_METRICS, or AMD's PerfMonV2. Status bits that can be cleared
 * can also be set. Whether that holds for CondChgd, which Intel calls reserved and KVM writes,
 * nobody has tried. */
void silicon_make(struct silicon *silicon, const struct vpmu_model *processor, u32 gp, u32 fixed,
                  u32 width)
{
	struct vpmu_register rows[VPMU_MAX_REGISTERS];
	struct vpmu_model host;
	size_t count;
	bool amd = processor->vendor == VPMU_VENDOR_AMD;

	*silicon = (struct silicon){.processor = processor,
	                            .gp = gp,
	                            .fixed = fixed,
	                            .mask = (1ull << width) - 1,
	                            .freeze_bit = STATUS_CTR_FRZ,
	                            .amd = amd};
	if (vpmu_model_parse(&host, amd ? "amd-perfmon-v2" : "intel-v5", NULL, 0))
		abort();
	host.gp_count = (uint8_t)gp;
	host.fixed_mask = (1u << fixed) - 1;
	host.gp_width = (uint8_t)width;
	host.fixed_width = fixed ? (uint8_t)width : 0;
	count = vpmu_model_registers(&host, rows);
	if (!count)
		abort();
	for (size_t i = 0; i < count; i++)
		take_row(silicon, &rows[i]);
}

/* --- Registers -------------------------------------------------------------------------------- */

struct place {
	u64 *at;
	enum vpmu_kind kind;
	u64 mask; /* the bits that it keeps */
};

static bool in_run(u32 msr, u32 first, u32 count, u32 stride, u32 *index)
{
	*index = (msr - first) / stride;
	return msr >= first && *index < count && (msr - first) % stride == 0;
}

static struct place intel_place(struct silicon *silicon, u32 msr)
{
	u32 i;

	if (in_run(msr, 0xc1, silicon->gp, 1, &i))
		return (struct place){&silicon->counter[i], VPMU_KIND_COUNTER, silicon->mask};
	if (in_run(msr, 0x4c1, silicon->gp, 1, &i))
		return (struct place){&silicon->counter[i], VPMU_KIND_COUNTER_ALIAS, silicon->mask};
	if (in_run(msr, 0x186, silicon->gp, 1, &i))
		return (struct place){&silicon->selector[i], VPMU_KIND_SELECTOR, ~0ull};
	if (in_run(msr, 0x309, silicon->fixed, 1, &i))
		return (struct place){&silicon->counter[SILICON_GP + i], VPMU_KIND_FIXED_COUNTER,
		                      silicon->mask};
	switch (msr) {
	case 0x38d:
		return (struct place){&silicon->fixed_ctrl, VPMU_KIND_FIXED_CTRL, ~0ull};
	case 0x38e:
		return (struct place){&silicon->status, VPMU_KIND_GLOBAL_STATUS, 0};
	case 0x38f:
		return (struct place){&silicon->global_ctrl, VPMU_KIND_GLOBAL_CTRL,
		                      silicon->global_bits};
	case 0x390:
		return (struct place){&silicon->status, VPMU_KIND_STATUS_CLEAR,
		                      silicon->status_bits};
	case 0x391:
		return (struct place){&silicon->status, VPMU_KIND_STATUS_SET, silicon->status_bits};
	default:
		return (struct place){NULL, VPMU_KIND_COUNTER, 0};
	}
}

static struct place amd_place(struct silicon *silicon, u32 msr)
{
	u32 i;

	if (in_run(msr, 0xc0010004, 4, 1, &i) || in_run(msr, 0xc0010201, silicon->gp, 2, &i))
		return (struct place){&silicon->counter[i], VPMU_KIND_COUNTER, silicon->mask};
	if (in_run(msr, 0xc0010000, 4, 1, &i) || in_run(msr, 0xc0010200, silicon->gp, 2, &i))
		return (struct place){&silicon->selector[i], VPMU_KIND_SELECTOR, ~0ull};
	switch (msr) {
	case 0xc0000300:
		return (struct place){&silicon->status, VPMU_KIND_GLOBAL_STATUS, 0};
	case 0xc0000301:
		return (struct place){&silicon->global_ctrl, VPMU_KIND_GLOBAL_CTRL,
		                      silicon->global_bits};
	case 0xc0000302:
		return (struct place){&silicon->status, VPMU_KIND_STATUS_CLEAR,
		                      silicon->status_bits};
	case 0xc0000303:
		return (struct place){&silicon->status, VPMU_KIND_STATUS_SET, silicon->status_bits};
	default:
		return (struct place){NULL, VPMU_KIND_COUNTER, 0};
	}
}

static struct place place_of(struct silicon *silicon, u32 msr)
{
	return silicon->amd ? amd_place(silicon, msr) : intel_place(silicon, msr);
}

static u64 read_place(const struct place *place)
{
	bool command = place->kind == VPMU_KIND_STATUS_CLEAR || place->kind == VPMU_KIND_STATUS_SET;

	return command || !place->at ? 0 : *place->at;
}

static void write_place(const struct place *place, u64 value)
{
	if (!place->at || place->kind == VPMU_KIND_GLOBAL_STATUS)
		return;
	value &= place->mask;
	if (place->kind == VPMU_KIND_STATUS_CLEAR)
		*place->at &= ~value;
	else if (place->kind == VPMU_KIND_STATUS_SET)
		*place->at |= value;
	else
		*place->at = value;
}

u64 silicon_read(u32 msr)
{
	struct place place = place_of(&current->silicon, msr);
	u64 value;

	if (!place.at && branches_read(&current->silicon.branches, msr, &value))
		return value;
	return read_place(&place);
}

bool silicon_write(u32 msr, u64 value)
{
	struct place place = place_of(&current->silicon, msr);

	if (!place.at)
		return branches_write(&current->silicon.branches, msr, value);
	write_place(&place, value);
	return true;
}

bool silicon_guest_read(u32 msr, u64 *value)
{
	struct place place = place_of(&current->silicon, msr);

	*value = read_place(&place);
	return place.at != NULL;
}

/* Intel: a counter written by its legacy MSR takes 32 bits and sign-extends them; otherwise a bit
 * that the register lacks is #GP (SDM vol. 3B 20.2.8, 20.2.2). AMD ignores such bits, and ignores
 * writes to the status. */
bool silicon_guest_write(u32 msr, u64 value)
{
	const struct silicon *silicon = &current->silicon;
	struct place place = place_of(&current->silicon, msr);

	if (!place.at)
		return false;
	if (!silicon->amd && place.kind == VPMU_KIND_COUNTER)
		value = (u64)(s64)(s32)value;
	else if (!silicon->amd && (place.kind == VPMU_KIND_GLOBAL_STATUS || value & ~place.mask))
		return false;
	write_place(&place, value);
	return true;
}

/* The counter that RDPMC reads with this ECX; SILICON_COUNTERS: none. */
static u32 pmc_of(const struct silicon *silicon, u32 ecx)
{
	if (ecx < silicon->gp)
		return ecx;
	if (!silicon->amd && ecx >> 16 == 0x4000 && (ecx & 0xffff) < silicon->fixed)
		return SILICON_GP + (ecx & 0xffff);
	return SILICON_COUNTERS;
}

bool silicon_guest_rdpmc(u32 ecx, u64 *value)
{
	const struct silicon *silicon = &current->silicon;
	u32 counter = pmc_of(silicon, ecx);

	*value = counter < SILICON_COUNTERS ? silicon->counter[counter] : 0;
	return counter < SILICON_COUNTERS;
}

u64 silicon_rdpmc(u32 ecx)
{
	u64 value;

	silicon_guest_rdpmc(ecx, &value);
	return value;
}

/* --- Counting --------------------------------------------------------------------------------- */

static bool globally_on(const struct silicon *silicon, unsigned int bit)
{
	return silicon->global_ctrl >> bit & 1 && !(silicon->status & silicon->freeze_bit);
}

static unsigned int global_bit(unsigned int counter)
{
	return counter < SILICON_GP ? counter : 32 + counter - SILICON_GP;
}

/* AMD: with SVM enabled, a selector with HostOnly alone does not count the guest (APM vol. 2
 * 13.2.1). Events in transactions never happen. */
static unsigned int gp_class(const struct silicon *silicon, u64 selector, unsigned int cpl)
{
	u64 code = selector & (SEL_EVENT | SEL_UMASK);
	enum vpmu_class class;

	if (!(selector & SEL_EN) || !(selector & (cpl ? SEL_USR : SEL_OS)))
		return PERF_CLASSES;
	if (silicon->amd && (selector & (SEL_AMD_HOST | SEL_AMD_GUEST)) == SEL_AMD_HOST)
		return PERF_CLASSES;
	if (silicon->amd)
		code |= selector & SEL_AMD_EVENT;
	else if (selector & SEL_IN_TX)
		return PERF_CLASSES;
	class = event_code_class(silicon->processor, code);
	return class == VPMU_NO_CLASS ? PERF_CLASSES : class;
}

static u64 field_of(const struct silicon *silicon, unsigned int counter)
{
	return silicon->fixed_ctrl >> FIXED_BITS * (counter - SILICON_GP);
}

unsigned int silicon_class(const struct silicon *silicon, unsigned int counter, unsigned int cpl)
{
	static const u8 fixed[] = {VPMU_INSTRUCTIONS, VPMU_CYCLES, VPMU_REF_CYCLES};

	if (!globally_on(silicon, global_bit(counter)))
		return PERF_CLASSES;
	if (counter < SILICON_GP)
		return gp_class(silicon, silicon->selector[counter], cpl);
	if (field_of(silicon, counter) & (cpl ? FIXED_USR : FIXED_OS))
		return fixed[counter - SILICON_GP];
	return PERF_CLASSES;
}

/* --- CMASK, INV, EDGE ------------------------------------------------------------------------- */

enum { FEW_CYCLES = 1 << 13 }; /* cycles up to this number are walked one by one */

static u64 cmask_of(u64 selector)
{
	return (selector & SEL_CMASK) >> SEL_CMASK_BIT;
}

bool silicon_looks_at_cycles(const struct silicon *silicon, unsigned int counter)
{
	return counter < SILICON_GP && silicon->selector[counter] & (SEL_CMASK | SEL_EDGE);
}

/* Whether a cycle with this many events counts. INV applies only with CMASK. */
static bool holds(u64 selector, u64 events)
{
	u64 least = cmask_of(selector);

	if (!least)
		return events;
	return (events >= least) != !!(selector & SEL_INV);
}

static u64 go_through(u64 selector, u64 events, u64 cycles)
{
	u64 happened = 0, count = 0;
	bool before = false;

	for (u64 i = 1; i <= cycles; i++) {
		u64 by = (u64)((unsigned __int128)i * events / cycles);
		bool now = holds(selector, by - happened);

		count += selector & SEL_EDGE ? now && !before : now;
		before = now;
		happened = by;
	}
	return count;
}

/* Each cycle has `each` events, and `rest` of the cycles have one more. Those are spread as evenly
 * as possible: never the first cycle, always the last. */
static u64 work_out(u64 selector, u64 events, u64 cycles)
{
	u64 each = events / cycles, rest = events % cycles;
	bool with_each = holds(selector, each), with_more = holds(selector, each + 1);

	if (!(selector & SEL_EDGE))
		return (with_each ? cycles - rest : 0) + (with_more ? rest : 0);
	if (!rest || with_each == with_more)
		return with_each;
	return min(rest, cycles - rest);
}

u64 silicon_cycles(const struct silicon *silicon, unsigned int counter, u64 events, u64 cycles)
{
	u64 selector = silicon->selector[counter];

	if (!cycles)
		return 0;
	return cycles <= FEW_CYCLES ? go_through(selector, events, cycles)
	                            : work_out(selector, events, cycles);
}

u64 silicon_left(const struct silicon *silicon, unsigned int counter)
{
	return silicon->mask + 1 - silicon->counter[counter];
}

bool silicon_advance(struct silicon *silicon, unsigned int counter, u64 count)
{
	bool wraps = count && count >= silicon_left(silicon, counter);

	silicon->counter[counter] = (silicon->counter[counter] + count) & silicon->mask;
	if (!wraps)
		return false;
	silicon->status |= 1ull << global_bit(counter);
	if (counter < SILICON_GP)
		return silicon->selector[counter] & SEL_INT;
	return field_of(silicon, counter) & FIXED_PMI;
}

/* --- perf around a guest ---------------------------------------------------------------------- */

static bool holds_anything(const struct silicon *silicon)
{
	u64 any = silicon->fixed_ctrl | silicon->global_ctrl | silicon->status;

	for (unsigned int i = 0; i < SILICON_COUNTERS; i++)
		any |= silicon->counter[i];
	for (unsigned int i = 0; i < SILICON_GP; i++)
		any |= silicon->selector[i];
	return any;
}

/* The kernel only warns here, and its counts are wrong from then on. Abort instead, so that tests
 * see it. */
void silicon_give(void)
{
	if (current->silicon.guest_loaded)
		abort();
	current->silicon.guest_loaded = true;
}

/* Whatever a guest leaves in the registers would go on counting for the host: abort. */
void silicon_take(void)
{
	struct silicon *silicon = &current->silicon;

	if (!silicon->guest_loaded || silicon->pmi != PMI_OF_HOST || holds_anything(silicon))
		abort();
	silicon->guest_loaded = false;
}
