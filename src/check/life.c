/* SPDX-License-Identifier: MIT */
/*
 * The vCPU's prior life, made on a fresh machine with what a replay script can do: a guest programs
 * its counters and runs; then what the life is named for happens.
 */
#include "room_int.h"

/* What the guest programmed: the controls of the state that will be put, with counters far from
 * overflow or near it; or every counter, on another event. */
enum variant { SAME_FAR, SAME_NEAR, ALL_NEAR, VARIANTS };

enum {
	RAN = 10,         /* instructions that the guest has run */
	FAR = 5,          /* where a counter started */
	NEAR = 16,        /* so many before the overflow */
	PENDING = 1 + RAN /* so many that one more overflows */
};

unsigned life_variants(enum check_life life)
{
	return life == CHECK_FRESH ? 1 : VARIANTS;
}

static uint64_t start_of(const struct scenario *scenario, uint64_t mask)
{
	enum check_life life = scenario->subject->life;

	if (life == CHECK_OVERFLOW_PENDING || life == CHECK_PMI_PENDING)
		return -(uint64_t)PENDING & mask;
	return scenario->variant == SAME_FAR ? FAR : -(uint64_t)NEAR & mask;
}

/* Sets or clears what asks for a PMI, in each counter's own control. */
static uint64_t with_pmi(uint64_t value, enum vpmu_kind kind, bool pmi)
{
	uint64_t bits = 0;

	if (kind == VPMU_KIND_SELECTOR && value)
		bits = SELECTOR_INT;
	for (unsigned i = 0; kind == VPMU_KIND_FIXED_CTRL && i < VPMU_MAX_FIXED; i++)
		if (value >> (FIXED_FIELD_BITS * i) & FIXED_USR_OS)
			bits |= (uint64_t)FIXED_INT << (FIXED_FIELD_BITS * i);
	return pmi ? value | bits : value & ~bits;
}

/* An emulated instruction must be one that a counter counts. */
static uint64_t on_instructions(uint64_t value, enum vpmu_kind kind)
{
	return kind == VPMU_KIND_SELECTOR && value ? (value & ~UINT64_C(0xff)) | 0xc0 : value;
}

static void choose_program(struct vpmu_state *program, const struct scenario *scenario)
{
	const struct vpmu_layout *layout = scenario->layout;
	enum check_life life = scenario->subject->life;

	*program = scenario->state;
	if (scenario->variant == ALL_NEAR)
		state_all_on(program, layout);
	else if (scenario->level == VPMU_LEVEL_RESET)
		state_make(program, layout, 1); /* two counters, and a fixed one */
	for (unsigned i = 0; i < layout->value_count; i++) {
		enum vpmu_kind kind = stored(layout, i)->kind;
		uint64_t *value = &program->values[i];

		if (is_counter(kind))
			*value = start_of(scenario, stored(layout, i)->writable);
		if (life == CHECK_OVERFLOW_PENDING || life == CHECK_PMI_PENDING)
			*value = with_pmi(*value, kind, life == CHECK_PMI_PENDING);
		if (life != CHECK_RUNNING)
			*value = on_instructions(*value, kind);
	}
}

struct making {
	struct vpmu_pmu *pmu;
	const struct vpmu_layout *layout;
	struct record *record;
};

static void write_kind(const struct making *making, const struct vpmu_state *program,
                       enum vpmu_kind kind, bool zeros)
{
	for (unsigned i = 0; i < making->layout->value_count; i++) {
		const struct vpmu_register *reg = stored(making->layout, i);
		struct deed deed = {CHECK_DO_WRITE, reg->msr, program ? program->values[i] : 0};

		if (reg->kind == kind && (zeros || deed.value))
			deed_do(making->pmu, deed, making->record);
	}
}

/* A counter that nothing enables is left at 0, or the script would be long. */
static void write_counters(const struct making *making, const struct vpmu_state *program)
{
	const struct vpmu_layout *layout = making->layout;
	int control = value_of_kind(layout, VPMU_KIND_FIXED_CTRL, 0);

	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = stored(layout, i);
		struct deed deed = {CHECK_DO_WRITE, reg->msr, program->values[i]};
		int selector = value_of_kind(layout, VPMU_KIND_SELECTOR, reg->index);

		if (reg->kind == VPMU_KIND_COUNTER && selector >= 0 && program->values[selector])
			deed_do(making->pmu, deed, making->record);
		if (reg->kind == VPMU_KIND_FIXED_COUNTER && control >= 0 &&
		    program->values[control] >> (FIXED_FIELD_BITS * reg->index) & 0xf)
			deed_do(making->pmu, deed, making->record);
	}
}

static void run_program(const struct making *making, const struct vpmu_state *program)
{
	write_counters(making, program);
	write_kind(making, program, VPMU_KIND_SELECTOR, false);
	write_kind(making, program, VPMU_KIND_FIXED_CTRL, false);
	write_kind(making, program, VPMU_KIND_GLOBAL_CTRL, true);
	deed_do(making->pmu, (struct deed){CHECK_DO_RUN, 0, RAN}, making->record);
}

/* By the highest switch that there is. */
static void stop_and_enter(const struct making *making)
{
	write_kind(making, NULL,
	           making->layout->has_global ? VPMU_KIND_GLOBAL_CTRL : VPMU_KIND_SELECTOR, true);
	deed_do(making->pmu, (struct deed){.verb = CHECK_DO_ENTER}, making->record);
}

bool life_make(struct machine *machine, const struct scenario *scenario, struct record *record)
{
	struct making making = {pmu_of(machine), scenario->layout, record};
	enum check_life life = scenario->subject->life;
	struct vpmu_state program;

	if (scenario->scope->incidents & BIT32(CHECK_HOST))
		deed_do(making.pmu, (struct deed){.verb = CHECK_DO_COUNT_HOST}, record);
	if (life == CHECK_FRESH)
		return true;
	if (life == CHECK_NO_EVENT &&
	    deed_do(making.pmu, (struct deed){CHECK_DO_FAIL_CREATE, 0, 1}, record).status)
		return false;
	choose_program(&program, scenario);
	run_program(&making, &program);
	if (life == CHECK_OVERFLOW_PENDING || life == CHECK_PMI_PENDING || life == CHECK_EMULATED)
		deed_do(making.pmu, (struct deed){.verb = CHECK_DO_EMULATE}, record);
	if (life == CHECK_PAUSED)
		stop_and_enter(&making);
	if (life == CHECK_NO_EVENT)
		deed_do(making.pmu, (struct deed){CHECK_DO_FAIL_CREATE, 0, 0}, record);
	return true;
}
