/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's state as a whole: after power-up, and the changes between its modes (off, xAPIC,
 * x2APIC). CR8 is here, since it works in all of them.
 */
#include <base/room.h>

#include "apic.h"

enum {
	SVR_RESET = 0xff,
	X2_LDR = 1, /* SDM 11.12.10.2: derived from ID 0 */
};

/* Resets everything but the base, the task priority (the CPU's CR8) and the TSC. */
static void reset_registers(struct apic *apic)
{
	for (unsigned i = 0; i < 8; i++)
		apic->irr[i] = apic->isr[i] = apic->tmr[i] = 0;
	for (unsigned i = 0; i < APIC_LVTS; i++)
		apic->lvt[i] = APIC_LVT_MASKED;
	vpmu_pmu_set_lvtpc(apic->pmu, VPMU_LVTPC_MASKED);
	apic->ldr = 0;
	apic->dfr = UINT32_MAX;
	apic->svr = SVR_RESET;
	apic->esr = apic->esr_pending = 0;
	apic->icr_low = apic->icr_high = 0;
	apic->nmi_pending = false;
	apic_timer_reset(&apic->timer);
}

void apic_init(struct apic *apic, struct vpmu_pmu *pmu)
{
	*apic = (struct apic){.pmu = pmu, .base = APIC_DEFAULT_BASE | APIC_BASE_BSP | APIC_BASE_EN};
	reset_registers(apic);
}

/* The modes, as bits 11:10 of IA32_APIC_BASE, and which changes between them are legal: SDM fig.
 * 11-27. */
enum mode { MODE_OFF, MODE_INVALID, MODE_XAPIC, MODE_X2APIC, MODES };

static const bool allowed[MODES][MODES] = {
	[MODE_OFF] = {[MODE_OFF] = true, [MODE_XAPIC] = true},
	[MODE_XAPIC] = {[MODE_OFF] = true, [MODE_XAPIC] = true, [MODE_X2APIC] = true},
	[MODE_X2APIC] = {[MODE_OFF] = true, [MODE_X2APIC] = true},
};

static enum mode mode_of(uint64_t base)
{
	return (enum mode)((base & APIC_BASE_MODE) >> 10);
}

enum vpmu_status apic_write_base(struct apic *apic, uint64_t now, uint64_t value)
{
	uint64_t address = (BIT64(PHYSICAL_BITS) - 1) & ~UINT64_C(0xfff);
	enum mode from = mode_of(apic->base), to = mode_of(value);

	if ((value & ~(address | APIC_BASE_BSP | APIC_BASE_MODE)) || !allowed[from][to])
		return VPMU_GP;
	apic_advance(apic, now);
	apic->base = value;
	if (to == MODE_OFF && from != MODE_OFF)
		reset_registers(apic);
	if (to == MODE_X2APIC && from != MODE_X2APIC) {
		apic->ldr = X2_LDR;
		apic->icr_high = 0;
	}
	return VPMU_OK;
}

void apic_write_cr8(struct apic *apic, uint64_t value)
{
	apic->tpr = (uint32_t)(value & 0xf) << 4;
}

uint64_t apic_read_cr8(const struct apic *apic)
{
	return apic->tpr >> 4;
}
