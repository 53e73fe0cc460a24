/* SPDX-License-Identifier: MIT */
/*
 * Any calls on a register machine of any model and profile, in any sequence. A twin, copied when
 * the machine was made, is given the same calls: it must answer and end the same. What was refused
 * has changed nothing, no counter is wider than its model says, and what headroom promises is so.
 * The bytes are the profile, the model, then the calls.
 */
#include <string.h>

#include <vpmu/pmu.h>
#include <vpmu/simulate.h>
#include <vpmu/state.h>

#include "fuzz.h"
#include "input.h"

enum { MOST_CALLS = 200 };

struct machines {
	struct vpmu_pmu *pmu, *twin;
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t register_count;
	struct vpmu_filter filter;
};

static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[2][VPMU_PMU_BYTES];

static void same_outcome(struct vpmu_outcome a, struct vpmu_outcome b)
{
	MUST(a.pmi == b.pmi && a.masked == b.masked);
}

/* Mostly a register of the model. */
static uint32_t take_msr(struct machines *m, struct input *input)
{
	uint8_t byte = take_byte(input);

	if (byte < 240 && m->register_count)
		return m->registers[byte % m->register_count].msr;
	return (uint32_t)take_number(input, 4);
}

static void read_register(struct machines *m, struct input *input)
{
	const uint64_t untouched = 0x5a5a5a5a5a5a5a5a;
	uint64_t a = untouched, b = untouched, before = vpmu_pmu_fingerprint(m->pmu);
	uint32_t msr = take_msr(m, input);
	bool host = take_byte(input) & 1;
	enum vpmu_status status =
		host ? vpmu_pmu_host_read(m->pmu, msr, &a) : vpmu_pmu_guest_read(m->pmu, msr, &a);

	MUST(status ==
	     (host ? vpmu_pmu_host_read(m->twin, msr, &b) : vpmu_pmu_guest_read(m->twin, msr, &b)));
	MUST(a == b);
	MUST(status == VPMU_OK || a == untouched);
	MUST(before == vpmu_pmu_fingerprint(m->pmu));
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

static void write_register(struct machines *m, struct input *input)
{
	uint64_t before = registers_now(m);
	uint32_t msr = take_msr(m, input);
	bool host = take_byte(input) & 1;
	uint64_t value = take_value(input);
	enum vpmu_status status = host ? vpmu_pmu_host_write(m->pmu, msr, value)
	                               : vpmu_pmu_guest_write(m->pmu, msr, value);

	MUST(status == (host ? vpmu_pmu_host_write(m->twin, msr, value)
	                     : vpmu_pmu_guest_write(m->twin, msr, value)));
	MUST(status == VPMU_OK || before == registers_now(m));
}

static void rdpmc(struct machines *m, struct input *input)
{
	uint32_t ecx = (uint32_t)take_value(input);
	unsigned how = take_byte(input);
	uint64_t a = 0, b = 0;

	MUST(vpmu_pmu_rdpmc(m->pmu, ecx, how & 3, how & 4, &a) ==
	     vpmu_pmu_rdpmc(m->twin, ecx, how & 3, how & 4, &b));
	MUST(a == b);
}

static struct vpmu_amounts take_amounts(struct input *input)
{
	struct vpmu_amounts amounts;

	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		amounts.of[i] = take_number(input, 1 + i % 2);
	return amounts;
}

static void run(struct machines *m, struct input *input)
{
	struct vpmu_amounts amounts = take_amounts(input);
	unsigned cpl = take_byte(input) & 3;

	same_outcome(vpmu_pmu_run(m->pmu, &amounts, cpl), vpmu_pmu_run(m->twin, &amounts, cpl));
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
	same_outcome(outcome, vpmu_pmu_account(m->twin, &amounts, cpl));
	MUST(!below || (!outcome.pmi && !outcome.masked));
}

static void enter(struct machines *m, struct input *input)
{
	same_outcome(vpmu_pmu_enter(m->pmu), vpmu_pmu_enter(m->twin));
}

static void emulate(struct machines *m, struct input *input)
{
	unsigned how = take_byte(input);

	same_outcome(vpmu_pmu_emulate(m->pmu, how & 4, how & 3),
	             vpmu_pmu_emulate(m->twin, how & 4, how & 3));
}

static void happen_on_the_host(struct machines *m, struct input *input)
{
	struct vpmu_amounts amounts = take_amounts(input);

	vpmu_pmu_host_run(m->pmu, &amounts);
	vpmu_pmu_host_run(m->twin, &amounts);
	vpmu_pmu_schedule(m->pmu);
	vpmu_pmu_schedule(m->twin);
}

static void reset(struct machines *m, struct input *input)
{
	vpmu_pmu_reset(m->pmu);
	vpmu_pmu_reset(m->twin);
}

static void set_lvtpc(struct machines *m, struct input *input)
{
	uint32_t value = (uint32_t)take_number(input, 3);

	vpmu_pmu_set_lvtpc(m->pmu, value);
	vpmu_pmu_set_lvtpc(m->twin, value);
	MUST(vpmu_pmu_lvtpc(m->pmu) == (value & VPMU_LVTPC_BITS));
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

	vpmu_pmu_set_exclude_host(m->pmu, how & 1);
	vpmu_pmu_set_exclude_host(m->twin, how & 1);
	vpmu_pmu_see_cycles(m->pmu, how & 2);
	vpmu_pmu_see_cycles(m->twin, how & 2);
	if (how & 4)
		MUST(vpmu_pmu_disable(m->pmu) == vpmu_pmu_disable(m->twin));
	MUST(vpmu_pmu_fail_creations(m->pmu, how >> 3) ==
	     vpmu_pmu_fail_creations(m->twin, how >> 3));
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

static void counters_are_no_wider(const struct machines *m)
{
	for (size_t i = 0; i < m->register_count; i++) {
		const struct vpmu_register *reg = &m->registers[i];
		uint64_t value;

		if ((reg->kind == VPMU_KIND_COUNTER || reg->kind == VPMU_KIND_FIXED_COUNTER) &&
		    reg->width < 64 && !vpmu_pmu_guest_read(m->pmu, reg->msr, &value))
			MUST(!(value >> reg->width));
	}
}

static void (*const calls[])(struct machines *m, struct input *input) = {
	write_register,
	write_register,
	read_register,
	rdpmc,
	run,
	account,
	enter,
	emulate,
	reset,
	set_lvtpc,
	configure,
	set_filter,
	set_model,
	run,
	write_register,
	happen_on_the_host,
};

static bool begin(struct machines *m, const struct vpmu_profile *profile, struct input *input)
{
	struct vpmu_model model;

	take_model(input, &model);
	if (take_byte(input) & 1 && vpmu_profile_adapt(profile, &model))
		return false;
	memset(memory, 0, sizeof(memory));
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
