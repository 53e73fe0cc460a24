/* SPDX-License-Identifier: MIT */
/* get(put(state)) is the state, in every order, whatever the target had before. */
#include "fixture.h"

static void put_in_order(struct vpmu_pmu *pmu, const struct vpmu_state *state,
                         const struct vpmu_layout *layout, size_t order)
{
	struct vpmu_target target = vpmu_target_machine(pmu);
	struct vpmu_report report;

	assert_int_equal(vpmu_state_put(state, layout, &target, VPMU_LEVEL_FULL,
	                                vpmu_order_at(order), VPMU_POLICY_ROLL_BACK, &report),
	                 VPMU_OK);
	assert_int_equal(report.left, VPMU_LEFT_WRITTEN);
	assert_int_equal(report.done + report.skipped, report.planned);
}

/* A model as the profile makes it. */
static struct vpmu_layout layout_on(const char *profile, const char *name)
{
	struct vpmu_layout layout = layout_of(name);
	struct vpmu_model model = layout.model;

	vpmu_profile_adapt(vpmu_profile_find(profile), &model);
	assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
	return layout;
}

/* The bits that a guest can have there: KVM drops some of AMD's selector bits, and has no freeze.
 */
static uint64_t guest_bits(const struct vpmu_register *reg)
{
	switch (reg->kind) {
	case VPMU_KIND_CAPABILITIES:
		return 0;
	case VPMU_KIND_SELECTOR:
		return reg->writable & ~(SEL_AMD_GUEST | SEL_AMD_HOST);
	case VPMU_KIND_GLOBAL_STATUS:
		return reg->writable & ~STATUS_CTR_FRZ;
	default:
		return reg->writable;
	}
}

static uint64_t bits_on(const char *profile, const struct vpmu_register *reg)
{
	bool hardware = !strcmp(profile, "hardware");

	return hardware && reg->kind != VPMU_KIND_CAPABILITIES ? reg->writable : guest_bits(reg);
}

static struct vpmu_state random_state_on(struct random *random, const char *profile,
                                         const struct vpmu_layout *layout)
{
	struct vpmu_state state;

	vpmu_state_reset(&state, layout);
	for (unsigned i = 0; i < layout->value_count; i++) {
		uint64_t bits = bits_on(profile, layout_stored(layout, i));

		state.values[i] = (state.values[i] & ~bits) |
		                  (value_fit(layout_stored(layout, i), random_next(random)) & bits);
	}
	return state;
}

/* Put on a machine that is as after power-up, in each order. */
static void assert_comes_back_fresh(const char *profile, const struct vpmu_state *put,
                                    const struct vpmu_layout *layout)
{
	for (size_t o = 0; vpmu_order_at(o); o++) {
		struct vpmu_pmu *pmu = machine_on(profile, &layout->model);
		struct vpmu_state got;

		put_in_order(pmu, put, layout, o);
		got = state_of(pmu, layout);
		assert_same_state(put, &got, layout);
	}
}

static void every_single_bit_comes_back_on_every_profile(void **unused)
{
	const char *profile, *name;

	for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
		for (size_t m = 0; (name = test_model(m)); m++) {
			struct vpmu_layout layout = layout_on(profile, name);

			for (unsigned i = 0; i < layout.value_count; i++) {
				uint64_t bits = bits_on(profile, layout_stored(&layout, i));

				for (; bits; bits &= bits - 1) {
					struct vpmu_state put;

					vpmu_state_reset(&put, &layout);
					put.values[i] = bits & -bits;
					assert_comes_back_fresh(profile, &put, &layout);
				}
			}
		}
}

static void random_states_of_every_model_come_back_on_every_profile(void **unused)
{
	struct random random = random_seeded("models");
	const char *profile, *name;

	for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
		for (size_t m = 0; (name = test_model(m)); m++) {
			struct vpmu_layout layout = layout_on(profile, name);

			for (unsigned i = 0; i < 50; i++) {
				struct vpmu_state put = random_state_on(&random, profile, &layout);

				assert_comes_back_fresh(profile, &put, &layout);
			}
		}
}

/* On machines that had other states before, and that are entered now and then. */
static void random_models_come_back_on_every_profile(void **state)
{
	struct random random = random_seeded("profiles");
	const char *profile;

	for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
		for (unsigned i = 0; i < 1000; i++) {
			struct vpmu_model model = random_model(&random);
			struct vpmu_layout layout;
			struct vpmu_pmu *pmu;

			vpmu_profile_adapt(vpmu_profile_find(profile), &model);
			/* KVM gives every AMD guest a PMU, older processors than K7 too. */
			if (vpmu_model_check(&model, NULL, 0))
				continue;
			assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
			pmu = machine_on(profile, &model);
			for (size_t o = 0; vpmu_order_at(o); o++) {
				struct vpmu_state put = random_state_on(&random, profile, &layout);
				struct vpmu_state got;

				if (order_loses(vpmu_order_at(o), &layout))
					continue;
				put_in_order(pmu, &put, &layout, o);
				got = state_of(pmu, &layout);
				assert_same_state(&put, &got, &layout);
				if (random_next(&random) % 2)
					vpmu_pmu_enter(pmu);
			}
		}
}

static void random_states_come_back_from_fresh_and_used_machines(void **state)
{
	struct random random = random_seeded("round");

	for (unsigned i = 0; i < 3000; i++) {
		struct vpmu_model model = random_model(&random);
		struct vpmu_layout layout;
		struct vpmu_pmu *pmu;

		assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
		pmu = machine_of(&model);
		for (size_t o = 0; vpmu_order_at(o); o++) {
			struct vpmu_state put = random_state(&random, &layout), got;

			if (order_loses(vpmu_order_at(o), &layout))
				continue;
			put_in_order(pmu, &put, &layout, o);
			got = state_of(pmu, &layout);
			assert_same_state(&put, &got, &layout);
		}
	}
}

/* Counts of everything, so that whatever is on counts. */
static const struct vpmu_amounts busy = {{1000, 2000, 1500, 200, 20, 10, 5, 3000}};

static void after_a_reset_nothing_counts(void **state)
{
	struct random random = random_seeded("reset");

	for (unsigned i = 0; i < 3000; i++) {
		struct vpmu_model model = random_model(&random);
		struct vpmu_layout layout;
		struct vpmu_state before, reset, after;
		struct vpmu_report report;
		struct vpmu_target target;
		struct vpmu_pmu *pmu;

		assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
		pmu = machine_of(&model);
		target = vpmu_target_machine(pmu);
		before = random_state(&random, &layout);
		put_whole(pmu, &before, &layout);
		vpmu_pmu_account(pmu, &busy, 0);
		assert_int_equal(
			vpmu_target_reset(&target, &layout, VPMU_POLICY_ROLL_BACK, &report),
			VPMU_OK);
		vpmu_pmu_account(pmu, &busy, 0);
		vpmu_pmu_account(pmu, &busy, 3);
		vpmu_state_reset(&reset, &layout);
		after = state_of(pmu, &layout);
		assert_same_state(&reset, &after, &layout);
	}
}

/* Shares of 8 bits are all that travels of what they were computed from: each may be 2 off. */
static void forgive_rounded_shares(struct vpmu_state *a, const struct vpmu_state *b,
                                   const struct vpmu_layout *layout)
{
	for (unsigned v = 0; v < layout->value_count; v++) {
		if (layout_stored(layout, v)->kind != VPMU_KIND_METRICS)
			continue;
		for (unsigned shift = 0; shift < 32; shift += 8)
			assert_in_range((a->values[v] >> shift & 0xff) + 2 -
			                        (b->values[v] >> shift & 0xff),
			                0, 4);
		a->values[v] = b->values[v];
	}
}

/* Runs the same on two machines, one of them saved and restored into a third in the middle. */
static void a_restored_machine_counts_on_as_the_old_one(void **state)
{
	struct random random = random_seeded("count on");

	for (unsigned i = 0; i < 1000; i++)
		for (size_t o = 0; vpmu_order_at(o); o++) {
			struct vpmu_model model = random_model(&random);
			struct vpmu_layout layout;
			struct vpmu_state start, saved, a, b;
			struct vpmu_pmu *old, *new;

			assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
			if (order_loses(vpmu_order_at(o), &layout))
				continue;
			old = machine_of(&model);
			new = machine_of(&model);
			start = random_state(&random, &layout);
			for (unsigned v = 0; v < layout.value_count; v++)
				if (layout_stored(&layout, v)->kind == VPMU_KIND_SELECTOR)
					start.values[v] &= ~(SEL_CMASK | SEL_EDGE | SEL_INV);
			put_whole(old, &start, &layout);
			vpmu_pmu_account(old, &busy, 0);
			saved = state_of(old, &layout);
			put_in_order(new, &saved, &layout, o);
			vpmu_pmu_set_lvtpc(old, VPMU_LVTPC_RESET);
			vpmu_pmu_account(old, &busy, 3);
			vpmu_pmu_account(new, &busy, 3);
			a = state_of(old, &layout);
			b = state_of(new, &layout);
			forgive_rounded_shares(&a, &b, &layout);
			assert_same_state(&a, &b, &layout);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_single_bit_comes_back_on_every_profile),
		cmocka_unit_test(random_states_of_every_model_come_back_on_every_profile),
		cmocka_unit_test(random_states_come_back_from_fresh_and_used_machines),
		cmocka_unit_test(random_models_come_back_on_every_profile),
		cmocka_unit_test(after_a_reset_nothing_counts),
		cmocka_unit_test(a_restored_machine_counts_on_as_the_old_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
