/* SPDX-License-Identifier: MIT */
/* Puts of which the target refuses one write, under each policy: afterwards the registers must be
 * as the report says. */
#include "room_int.h"

/* A vCPU as a target that refuses one write. */
struct refusing {
	struct vcpu *vcpu;
	struct record *record;
	unsigned writes, refused; /* tried so far; the one to refuse */
	uint64_t *transitions;
};

static int read_through(void *context, struct vpmu_msr *msrs, unsigned count)
{
	struct refusing *refusing = context;

	for (unsigned i = 0; i < count; i++)
		if (!vcpu_read(refusing->vcpu, msrs[i].index, &msrs[i].value))
			return (int)i;
	return (int)count;
}

static int write_but_one(void *context, const struct vpmu_msr *msrs, unsigned count)
{
	struct refusing *refusing = context;

	for (unsigned i = 0; i < count; i++) {
		struct replay_action write =
			replay_access(REPLAY_HOST_WRMSR, msrs[i].index, msrs[i].value);

		if (refusing->writes++ == refusing->refused)
			return (int)i;
		++*refusing->transitions;
		if (step_do(refusing->vcpu, write, refusing->record).status)
			return (int)i;
	}
	return (int)count;
}

static bool is_listed(const struct vpmu_refusal *list, unsigned count, uint32_t msr)
{
	for (unsigned i = 0; i < count; i++)
		if (list[i].msr == msr)
			return true;
	return false;
}

static bool is_refused(const struct vpmu_report *report, unsigned position)
{
	for (unsigned i = 0; i < report->refused; i++)
		if (report->refusals[i].position == position)
			return true;
	return false;
}

/* Whether an order that skips equal values leaves the write out, because the register had the value
 * before the put. */
static bool is_skipped(const struct scenario *scenario, const struct vpmu_write *write,
                       const uint64_t *before)
{
	uint8_t value = scenario->layout->value_of[write->place];

	if (!scenario->skips_equal)
		return false;
	return value == VPMU_NO_VALUE ? !write->value : before[value] == write->value;
}

/* The values that the registers must have: those before the put, overwritten by the writes that
 * were done. */
static void expect_values(uint64_t *values, const struct scenario *scenario,
                          const struct vpmu_report *report)
{
	const struct vpmu_plan *plan = &scenario->plan;
	uint64_t before[VPMU_MAX_STATE];
	unsigned done = 0;

	memcpy(before, values, sizeof(before));
	if (report->left == VPMU_LEFT_ROLLED_BACK || report->left == VPMU_LEFT_UNTOUCHED)
		return;
	for (unsigned i = 0; i < plan->count && done < report->done; i++) {
		const struct vpmu_write *write = &plan->writes[i];
		uint8_t value = scenario->layout->value_of[write->place];

		if (is_refused(report, i) || is_skipped(scenario, write, before))
			continue;
		done++;
		if (value != VPMU_NO_VALUE)
			values[value] =
				write->value & scenario->layout->registers[write->place].writable;
	}
}

static bool values_hold(struct vcpu *vcpu, const struct scenario *scenario,
                        const struct vpmu_report *report, const uint64_t *values,
                        struct record *record)
{
	const struct vpmu_layout *layout = scenario->layout;
	bool hold = true;

	for (unsigned i = 0; i < layout->value_count; i++) {
		uint32_t msr = stored(layout, i)->msr;
		struct replay_reply right = {.value = values[i]};
		uint64_t got;

		vcpu_read(vcpu, msr, &got);
		if (got == values[i] || is_listed(report->rollback, report->not_rolled_back, msr))
			continue;
		hold = false;
		if (!record)
			continue;
		record->part = CHECK_PART_AFTER;
		step_do(vcpu, replay_access(REPLAY_HOST_RDMSR, msr, 0), record);
		record_expects(record, &right);
	}
	return hold;
}

static bool refused_at(unsigned at, enum vpmu_policy policy, struct vcpu *vcpu, const void *life,
                       const struct scenario *scenario, struct record *record,
                       uint64_t *transitions)
{
	struct refusing refusing = {vcpu, record, 0, at, transitions};
	struct vpmu_target target = {
		.read = read_through, .write = write_but_one, .context = &refusing};
	uint64_t values[VPMU_MAX_STATE] = {0};
	struct vpmu_report report;

	vcpu_load_life(vcpu, life);
	for (unsigned i = 0; i < scenario->layout->value_count; i++)
		vcpu_read(vcpu, stored(scenario->layout, i)->msr, &values[i]);
	vpmu_plan_apply(&scenario->plan, scenario->layout, &target, policy, &report);
	expect_values(values, scenario, &report);
	return values_hold(vcpu, scenario, &report, values, record);
}

bool refusals_as_reported(struct vcpu *vcpu, const void *life, const struct scenario *scenario,
                          struct record *record, uint64_t *transitions)
{
	static const enum vpmu_policy policies[] = {VPMU_POLICY_ROLL_BACK, VPMU_POLICY_KEEP_GOING,
	                                            VPMU_POLICY_STOP};

	for (unsigned at = 0; at < scenario->plan.count; at++)
		for (unsigned i = 0; i < ARRAY_SIZE(policies); i++) {
			if (refused_at(at, policies[i], vcpu, life, scenario, NULL, transitions))
				continue;
			if (record) {
				record->part = CHECK_PART_PUT;
				refused_at(at, policies[i], vcpu, life, scenario, record,
				           transitions);
			}
			return false;
		}
	return true;
}
