/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of the one CPU (Intel SDM vol. 3A ch. 11): its registers by MMIO and by MSR, its
 * priority logic, its IPIs to itself, its timer.
 *
 * Every call that can see time takes `now`, in ticks (docs/guest-abi.md, "Time"); `now` never goes
 * back. The LVTPC register is the PMU's (vpmu_pmu_lvtpc): there is no copy here.
 */
#ifndef MACHINE_APIC_H
#define MACHINE_APIC_H

#include <stdbool.h>
#include <stdint.h>

#include <vpmu/pmu.h>

#define APIC_DEFAULT_BASE UINT64_C(0xfee00000)
#define APIC_NEVER        UINT64_MAX
/* Time never gets beyond this; what would happen later never happens. */
#define APIC_HORIZON (UINT64_C(1) << 63)

/* Width of a physical address, as CPUID 0x80000008 shows it, and IA32_APIC_BASE and the MTRRs
 * accept it. */
enum { PHYSICAL_BITS = 40 };

/* Bits of IA32_APIC_BASE. */
#define APIC_BASE_BSP  (UINT64_C(1) << 8)
#define APIC_BASE_EXTD (UINT64_C(1) << 10)
#define APIC_BASE_EN   (UINT64_C(1) << 11)
#define APIC_BASE_MODE (APIC_BASE_EN | APIC_BASE_EXTD)

/* The LVT entries that live here. LVTPC lives in the PMU. */
enum apic_lvt {
	APIC_LVT_TIMER,
	APIC_LVT_THERMAL,
	APIC_LVT_LINT0,
	APIC_LVT_LINT1,
	APIC_LVT_ERROR,
	APIC_LVTS
};

#define APIC_LVT_VECTOR   UINT32_C(0xff)
#define APIC_LVT_DELIVERY UINT32_C(0x700)
#define APIC_LVT_MASKED   UINT32_C(0x10000)

/* Delivery modes, in bits 10:8 of LVT entries and of the ICR. */
enum apic_delivery { APIC_FIXED, APIC_LOWEST, APIC_SMI, APIC_NMI = 4, APIC_INIT, APIC_STARTUP };

/* Bits of ESR. */
enum {
	APIC_ESR_SEND_VECTOR = 1 << 5,
	APIC_ESR_RECEIVE_VECTOR = 1 << 6,
	APIC_ESR_REGISTER = 1 << 7
};

struct apic_timer {
	uint32_t initial;    /* TMICT */
	uint32_t divide;     /* TDCR as written */
	uint64_t expiry;     /* the tick of the next event; APIC_NEVER: not counting */
	uint64_t deadline;   /* IA32_TSC_DEADLINE; 0: disarmed */
	uint64_t tsc_offset; /* TSC minus ticks: what the deadline is compared in */
};

struct apic {
	struct vpmu_pmu *pmu; /* keeps LVTPC */
	uint64_t base;        /* IA32_APIC_BASE */
	uint32_t ldr, dfr, svr, tpr;
	uint32_t esr, esr_pending; /* what a read shows; what it will show after the next write */
	uint32_t icr_low, icr_high;
	uint32_t lvt[APIC_LVTS];
	uint32_t irr[8], isr[8], tmr[8];
	bool nmi_pending;
	struct apic_timer timer;
};

/* The state after power-up: enabled at the default address in xAPIC mode, software-disabled. */
void apic_init(struct apic *apic, struct vpmu_pmu *pmu);

/* Writes IA32_APIC_BASE. #GP for reserved bits, and for a change of mode that is not in SDM fig.
 * 11-27. */
enum vpmu_status apic_write_base(struct apic *apic, uint64_t now, uint64_t value);

static inline bool apic_enabled(const struct apic *apic)
{
	return apic->base & APIC_BASE_EN;
}

static inline bool apic_is_x2(const struct apic *apic)
{
	return apic->base & APIC_BASE_EXTD;
}

static inline bool apic_software_enabled(const struct apic *apic)
{
	return apic_enabled(apic) && (apic->svr & 0x100);
}

/* Access to device memory at any physical address. Reads all ones where there is no xAPIC register
 * page. */
uint64_t apic_mmio_read(struct apic *apic, uint64_t now, uint64_t address, unsigned size);
void apic_mmio_write(struct apic *apic, uint64_t now, uint64_t address, unsigned size,
                     uint64_t value);

/* MSRs 0x800-0x8ff. */
enum vpmu_status apic_msr_read(struct apic *apic, uint64_t now, uint32_t msr, uint64_t *value);
enum vpmu_status apic_msr_write(struct apic *apic, uint64_t now, uint32_t msr, uint64_t value);

/* CR8 is bits 7:4 of the task priority. It works with the APIC off, too. */
void apic_write_cr8(struct apic *apic, uint64_t value);
uint64_t apic_read_cr8(const struct apic *apic);

/* --- apic_irq.c: what is requested, in service, taken ----------------------------------------- */

/* The processor priority: SDM 11.8.3.1. */
uint32_t apic_ppr(const struct apic *apic);

/* A fixed interrupt has arrived (edge). */
void apic_accept(struct apic *apic, uint8_t vector);

/* Fires an LVT entry, as its mask, mode and vector say. */
void apic_fire_lvt(struct apic *apic, uint32_t entry);

/* Delivers a PMI that the PMU raised while LVTPC was unmasked. Returns the vector: 2 for NMI, 0 for
 * a mode that reaches nothing here. */
uint8_t apic_pmi(struct apic *apic);

/* Takes an interrupt if there is one: see struct cpu_board. */
bool apic_take(struct apic *apic, bool if_flag, bool nmi_blocked, uint8_t *vector);

void apic_eoi(struct apic *apic);
void apic_send_ipi(struct apic *apic, uint32_t low, uint32_t destination);
void apic_error(struct apic *apic, uint32_t bit);

/* --- apic_timer.c ----------------------------------------------------------------------------- */

void apic_timer_reset(struct apic_timer *timer);

/* Does what is due at `now`. */
void apic_advance(struct apic *apic, uint64_t now);

/* The first tick after `now` at which the timer will interrupt; APIC_NEVER. After apic_advance().
 */
uint64_t apic_next_event(const struct apic *apic);

void apic_timer_write_lvt(struct apic *apic, uint32_t value);
void apic_timer_write_initial(struct apic *apic, uint64_t now, uint32_t value);
void apic_timer_write_divide(struct apic *apic, uint64_t now, uint32_t value);
uint32_t apic_timer_current(const struct apic *apic, uint64_t now);
void apic_timer_write_deadline(struct apic *apic, uint64_t now, uint64_t value);
uint64_t apic_timer_read_deadline(const struct apic *apic);
void apic_timer_set_tsc_offset(struct apic *apic, uint64_t now, uint64_t offset);

#endif
