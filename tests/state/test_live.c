/* SPDX-License-Identifier: MIT */
/*
 * A state put on a machine that is in use counts on as on the machine that it was saved from: the
 * counts, the status and the PMIs. Order safe, on every profile; and where another order fails.
 */
#include <vpmu/simulate.h>

#include "fixture.h"

/* What the random programs count. */
static uint64_t random_selector(struct random *random, const struct vpmu_layout *layout)
{
	static const uint64_t intel[] = {0xc0, 0x3c, 0x13c, 0xc4, 0xc5, 0x4f2e, 0x99};
	static const uint64_t amd[] = {0xc0, 0x76, 0xc2, 0xc3, 0x99};
	bool is_amd = layout->model.vendor == VPMU_VENDOR_AMD;
	unsigned events = is_amd ? ARRAY_SIZE(amd) : ARRAY_SIZE(intel);
	unsigned event = (unsigned)(random_next(random) % events);
	uint64_t bits = random_next(random) & (SEL_USR | SEL_OS | SEL_INT);

	if (random_next(random) % 4)
		bits |= SEL_EN;
	return bits | (is_amd ? amd[event] : intel[event]);
}

/* Values of a guest that uses its PMU: counters that overflow soon, controls that are mostly on. */
static struct vpmu_state used_state(struct random *random, const struct vpmu_layout *layout)
{
	struct vpmu_state state;

	vpmu_state_reset(&state, layout);
	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = layout_stored(layout, i);

		switch (reg->kind) {
		case VPMU_KIND_COUNTER:
		case VPMU_KIND_FIXED_COUNTER:
			state.values[i] = reg->writable - random_next(random) % 3000;
			break;
		case VPMU_KIND_SELECTOR:
			state.values[i] = random_selector(random, layout) & reg->writable;
			break;
		case VPMU_KIND_FIXED_CTRL:
			state.values[i] = random_next(random) & reg->writable;
			break;
		case VPMU_KIND_GLOBAL_CTRL:
			state.values[i] = random_next(random) % 3
			                          ? reg->writable
			                          : random_next(random) & reg->writable;
			break;
		case VPMU_KIND_GLOBAL_STATUS:
			state.values[i] = random_next(random) & reg->writable &
			                  model_counter_bits(&layout->model);
			break;
		default:
			break;
		}
	}
	return state;
}

static struct vpmu_outcome run(struct vpmu_pmu *pmu, struct random *random, struct random *same)
{
	struct vpmu_amounts amounts = {{0}};

	if (same)
		*random = *same;
	amounts.of[VPMU_INSTRUCTIONS] = random_next(random) % 2000;
	amounts.of[VPMU_CYCLES] = random_next(random) % 3000;
	amounts.of[VPMU_REF_CYCLES] = random_next(random) % 3000;
	amounts.of[VPMU_BRANCHES] = random_next(random) % 1000;
	amounts.of[VPMU_BRANCH_MISSES] = random_next(random) % 100;
	amounts.of[VPMU_LLC_REFERENCES] = random_next(random) % 50;
	return vpmu_pmu_run(pmu, &amounts, random_next(random) % 2 ? 3 : 0);
}

static void put(struct vpmu_pmu *pmu, const struct vpmu_state *state,
                const struct vpmu_layout *layout, const struct vpmu_order *order)
{
	struct vpmu_target target = vpmu_target_machine(pmu);
	struct vpmu_report report;
	char line[200];

	if (vpmu_state_put(state, layout, &target, VPMU_LEVEL_FULL, order, VPMU_POLICY_STOP,
	                   &report)) {
		vpmu_report_describe(&report, 0, line, sizeof(line));
		fail_msg("%s", line);
	}
}

/* perf overflows an event with one left only after two (x86_perf_event_set_period). So a counter
 * may also be saved between the two: it reads 0, as one that never ran, and what perf still owes is
 * in no register. No order can help either. */
static bool at_the_brink(const struct vpmu_state *state, const struct vpmu_layout *layout)
{
	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = layout_stored(layout, i);
		bool counter =
			reg->kind == VPMU_KIND_COUNTER || reg->kind == VPMU_KIND_FIXED_COUNTER;

		if (counter && (state->values[i] == reg->writable || !state->values[i]))
			return true;
	}
	return false;
}

/* The place that the second machine had before: another guest, or this one earlier. */
static void use(struct vpmu_pmu *pmu, struct random *random, const struct vpmu_layout *layout,
                const struct vpmu_state *saved)
{
	struct vpmu_state before = used_state(random, layout);

	if (random_next(random) % 2)
		for (unsigned i = 0; i < layout->value_count; i++)
			if (layout_stored(layout, i)->kind != VPMU_KIND_COUNTER &&
			    layout_stored(layout, i)->kind != VPMU_KIND_FIXED_COUNTER)
				before.values[i] = saved->values[i];
	put(pmu, &before, layout, vpmu_order_find("safe"));
	for (unsigned i = 0; i < 3; i++)
		run(pmu, random, NULL);
	vpmu_pmu_enter(pmu);
}

/* Whether the machine that got the state goes on as the one that it was saved from. */
static bool goes_on(struct vpmu_pmu *from, struct vpmu_pmu *to, const struct vpmu_layout *layout,
                    struct random *random)
{
	struct vpmu_difference differences[VPMU_MAX_STATE];

	for (unsigned i = 0; i < 4; i++) {
		struct random same = *random;
		struct vpmu_outcome a = run(from, random, NULL), b = run(to, random, &same);
		struct vpmu_state x = state_of(from, layout), y = state_of(to, layout);
		size_t count;

		vpmu_state_compare(&x, &y, layout, differences, &count);
		if (count || a.pmi != b.pmi || a.masked != b.masked)
			return false;
	}
	return true;
}

/* How often a state that an order put on a machine in use did not go on; of so many tries. */
static unsigned losses(const char *profile, const char *model, const char *order, unsigned tries,
                       struct random *random)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[2][VPMU_PMU_BYTES];
	const struct vpmu_profile *p = vpmu_profile_find(profile);
	struct vpmu_model adapted = layout_of(model).model;
	struct vpmu_layout layout;
	unsigned lost = 0;

	assert_int_equal(vpmu_profile_adapt(p, &adapted), VPMU_OK);
	assert_int_equal(vpmu_layout_init(&layout, &adapted), VPMU_OK);
	for (unsigned i = 0; i < tries; i++) {
		struct vpmu_pmu *from = vpmu_pmu_init(memory[0], VPMU_PMU_BYTES, &adapted, p);
		struct vpmu_pmu *to = vpmu_pmu_init(memory[1], VPMU_PMU_BYTES, &adapted, p);
		struct vpmu_state start = used_state(random, &layout), saved;

		assert_true(from && to);
		put(from, &start, &layout, vpmu_order_find("safe"));
		run(from, random, NULL);
		run(from, random, NULL);
		vpmu_pmu_enter(from);
		vpmu_pmu_set_lvtpc(from, VPMU_LVTPC_RESET);
		saved = state_of(from, &layout);
		if (at_the_brink(&saved, &layout))
			continue;
		use(to, random, &layout, &saved);
		put(to, &saved, &layout, vpmu_order_find(order));
		vpmu_pmu_set_lvtpc(to, VPMU_LVTPC_RESET);
		lost += !goes_on(from, to, &layout, random);
	}
	return lost;
}

static void in_order_safe_nothing_is_lost_on_any_profile(void **state)
{
	struct random random = random_seeded("live");
	const char *profile;

	for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
		for (size_t m = 0; test_model(m); m++) {
			unsigned lost = losses(profile, test_model(m), "safe", 300, &random);

			if (lost)
				fail_msg("%s on %s: %u of 300 lost", test_model(m), profile, lost);
		}
}

static void without_a_stop_linux_loses_overflows(void **state)
{
	struct random random = random_seeded("no-stop");

	assert_true(losses("linux-6.1", "intel-v2", "no-stop", 300, &random) > 0);
	assert_true(losses("linux-6.12", "intel-v2", "no-stop", 300, &random) > 0);
	assert_true(losses("linux-6.1", "amd-perfcore", "no-stop", 300, &random) > 0);
	assert_true(losses("linux-6.12", "amd-perfcore", "no-stop", 300, &random) > 0);
}

/* KVM releases the events of counters that are not in use, after they went unused for a while. */
static void after_a_reset_no_event_stays_alive(void **state)
{
	struct random random = random_seeded("reset");
	const char *profile;

	for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
		for (size_t m = 0; test_model(m); m++) {
			struct vpmu_model model = layout_of(test_model(m)).model;
			struct vpmu_layout layout;
			struct vpmu_target target;
			struct vpmu_report report;
			struct vpmu_state used;
			struct vpmu_pmu *pmu;

			vpmu_profile_adapt(vpmu_profile_find(profile), &model);
			assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
			pmu = machine_on(profile, &model);
			used = used_state(&random, &layout);
			put(pmu, &used, &layout, vpmu_order_find("safe"));
			run(pmu, &random, NULL);
			vpmu_pmu_enter(pmu);
			target = vpmu_target_machine(pmu);
			assert_int_equal(
				vpmu_target_reset(&target, &layout, VPMU_POLICY_STOP, &report),
				VPMU_OK);
			for (unsigned i = 0; i < 3; i++) {
				struct vpmu_outcome outcome = run(pmu, &random, NULL);

				assert_int_equal(outcome.pmi + outcome.masked, 0);
				vpmu_pmu_schedule(pmu);
			}
			vpmu_pmu_enter(pmu);
			assert_int_equal(vpmu_pmu_events(pmu).live, 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_safe_nothing_is_lost_on_any_profile),
		cmocka_unit_test(after_a_reset_no_event_stays_alive),
		cmocka_unit_test(without_a_stop_linux_loses_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
