/* SPDX-License-Identifier: MIT */
/* Models, states and targets for the tests of src/state. */
#include <errno.h>

#include "fixture.h"

const char *test_model(size_t i)
{
	static const char *const variants[] = {
		"intel-v1,gp=10",      "intel-v2,gp=8",         "intel-v2,full-width=off",
		"intel-v2,width=40",   "intel-v2,gp=1,fixed=0", "intel-v5,gp=10,fixed=8",
		"amd-perfmon-v2,gp=1", "amd-perfmon-v2,gp=15",  "amd-perfmon-v2,gp=8",
		"intel-v2,pmu=off",
	};
	size_t presets = 0;

	while (vpmu_preset_name(presets))
		presets++;
	if (i < presets)
		return vpmu_preset_name(i);
	return i - presets < ARRAY_SIZE(variants) ? variants[i - presets] : NULL;
}

struct vpmu_layout layout_of(const char *name)
{
	struct vpmu_layout layout;
	struct vpmu_model model;
	char why[512];

	if (vpmu_model_parse(&model, name, why, sizeof(why)))
		fail_msg("%s: %s", name, why);
	assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
	return layout;
}

struct vpmu_pmu *machine_on(const char *profile, const struct vpmu_model *model)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[4][VPMU_PMU_BYTES];
	static unsigned next;
	struct vpmu_pmu *pmu = vpmu_pmu_init(memory[next++ % 4], VPMU_PMU_BYTES, model,
	                                     vpmu_profile_find(profile));

	assert_non_null(pmu);
	return pmu;
}

struct vpmu_pmu *machine_of(const struct vpmu_model *model)
{
	return machine_on("hardware", model);
}

static bool is_fixed(const struct vpmu_register *reg)
{
	return reg->kind == VPMU_KIND_CAPABILITIES;
}

struct vpmu_state random_state(struct random *random, const struct vpmu_layout *layout)
{
	struct vpmu_state state;

	vpmu_state_reset(&state, layout);
	for (unsigned i = 0; i < layout->value_count; i++)
		if (!is_fixed(layout_stored(layout, i)))
			state.values[i] = value_fit(layout_stored(layout, i), random_next(random));
	return state;
}

struct vpmu_state other_state(const struct vpmu_state *state, const struct vpmu_layout *layout)
{
	struct vpmu_state other = *state;

	for (unsigned i = 0; i < layout->value_count; i++)
		if (!is_fixed(layout_stored(layout, i)))
			other.values[i] = value_fit(layout_stored(layout, i), ~other.values[i]);
	return other;
}

struct vpmu_state state_of(struct vpmu_pmu *pmu, const struct vpmu_layout *layout)
{
	struct vpmu_target target = vpmu_target_machine(pmu);
	struct vpmu_report report;
	struct vpmu_state state;

	assert_int_equal(vpmu_state_get(&state, layout, &target, VPMU_POLICY_ROLL_BACK, &report),
	                 VPMU_OK);
	return state;
}

void put_whole(struct vpmu_pmu *pmu, const struct vpmu_state *state,
               const struct vpmu_layout *layout)
{
	struct vpmu_target target = vpmu_target_machine(pmu);
	struct vpmu_report report;

	assert_int_equal(vpmu_state_put(state, layout, &target, VPMU_LEVEL_FULL,
	                                vpmu_order_find("safe"), VPMU_POLICY_STOP, &report),
	                 VPMU_OK);
}

void assert_same_state(const struct vpmu_state *a, const struct vpmu_state *b,
                       const struct vpmu_layout *layout)
{
	struct vpmu_difference differences[VPMU_MAX_STATE];
	size_t count;

	assert_int_equal(vpmu_state_compare(a, b, layout, differences, &count), VPMU_OK);
	if (count)
		fail_msg("%s: %s is 0x%llx and 0x%llx", layout->model.name,
		         layout->registers[differences[0].place].name,
		         (unsigned long long)differences[0].a,
		         (unsigned long long)differences[0].b);
}

static int moody_read(void *context, struct vpmu_msr *msrs, unsigned count)
{
	struct moody *moody = context;

	moody->read_calls++;
	if (moody->reads_fail)
		return -EIO;
	for (unsigned i = 0; i < count; i++)
		if (msrs[i].index == moody->unread_msr ||
		    moody->inner.read(moody->inner.context, &msrs[i], 1) != 1)
			return (int)i;
	return (int)count;
}

static int moody_write(void *context, const struct vpmu_msr *msrs, unsigned count)
{
	struct moody *moody = context;

	if (moody->write_calls++ == moody->failed_call)
		return -EIO;
	for (unsigned i = 0; i < count; i++)
		if (moody->writes++ == moody->refused_write ||
		    msrs[i].index == moody->refused_msr ||
		    moody->inner.write(moody->inner.context, &msrs[i], 1) != 1)
			return (int)i;
	return (int)count;
}

struct moody moody_of(struct vpmu_pmu *pmu)
{
	return (struct moody){
		.inner = vpmu_target_machine(pmu),
		.refused_write = NONE,
		.failed_call = NONE,
	};
}

struct vpmu_target moody_target(struct moody *moody)
{
	return (struct vpmu_target){.read = moody_read, .write = moody_write, .context = moody};
}

bool order_has(const struct vpmu_order *order, const struct vpmu_layout *layout,
               const struct vpmu_register *reg)
{
	bool is_lbr = kind_is_lbr(reg->kind);
	bool is_pebs = reg->kind >= VPMU_KIND_PEBS_ENABLE && reg->kind <= VPMU_KIND_DS_AREA;

	if (!strcmp(order->name, "listed") || !strcmp(order->name, "ascending"))
		return !is_lbr; /* KVM's list */
	if (!strcmp(order->name, "stop-first") || !strcmp(order->name, "no-stop"))
		return !is_pebs &&
		       (!is_lbr || (layout->model.lbr && layout->model.vendor != VPMU_VENDOR_AMD));
	return true;
}

bool order_loses(const struct vpmu_order *order, const struct vpmu_layout *layout)
{
	for (unsigned i = 0; i < layout->value_count; i++)
		if (!order_has(order, layout, layout_stored(layout, i)))
			return true;
	return false;
}
