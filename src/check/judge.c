/* SPDX-License-Identifier: MIT */
/* Lets the guest run on after a put, and finds violated properties. At level full only the first
 * violation is reported, not its consequences. */
#include "room_int.h"

struct judging {
	struct vcpu *vcpu;
	const struct scenario *scenario;
	struct record *record;
	uint32_t violated;
};

static struct replay_reply act(struct judging *judging, enum replay_verb verb, uint64_t value)
{
	return step_do(judging->vcpu, replay_simple(verb, value), judging->record);
}

static void violate(struct judging *judging, enum check_property property,
                    const struct replay_reply *expected)
{
	judging->violated |= BIT32(property);
	record_expects(judging->record, expected);
}

/* If a wrong register has the value of another counter or selector: 1 + that one's place; else
 * 0. */
static uint8_t whose_value(const struct judging *judging, const uint64_t *expected, unsigned wrong,
                           uint64_t value)
{
	const struct vpmu_layout *layout = judging->scenario->layout;

	for (unsigned i = 0; value && i < layout->value_count; i++)
		if (i != wrong && expected[i] == value &&
		    stored(layout, i)->kind == stored(layout, wrong)->kind)
			return (uint8_t)(layout->stored[i] + 1);
	return 0;
}

/* Records a wrong read. */
static void note_wrong(struct judging *judging, const uint64_t *expected, unsigned i)
{
	const struct vpmu_register *reg = stored(judging->scenario->layout, i);
	struct replay_reply right = {.value = expected[i]}, got;
	struct record *record = judging->record;

	if (!record)
		return;
	got = step_do(judging->vcpu, replay_access(REPLAY_HOST_RDMSR, reg->msr, 0), record);
	record_expects(record, &right);
	record->steps[record->count - 1].same_as = whose_value(judging, expected, i, got.value);
}

/* The properties that a register's wrong value violates after the guest has run. */
static uint32_t meaning(const struct scenario *scenario, enum vpmu_kind kind, uint64_t got,
                        uint64_t expected)
{
	uint32_t violated = 0;

	if (is_counter(kind))
		return BIT32(CHECK_COUNTS);
	if (scenario->level == VPMU_LEVEL_RESET)
		return BIT32(CHECK_NOTHING_LEFT_OVER);
	if (expected & ~got)
		violated |= BIT32(CHECK_NO_OVERFLOW_LOST);
	if (got & ~expected)
		violated |= BIT32(CHECK_NO_OVERFLOW_INVENTED);
	return violated;
}

/* Whether a register changes while the guest runs, without a write. The others were compared before
 * it ran. */
static bool changes_by_itself(enum vpmu_kind kind)
{
	return is_counter(kind) || kind == VPMU_KIND_GLOBAL_STATUS;
}

static void compare(struct judging *judging, const uint64_t *expected, bool has_run)
{
	const struct vpmu_layout *layout = judging->scenario->layout;

	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = stored(layout, i);
		uint64_t got;

		vcpu_read(judging->vcpu, reg->msr, &got);
		if (got == expected[i])
			continue;
		if (has_run && !changes_by_itself(reg->kind))
			continue;
		judging->violated |=
			has_run ? meaning(judging->scenario, reg->kind, got, expected[i])
				: BIT32(CHECK_READS_AS_PUT);
		note_wrong(judging, expected, i);
	}
}

static unsigned raised_by(struct vpmu_outcome outcome)
{
	return outcome.pmi + outcome.masked;
}

/* The first entry. At level full it may deliver a PMI of the prior life, which no put can take
 * back; such PMIs are in `owed`. After a reset LVTPC is masked and drops them. */
static void first_entry(struct judging *judging, unsigned raised)
{
	const struct scenario *scenario = judging->scenario;
	const struct replay_reply right = {.outcome = scenario->reference.entered};
	struct vpmu_outcome outcome = act(judging, REPLAY_ENTER, 0).outcome;

	if (scenario->level == VPMU_LEVEL_RESET) {
		if (outcome.pmi)
			violate(judging, CHECK_NOTHING_LEFT_OVER, &right);
		return;
	}
	raised += raised_by(outcome);
	if (raised > raised_by(right.outcome) + scenario->owed)
		violate(judging, CHECK_NO_PMI_INVENTED, &right);
	else if (raised_by(outcome) < raised_by(right.outcome))
		violate(judging, CHECK_NO_PMI_LOST, &right);
}

static void run_on(struct judging *judging, unsigned i)
{
	const struct scenario *scenario = judging->scenario;
	const struct replay_reply right = {.outcome = scenario->reference.ran[i]};
	bool reset = scenario->level == VPMU_LEVEL_RESET;
	unsigned got, wanted = raised_by(right.outcome);

	act(judging, REPLAY_LVTPC, VPMU_LVTPC_RESET);
	got = raised_by(act(judging, REPLAY_RUN, run_lengths[i]).outcome);
	if (got < wanted)
		violate(judging, CHECK_NO_PMI_LOST, &right);
	if (got > wanted)
		violate(judging, reset ? CHECK_NOTHING_LEFT_OVER : CHECK_NO_PMI_INVENTED, &right);
	compare(judging, scenario->reference.after[i], true);
}

/* Whether to end the judgement: at level full after any violation, after a reset only after a PMI
 * or status bit. */
static bool has_gone_wrong(const struct judging *judging)
{
	uint32_t ends = judging->scenario->level == VPMU_LEVEL_RESET
	                        ? BIT32(CHECK_NOTHING_LEFT_OVER)
	                        : UINT32_MAX;

	return judging->violated & ends;
}

/* kvm_pmu_cleanup releases an event at the second scheduling in after its last use. */
static void lazy_release(struct judging *judging)
{
	struct replay_reply answer;
	unsigned asked = judging->scenario->reference.counters_on;

	for (unsigned i = 0; i < 2; i++) {
		act(judging, REPLAY_SCHEDULE, 0);
		act(judging, REPLAY_ENTER, 0);
	}
	answer = act(judging, REPLAY_EVENT_COUNTS, 0);
	if (answer.events.live <= asked)
		return;
	answer.events.released += answer.events.live - asked;
	answer.events.live = asked;
	violate(judging, CHECK_NO_EVENT_ALIVE, &answer);
}

uint32_t judge(struct vcpu *vcpu, const struct scenario *scenario, unsigned raised,
               bool was_refused, struct record *record)
{
	struct judging judging = {vcpu, scenario, record, 0};
	bool reset = scenario->level == VPMU_LEVEL_RESET;

	if (was_refused)
		judging.violated |= BIT32(CHECK_READS_AS_PUT);
	if (record)
		record->part = CHECK_PART_AFTER;
	act(&judging, REPLAY_LVTPC, reset ? VPMU_LVTPC_MASKED : VPMU_LVTPC_RESET);
	compare(&judging, scenario->state.values, false);
	/* After a reset, go on despite a wrong register, to see what it does to the guest that
	 * boots. */
	if (judging.violated && !reset)
		return judging.violated;
	first_entry(&judging, raised);
	compare(&judging, scenario->reference.put, false);
	for (unsigned i = 0; i < RUNS && !has_gone_wrong(&judging); i++)
		run_on(&judging, i);
	lazy_release(&judging);
	return judging.violated;
}
