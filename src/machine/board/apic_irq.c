/* SPDX-License-Identifier: MIT */
/*
 * What the local APIC has requested, what is in service and what the CPU takes next: IRR, ISR, the
 * priorities, EOI, and IPIs, which can only go to this CPU itself.
 */
#include "apic.h"

enum { NMI_VECTOR = 2, FIRST_LEGAL_VECTOR = 16 };

static void set_bit(uint32_t *map, uint8_t vector)
{
	map[vector / 32] |= UINT32_C(1) << (vector % 32);
}

static void clear_bit(uint32_t *map, uint8_t vector)
{
	map[vector / 32] &= ~(UINT32_C(1) << (vector % 32));
}

/* The highest vector in a map, or -1. */
static int highest(const uint32_t *map)
{
	for (int i = 7; i >= 0; i--)
		if (map[i])
			return i * 32 + 31 - __builtin_clz(map[i]);
	return -1;
}

uint32_t apic_ppr(const struct apic *apic)
{
	int in_service = highest(apic->isr);
	uint32_t class_ = in_service < 0 ? 0 : (uint32_t)in_service & 0xf0;

	return (apic->tpr & 0xf0) >= class_ ? apic->tpr : class_;
}

/* SDM 11.5.3: ESR shows an error after the next write to it. The LVT error entry sends an
 * interrupt. */
void apic_error(struct apic *apic, uint32_t bit)
{
	bool news = !(apic->esr_pending & bit);
	uint8_t vector = apic->lvt[APIC_LVT_ERROR] & APIC_LVT_VECTOR;

	apic->esr_pending |= bit;
	/* An error entry with an illegal vector raises an error itself; that must not recurse for
	 * ever. */
	if (news && vector >= FIRST_LEGAL_VECTOR)
		apic_fire_lvt(apic, apic->lvt[APIC_LVT_ERROR] & ~APIC_LVT_DELIVERY);
}

void apic_accept(struct apic *apic, uint8_t vector)
{
	if (vector < FIRST_LEGAL_VECTOR) {
		apic_error(apic, APIC_ESR_RECEIVE_VECTOR);
		return;
	}
	set_bit(apic->irr, vector);
	clear_bit(apic->tmr, vector); /* all sources here are edge-triggered */
}

/* Delivers in a mode; fixed interrupts need the software enable (SDM 11.4.7.2). Returns the vector
 * that the CPU will see, 0 for none. */
static uint8_t deliver(struct apic *apic, enum apic_delivery mode, uint8_t vector)
{
	switch (mode) {
	case APIC_FIXED:
	case APIC_LOWEST:
		if (!apic_software_enabled(apic))
			return 0;
		apic_accept(apic, vector);
		return vector;
	case APIC_NMI:
		apic->nmi_pending = true;
		return NMI_VECTOR;
	default: /* SMI, INIT, start-up: nothing here answers them */
		return 0;
	}
}

static enum apic_delivery delivery_mode(uint32_t value)
{
	return (enum apic_delivery)((value & APIC_LVT_DELIVERY) >> 8);
}

void apic_fire_lvt(struct apic *apic, uint32_t entry)
{
	if (!(entry & APIC_LVT_MASKED) && apic_enabled(apic))
		deliver(apic, delivery_mode(entry), entry & APIC_LVT_VECTOR);
}

/* The PMU has checked the mask, and on Intel has set it by now, so only mode and vector matter. */
uint8_t apic_pmi(struct apic *apic)
{
	uint32_t entry = vpmu_pmu_lvtpc(apic->pmu);

	if (!apic_software_enabled(apic))
		return 0;
	return deliver(apic, delivery_mode(entry), entry & APIC_LVT_VECTOR);
}

static bool take_fixed(struct apic *apic, uint8_t *vector)
{
	int requested = highest(apic->irr);

	if (!apic_enabled(apic) || requested < 0 ||
	    ((uint32_t)requested & 0xf0) <= (apic_ppr(apic) & 0xf0))
		return false;
	*vector = (uint8_t)requested;
	clear_bit(apic->irr, *vector);
	set_bit(apic->isr, *vector);
	return true;
}

bool apic_take(struct apic *apic, bool if_flag, bool nmi_blocked, uint8_t *vector)
{
	if (apic->nmi_pending && !nmi_blocked) {
		apic->nmi_pending = false;
		*vector = NMI_VECTOR;
		return true;
	}
	return if_flag && take_fixed(apic, vector);
}

void apic_eoi(struct apic *apic)
{
	int vector = highest(apic->isr);

	if (vector >= 0)
		clear_bit(apic->isr, (uint8_t)vector);
}

/* SDM 11.6.2.2: bits 31:28 of DFR are all ones for the flat model, zero for clusters. */
static bool logical_match(const struct apic *apic, uint32_t destination)
{
	uint32_t own = apic->ldr >> 24;

	if (apic_is_x2(apic))
		return destination == UINT32_MAX ||
		       (destination >> 16 == apic->ldr >> 16 && (destination & apic->ldr & 0xffff));
	if (destination == 0xff || apic->dfr >> 28 == 0xf)
		return destination & own;
	return destination >> 4 == own >> 4 && (destination & own & 0xf);
}

/* Whether an IPI reaches this CPU, whose APIC ID is 0. */
static bool is_for_us(const struct apic *apic, uint32_t low, uint32_t destination)
{
	enum { NO_SHORTHAND, SELF, ALL, OTHERS };
	uint32_t broadcast = apic_is_x2(apic) ? UINT32_MAX : 0xff;

	switch ((low >> 18) & 3) {
	case SELF:
	case ALL:
		return true;
	case OTHERS:
		return false;
	default:
		break;
	}
	if (low & 0x800)
		return logical_match(apic, destination);
	return destination == 0 || destination == broadcast;
}

void apic_send_ipi(struct apic *apic, uint32_t low, uint32_t destination)
{
	enum apic_delivery mode = delivery_mode(low);
	uint8_t vector = low & APIC_LVT_VECTOR;

	if ((mode == APIC_FIXED || mode == APIC_LOWEST) && vector < FIRST_LEGAL_VECTOR)
		apic_error(apic, APIC_ESR_SEND_VECTOR);
	else if (is_for_us(apic, low, destination))
		deliver(apic, mode, vector);
}
