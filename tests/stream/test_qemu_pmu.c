/* SPDX-License-Identifier: MIT */
/* QEMU's fields and a state's registers are the same values. */
#include "unit.h"

/* The place of each field among the 43 of the stream (target/i386/machine.c). */
enum { FIXED_CTRL, GLOBAL_CTRL, GLOBAL_STATUS, OVF_CTRL, FIXED, GP = 7, SELECTOR = 25, ALL = 43 };

/* Through the bytes of a migration file and back. */
static enum vpmu_status through_section(const struct vpmu_state *state,
                                        const struct vpmu_layout *layout, struct vpmu_state *back,
                                        char *why)
{
	uint8_t payload[VPMU_QEMU_BYTES];
	struct vpmu_qemu_pmu pmu, read;
	enum vpmu_status status = vpmu_qemu_from_state(state, layout, &pmu, why, WHY_BYTES);

	if (status)
		return status;
	vpmu_qemu_pack(&pmu, payload);
	vpmu_qemu_unpack(&read, payload);
	assert_memory_equal(&pmu, &read, sizeof(pmu));
	assert_int_equal(vpmu_qemu_to_state(&read, layout, back, why, WHY_BYTES), VPMU_OK);
	return VPMU_OK;
}

static bool is_migrated(const struct vpmu_register *reg)
{
	return reg->kind != VPMU_KIND_METRICS && reg->kind != VPMU_KIND_CAPABILITIES &&
	       !(reg->kind == VPMU_KIND_FIXED_COUNTER && reg->index >= VPMU_QEMU_FIXED);
}

static void every_model_every_register_every_bit(void **unused)
{
	const char *name;

	for (size_t m = 0; (name = test_model(m)); m++) {
		struct vpmu_layout layout = layout_of(name);

		for (unsigned i = 0; i < layout.value_count; i++)
			for (unsigned bit = 0; bit < 64; bit++) {
				const struct vpmu_register *reg = layout_stored(&layout, i);
				struct vpmu_state state, back = {.values = {0}};
				char why[WHY_BYTES] = "";
				enum vpmu_status status;

				vpmu_state_reset(&state, &layout);
				state.values[i] ^= BIT64(bit);
				if (vpmu_layout_excess(&layout, layout.stored[i], state.values[i]))
					continue;
				status = through_section(&state, &layout, &back, why);
				assert_int_equal(status,
				                 is_migrated(reg) ? VPMU_OK : VPMU_INCOMPATIBLE);
				if (status)
					assert_non_null(strstr(why, reg->name));
				else
					assert_memory_equal(back.values, state.values,
					                    sizeof(state.values));
			}
	}
}

static void random_states(void **unused)
{
	struct random random = random_seeded("qemu");
	const char *name;

	for (size_t m = 0; (name = test_model(m)); m++) {
		struct vpmu_layout layout = layout_of(name);

		for (unsigned n = 0; n < 100; n++) {
			struct vpmu_state state = random_state(&random, &layout), back;
			char why[WHY_BYTES];

			for (unsigned i = 0; i < layout.value_count; i++)
				if (!is_migrated(layout_stored(&layout, i)))
					state.values[i] = layout_stored(&layout, i)->reset;
			assert_int_equal(through_section(&state, &layout, &back, why), VPMU_OK);
			assert_memory_equal(back.values, state.values, sizeof(state.values));
		}
	}
}

/* Field i of the section has value i + 1. */
static void numbered(struct vpmu_qemu_pmu *pmu, unsigned fields, const unsigned *which)
{
	uint8_t payload[VPMU_QEMU_BYTES] = {0};

	for (unsigned i = 0; i < fields; i++)
		payload[8 * which[i] + 7] = (uint8_t)(which[i] + 1);
	vpmu_qemu_unpack(pmu, payload);
}

static void assert_register(const struct vpmu_state *state, const struct vpmu_layout *layout,
                            const char *name, uint64_t wanted)
{
	uint64_t value = 0;

	assert_int_equal(
		vpmu_state_value(state, layout, (unsigned)vpmu_layout_find(layout, name), &value),
		VPMU_OK);
	assert_int_equal(value, wanted);
}

static void intel_s_fields_are_where_qemu_has_them(void **unused)
{
	const unsigned which[] = {FIXED_CTRL, GLOBAL_CTRL, GLOBAL_STATUS, FIXED + 2,
	                          GP + 3,     SELECTOR,    SELECTOR + 1};
	struct vpmu_layout layout = layout_of("intel-v2");
	struct vpmu_qemu_pmu pmu;
	struct vpmu_state state;

	numbered(&pmu, ARRAY_SIZE(which), which);
	assert_int_equal(vpmu_qemu_to_state(&pmu, &layout, &state, NULL, 0), VPMU_OK);
	assert_register(&state, &layout, "IA32_FIXED_CTR_CTRL", 1);
	assert_register(&state, &layout, "IA32_PERF_GLOBAL_CTRL", 2);
	assert_register(&state, &layout, "IA32_PERF_GLOBAL_STATUS", 3);
	assert_register(&state, &layout, "IA32_FIXED_CTR2", FIXED + 3);
	assert_register(&state, &layout, "IA32_PMC3", GP + 4);
	assert_register(&state, &layout, "IA32_PERFEVTSEL0", SELECTOR + 1);
	assert_register(&state, &layout, "IA32_PERFEVTSEL1", SELECTOR + 2);
}

static void amd_shares_them(void **unused)
{
	const unsigned which[] = {GLOBAL_CTRL, GLOBAL_STATUS, GP + 5, SELECTOR + 5};
	static const char *const models[] = {"amd-perfmon-v2", "amd-perfcore", "amd-k7"};

	for (size_t m = 0; m < ARRAY_SIZE(models); m++) {
		struct vpmu_layout layout = layout_of(models[m]);
		unsigned last = layout.model.gp_count - 1u;
		const unsigned counters[] = {GP + last, SELECTOR + last};
		struct vpmu_qemu_pmu pmu;
		struct vpmu_state state;

		numbered(&pmu, m ? 2 : ARRAY_SIZE(which), m ? counters : which);
		assert_int_equal(vpmu_qemu_to_state(&pmu, &layout, &state, NULL, 0), VPMU_OK);
		assert_register(&state, &layout, last == 5 ? "PerfCtr5" : "PerfCtr3",
		                GP + last + 1);
		assert_register(&state, &layout, last == 5 ? "PerfEvtSel5" : "PerfEvtSel3",
		                SELECTOR + last + 1);
		if (m)
			continue;
		assert_register(&state, &layout, "PerfCntrGlobalCtl", 2);
		assert_register(&state, &layout, "PerfCntrGlobalStatus", 3);
	}
}

static void assert_no_register(const char *model, unsigned field, const char *text)
{
	struct vpmu_layout layout = layout_of(model);
	struct vpmu_state state, before;
	struct vpmu_qemu_pmu pmu;
	char why[WHY_BYTES];

	numbered(&pmu, 1, &field);
	memset(&state, 0x5a, sizeof(state));
	before = state;
	assert_int_equal(vpmu_qemu_to_state(&pmu, &layout, &state, why, sizeof(why)),
	                 VPMU_INCOMPATIBLE);
	assert_memory_equal(&state, &before, sizeof(state));
	if (!strstr(why, text))
		fail_msg("'%s' is not in '%s'", text, why);
}

static void values_without_a_register_are_refused_by_name(void **unused)
{
	assert_no_register("intel-v2", GP + 4,
	                   "gp_counters[4]: the model has no such register: 0xc");
	assert_no_register("intel-v2", SELECTOR + 17, "gp_evtsel[17]: the model has no such");
	assert_no_register("intel-v1", GLOBAL_CTRL, "global_ctrl: the model has no such register");
	assert_no_register("intel-v1", FIXED_CTRL, "fixed_ctr_ctrl: the model");
	assert_no_register("zen4", FIXED, "fixed_counters[0]: the model");
}

static void values_that_a_register_cannot_hold_are_refused(void **unused)
{
	struct vpmu_layout layout = layout_of("intel-v2,width=40");
	struct vpmu_qemu_pmu pmu = {.gp_counters = {[1] = BIT64(40)}};
	struct vpmu_state state;
	char why[WHY_BYTES];

	assert_int_equal(vpmu_qemu_to_state(&pmu, &layout, &state, why, sizeof(why)),
	                 VPMU_INCOMPATIBLE);
	assert_string_equal(why, "gp_counters[1]: IA32_PMC1 cannot hold its value: 0x10000000000");
}

/* The register is a command: what QEMU last wrote to it is no state. */
static void global_ovf_ctrl_is_ignored(void **unused)
{
	struct vpmu_layout layout = layout_of("intel-v1");
	struct vpmu_qemu_pmu pmu = {.global_ovf_ctrl = UINT64_MAX};
	struct vpmu_state state;

	assert_int_equal(vpmu_qemu_to_state(&pmu, &layout, &state, NULL, 0), VPMU_OK);
}

static void not_of_a_state_that_is_none(void **unused)
{
	struct vpmu_layout layout = layout_of("intel-v2"), other = layout_of("intel-v3");
	struct vpmu_qemu_pmu pmu;
	struct vpmu_state state;

	vpmu_state_reset(&state, &layout);
	assert_int_equal(vpmu_qemu_from_state(&state, &other, &pmu, NULL, 0), VPMU_BAD_ARGUMENT);
	state.values[0] = UINT64_MAX;
	assert_int_equal(vpmu_qemu_from_state(&state, &layout, &pmu, NULL, 0), VPMU_BAD_ARGUMENT);
}

/* Registers in pairs as QEMU 11.1 saves them: {0, ctr0, 0, ctr1 …}, {sel0, 0, sel1 …}. */
static void registers_in_pairs_are_permuted(void **unused)
{
	static const char *const models[] = {"amd-perfcore", "amd-perfmon-v2", "zen4", "hygon"};

	for (unsigned m = 0; m < ARRAY_SIZE(models); m++) {
		struct vpmu_layout layout = layout_of(models[m]);
		struct vpmu_qemu_pmu plain = {.gp_counters = {1, 2, 3},
		                              .gp_evtsel = {0x11, 0x22, 0x33}};
		struct vpmu_qemu_pmu pmu = plain;

		assert_false(vpmu_qemu_is_permuted(&pmu, &layout));
		assert_int_equal(vpmu_qemu_permute(&pmu, &layout), VPMU_OK);
		assert_true(vpmu_qemu_is_permuted(&pmu, &layout));
		for (unsigned i = 0; i < VPMU_QEMU_GP; i++) {
			assert_int_equal(pmu.gp_counters[i], i & 1 && i < 6 ? i / 2 + 1 : 0);
			assert_int_equal(pmu.gp_evtsel[i],
			                 !(i & 1) && i < 6 ? (i / 2 + 1) * 0x11 : 0);
		}
		assert_int_equal(vpmu_qemu_straighten(&pmu, &layout), VPMU_OK);
		assert_memory_equal(&pmu, &plain, sizeof(pmu));
	}
}

static void other_registers_are_not_permuted(void **unused)
{
	static const char *const models[] = {"amd-k7", "intel-v2", "intel-v4", "zhaoxin-v2"};

	for (unsigned m = 0; m < ARRAY_SIZE(models); m++) {
		struct vpmu_layout layout = layout_of(models[m]);
		struct vpmu_qemu_pmu plain = {.gp_counters = {[1] = 2}, .gp_evtsel = {0x11}};
		struct vpmu_qemu_pmu pmu = plain;

		assert_false(vpmu_qemu_is_permuted(&pmu, &layout));
		assert_int_equal(vpmu_qemu_permute(&pmu, &layout), VPMU_OK);
		assert_int_equal(vpmu_qemu_straighten(&pmu, &layout), VPMU_OK);
		assert_memory_equal(&pmu, &plain, sizeof(pmu));
	}
}

/* Selector 0 and no counter: the same both ways, so there is nothing to say. */
static void what_is_the_same_both_ways_is_not_permuted(void **unused)
{
	struct vpmu_layout layout = layout_of("amd-perfcore");
	struct vpmu_qemu_pmu pmu = {.gp_evtsel = {0x5300c0}};

	assert_false(vpmu_qemu_is_permuted(&pmu, &layout));
	assert_int_equal(vpmu_qemu_straighten(&pmu, &layout), VPMU_OK);
	assert_int_equal(pmu.gp_evtsel[0], 0x5300c0);
}

static void fields_between_permuted_ones_are_refused(void **unused)
{
	struct vpmu_layout layout = layout_of("amd-perfcore"); /* of 6 counters */
	const struct vpmu_qemu_pmu wrong[] = {
		{.gp_counters = {1}},        {.gp_counters = {[1] = 1}, .gp_evtsel = {[1] = 1}},
		{.gp_counters = {[12] = 1}}, {.gp_counters = {[13] = 1}},
		{.gp_evtsel = {[12] = 1}},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct vpmu_qemu_pmu pmu = wrong[i];

		assert_false(vpmu_qemu_is_permuted(&pmu, &layout));
		assert_int_equal(vpmu_qemu_straighten(&pmu, &layout), VPMU_INCOMPATIBLE);
		assert_memory_equal(&pmu, &wrong[i], sizeof(pmu));
	}
}

static void more_pairs_than_fields_are_not_permuted(void **unused)
{
	struct vpmu_layout nine = layout_of("amd-perfmon-v2,gp=9");
	struct vpmu_layout ten = layout_of("amd-perfmon-v2,gp=10");
	struct vpmu_qemu_pmu pmu = {.gp_counters = {[8] = 1}};

	assert_int_equal(vpmu_qemu_permute(&pmu, &ten), VPMU_INCOMPATIBLE);
	assert_int_equal(pmu.gp_counters[8], 1);
	assert_int_equal(vpmu_qemu_permute(&pmu, &nine), VPMU_OK);
	assert_int_equal(pmu.gp_counters[17], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_model_every_register_every_bit),
		cmocka_unit_test(random_states),
		cmocka_unit_test(intel_s_fields_are_where_qemu_has_them),
		cmocka_unit_test(amd_shares_them),
		cmocka_unit_test(values_without_a_register_are_refused_by_name),
		cmocka_unit_test(values_that_a_register_cannot_hold_are_refused),
		cmocka_unit_test(global_ovf_ctrl_is_ignored),
		cmocka_unit_test(not_of_a_state_that_is_none),
		cmocka_unit_test(registers_in_pairs_are_permuted),
		cmocka_unit_test(other_registers_are_not_permuted),
		cmocka_unit_test(what_is_the_same_both_ways_is_not_permuted),
		cmocka_unit_test(fields_between_permuted_ones_are_refused),
		cmocka_unit_test(more_pairs_than_fields_are_not_permuted),
	};

	return cmocka_run_group_tests_name("stream-qemu-pmu", tests, NULL, NULL);
}
