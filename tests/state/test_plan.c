/* SPDX-License-Identifier: MIT */
/* Plans: the exact sequences of QEMU, Cloud Hypervisor and crosvm, and what every plan keeps. */
#include "fixture.h"

/* A plan as text: MSR numbers in hex, those of a step that clears with a minus. */
static void plan_text(const struct vpmu_plan *plan, char *text)
{
	*text = '\0';
	for (size_t i = 0; i < plan->count; i++)
		text += sprintf(text, "%s%x%s", i ? " " : "", plan->writes[i].msr,
		                plan->writes[i].clear ? "-" : "");
}

static struct vpmu_plan plan_of(const struct vpmu_layout *layout, const struct vpmu_state *state,
                                enum vpmu_level level, const char *order)
{
	struct vpmu_plan plan;

	assert_non_null(vpmu_order_find(order));
	assert_int_equal(vpmu_plan_make(&plan, state, layout, level, vpmu_order_find(order)),
	                 VPMU_OK);
	return plan;
}

struct golden {
	const char *model, *order, *writes;
};

static const struct golden goldens[] = {
	/* QEMU, target/i386/kvm/kvm.c */
	{"intel-v2", "stop-first",
         "38d- 38f- 309 30a 30b c1 186 c2 187 c3 188 c4 189 38e 390 38d 38f"},
	{"intel-v1", "stop-first", "c1 186 c2 187"},
	{"zhaoxin-v2,gp=2", "stop-first", "38d- 38f- 309 30a 30b c1 186 c2 187 38e 390 38d 38f"},
	{"intel-v2,gp=2", "no-stop", "309 30a 30b c1 186 c2 187 38e 390 38d 38f"},
	{"intel-v1", "no-stop", "c1 186 c2 187"},
	{"amd-k7", "no-stop",
         "c0010004 c0010000 c0010005 c0010001 c0010006 c0010002 c0010007 c0010003"},
	{"amd-perfcore", "no-stop",
         "c0010201 c0010200 c0010203 c0010202 c0010205 c0010204 c0010207 c0010206 c0010209 "
         "c0010208 "
         "c001020b c001020a"},
	{"amd-perfmon-v2", "no-stop",
         "c0010201 c0010200 c0010203 c0010202 c0010205 c0010204 c0010207 c0010206 c0010209 "
         "c0010208 "
         "c001020b c001020a c0000300 c0000302 c0000301"},
	{"amd-perfmon-v2,gp=2", "stop-first",
         "c0000301- c0010201 c0010200 c0010203 c0010202 c0000300 c0000302 c0000301"},
	/* The review of QEMU's patches */
	{"intel-v2,gp=2", "per-counter", "186- 187- 38d- 309 30a 30b c1 c2 38e 186 187 38d 38f"},
	{"amd-k7", "per-counter",
         "c0010000- c0010001- c0010002- c0010003- c0010004 c0010005 c0010006 c0010007 c0010000 "
         "c0010001 c0010002 c0010003"},
	/* Cloud Hypervisor: Linux 6.12, msrs_to_save_pmu */
	{"intel-v2,gp=8", "listed",
         "309 30a 30b 38d 38e 38f c1 c2 c3 c4 c5 c6 c7 c8 186 187 188 189 18a 18b 18c 18d"},
	{"intel-v1", "listed", "c1 c2 186 187"},
	{"amd-k7", "listed",
         "c0010000 c0010001 c0010002 c0010003 c0010004 c0010005 c0010006 c0010007"},
	{"amd-perfmon-v2", "listed",
         "c0010000 c0010001 c0010002 c0010003 c0010004 c0010005 c0010006 c0010007 c0010200 "
         "c0010202 "
         "c0010204 c0010206 c0010208 c001020a c0010201 c0010203 c0010205 c0010207 c0010209 "
         "c001020b "
         "c0000301 c0000300 c0000302 c0000303"},
	/* crosvm */
	{"intel-v2", "ascending", "c1 c2 c3 c4 186 187 188 189 309 30a 30b 38d 38e 38f"},
	{"amd-perfmon-v2,gp=2", "ascending",
         "c0000300 c0000301 c0000302 c0000303 c0010000 c0010001 c0010004 c0010005 c0010200 "
         "c0010201 "
         "c0010202 c0010203"},
	/* Ours */
	{"intel-v2,gp=2", "safe", "345 38f- 309 30a 30b c1 c2 186 187 38d 38e 38f"},
	{"intel-v1", "safe", "186- 187- c1 c2 186 187"},
	{"icelake,gp=1", "safe", "345 38f- 309 30a 30b 30c 329 c1 186 38d 38e 38f"},
	{"amd-k7", "safe",
         "c0010000- c0010001- c0010002- c0010003- c0010004 c0010005 c0010006 c0010007 c0010000 "
         "c0010001 c0010002 c0010003"},
	{"amd-perfmon-v2,gp=2", "safe",
         "c0000301- c0010201 c0010203 c0010200 c0010202 c0000300 c0000301"},
};

static void plans_are_the_writes_of_those_who_have_them(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(goldens); i++) {
		const struct golden *golden = &goldens[i];
		struct vpmu_layout layout = layout_of(golden->model);
		char text[VPMU_MAX_PLAN * 12];
		struct vpmu_state s;
		struct vpmu_plan plan;

		vpmu_state_reset(&s, &layout);
		plan = plan_of(&layout, &s, VPMU_LEVEL_FULL, golden->order);
		plan_text(&plan, text);
		if (strcmp(text, golden->writes))
			fail_msg("%s %s:\n%s\nnot\n%s", golden->model, golden->order, text,
			         golden->writes);
	}
}

static void a_runtime_put_writes_nothing(void **state)
{
	for (size_t m = 0; test_model(m); m++)
		for (size_t o = 0; vpmu_order_at(o); o++) {
			struct vpmu_layout layout = layout_of(test_model(m));
			struct vpmu_state s;

			vpmu_state_reset(&s, &layout);
			assert_int_equal(
				plan_of(&layout, &s, VPMU_LEVEL_RUNTIME, vpmu_order_at(o)->name)
					.count,
				0);
		}
}

static void never_is_no_level_of_a_put(void **state)
{
	struct vpmu_layout layout = layout_of("intel-v2");
	struct vpmu_plan plan;
	struct vpmu_state s;

	vpmu_state_reset(&s, &layout);
	assert_int_equal(vpmu_plan_make(&plan, &s, &layout, VPMU_LEVEL_NEVER, vpmu_order_at(0)),
	                 VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_plan_make(&plan, &s, &layout, (enum vpmu_level)77, vpmu_order_at(0)),
	                 VPMU_BAD_ARGUMENT);
}

static void a_full_put_adds_the_capabilities_to_a_reset(void **state)
{
	for (size_t m = 0; test_model(m); m++) {
		struct vpmu_layout layout = layout_of(test_model(m));
		struct vpmu_plan full, reset;
		struct vpmu_state s;
		bool has;

		vpmu_state_reset(&s, &layout);
		full = plan_of(&layout, &s, VPMU_LEVEL_FULL, "safe");
		reset = plan_of(&layout, &s, VPMU_LEVEL_RESET, "safe");
		has = vpmu_layout_find(&layout, "IA32_PERF_CAPABILITIES") >= 0;
		assert_int_equal(full.count, reset.count + has);
		if (has)
			assert_int_equal(full.writes[0].msr, 0x345);
		for (size_t i = 0; i < reset.count; i++) {
			assert_int_equal(full.writes[has + i].msr, reset.writes[i].msr);
			assert_int_equal(full.writes[has + i].clear, reset.writes[i].clear);
			assert_true(full.writes[has + i].value == reset.writes[i].value);
		}
	}
}

/* How often an order says that a register is written, clears apart. */
struct times {
	unsigned states, clears;
};

static struct times times_said(const char *order, const struct vpmu_layout *layout,
                               const struct vpmu_register *reg)
{
	bool selector = reg->kind == VPMU_KIND_SELECTOR;
	bool global = reg->kind == VPMU_KIND_GLOBAL_CTRL;
	bool fixed = reg->kind == VPMU_KIND_FIXED_CTRL;
	bool capabilities = reg->kind == VPMU_KIND_CAPABILITIES;
	bool switches = reg->kind == VPMU_KIND_LBR_CTL || reg->kind == VPMU_KIND_PEBS_ENABLE;
	struct times times = {.states = 1};

	if (!strcmp(order, "safe"))
		times.clears = global || switches || (selector && !layout->has_global);
	else
		times.states = !capabilities;
	if (!strcmp(order, "stop-first"))
		times.clears = global || fixed;
	if (!order_has(vpmu_order_find(order), layout, reg))
		times.states = 0;
	if (!strcmp(order, "per-counter"))
		times.clears = selector || fixed;
	return times;
}

static void a_full_plan_has_every_stored_register_as_often_as_said(void **state)
{
	struct random random = random_seeded("plan");

	for (size_t m = 0; m < 500; m++)
		for (size_t o = 0; vpmu_order_at(o); o++) {
			struct vpmu_model model = random_model(&random);
			struct vpmu_layout layout;
			struct vpmu_state s;
			struct vpmu_plan plan;

			assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
			s = random_state(&random, &layout);
			plan = plan_of(&layout, &s, VPMU_LEVEL_FULL, vpmu_order_at(o)->name);
			for (unsigned i = 0; i < layout.value_count; i++) {
				struct times said = times_said(vpmu_order_at(o)->name, &layout,
				                               layout_stored(&layout, i));
				struct times got = {0};

				for (size_t w = 0; w < plan.count; w++) {
					const struct vpmu_write *write = &plan.writes[w];

					if (write->place != layout.stored[i])
						continue;
					assert_true(write->value ==
					            (write->clear ? 0 : s.values[i]));
					got.clears += write->clear;
					got.states += !write->clear;
				}
				assert_int_equal(got.clears, said.clears);
				assert_int_equal(got.states, said.states);
			}
		}
}

static void metrics_come_after_fixed_counter_3(void **state)
{
	struct vpmu_layout layout = layout_of("icelake");

	for (size_t o = 0; vpmu_order_at(o); o++) {
		struct vpmu_plan plan;
		struct vpmu_state s;
		size_t fixed3 = 0, metrics = 0;

		vpmu_state_reset(&s, &layout);
		plan = plan_of(&layout, &s, VPMU_LEVEL_FULL, vpmu_order_at(o)->name);
		for (size_t i = 0; i < plan.count; i++) {
			fixed3 = plan.writes[i].msr == 0x30c ? i : fixed3;
			metrics = plan.writes[i].msr == 0x329 ? i : metrics;
		}
		assert_true(fixed3 < metrics);
	}
}

static size_t last_write_of(const struct vpmu_plan *plan, const struct vpmu_layout *layout,
                            uint32_t kinds)
{
	size_t last = 0;

	for (size_t i = 0; i < plan->count; i++)
		if (kinds >> layout->registers[plan->writes[i].place].kind & 1)
			last = i;
	return last;
}

/* The depth's write clears the stack, and what records must not before the state is whole. */
static void what_records_is_switched_on_behind_what_it_records(void **state)
{
	static const char *const models[] = {"icelake,lbr=32,pebs=4", "amd-perfmon-v2,lbr=16"};
	const uint32_t stack = 1u << VPMU_KIND_LBR_FROM | 1u << VPMU_KIND_LBR_TO |
	                       1u << VPMU_KIND_LBR_INFO | 1u << VPMU_KIND_LBR_SELECT;
	const uint32_t on = 1u << VPMU_KIND_LBR_CTL | 1u << VPMU_KIND_PEBS_ENABLE;

	for (size_t m = 0; m < ARRAY_SIZE(models); m++)
		for (size_t o = 0; vpmu_order_at(o); o++) {
			struct vpmu_layout layout = layout_of(models[m]);
			struct vpmu_state s;
			struct vpmu_plan plan;
			size_t depth, entries;

			vpmu_state_reset(&s, &layout);
			plan = plan_of(&layout, &s, VPMU_LEVEL_FULL, vpmu_order_at(o)->name);
			depth = last_write_of(&plan, &layout, 1u << VPMU_KIND_LBR_DEPTH);
			entries = last_write_of(&plan, &layout, stack);
			assert_true(depth < entries || order_loses(vpmu_order_at(o), &layout));
			if (!strcmp(vpmu_order_at(o)->name, "safe")) {
				assert_true(entries < last_write_of(&plan, &layout, on));
				assert_true(plan.writes[plan.count - 1].msr ==
				            (m ? 0xc0000301 : 0x38f));
			}
		}
}

static void a_command_is_written_0(void **state)
{
	struct random random = random_seeded("commands");
	struct vpmu_layout layout = layout_of("amd-perfmon-v2");
	struct vpmu_state s = random_state(&random, &layout);
	struct vpmu_plan plan = plan_of(&layout, &s, VPMU_LEVEL_FULL, "listed");

	for (size_t i = 0; i < plan.count; i++)
		if (plan.writes[i].msr == 0xc0000302 || plan.writes[i].msr == 0xc0000303)
			assert_true(plan.writes[i].value == 0);
}

static void an_order_too_long_for_a_plan_is_refused_whole(void **state)
{
	static const struct vpmu_step again = {.kinds = 1u << VPMU_KIND_COUNTER};
	struct vpmu_step steps[VPMU_MAX_PLAN / 4 + 1];
	struct vpmu_order order = {.name = "long", .steps = steps, .step_count = ARRAY_SIZE(steps)};
	struct vpmu_layout layout = layout_of("intel-v2");
	struct vpmu_plan plan;
	struct vpmu_state s;

	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++)
		steps[i] = again;
	vpmu_state_reset(&s, &layout);
	assert_int_equal(vpmu_plan_make(&plan, &s, &layout, VPMU_LEVEL_FULL, &order),
	                 VPMU_INTERNAL);
	assert_int_equal(plan.count, 0);
}

static void orders_and_levels_are_found_by_name(void **state)
{
	static const char *const names[] = {"safe",        "stop-first", "no-stop",
	                                    "per-counter", "listed",     "ascending"};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		assert_ptr_equal(vpmu_order_find(names[i]), vpmu_order_at(i));
	assert_null(vpmu_order_at(ARRAY_SIZE(names)));
	assert_null(vpmu_order_find("saf"));
	assert_null(vpmu_order_find("safer"));
	assert_int_equal(vpmu_level_find("runtime"), VPMU_LEVEL_RUNTIME);
	assert_int_equal(vpmu_level_find("reset"), VPMU_LEVEL_RESET);
	assert_int_equal(vpmu_level_find("full"), VPMU_LEVEL_FULL);
	assert_int_equal(vpmu_level_find("never"), VPMU_LEVEL_NEVER);
	assert_string_equal(vpmu_level_name(VPMU_LEVEL_RESET), "reset");
	assert_null(vpmu_level_name(VPMU_LEVEL_NEVER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_are_the_writes_of_those_who_have_them),
		cmocka_unit_test(a_runtime_put_writes_nothing),
		cmocka_unit_test(never_is_no_level_of_a_put),
		cmocka_unit_test(a_full_put_adds_the_capabilities_to_a_reset),
		cmocka_unit_test(a_full_plan_has_every_stored_register_as_often_as_said),
		cmocka_unit_test(metrics_come_after_fixed_counter_3),
		cmocka_unit_test(what_records_is_switched_on_behind_what_it_records),
		cmocka_unit_test(a_command_is_written_0),
		cmocka_unit_test(an_order_too_long_for_a_plan_is_refused_whole),
		cmocka_unit_test(orders_and_levels_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
