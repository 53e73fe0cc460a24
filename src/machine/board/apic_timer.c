/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer (Intel SDM vol. 3A 11.5.4), in ticks: one-shot, periodic, TSC deadline. It
 * keeps the tick of the next event, and computes the current count when that is read.
 */
#include <string.h>

#include "apic.h"

#define TIMER_MODE          UINT32_C(0x60000)
#define TIMER_MODE_PERIODIC UINT32_C(0x20000)
#define TIMER_MODE_DEADLINE UINT32_C(0x40000)

void apic_timer_reset(struct apic_timer *timer)
{
	uint64_t tsc_offset = timer->tsc_offset;

	memset(timer, 0, sizeof(*timer));
	timer->expiry = APIC_NEVER;
	timer->tsc_offset = tsc_offset;
}

static bool in_deadline_mode(const struct apic *apic)
{
	return (apic->lvt[APIC_LVT_TIMER] & TIMER_MODE) == TIMER_MODE_DEADLINE;
}

/* Ticks per count: bits 3, 1, 0 of TDCR are log2(divider) - 1, modulo 8. */
static uint64_t divider(uint32_t divide)
{
	unsigned code = (divide & 3) | ((divide >> 1) & 4);

	return UINT64_C(1) << ((code + 1) & 7);
}

static uint64_t period(const struct apic_timer *timer)
{
	return timer->initial * divider(timer->divide);
}

void apic_advance(struct apic *apic, uint64_t now)
{
	struct apic_timer *timer = &apic->timer;
	uint32_t entry = apic->lvt[APIC_LVT_TIMER];

	if (timer->expiry > now)
		return;
	if ((entry & TIMER_MODE) == TIMER_MODE_PERIODIC && timer->initial)
		timer->expiry += ((now - timer->expiry) / period(timer) + 1) * period(timer);
	else
		timer->expiry = APIC_NEVER;
	timer->deadline = 0;
	apic_fire_lvt(apic, entry & ~APIC_LVT_DELIVERY); /* the entry has no delivery mode */
}

uint64_t apic_next_event(const struct apic *apic)
{
	/* A masked timer's count is computed when it is read, so there is nothing to stop for. */
	if (!apic_software_enabled(apic) || (apic->lvt[APIC_LVT_TIMER] & APIC_LVT_MASKED))
		return APIC_NEVER;
	return apic->timer.expiry;
}

/* SDM 11.5.4.1: a change between TSC deadline and another mode disarms the timer; one between
 * one-shot and periodic lets it go on. Mode 3 is reserved, and counts nothing here. */
void apic_timer_write_lvt(struct apic *apic, uint32_t value)
{
	uint32_t change = apic->lvt[APIC_LVT_TIMER] ^ value;

	apic->lvt[APIC_LVT_TIMER] = value;
	if (change & TIMER_MODE_DEADLINE) {
		apic->timer.expiry = APIC_NEVER;
		apic->timer.deadline = 0;
		apic->timer.initial = 0;
	}
}

void apic_timer_write_initial(struct apic *apic, uint64_t now, uint32_t value)
{
	struct apic_timer *timer = &apic->timer;

	if (apic->lvt[APIC_LVT_TIMER] & TIMER_MODE_DEADLINE)
		return;
	timer->initial = value;
	timer->expiry = value ? now + period(timer) : APIC_NEVER;
}

/* The rest of the count goes on at the new speed. */
void apic_timer_write_divide(struct apic *apic, uint64_t now, uint32_t value)
{
	uint64_t left = apic_timer_current(apic, now);

	apic->timer.divide = value & 0xb;
	if (left)
		apic->timer.expiry = now + left * divider(apic->timer.divide);
}

uint32_t apic_timer_current(const struct apic *apic, uint64_t now)
{
	const struct apic_timer *timer = &apic->timer;
	uint64_t step = divider(timer->divide);

	if (timer->expiry == APIC_NEVER || timer->expiry <= now || in_deadline_mode(apic))
		return 0;
	return (uint32_t)((timer->expiry - now + step - 1) / step);
}

/* The tick at which the TSC reaches the deadline. */
static void arm_deadline(struct apic_timer *timer, uint64_t now)
{
	uint64_t tsc = now + timer->tsc_offset;

	if (!timer->deadline)
		timer->expiry = APIC_NEVER;
	else if (timer->deadline <= tsc)
		timer->expiry = now;
	else if (timer->deadline - tsc >= APIC_HORIZON - now)
		timer->expiry = APIC_NEVER;
	else
		timer->expiry = now + (timer->deadline - tsc);
}

/* SDM 11.5.4.1: outside the mode a write is ignored. */
void apic_timer_write_deadline(struct apic *apic, uint64_t now, uint64_t value)
{
	if (!in_deadline_mode(apic))
		return;
	apic->timer.deadline = value;
	arm_deadline(&apic->timer, now);
	apic_advance(apic, now);
}

uint64_t apic_timer_read_deadline(const struct apic *apic)
{
	return apic->timer.deadline;
}

/* The guest has written its TSC: the deadline is an absolute TSC value, so it moves. */
void apic_timer_set_tsc_offset(struct apic *apic, uint64_t now, uint64_t offset)
{
	apic->timer.tsc_offset = offset;
	if (in_deadline_mode(apic)) {
		arm_deadline(&apic->timer, now);
		apic_advance(apic, now);
	}
}
