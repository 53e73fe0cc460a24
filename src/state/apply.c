/* SPDX-License-Identifier: MIT */
/* Writing a plan to a target, and what happens when the target refuses. */
#include <state/room_int.h>

/* A plan on its way to a target. */
struct applying {
	const struct vpmu_plan *plan;
	const struct vpmu_layout *layout;
	enum vpmu_policy policy;
	struct vpmu_report *report;
	struct before *before;               /* the old values; NULL if they are not needed */
	unsigned count;                      /* writes that are not skipped */
	struct vpmu_msr msrs[VPMU_MAX_PLAN]; /* those */
	uint8_t position[VPMU_MAX_PLAN];     /* their place in the plan */
};

/* Whether the target already has the value of a write. Writing 0 to a command does nothing, so that
 * counts as yes. */
static bool target_has(const struct applying *applying, const struct vpmu_write *write)
{
	uint8_t value = applying->layout->value_of[write->place];

	if (value == VPMU_NO_VALUE)
		return !write->value;
	return set_has(&applying->before->known, value) &&
	       applying->before->state.values[value] == write->value;
}

static void choose_writes(struct applying *applying)
{
	const struct vpmu_plan *plan = applying->plan;

	for (unsigned i = 0; i < plan->count; i++) {
		const struct vpmu_write *write = &plan->writes[i];

		if (plan->order->skips_equal && target_has(applying, write)) {
			applying->report->skipped++;
			continue;
		}
		applying->position[applying->count] = (uint8_t)i;
		applying->msrs[applying->count++] = (struct vpmu_msr){
			.index = write->msr,
			.value = write->value,
		};
	}
}

static void note_refusal(struct applying *applying, unsigned i)
{
	unsigned position = applying->position[i];
	const struct vpmu_write *write = &applying->plan->writes[position];
	uint8_t value = applying->layout->value_of[write->place];
	struct vpmu_report *report = applying->report;

	report->refusals[report->refused++] = (struct vpmu_refusal){
		.name = applying->layout->registers[write->place].name,
		.msr = write->msr,
		.position = (uint16_t)position,
		.value = write->value,
	};
	if (applying->before && value != VPMU_NO_VALUE)
		set_add(&applying->before->refused, value);
}

/* The writes from..to were taken. */
static void note_done(struct applying *applying, unsigned from, unsigned to)
{
	struct before *before = applying->before;

	applying->report->done += to - from;
	for (; before && from < to; from++) {
		const struct vpmu_write *write = &applying->plan->writes[applying->position[from]];
		uint8_t value = applying->layout->value_of[write->place];

		if (value == VPMU_NO_VALUE)
			continue;
		set_add(&before->written, value);
		before->msr[value] = write->msr;
	}
}

/* Writes until the end, or as far as the policy goes. */
static enum vpmu_status write_all(struct applying *applying, const struct vpmu_target *target)
{
	struct transfer transfer = transfer_of(target, true, applying->msrs, applying->count);
	struct vpmu_report *report = applying->report;
	enum transfer_end end;

	if (applying->plan->order->one_by_one)
		transfer.batch = 1;
	do {
		unsigned from = transfer.at;

		end = transfer_go(&transfer, &report->host_error);
		note_done(applying, from, transfer.at - (end == TRANSFER_REFUSED));
		if (end == TRANSFER_FAILED)
			return VPMU_HOST;
		if (end == TRANSFER_REFUSED)
			note_refusal(applying, transfer.at - 1);
	} while (end == TRANSFER_REFUSED && applying->policy == VPMU_POLICY_KEEP_GOING);
	return report->refused ? VPMU_REFUSED : VPMU_OK;
}

/* The state of the target after a put that was not rolled back. */
static enum vpmu_left what_is_left(const struct vpmu_report *report)
{
	if (!report->status)
		return VPMU_LEFT_WRITTEN;
	return report->done ? VPMU_LEFT_PARTIAL : VPMU_LEFT_UNTOUCHED;
}

static enum vpmu_status finish(struct vpmu_report *report, enum vpmu_status status)
{
	report->status = status;
	report->left = what_is_left(report);
	return status;
}

/* Reports a put that failed before its first access. */
static enum vpmu_status not_tried(struct vpmu_report *report, enum vpmu_status status)
{
	*report = (struct vpmu_report){.status = status};
	return status;
}

static bool plan_fits(const struct vpmu_plan *plan, const struct vpmu_layout *layout)
{
	if (!plan->order || plan->count > VPMU_MAX_PLAN)
		return false;
	for (size_t i = 0; i < plan->count; i++) {
		const struct vpmu_write *write = &plan->writes[i];

		if (write->place >= layout->register_count ||
		    layout->registers[write->place].msr != write->msr)
			return false;
	}
	return true;
}

enum vpmu_status vpmu_plan_apply(const struct vpmu_plan *plan, const struct vpmu_layout *layout,
                                 const struct vpmu_target *target, enum vpmu_policy policy,
                                 struct vpmu_report *report)
{
	struct before before;
	struct applying applying = {
		.plan = plan, .layout = layout, .policy = policy, .report = report};
	enum vpmu_status status;

	if (!report)
		return VPMU_BAD_ARGUMENT;
	if (!plan || !layout || !target_works(target) || !policy_is_known(policy) ||
	    !plan_fits(plan, layout))
		return not_tried(report, VPMU_BAD_ARGUMENT);
	*report = (struct vpmu_report){.planned = (unsigned)plan->count};
	if (!plan->count)
		return finish(report, VPMU_OK);
	if (policy == VPMU_POLICY_ROLL_BACK || plan->order->skips_equal) {
		if (!before_read(&before, layout, target, &report->host_error))
			return finish(report, VPMU_HOST);
		applying.before = &before;
	}
	choose_writes(&applying);
	status = finish(report, write_all(&applying, target));
	if (report->left == VPMU_LEFT_PARTIAL && policy == VPMU_POLICY_ROLL_BACK) {
		before_restore(&before, layout, target, report);
		report->left = report->not_rolled_back ? VPMU_LEFT_PARTIAL : VPMU_LEFT_ROLLED_BACK;
	}
	return status;
}

enum vpmu_status vpmu_state_put(const struct vpmu_state *state, const struct vpmu_layout *layout,
                                const struct vpmu_target *target, enum vpmu_level level,
                                const struct vpmu_order *order, enum vpmu_policy policy,
                                struct vpmu_report *report)
{
	struct vpmu_plan plan;
	enum vpmu_status status;

	if (!report)
		return VPMU_BAD_ARGUMENT;
	status = vpmu_plan_make(&plan, state, layout, level, order);
	if (status)
		return not_tried(report, status);
	return vpmu_plan_apply(&plan, layout, target, policy, report);
}

enum vpmu_status vpmu_target_reset(const struct vpmu_target *target,
                                   const struct vpmu_layout *layout, enum vpmu_policy policy,
                                   struct vpmu_report *report)
{
	struct vpmu_state state;

	if (!report)
		return VPMU_BAD_ARGUMENT;
	if (!layout)
		return not_tried(report, VPMU_BAD_ARGUMENT);
	vpmu_state_reset(&state, layout);
	return vpmu_state_put(&state, layout, target, VPMU_LEVEL_RESET, vpmu_order_find("safe"),
	                      policy, report);
}
