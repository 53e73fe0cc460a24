/* SPDX-License-Identifier: MIT */
/* Random registers and values of each vendor, valid and invalid, near the counters' ends. */
#include "program.h"

static const uint32_t intel_others[] = {0x1a0,      0x1a0,      0x345,      0x391,
                                        0x392,      0x3f1,      0x3f2,      0x600,
                                        0xc0010000, 0xc0010004, 0xc0010200, 0xc0000301};
static const uint32_t amd_others[] = {0x1a0, 0xc1,  0xc3,  0x186, 0x188,
                                      0x309, 0x345, 0x38d, 0x38f, 0x4c1};

#define AMD_GLOBAL                                                                                 \
	.controls = {{0xc0000300, 4, 1, 1}}, .others = amd_others,                                 \
	.other_count = COUNT(amd_others), .global = 0xc0000301, .all = 0x3f

const struct registers intel_msrs = {
	.counters = {0xc1, 9, 1, 1},
	.selectors = {0x186, 9, 1, 1},
	.controls = {{0x38d, 1, 1, 2}, {0x38e, 1, 1, 1}, {0x38f, 1, 1, 2}, {0x390, 1, 1, 1}},
	.aliases = {{0x4c1, 9, 1, 1}, {0x309, 4, 1, 2}},
	.state = {{0xc1, 8, 1, 1},
                  {0x186, 8, 1, 1},
                  {0x309, 3, 1, 1},
                  {0x38d, 3, 1, 1},
                  {0x345, 1, 1, 1}},
	.others = intel_others,
	.other_count = COUNT(intel_others),
	.global = 0x38f,
	.all = 0x70000000full,
};
const struct registers amd_msrs = {
	.counters = {0xc0010201, 7, 2, 1},
	.selectors = {0xc0010200, 7, 2, 1},
	.aliases = {{0xc0010004, 4, 1, 1}},
	.state = {{0xc0010000, 8, 1, 1}, {0xc0010200, 12, 1, 1}, {0xc0000300, 2, 1, 1}},
	AMD_GLOBAL,
};
const struct registers k7_msrs = {
	.counters = {0xc0010004, 4, 1, 1},
	.selectors = {0xc0010000, 4, 1, 1},
	.aliases = {{0xc0010200, 4, 1, 1}},
	.state = {{0xc0010000, 8, 1, 1}, {0xc0010200, 1, 1, 1}, {0xc0000301, 1, 1, 1}},
	AMD_GLOBAL,
};

static const uint64_t intel_events[] = {0xc0,   0xc0,   0xc0,  0x3c,  0x3c,  0x13c,  0xc4, 0xc5,
                                        0x4f2e, 0x412e, 0x300, 0x1c2, 0x1c4, 0x81d0, 0};
static const uint64_t amd_events[] = {0xc0, 0xc0,  0xc0,         0x76, 0x76, 0xc2,
                                      0xc3, 0x1c0, 0x1000000c0u, 0x40, 0xd1, 0x129};

/* splitmix64 */
uint64_t draw(struct maker *maker)
{
	uint64_t z = maker->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t below(struct maker *maker, uint64_t bound)
{
	return draw(maker) % bound;
}

bool percent(struct maker *maker, unsigned often)
{
	return below(maker, 100) < often;
}

uint32_t one_of_run(struct maker *maker, const struct msrs *run)
{
	return run->first + (uint32_t)below(maker, run->count) * run->stride;
}

uint32_t one_of_runs(struct maker *maker, const struct msrs *runs, size_t count)
{
	unsigned total = 0;
	uint64_t at;

	for (size_t i = 0; i < count; i++)
		total += runs[i].count * runs[i].weight;
	at = below(maker, total);
	for (;; runs++) {
		if (at < (uint64_t)runs->count * runs->weight)
			return runs->first + (uint32_t)(at % runs->count) * runs->stride;
		at -= (uint64_t)runs->count * runs->weight;
	}
}

static uint64_t value_near_end(struct maker *maker)
{
	static const uint8_t widths[] = {32, 40, 48, 48, 48, 64};
	static const uint16_t back[] = {1, 2, 3, 10, 100};
	static const uint64_t others[] = {
		0, 1, 2, 100, 1u << 31, UINT64_C(1) << 47, (UINT64_C(1) << 47) - 5};
	unsigned choice = (unsigned)below(maker, 10), width = ONE_OF(maker, widths);
	uint64_t end = width == 64 ? 0 : UINT64_C(1) << width;

	if (choice < 6)
		return end - (percent(maker, 80) ? ONE_OF(maker, back) : 1 + below(maker, 400));
	return choice < 8 ? ONE_OF(maker, others) : draw(maker);
}

uint64_t one_event(struct maker *maker)
{
	return maker->amd ? ONE_OF(maker, amd_events) : ONE_OF(maker, intel_events);
}

uint64_t one_counted_event(struct maker *maker)
{
	static const uint8_t amd_codes[] = {0xc0, 0xc0, 0x76, 0xc2};

	return maker->amd ? ONE_OF(maker, amd_codes) : intel_events[below(maker, 8)];
}

/* GuestOnly, HostOnly. */
static const uint64_t svm_modes[] = {UINT64_C(1) << 40, UINT64_C(1) << 41, UINT64_C(3) << 40};

static uint64_t selector_value(struct maker *maker)
{
	/* USR, OS, EDGE, pin control, INT, INV. */
	static const uint8_t flags[] = {16, 17, 17, 17, 18, 19, 20, 20, 20, 23};
	uint64_t value = one_event(maker);

	for (int i = 0; i < 3; i++)
		value |= UINT64_C(1) << ONE_OF(maker, flags);
	if (percent(maker, 85))
		value |= 1u << 22;
	if (percent(maker, 5))
		value |= below(maker, 256) << 24;
	if (percent(maker, 3))
		value |= UINT64_C(1) << below(maker, 64);
	if (maker->amd && percent(maker, 25))
		value |= ONE_OF(maker, svm_modes);
	return percent(maker, 8) ? 0 : value;
}

static uint64_t fixed_control_value(struct maker *maker)
{
	static const uint8_t fields[] = {0, 0, 1, 2, 3, 9, 0xa, 0xb, 0xb, 8};
	uint64_t value = 0;

	for (int i = 0; i < 3; i++)
		value |= (uint64_t)ONE_OF(maker, fields) << 4 * i;
	return percent(maker, 3) ? value | UINT64_C(1) << below(maker, 64) : value;
}

static uint64_t global_value(struct maker *maker)
{
	static const uint64_t intel_all[] = {0xf, 0x70000000full, 0x7000000ffull};
	uint64_t all = maker->amd ? 0x3f : ONE_OF(maker, intel_all);
	unsigned choice = (unsigned)below(maker, 100);

	if (choice < 40)
		return all;
	if (choice < 60)
		return 0;
	return choice < 95 ? draw(maker) & all : UINT64_C(1) << below(maker, 64);
}

uint64_t drawn_value(struct maker *maker, enum vpmu_kind kind)
{
	switch (kind) {
	case VPMU_KIND_COUNTER:
	case VPMU_KIND_FIXED_COUNTER:
		return value_near_end(maker);
	case VPMU_KIND_SELECTOR:
		return selector_value(maker);
	case VPMU_KIND_FIXED_CTRL:
		return fixed_control_value(maker);
	default:
		return global_value(maker);
	}
}

void msr_and_value(struct maker *maker, uint32_t *msr, uint64_t *value)
{
	static const uint32_t odd[] = {0, 0, 1, 5, 0x2000, 0x1800, 0x1880, 0x41801};
	const struct registers *registers = maker->registers;
	unsigned choice = (unsigned)below(maker, 100);

	if (choice < 25) {
		*msr = one_of_run(maker, &registers->counters);
		*value = value_near_end(maker);
	} else if (choice < 40) {
		*msr = one_of_runs(maker, registers->aliases, COUNT(registers->aliases));
		*value = value_near_end(maker);
	} else if (choice < 65) {
		*msr = one_of_run(maker, &registers->selectors);
		*value = selector_value(maker);
	} else if (choice < 97) {
		*msr = one_of_runs(maker, registers->controls, COUNT(registers->controls));
		*value = *msr == 0x38d ? fixed_control_value(maker) : global_value(maker);
	} else {
		*msr = registers->others[below(maker, registers->other_count)];
		*value = ONE_OF(maker, odd);
	}
}

uint32_t readable(struct maker *maker)
{
	const struct registers *registers = maker->registers;

	switch (below(maker, 9)) {
	case 0 ... 2:
		return one_of_run(maker, &registers->counters);
	case 3 ... 4:
		return one_of_run(maker, &registers->selectors);
	case 5 ... 6:
		return one_of_runs(maker, registers->controls, COUNT(registers->controls));
	case 7:
		return one_of_runs(maker, registers->aliases, COUNT(registers->aliases));
	default:
		return registers->others[below(maker, registers->other_count)];
	}
}
