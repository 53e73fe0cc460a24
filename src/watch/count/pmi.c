/* SPDX-License-Identifier: MIT */
/*
 * Delivers PMIs through KVM's APIC: its LVTPC says whether and how, and gets its mask bit set where
 * the register machine would set its own. Without an APIC in KVM there is nowhere to deliver to.
 */
#include <string.h>

#include <watch/count.h>

enum {
	APIC_IRR = 0x200, /* Intel SDM vol. 3A, table 11-1 */
	APIC_LVTPC = 0x340,
	MODE_FIXED = 0,
	MODE_NMI = 4,
};

static uint32_t apic_get(const struct kvm_lapic_state *apic, unsigned at)
{
	uint32_t value;

	memcpy(&value, apic->regs + at, sizeof(value));
	return value;
}

static void apic_set(struct kvm_lapic_state *apic, unsigned at, uint32_t value)
{
	memcpy(apic->regs + at, &value, sizeof(value));
}

static void request(struct kvm_lapic_state *apic, unsigned vector)
{
	unsigned at = APIC_IRR + vector / 32 * 0x10;

	apic_set(apic, at, apic_get(apic, at) | 1u << vector % 32);
}

/* Whether the delivery has masked the machine's own LVTPC. Unmasks it again for the next PMI. */
static bool masks(struct counting *c)
{
	struct vpmu_pmu *pmu = c->object->as_vcpu.pmu;
	bool is_masked = vpmu_pmu_lvtpc(pmu) & VPMU_LVTPC_MASKED;

	vpmu_pmu_set_lvtpc(pmu, VPMU_LVTPC_RESET);
	return is_masked;
}

void count_deliver(struct counting *c, struct vpmu_outcome outcome)
{
	struct kvm_lapic_state apic;
	uint32_t lvtpc, mode;
	bool mask;

	if (!outcome.pmi)
		return;
	mask = masks(c);
	if (real()->ioctl(c->fd, KVM_GET_LAPIC, &apic)) {
		count_lacks(c, WATCH_LACK_APIC);
		return;
	}
	lvtpc = apic_get(&apic, APIC_LVTPC);
	mode = lvtpc >> 8 & 7;
	if (lvtpc & VPMU_LVTPC_MASKED)
		return;
	if (mode == MODE_FIXED)
		request(&apic, lvtpc & 0xff);
	if (mask)
		apic_set(&apic, APIC_LVTPC, lvtpc | VPMU_LVTPC_MASKED);
	if (mask || mode == MODE_FIXED)
		real()->ioctl(c->fd, KVM_SET_LAPIC, &apic);
	if (mode == MODE_NMI)
		real()->ioctl(c->fd, KVM_NMI, NULL);
}
