/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's registers: one table for both ways of access, MMIO (xAPIC) and MSRs (x2APIC,
 * Intel SDM vol. 3A table 11-6).
 */
#include "apic.h"

#include <base/room.h>

enum {
	VERSION = 0x14, /* an integrated APIC; its LVT has 6 entries */
	MAX_LVT = 5,
	DELIVERY_STATUS = 0x1000,
	REMOTE_IRR = 0x4000,
};

/* How a register can be reached. */
enum { X_READ = 1, X_WRITE = 2, X_BOTH = 3, X2_READ = 4, X2_WRITE = 8, X2_BOTH = 12, ALL = 15 };

/* A register, or a run of them. A read or write gets slot + the index in the run. */
struct apic_register {
	uint8_t first, count; /* offset / 16, which is MSR - 0x800 */
	uint8_t access;
	uint8_t slot;
	uint64_t kept;    /* bits that a write sets */
	uint64_t ignored; /* read-only bits that a write may have; others are #GP in x2APIC */
	uint64_t (*read)(struct apic *apic, uint64_t now, unsigned slot);
	void (*write)(struct apic *apic, uint64_t now, unsigned slot, uint64_t value);
};

static uint64_t read_zero(struct apic *apic, uint64_t now, unsigned slot)
{
	return 0;
}

static uint64_t read_version(struct apic *apic, uint64_t now, unsigned slot)
{
	return VERSION | MAX_LVT << 16;
}

static uint64_t read_tpr(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->tpr;
}

static void write_tpr(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic->tpr = (uint32_t)value;
}

static uint64_t read_ppr(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic_ppr(apic);
}

static void write_eoi(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic_eoi(apic);
}

static uint64_t read_ldr(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->ldr;
}

static void write_ldr(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic->ldr = (uint32_t)value;
}

static uint64_t read_dfr(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->dfr;
}

static void write_dfr(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic->dfr = (uint32_t)value | UINT32_C(0x0fffffff);
}

static uint64_t read_svr(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->svr;
}

/* SDM 11.4.7.2: while software-disabled, every LVT entry is masked. */
static void mask_all(struct apic *apic)
{
	for (unsigned i = 0; i < APIC_LVTS; i++)
		apic->lvt[i] |= APIC_LVT_MASKED;
	vpmu_pmu_set_lvtpc(apic->pmu, vpmu_pmu_lvtpc(apic->pmu) | VPMU_LVTPC_MASKED);
}

static void write_svr(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic->svr = (uint32_t)value;
	if (!apic_software_enabled(apic))
		mask_all(apic);
}

static uint64_t read_isr(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->isr[slot];
}

static uint64_t read_tmr(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->tmr[slot];
}

static uint64_t read_irr(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->irr[slot];
}

static uint64_t read_esr(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->esr;
}

/* SDM 11.5.3: a write of any value makes ESR show the errors gathered since the last write. */
static void write_esr(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic->esr = apic->esr_pending;
	apic->esr_pending = 0;
}

/* One 64-bit register in x2APIC mode, two registers in xAPIC mode. */
static uint64_t read_icr(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->icr_low | (apic_is_x2(apic) ? (uint64_t)apic->icr_high << 32 : 0);
}

static void write_icr(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic->icr_low = (uint32_t)value;
	if (apic_is_x2(apic))
		apic->icr_high = (uint32_t)(value >> 32);
	apic_send_ipi(apic, apic->icr_low,
	              apic_is_x2(apic) ? apic->icr_high : apic->icr_high >> 24);
}

static uint64_t read_icr_high(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->icr_high;
}

static void write_icr_high(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic->icr_high = (uint32_t)value;
}

static void write_self_ipi(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic_send_ipi(apic, (uint32_t)value | 1 << 18, 0);
}

/* The mask bit cannot be cleared while software-disabled. */
static uint32_t lvt_value(const struct apic *apic, uint64_t value)
{
	return (uint32_t)value | (apic_software_enabled(apic) ? 0 : APIC_LVT_MASKED);
}

static uint64_t read_lvt(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->lvt[slot];
}

static void write_lvt(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic->lvt[slot] = lvt_value(apic, value);
}

static void write_lvt_timer(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic_timer_write_lvt(apic, lvt_value(apic, value));
}

static uint64_t read_lvtpc(struct apic *apic, uint64_t now, unsigned slot)
{
	return vpmu_pmu_lvtpc(apic->pmu);
}

static void write_lvtpc(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	vpmu_pmu_set_lvtpc(apic->pmu, lvt_value(apic, value));
}

static uint64_t read_initial(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->timer.initial;
}

static void write_initial(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic_timer_write_initial(apic, now, (uint32_t)value);
}

static uint64_t read_current(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic_timer_current(apic, now);
}

static uint64_t read_divide(struct apic *apic, uint64_t now, unsigned slot)
{
	return apic->timer.divide;
}

static void write_divide(struct apic *apic, uint64_t now, unsigned slot, uint64_t value)
{
	apic_timer_write_divide(apic, now, (uint32_t)value);
}

#define ICR_KEPT UINT64_C(0xffffffff000ccfff)

static const struct apic_register registers[] = {
	{0x02, 1, X_READ | X2_READ, 0, 0, 0, read_zero, NULL}, /* ID: 0 */
	{0x03, 1, X_READ | X2_READ, 0, 0, 0, read_version, NULL},
	{0x08, 1, ALL, 0, 0xff, 0, read_tpr, write_tpr},
	{0x0a, 1, X_READ | X2_READ, 0, 0, 0, read_ppr, NULL},
	{0x0b, 1, X_WRITE | X2_WRITE, 0, 0, 0, NULL, write_eoi},
	{0x0d, 1, X_BOTH | X2_READ, 0, 0xff000000, 0, read_ldr, write_ldr},
	{0x0e, 1, X_BOTH, 0, 0xf0000000, 0, read_dfr, write_dfr},
	{0x0f, 1, ALL, 0, 0x3ff, 0, read_svr, write_svr},
	{0x10, 8, X_READ | X2_READ, 0, 0, 0, read_isr, NULL},
	{0x18, 8, X_READ | X2_READ, 0, 0, 0, read_tmr, NULL},
	{0x20, 8, X_READ | X2_READ, 0, 0, 0, read_irr, NULL},
	{0x28, 1, ALL, 0, 0, 0, read_esr, write_esr},
	{0x30, 1, ALL, 0, ICR_KEPT, DELIVERY_STATUS, read_icr, write_icr},
	{0x31, 1, X_BOTH, 0, 0xff000000, 0, read_icr_high, write_icr_high},
	{0x32, 1, ALL, APIC_LVT_TIMER, 0x700ff, DELIVERY_STATUS, read_lvt, write_lvt_timer},
	{0x33, 1, ALL, APIC_LVT_THERMAL, 0x107ff, DELIVERY_STATUS, read_lvt, write_lvt},
	{0x34, 1, ALL, 0, VPMU_LVTPC_BITS, DELIVERY_STATUS, read_lvtpc, write_lvtpc},
	{0x35, 1, ALL, APIC_LVT_LINT0, 0x1a7ff, DELIVERY_STATUS | REMOTE_IRR, read_lvt, write_lvt},
	{0x36, 1, ALL, APIC_LVT_LINT1, 0x1a7ff, DELIVERY_STATUS | REMOTE_IRR, read_lvt, write_lvt},
	{0x37, 1, ALL, APIC_LVT_ERROR, 0x100ff, DELIVERY_STATUS, read_lvt, write_lvt},
	{0x38, 1, ALL, 0, 0xffffffff, 0, read_initial, write_initial},
	{0x39, 1, X_READ | X2_READ, 0, 0, 0, read_current, NULL},
	{0x3e, 1, ALL, 0, 0xb, 0, read_divide, write_divide},
	{0x3f, 1, X2_WRITE, 0, 0xff, 0, NULL, write_self_ipi},
};

static const struct apic_register *find(uint32_t number, unsigned access)
{
	for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
		const struct apic_register *r = &registers[i];

		if (number >= r->first && number < (uint32_t)r->first + r->count)
			return r->access & access ? r : NULL;
	}
	return NULL;
}

static unsigned slot_of(const struct apic_register *r, uint32_t number)
{
	return r->slot + number - r->first;
}

static bool is_register_page(const struct apic *apic, uint64_t address)
{
	uint64_t page = apic->base & ~UINT64_C(0xfff);

	return (apic->base & APIC_BASE_MODE) == APIC_BASE_EN &&
	       (address & ~UINT64_C(0xfff)) == page;
}

static uint64_t ones(unsigned size)
{
	return width_mask(8 * size);
}

/* SDM 11.4.1: registers are 32 bits wide, 16 bytes apart. Any other read is undefined: here it
 * gives parts of a register, and 0 between registers. */
uint64_t apic_mmio_read(struct apic *apic, uint64_t now, uint64_t address, unsigned size)
{
	uint32_t number = (address >> 4) & 0xff, part = address & 0xf;
	const struct apic_register *r = find(number, X_READ);

	if (!is_register_page(apic, address))
		return ones(size);
	apic_advance(apic, now);
	if (!r) {
		apic_error(apic, APIC_ESR_REGISTER);
		return 0;
	}
	if (part > 3)
		return 0;
	return (r->read(apic, now, slot_of(r, number)) >> (8 * part)) & ones(size);
}

/* Writes that are not of one whole register are ignored. */
void apic_mmio_write(struct apic *apic, uint64_t now, uint64_t address, unsigned size,
                     uint64_t value)
{
	uint32_t number = (address >> 4) & 0xff;
	const struct apic_register *r = find(number, X_WRITE);

	if (!is_register_page(apic, address) || size != 4 || (address & 0xf))
		return;
	apic_advance(apic, now);
	if (r)
		r->write(apic, now, slot_of(r, number), value & r->kept & UINT32_MAX);
	else
		apic_error(apic, APIC_ESR_REGISTER);
	apic_advance(apic, now);
}

enum vpmu_status apic_msr_read(struct apic *apic, uint64_t now, uint32_t msr, uint64_t *value)
{
	uint32_t number = msr - 0x800;
	const struct apic_register *r = find(number, X2_READ);

	if (!r || !apic_is_x2(apic))
		return VPMU_GP;
	apic_advance(apic, now);
	*value = r->read(apic, now, slot_of(r, number));
	return VPMU_OK;
}

enum vpmu_status apic_msr_write(struct apic *apic, uint64_t now, uint32_t msr, uint64_t value)
{
	uint32_t number = msr - 0x800;
	const struct apic_register *r = find(number, X2_WRITE);

	if (!r || !apic_is_x2(apic) || (value & ~(r->kept | r->ignored)))
		return VPMU_GP;
	apic_advance(apic, now);
	r->write(apic, now, slot_of(r, number), value & r->kept);
	apic_advance(apic, now);
	return VPMU_OK;
}
