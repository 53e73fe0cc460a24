/* SPDX-License-Identifier: MIT */
/* QEMU's fields of last branches and a state's registers are the same values. */
#include "unit.h"

/* Through the bytes of a migration file and back, beside the PMU's own fields. */
static void through_sections(struct vpmu_state *state, const struct vpmu_layout *layout)
{
	uint8_t payload[VPMU_QEMU_LBR_BYTES];
	struct vpmu_state rest = *state, back;
	struct vpmu_qemu_lbr lbr, read;
	struct vpmu_qemu_pmu pmu;
	char why[WHY_BYTES] = "";

	assert_int_equal(vpmu_qemu_lbr_take(&rest, layout, &lbr, why, sizeof(why)), VPMU_OK);
	vpmu_qemu_lbr_pack(&lbr, payload);
	vpmu_qemu_lbr_unpack(&read, payload);
	assert_memory_equal(&lbr, &read, sizeof(lbr));
	if (vpmu_qemu_from_state(&rest, layout, &pmu, why, sizeof(why)))
		fail_msg("%s", why);
	assert_int_equal(vpmu_qemu_to_state(&pmu, layout, &back, why, sizeof(why)), VPMU_OK);
	if (vpmu_qemu_lbr_to_state(&read, layout, &back, why, sizeof(why)))
		fail_msg("%s", why);
	assert_same_state(&back, state, layout);
}

static void every_register_every_bit(void **unused)
{
	static const char *const models[] = {"intel-v2,lbr=8", "intel-v2,lbr=16", "icelake,lbr=32"};

	for (unsigned m = 0; m < ARRAY_SIZE(models); m++) {
		struct vpmu_layout layout = layout_of(models[m]);

		for (unsigned i = 0; i < layout.value_count; i++)
			for (unsigned bit = 0; bit < 64; bit++) {
				struct vpmu_state state;

				vpmu_state_reset(&state, &layout);
				state.values[i] ^= BIT64(bit);
				if (!kind_is_lbr(stored_register(&layout, i)->kind) ||
				    vpmu_layout_excess(&layout, layout.stored[i], state.values[i]))
					continue;
				through_sections(&state, &layout);
			}
	}
}

/* The order of target/i386/machine.c: control, depth, then the records. */
static void fields_are_where_qemu_has_them(void **unused)
{
	static const struct {
		const char *name;
		unsigned field;
	} rows[] = {{"IA32_LBR_CTL", 0},       {"IA32_LBR_DEPTH", 1},   {"IA32_LBR_0_FROM_IP", 2},
	            {"IA32_LBR_0_TO_IP", 3},   {"IA32_LBR_0_INFO", 4},  {"IA32_LBR_31_FROM_IP", 95},
	            {"IA32_LBR_31_TO_IP", 96}, {"IA32_LBR_31_INFO", 97}};
	struct vpmu_layout layout = layout_of("icelake,lbr=32");

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t payload[VPMU_QEMU_LBR_BYTES] = {0};
		struct vpmu_qemu_lbr lbr;
		struct vpmu_state state;
		uint64_t value = 0;

		payload[8 + 7] = 32;
		payload[8 * rows[i].field + 7] = 8;
		vpmu_qemu_lbr_unpack(&lbr, payload);
		vpmu_state_reset(&state, &layout);
		assert_int_equal(vpmu_qemu_lbr_to_state(&lbr, &layout, &state, NULL, 0), VPMU_OK);
		vpmu_state_value(&state, &layout, (unsigned)vpmu_layout_find(&layout, rows[i].name),
		                 &value);
		assert_int_equal(value, 8);
	}
}

/* QEMU has read nothing, since its KVM has no last branches. */
static void without_fields_the_stack_is_as_after_a_reset(void **unused)
{
	struct vpmu_layout layout = layout_of("icelake,lbr=16");
	struct vpmu_qemu_lbr lbr = {0};
	struct vpmu_state state, reset;

	vpmu_state_reset(&reset, &layout);
	state = reset;
	vpmu_state_set(&state, &layout, (unsigned)vpmu_layout_find(&layout, "IA32_LBR_3_TO_IP"), 7);
	assert_int_equal(vpmu_qemu_lbr_to_state(&lbr, &layout, &state, NULL, 0), VPMU_OK);
	assert_same_state(&state, &reset, &layout);
}

static void other_registers_stay(void **unused)
{
	struct vpmu_layout layout = layout_of("icelake,lbr=16");
	struct random random = random_seeded("qemu-lbr");
	struct vpmu_state state = random_state(&random, &layout), before = state;
	struct vpmu_qemu_lbr lbr = {.depth = 16}, taken;

	assert_int_equal(vpmu_qemu_lbr_to_state(&lbr, &layout, &state, NULL, 0), VPMU_OK);
	for (unsigned i = 0; i < layout.value_count; i++)
		if (!kind_is_lbr(stored_register(&layout, i)->kind))
			assert_int_equal(state.values[i], before.values[i]);
	assert_int_equal(vpmu_qemu_lbr_take(&before, &layout, &taken, NULL, 0), VPMU_OK);
	assert_same_state(&state, &before, &layout);
}

static void assert_wrong(const char *model, const struct vpmu_qemu_lbr *lbr, const char *wanted)
{
	struct vpmu_layout layout = layout_of(model);
	struct vpmu_state state, before;
	char why[WHY_BYTES] = "";

	vpmu_state_reset(&state, &layout);
	before = state;
	assert_int_equal(vpmu_qemu_lbr_to_state(lbr, &layout, &state, why, sizeof(why)),
	                 VPMU_INCOMPATIBLE);
	assert_string_equal(why, wanted);
	assert_same_state(&state, &before, &layout);
}

static void what_has_no_register_is_refused_by_name(void **unused)
{
	static const struct vpmu_qemu_lbr on = {.ctl = 1, .depth = 32},
					  deep = {.depth = 8, .records = {[8] = {.to = 5}}},
					  shallow = {.ctl = 1},
					  noncanonical = {.depth = 8,
	                                                  .records = {{.from = BIT64(60)}}};

	assert_wrong("icelake", &on, "lbr_ctl: the model has no such register: 0x1");
	assert_wrong("skylake,lbr-format=5", &on, "lbr_ctl: the model has no such register: 0x1");
	assert_wrong("amd-perfmon-v2,lbr=16", &on, "lbr_ctl: the model has no such register: 0x1");
	assert_wrong("icelake,lbr=8", &deep,
	             "lbr_records[8].to: the model has no such register: 0x5");
	assert_wrong("icelake,lbr=8", &shallow,
	             "lbr_depth: IA32_LBR_DEPTH cannot hold its value: 0x0");
	assert_wrong("icelake,lbr=8", &noncanonical,
	             "lbr_records[0].from: IA32_LBR_0_FROM_IP cannot hold its value: "
	             "0x1000000000000000");
}

/* A stack that was never used: nothing is lost. */
static void a_depth_alone_needs_no_register(void **unused)
{
	struct vpmu_layout layout = layout_of("icelake");
	struct vpmu_qemu_lbr lbr = {.depth = 32};
	struct vpmu_state state;

	vpmu_state_reset(&state, &layout);
	assert_int_equal(vpmu_qemu_lbr_to_state(&lbr, &layout, &state, NULL, 0), VPMU_OK);
}

/* AMD's, and the model-specific ones: from_state still refuses them. */
static void other_stacks_are_not_taken(void **unused)
{
	static const char *const models[] = {"skylake,lbr-format=5", "amd-perfmon-v2,lbr=16"};
	static const struct vpmu_qemu_lbr empty;

	for (unsigned m = 0; m < ARRAY_SIZE(models); m++) {
		struct vpmu_layout layout = layout_of(models[m]);
		struct random random = random_seeded("qemu-lbr-other");
		struct vpmu_state state = random_state(&random, &layout), before = state;
		struct vpmu_qemu_lbr lbr;

		memset(&lbr, 0x5a, sizeof(lbr));
		assert_int_equal(vpmu_qemu_lbr_take(&state, &layout, &lbr, NULL, 0), VPMU_OK);
		assert_same_state(&state, &before, &layout);
		assert_memory_equal(&lbr, &empty, sizeof(lbr));
	}
}

static void not_of_a_state_that_is_none(void **unused)
{
	struct vpmu_layout layout = layout_of("icelake,lbr=8"), other = layout_of("icelake,lbr=16");
	struct vpmu_qemu_lbr lbr = {.depth = 8};
	struct vpmu_state state;

	vpmu_state_reset(&state, &layout);
	assert_int_equal(vpmu_qemu_lbr_to_state(&lbr, &other, &state, NULL, 0), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_qemu_lbr_take(&state, &other, &lbr, NULL, 0), VPMU_BAD_ARGUMENT);
	state.values[0] = UINT64_MAX;
	assert_int_equal(vpmu_qemu_lbr_to_state(&lbr, &layout, &state, NULL, 0), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_qemu_lbr_take(&state, &layout, &lbr, NULL, 0), VPMU_BAD_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_register_every_bit),
		cmocka_unit_test(fields_are_where_qemu_has_them),
		cmocka_unit_test(without_fields_the_stack_is_as_after_a_reset),
		cmocka_unit_test(other_registers_stay),
		cmocka_unit_test(what_has_no_register_is_refused_by_name),
		cmocka_unit_test(a_depth_alone_needs_no_register),
		cmocka_unit_test(other_stacks_are_not_taken),
		cmocka_unit_test(not_of_a_state_that_is_none),
	};

	return cmocka_run_group_tests_name("stream-qemu-lbr", tests, NULL, NULL);
}
