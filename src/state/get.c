/* SPDX-License-Identifier: MIT */
/* Reading a state from a target. */
#include <state/room_int.h>

static void note_unread(struct vpmu_report *report, const struct vpmu_layout *layout,
                        unsigned value)
{
	const struct vpmu_register *reg = layout_stored(layout, value);

	report->refusals[report->refused++] = (struct vpmu_refusal){
		.name = reg->name,
		.msr = reg->msr,
		.position = (uint16_t)value,
	};
}

/* Reads as far as the policy goes, into *read, which holds reset values at first. */
static enum vpmu_status read_all(struct vpmu_state *read, const struct vpmu_layout *layout,
                                 const struct vpmu_target *target, enum vpmu_policy policy,
                                 struct vpmu_report *report)
{
	struct vpmu_msr msrs[VPMU_MAX_STATE];
	struct transfer transfer = transfer_of(target, false, msrs, layout->value_count);
	enum transfer_end end;

	for (unsigned i = 0; i < layout->value_count; i++)
		msrs[i] = (struct vpmu_msr){.index = layout_stored(layout, i)->msr};
	do {
		unsigned from = transfer.at;

		end = transfer_go(&transfer, &report->host_error);
		if (end == TRANSFER_FAILED)
			return VPMU_HOST;
		for (; from < transfer.at - (end == TRANSFER_REFUSED); from++, report->done++)
			read->values[from] = msrs[from].value;
		if (end == TRANSFER_REFUSED)
			note_unread(report, layout, transfer.at - 1);
	} while (end == TRANSFER_REFUSED && policy == VPMU_POLICY_KEEP_GOING);
	return report->refused ? VPMU_REFUSED : VPMU_OK;
}

enum vpmu_status vpmu_state_get(struct vpmu_state *state, const struct vpmu_layout *layout,
                                const struct vpmu_target *target, enum vpmu_policy policy,
                                struct vpmu_report *report)
{
	struct vpmu_state read;

	if (!report)
		return VPMU_BAD_ARGUMENT;
	*report = (struct vpmu_report){.is_get = true};
	if (!state || !layout || !target_works(target) || !policy_is_known(policy))
		return report->status = VPMU_BAD_ARGUMENT;
	report->planned = layout->value_count;
	vpmu_state_reset(&read, layout);
	report->status = read_all(&read, layout, target, policy, report);
	if (report->status == VPMU_OK ||
	    (report->status == VPMU_REFUSED && policy != VPMU_POLICY_ROLL_BACK))
		*state = read;
	return report->status;
}
