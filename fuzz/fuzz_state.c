/* SPDX-License-Identifier: MIT */
/*
 * Any model, any values, any order, on a target that refuses what it likes: what the report says is
 * so, and a put that was rolled back has changed nothing. The bytes are, in sequence: the model's,
 * then what the put is to do, then the state's and the target's values.
 */
#include <errno.h>
#include <string.h>

#include <vpmu/compat.h>
#include <vpmu/pmu.h>
#include <vpmu/state.h>

#include "fuzz.h"
#include "input.h"

/* A register machine that refuses, or fails, at the bits of a mask: one bit an access or a call. */
struct moody {
	struct vpmu_target inner;
	uint64_t refused, failed;
	unsigned accesses, calls;
};

static bool next_bit(uint64_t mask, unsigned *at)
{
	unsigned bit = (*at)++;

	return bit < 64 && mask >> bit & 1;
}

static int moody_read(void *context, struct vpmu_msr *msrs, unsigned count)
{
	struct moody *moody = context;

	MUST(count);
	if (next_bit(moody->failed, &moody->calls))
		return -EIO;
	for (unsigned i = 0; i < count; i++)
		if (next_bit(moody->refused, &moody->accesses) ||
		    moody->inner.read(moody->inner.context, &msrs[i], 1) != 1)
			return (int)i;
	return (int)count;
}

static int moody_write(void *context, const struct vpmu_msr *msrs, unsigned count)
{
	struct moody *moody = context;

	MUST(count);
	if (next_bit(moody->failed, &moody->calls))
		return -EIO;
	for (unsigned i = 0; i < count; i++)
		if (next_bit(moody->refused, &moody->accesses) ||
		    moody->inner.write(moody->inner.context, &msrs[i], 1) != 1)
			return (int)i;
	return (int)count;
}

static void take_values(struct input *input, struct vpmu_state *state,
                        const struct vpmu_layout *layout)
{
	vpmu_state_reset(state, layout);
	for (unsigned i = 0; i < layout->value_count && input->size; i++)
		take(input, &state->values[i], 1 + input->data[0] % 8);
}

static void told_is_so(const struct vpmu_report *report, enum vpmu_status status)
{
	char line[200];

	MUST(report->status == status);
	MUST(report->done + report->skipped + report->refused <= report->planned);
	MUST(status != VPMU_OK || report->done + report->skipped == report->planned);
	MUST((status == VPMU_REFUSED) <= (report->refused > 0));
	for (unsigned i = 0; i < 2 * VPMU_MAX_PLAN + 2; i++)
		vpmu_report_describe(report, i, line, i);
}

static struct vpmu_state read_back(struct vpmu_pmu *pmu, const struct vpmu_layout *layout)
{
	struct vpmu_target target = vpmu_target_machine(pmu);
	struct vpmu_report report;
	struct vpmu_state state;

	MUST(!vpmu_state_get(&state, layout, &target, VPMU_POLICY_ROLL_BACK, &report));
	return state;
}

static const struct vpmu_order *take_order(struct input *input)
{
	size_t count = 0;

	while (vpmu_order_at(count))
		count++;
	return vpmu_order_at(take_byte(input) % count);
}

static void put_and_get(struct input *input, const struct vpmu_layout *layout)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	struct vpmu_pmu *pmu = vpmu_pmu_init(memory, sizeof(memory), &layout->model,
	                                     vpmu_profile_find("hardware"));
	struct moody moody = {.inner = vpmu_target_machine(pmu)};
	struct vpmu_target target = {.read = moody_read,
	                             .write = moody_write,
	                             .context = &moody,
	                             .batch = take_byte(input) % 9};
	enum vpmu_policy policy = (enum vpmu_policy)(take_byte(input) % 3);
	enum vpmu_level level = (enum vpmu_level)(take_byte(input) % 3);
	const struct vpmu_order *order = take_order(input);
	struct vpmu_state old, new, now;
	struct vpmu_report report;

	MUST(pmu);
	take(input, &moody.refused, sizeof(moody.refused));
	take(input, &moody.failed, sizeof(moody.failed));
	take_values(input, &old, layout);
	vpmu_state_put(&old, layout, &moody.inner, VPMU_LEVEL_FULL, vpmu_order_at(0),
	               VPMU_POLICY_KEEP_GOING, &report);
	old = read_back(pmu, layout);
	take_values(input, &new, layout);
	told_is_so(&report, vpmu_state_put(&new, layout, &target, level, order, policy, &report));
	now = read_back(pmu, layout);
	if (report.left == VPMU_LEFT_UNTOUCHED || report.left == VPMU_LEFT_ROLLED_BACK)
		MUST(!memcmp(&old, &now, sizeof(old)));
	if (level == VPMU_LEVEL_FULL && report.left == VPMU_LEFT_WRITTEN)
		MUST(!memcmp(now.values, new.values, sizeof(now.values)) ||
		     vpmu_state_check(&new, layout, NULL, 0));
	told_is_so(&report, vpmu_state_get(&now, layout, &target, policy, &report));
}

static void judge(struct input *input, const struct vpmu_layout *layout)
{
	struct vpmu_baseline baseline = {0};
	struct vpmu_compat compat;
	struct vpmu_state state;
	struct vpmu_model other, common;
	struct vpmu_cost cost;
	char line[200];

	take_model(input, &other);
	take_values(input, &state, layout);
	vpmu_compat_judge(&compat, &state, layout, &other, take_profile(input), take_order(input));
	vpmu_compat_describe_put(&compat, line, sizeof(line));
	for (unsigned i = 0; i < VPMU_MAX_REGISTERS + 1; i++) {
		vpmu_compat_describe_difference(&compat, i, line, sizeof(line));
		vpmu_compat_describe_register(&compat, i, line, sizeof(line));
	}
	MUST(!vpmu_baseline_add(&baseline, &layout->model, 1, NULL, 0));
	vpmu_baseline_add(&baseline, &other, 2, line, sizeof(line));
	MUST(!vpmu_baseline_model(&baseline, &common));
	for (size_t i = 0; vpmu_baseline_cost(&baseline, i, &cost); i++)
		MUST(cost.text[0] && cost.hosts <= baseline.hosts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct vpmu_layout layout;
	struct vpmu_model model;

	take_model(&input, &model);
	if (vpmu_layout_init(&layout, &model))
		return 0;
	put_and_get(&input, &layout);
	judge(&input, &layout);
	return 0;
}
