/* SPDX-License-Identifier: MIT */
/*
 * Makes the prior life on a fresh vCPU, with actions that a replay script can do: a guest programs
 * its counters and runs; then each counter is brought into its condition.
 */
#include "room_int.h"

enum {
	RAN = 10,         /* instructions that the guest has run */
	FAR = 5,          /* the first value of a counter that is far from its overflow */
	NEAR = 16,        /* how far from the overflow a counter is that is near it */
	PENDING = 1 + RAN /* so that one more event after the run overflows */
};

#define EDGES (SEL_EDGE | UINT64_C(1) << SEL_CMASK_BIT)

struct making {
	struct vcpu *vcpu;
	const struct scenario *scenario;
	const struct vpmu_layout *layout;
	struct record *record;
	uint64_t fixed, global; /* the control registers as the guest has them */
};

static uint32_t slots_with(const struct making *making, uint32_t conditions)
{
	uint32_t slots = 0;

	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (conditions >> making->scenario->condition[slot] & 1)
			slots |= BIT32(slot);
	return slots;
}

static struct replay_reply act(const struct making *making, enum replay_verb verb, uint64_t value)
{
	return step_do(making->vcpu, replay_simple(verb, value), making->record);
}

static void write_register(const struct making *making, enum vpmu_kind kind, unsigned index,
                           uint64_t value)
{
	int at = value_of_kind(making->layout, kind, index);
	uint32_t msr;

	if (at < 0)
		return;
	msr = stored(making->layout, (unsigned)at)->msr;
	step_do(making->vcpu, replay_access(REPLAY_WRMSR, msr, value), making->record);
}

static uint64_t start_of(const struct making *making, unsigned slot)
{
	unsigned width = slot < VPMU_MAX_GP ? making->layout->model.gp_width
	                                    : making->layout->model.fixed_width;
	uint64_t mask = width < 64 ? BIT64(width) - 1 : UINT64_MAX;

	switch ((enum condition)making->scenario->condition[slot]) {
	case COUNTER_FAR:
		return FAR;
	case COUNTER_QUIET:
	case COUNTER_PMI:
		return -(uint64_t)PENDING & mask;
	case COUNTER_OWES:
		return mask;
	default:
		return -(uint64_t)NEAR & mask;
	}
}

/* The counter's control as in the state that is put; if that does not use the counter, a plausible
 * one. */
static uint64_t usual_control(const struct making *making, unsigned slot)
{
	uint64_t control = control_of_state(&making->scenario->program, making->layout, slot);

	if (slot >= VPMU_MAX_GP)
		return (control ? control : FIXED_PMI) | FIXED_EVERYWHERE;
	if (!control)
		control = event_of(making->layout, slot % 2) | SEL_EVERYWHERE | SEL_INT;
	return control | SEL_EN;
}

static uint64_t with_pmi(uint64_t control, uint64_t pmi, enum condition condition)
{
	if (condition == COUNTER_PMI)
		return control | pmi;
	return condition == COUNTER_QUIET ? control & ~pmi : control;
}

/* For an emulated instruction to count, the counter must count instructions. */
static uint64_t selector_of(const struct making *making, unsigned slot)
{
	enum condition condition = (enum condition)making->scenario->condition[slot];
	uint64_t control = usual_control(making, slot);
	uint64_t instructions = event_of(making->layout, false);
	bool cycles = (control & SEL_EVENT) != instructions;

	if (condition == COUNTER_OTHER)
		cycles = !cycles;
	if (condition == COUNTER_QUIET || condition == COUNTER_PMI ||
	    condition == COUNTER_EMULATED || condition == COUNTER_EDGE)
		cycles = false;
	control = (control & ~SEL_EVENT) | event_of(making->layout, cycles);
	return with_pmi(control, SEL_INT, condition) | (condition == COUNTER_EDGE ? EDGES : 0);
}

/* A fixed counter's event cannot change, so "another event" means another field. */
static uint64_t field_of(const struct making *making, unsigned slot)
{
	enum condition condition = (enum condition)making->scenario->condition[slot];
	uint64_t field = usual_control(making, slot);

	return condition == COUNTER_OTHER ? field ^ FIXED_PMI
	                                  : with_pmi(field, FIXED_PMI, condition);
}

static unsigned field_shift(unsigned slot)
{
	return FIXED_BITS * (slot - VPMU_MAX_GP);
}

static uint64_t global_bit(unsigned slot)
{
	return slot < VPMU_MAX_GP ? BIT64(slot) : BIT64(GLOBAL_FIXED_BIT + slot - VPMU_MAX_GP);
}

/* Counters first, then what lets them count. */
static void program(struct making *making, uint32_t slots)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		bool gp = slot < VPMU_MAX_GP;

		if (slots >> slot & 1)
			write_register(making, gp ? VPMU_KIND_COUNTER : VPMU_KIND_FIXED_COUNTER,
			               gp ? slot : slot - VPMU_MAX_GP, start_of(making, slot));
	}
	for (unsigned slot = 0; slot < VPMU_MAX_GP; slot++)
		if (slots >> slot & 1)
			write_register(making, VPMU_KIND_SELECTOR, slot, selector_of(making, slot));
	for (unsigned slot = VPMU_MAX_GP; slot < SLOTS; slot++)
		if (slots >> slot & 1)
			making->fixed |= field_of(making, slot) << field_shift(slot);
	if (slots >> VPMU_MAX_GP)
		write_register(making, VPMU_KIND_FIXED_CTRL, 0, making->fixed);
}

static void allow_all(struct making *making)
{
	int at = value_of_kind(making->layout, VPMU_KIND_GLOBAL_CTRL, 0);

	if (at < 0)
		return;
	making->global = stored(making->layout, (unsigned)at)->writable;
	write_register(making, VPMU_KIND_GLOBAL_CTRL, 0, making->global);
}

/* The guest stops counters by their own controls, or by the global control. */
static void stop(struct making *making, uint32_t stopped, uint32_t switched)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		if (stopped >> slot & 1 && slot < VPMU_MAX_GP)
			write_register(making, VPMU_KIND_SELECTOR, slot, 0);
		else if (stopped >> slot & 1)
			making->fixed &= ~(UINT64_C(0xf) << field_shift(slot));
		if (switched >> slot & 1)
			making->global &= ~global_bit(slot);
	}
	if (stopped >> VPMU_MAX_GP)
		write_register(making, VPMU_KIND_FIXED_CTRL, 0, making->fixed);
	if (switched)
		write_register(making, VPMU_KIND_GLOBAL_CTRL, 0, making->global);
	if (stopped | switched)
		act(making, REPLAY_ENTER, 0);
}

/* These conditions are made last, because later actions would repair them. */
static void owe(struct making *making, uint32_t slots)
{
	if (!slots)
		return;
	program(making, slots);
	act(making, REPLAY_RUN, 1);
}

static void starve(struct making *making, uint32_t slots)
{
	if (!slots)
		return;
	act(making, REPLAY_FAIL_CREATE, (uint64_t)__builtin_popcount(slots));
	program(making, slots);
	act(making, REPLAY_ENTER, 0);
	act(making, REPLAY_FAIL_CREATE, 0);
}

bool life_make(struct vcpu *vcpu, const struct scenario *scenario, struct record *record)
{
	struct making making = {vcpu, scenario, scenario->layout, record, 0, 0};
	uint32_t on = slots_with(&making, ~BIT32(COUNTER_OFF));
	uint32_t owing = slots_with(&making, BIT32(COUNTER_OWES));
	uint32_t starved = slots_with(&making, BIT32(COUNTER_STARVED));

	/* Fails on profiles without perf events; the script then does not need it. */
	if (starved && step_do(vcpu, replay_simple(REPLAY_FAIL_CREATE, 0), NULL).status)
		return false;
	if (scenario->scope->incidents & BIT32(CHECK_HOST))
		act(&making, REPLAY_EXCLUDE_HOST, SWITCH_OFF);
	if (!on)
		return true;
	program(&making, on & ~owing & ~starved);
	allow_all(&making);
	if (on & ~owing & ~starved)
		act(&making, REPLAY_RUN, RAN);
	stop(&making, slots_with(&making, BIT32(COUNTER_STOPPED)),
	     slots_with(&making, BIT32(COUNTER_SWITCHED)));
	owe(&making, owing);
	starve(&making, starved);
	if (slots_with(&making,
	               BIT32(COUNTER_QUIET) | BIT32(COUNTER_PMI) | BIT32(COUNTER_EMULATED)))
		act(&making, REPLAY_EMULATE, 0);
	return true;
}
