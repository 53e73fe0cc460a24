/* SPDX-License-Identifier: MIT */
/*
 * Any calls on a register machine of any model and profile, in any sequence. A twin, copied when
 * the machine was made, is given the same calls: it must answer and end the same. What was refused
 * has changed nothing, no counter is wider than its model says, and what headroom promises is so.
 * The bytes are the profile, the model, then the calls.
 */
#include <string.h>

#include <replay/room.h>

#include "fuzz.h"
#include "input.h"

enum { MOST_CALLS = 200 };

struct machines {
	const struct vpmu_profile *profile;
	struct vpmu_pmu *pmu, *twin;
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t register_count;
	struct vpmu_filter filter;
};

static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[2][VPMU_PMU_BYTES];

static bool is_same_outcome(struct vpmu_outcome a, struct vpmu_outcome b)
{
	return a.pmi == b.pmi && a.masked == b.masked && a.overflowed == b.overflowed;
}

/* Mostly a register of the model. */
static uint32_t take_msr(struct machines *m, struct input *input)
{
	uint8_t byte = take_byte(input);

	if (byte < 240 && m->register_count)
		return m->registers[byte % m->register_count].msr;
	return (uint32_t)take_number(input, 4);
}

/* A sum of all registers: under Linux, a write that fails marks the counter as in use all the same,
 * which the fingerprint shows (kvm_pmu_mark_pmc_in_use). */
static uint64_t registers_now(const struct machines *m)
{
	uint64_t sum = 0, value = 0;

	for (size_t i = 0; i < m->register_count; i++) {
		unsigned status = vpmu_pmu_host_read(m->pmu, m->registers[i].msr, &value);

		sum = sum * 31 + (status ? status : value);
	}
	return sum;
}

/* Mostly small figures of a run, which would take long. */
static uint64_t take_argument(struct machines *m, struct input *input,
                              const struct replay_argument *row)
{
	uint64_t choices = 0;

	if (row->kind == ARGUMENT_MSR)
		return take_msr(m, input);
	while (row->choice && row->choice(NULL, choices))
		choices++;
	if (choices)
		return take_byte(input) % choices;
	if (row->kind == ARGUMENT_FLAG)
		return take_byte(input) & 1;
	if (row->max <= 3)
		return take_byte(input) & row->max;
	return row->kind == ARGUMENT_KEY ? take_number(input, 2) : take_value(input) & row->max;
}

/* Any that a machine alone can do; every other one writes a register. */
static struct replay_action take_action(struct machines *m, struct input *input)
{
	uint8_t byte = take_byte(input);
	enum replay_verb verb = byte & 1 ? REPLAY_WRMSR : REPLAY_HOST_WRMSR;
	struct replay_action action;
	struct replay_argument row;

	if (byte & 2 && replay_acts[(byte >> 2) % REPLAY_VERBS])
		verb = (enum replay_verb)((byte >> 2) % REPLAY_VERBS);
	action = replay_action_of(verb);
	action.given = take_number(input, replay_rows[verb].amounts ? 5 : 1);
	for (size_t i = 0; replay_argument_at(verb, i, &row); i++)
		if (row.required || action.given >> i & 1)
			action.argument[i].number = take_argument(m, input, &row);
	return action;
}

static void act(struct machines *m, struct input *input)
{
	struct replay_action action = take_action(m, input);
	const struct replay_row *row = &replay_rows[action.verb];
	bool writes = row->answers == ANSWERS_OK && row->refused;
	uint64_t registers = writes ? registers_now(m) : 0;
	uint64_t fingerprint = vpmu_pmu_fingerprint(m->pmu);
	struct replay_reply a = replay_acts[action.verb](m->pmu, &action);
	struct replay_reply b = replay_acts[action.verb](m->twin, &action);

	MUST(a.status == b.status && a.value == b.value && is_same_outcome(a.outcome, b.outcome));
	MUST(!memcmp(&a.events, &b.events, sizeof(a.events)));
	MUST(!a.status || (row->refused && !a.value));
	if (row->answers == ANSWERS_VALUE || row->answers == ANSWERS_EVENTS)
		MUST(fingerprint == vpmu_pmu_fingerprint(m->pmu));
	if (writes && a.status)
		MUST(registers == registers_now(m));
	if (action.verb == REPLAY_LVTPC)
		MUST(vpmu_pmu_lvtpc(m->pmu) == (action.argument[0].number & VPMU_LVTPC_BITS));
}

static struct vpmu_amounts take_amounts(struct input *input)
{
	struct vpmu_amounts amounts;

	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		amounts.of[i] = take_number(input, 1 + i % 2);
	return amounts;
}

static void account(struct machines *m, struct input *input)
{
	struct vpmu_amounts amounts = take_amounts(input), room;
	unsigned cpl = take_byte(input) & 3;
	struct vpmu_outcome outcome;
	bool below = true;

	vpmu_pmu_headroom(m->pmu, cpl, &room);
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		below &= amounts.of[i] < room.of[i];
	outcome = vpmu_pmu_account(m->pmu, &amounts, cpl);
	MUST(is_same_outcome(outcome, vpmu_pmu_account(m->twin, &amounts, cpl)));
	MUST(!below || (!outcome.pmi && !outcome.masked));
}

/* The filter is the caller's, and both machines have the same one. */
static void set_filter(struct machines *m, struct input *input)
{
	const struct vpmu_filter *filter = take_byte(input) & 1 ? &m->filter : NULL;

	MUST(vpmu_pmu_set_filter(m->pmu, NULL) == vpmu_pmu_set_filter(m->twin, NULL));
	if (filter) {
		m->filter.action = take_byte(input) % 3;
		m->filter.fixed_bitmap = take_byte(input);
		m->filter.flags = take_byte(input) % 3;
		m->filter.count = take_byte(input) % 8;
		for (unsigned i = 0; i < m->filter.count; i++)
			m->filter.events[i] = take_value(input);
	}
	MUST(vpmu_pmu_set_filter(m->pmu, filter) == vpmu_pmu_set_filter(m->twin, filter));
}

static void configure(struct machines *m, struct input *input)
{
	unsigned how = take_byte(input);

	vpmu_pmu_see_cycles(m->pmu, how & 2);
	vpmu_pmu_see_cycles(m->twin, how & 2);
	if (how & 4)
		MUST(vpmu_pmu_disable(m->pmu) == vpmu_pmu_disable(m->twin));
}

static void look_at_model(struct machines *m)
{
	m->register_count = vpmu_model_registers(vpmu_pmu_model(m->pmu), m->registers);
}

static void set_model(struct machines *m, struct input *input)
{
	uint64_t before = vpmu_pmu_fingerprint(m->pmu);
	struct vpmu_model model;
	enum vpmu_status status;

	take_model(input, &model);
	status = vpmu_pmu_set_model(m->pmu, &model);
	MUST(status == vpmu_pmu_set_model(m->twin, &model));
	MUST(!status || before == vpmu_pmu_fingerprint(m->pmu));
	look_at_model(m);
}

/* A get, and a put of it on a machine as the VMM makes one: what it reports is there. */
static void move(struct machines *m, const struct vpmu_profile *profile)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char other[VPMU_PMU_BYTES];
	const struct vpmu_model *model = vpmu_pmu_model(m->pmu);
	struct vpmu_target from = vpmu_target_machine(m->pmu), to;
	struct vpmu_state state, again;
	struct vpmu_layout layout;
	struct vpmu_report report;

	if (vpmu_layout_init(&layout, model)) /* what KVM made of an odd one */
		return;
	if (vpmu_state_get(&state, &layout, &from, VPMU_POLICY_ROLL_BACK, &report))
		return;
	to = vpmu_target_machine(vpmu_pmu_init(other, sizeof(other), model, profile));
	if (!to.context || vpmu_state_put(&state, &layout, &to, VPMU_LEVEL_FULL,
	                                  vpmu_order_find("safe"), VPMU_POLICY_ROLL_BACK, &report))
		return;
	MUST(!vpmu_state_get(&again, &layout, &to, VPMU_POLICY_ROLL_BACK, &report));
	MUST(vpmu_state_check(&state, &layout, NULL, 0) ||
	     !memcmp(state.values, again.values, sizeof(state.values)));
}

/* A mediated vPMU's counters have the bits of the host's, whatever CPUID says. */
static unsigned width_for_guest(const struct machines *m, const struct vpmu_register *reg)
{
	bool mediated = vpmu_profile_facts(m->profile) & VPMU_FACT_MEDIATED;
	unsigned host = vpmu_pmu_host(m->pmu)->width;

	return mediated && host > reg->width ? host : reg->width;
}

static void counters_are_no_wider(const struct machines *m)
{
	for (size_t i = 0; i < m->register_count; i++) {
		const struct vpmu_register *reg = &m->registers[i];
		unsigned width = width_for_guest(m, reg);
		uint64_t value;

		if ((reg->kind != VPMU_KIND_COUNTER && reg->kind != VPMU_KIND_FIXED_COUNTER) ||
		    width > 63)
			continue;
		if (!vpmu_pmu_guest_read(m->pmu, reg->msr, &value))
			MUST(!(value >> width));
		if (!vpmu_pmu_host_read(m->pmu, reg->msr, &value))
			MUST(!(value >> reg->width));
	}
}

static void (*const calls[])(struct machines *m, struct input *input) = {
	act, act, act, act, act, act, act, act, act, account, configure, set_filter, set_model,
};

static bool begin(struct machines *m, const struct vpmu_profile *profile, struct input *input)
{
	struct vpmu_model model;

	take_model(input, &model);
	if (take_byte(input) & 1 && vpmu_profile_adapt(profile, &model))
		return false;
	memset(memory, 0, sizeof(memory));
	m->profile = profile;
	m->pmu = vpmu_pmu_init(memory[0], sizeof(memory[0]), &model, profile);
	if (!m->pmu)
		return false;
	memcpy(memory[1], memory[0], sizeof(memory[0]));
	m->twin = (struct vpmu_pmu *)memory[1];
	look_at_model(m);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machines m;
	struct input input = {data, size};
	const struct vpmu_profile *profile = take_profile(&input);
	struct vpmu_event_counts events;

	if (!begin(&m, profile, &input))
		return 0;
	for (unsigned i = 0; i < MOST_CALLS && input.size; i++) {
		calls[take_byte(&input) % (sizeof(calls) / sizeof(calls[0]))](&m, &input);
		MUST(vpmu_pmu_fingerprint(m.pmu) == vpmu_pmu_fingerprint(m.twin));
		MUST(vpmu_pmu_wanted(m.pmu) == vpmu_pmu_wanted(m.twin));
		counters_are_no_wider(&m);
	}
	events = vpmu_pmu_events(m.pmu);
	MUST(events.created >= events.released && events.live == events.created - events.released);
	move(&m, profile);
	return 0;
}
