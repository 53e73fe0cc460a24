/* SPDX-License-Identifier: MIT */
/*
 * The permutation by QEMU 11.0 and 11.1 of registers that alternate, selector, counter, selector,
 * counter (AMD's from 0xc0010200). The get side uses the distance from the first MSR as the field's
 * index, so that counter n is in gp_counters[2n + 1] and selector n in gp_evtsel[2n]
 * (target/i386/kvm/kvm.c, kvm_get_msrs()). The put side uses index n.
 */
#include <stream/room_int.h>

static unsigned permuted_counter(unsigned n)
{
	return 2 * n + 1;
}

static unsigned permuted_selector(unsigned n)
{
	return 2 * n;
}

static bool is_at(const struct vpmu_register *reg, uint8_t kind, unsigned index)
{
	return reg->kind == kind && reg->index == index;
}

/* The number of pairs that QEMU permutes; 0: this model's registers do not alternate. */
static unsigned pairs_of(const struct vpmu_layout *layout)
{
	unsigned counters = 0;

	for (unsigned i = 0; i + 1 < layout->register_count; i++) {
		const struct vpmu_register *selector = &layout->registers[i],
					   *counter = selector + 1;

		if (is_at(selector, VPMU_KIND_SELECTOR, counters) &&
		    is_at(counter, VPMU_KIND_COUNTER, counters) &&
		    counter->msr == selector->msr + 1)
			counters++;
	}
	return counters;
}

enum vpmu_status vpmu_qemu_permute(struct vpmu_qemu_pmu *pmu, const struct vpmu_layout *layout)
{
	struct vpmu_qemu_pmu file;
	unsigned pairs;

	if (!pmu || !layout)
		return VPMU_BAD_ARGUMENT;
	pairs = pairs_of(layout);
	if (!pairs)
		return VPMU_OK;
	if (permuted_counter(pairs - 1) >= VPMU_QEMU_GP)
		return VPMU_INCOMPATIBLE;
	file = *pmu;
	memset(file.gp_counters, 0, sizeof(file.gp_counters));
	memset(file.gp_evtsel, 0, sizeof(file.gp_evtsel));
	for (unsigned n = 0; n < pairs; n++) {
		file.gp_counters[permuted_counter(n)] = pmu->gp_counters[n];
		file.gp_evtsel[permuted_selector(n)] = pmu->gp_evtsel[n];
	}
	*pmu = file;
	return VPMU_OK;
}

/* Moves the registers to their own places. False: the fields are not permuted. */
static bool straighten(struct vpmu_qemu_pmu *pmu, const struct vpmu_layout *layout)
{
	struct vpmu_qemu_pmu own = *pmu, again;
	unsigned pairs = pairs_of(layout);

	if (!pairs)
		return true;
	memset(own.gp_counters, 0, sizeof(own.gp_counters));
	memset(own.gp_evtsel, 0, sizeof(own.gp_evtsel));
	for (unsigned n = 0; n < pairs && permuted_counter(n) < VPMU_QEMU_GP; n++) {
		own.gp_counters[n] = pmu->gp_counters[permuted_counter(n)];
		own.gp_evtsel[n] = pmu->gp_evtsel[permuted_selector(n)];
	}
	again = own;
	if (vpmu_qemu_permute(&again, layout) || memcmp(&again, pmu, sizeof(again)) != 0)
		return false;
	*pmu = own;
	return true;
}

bool vpmu_qemu_is_permuted(const struct vpmu_qemu_pmu *pmu, const struct vpmu_layout *layout)
{
	struct vpmu_qemu_pmu own;

	if (!pmu || !layout)
		return false;
	own = *pmu;
	return straighten(&own, layout) && memcmp(&own, pmu, sizeof(own)) != 0;
}

enum vpmu_status vpmu_qemu_straighten(struct vpmu_qemu_pmu *pmu, const struct vpmu_layout *layout)
{
	if (!pmu || !layout)
		return VPMU_BAD_ARGUMENT;
	return straighten(pmu, layout) ? VPMU_OK : VPMU_INCOMPATIBLE;
}
