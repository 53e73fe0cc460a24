/* SPDX-License-Identifier: MIT */
/*
 * The values before a put, and writing them back. That is done in order `safe`, because a counter
 * may be running by then, and writing to a running counter is what loses overflows.
 */
#include <state/room_int.h>

bool before_read(struct before *before, const struct vpmu_layout *layout,
                 const struct vpmu_target *target, int *error)
{
	struct vpmu_msr msrs[VPMU_MAX_STATE] = {0};
	struct transfer transfer = transfer_of(target, false, msrs, layout->value_count);
	enum transfer_end end;

	*before = (struct before){.state.model = layout->model};
	for (unsigned i = 0; i < layout->value_count; i++)
		msrs[i].index = before->msr[i] = layout_stored(layout, i)->msr;
	do {
		unsigned from = transfer.at;

		end = transfer_go(&transfer, error);
		for (; from < transfer.at - (end == TRANSFER_REFUSED); from++) {
			before->state.values[from] = msrs[from].value;
			set_add(&before->known, from);
		}
	} while (end == TRANSFER_REFUSED);
	return end == TRANSFER_DONE;
}

static void note_failure(struct vpmu_report *report, const struct before *before,
                         const struct vpmu_layout *layout, unsigned value, uint64_t old)
{
	const struct vpmu_register *reg = layout_stored(layout, value);

	report->rollback[report->not_rolled_back++] = (struct vpmu_refusal){
		.name = reg->name,
		.msr = reg->msr,
		.position = (uint16_t)value,
		.unknown = !set_has(&before->known, value),
		.value = old,
	};
}

static bool is_restored(const struct before *before, const struct set *stops, unsigned value)
{
	bool stop = set_has(stops, value) && !set_has(&before->refused, value);

	return (stop || set_has(&before->written, value)) && set_has(&before->known, value);
}

/* Chooses the writes of a plan that restore overwritten values, and those that stop the counters
 * for that. A register that refused its write still has the old value. */
static unsigned choose_restores(const struct before *before, const struct vpmu_layout *layout,
                                const struct vpmu_plan *plan, struct vpmu_msr *msrs,
                                uint8_t *values)
{
	struct set stops = {{0}};
	unsigned count = 0;

	for (size_t i = 0; i < plan->count; i++)
		if (plan->writes[i].clear)
			set_add(&stops, layout->value_of[plan->writes[i].place]);
	for (size_t i = 0; i < plan->count; i++) {
		uint8_t value = layout->value_of[plan->writes[i].place];

		if (!is_restored(before, &stops, value))
			continue;
		values[count] = value;
		msrs[count++] = (struct vpmu_msr){
			.index = before->msr[value],
			.value = plan->writes[i].value,
		};
	}
	return count;
}

/* Notes values that were overwritten but could not be read before. */
static void note_unknown(const struct before *before, const struct vpmu_layout *layout,
                         struct vpmu_report *report)
{
	for (unsigned i = 0; i < layout->value_count; i++)
		if (set_has(&before->written, i) && !set_has(&before->known, i))
			note_failure(report, before, layout, i, 0);
}

void before_restore(const struct before *before, const struct vpmu_layout *layout,
                    const struct vpmu_target *target, struct vpmu_report *report)
{
	struct vpmu_msr msrs[VPMU_MAX_PLAN];
	uint8_t values[VPMU_MAX_PLAN];
	struct vpmu_plan plan;
	struct transfer transfer;
	enum transfer_end end;
	unsigned count;

	vpmu_plan_make(&plan, &before->state, layout, VPMU_LEVEL_FULL, vpmu_order_find("safe"));
	count = choose_restores(before, layout, &plan, msrs, values);
	transfer = transfer_of(target, true, msrs, count);
	note_unknown(before, layout, report);
	while ((end = transfer_go(&transfer, &report->host_error)) == TRANSFER_REFUSED)
		note_failure(report, before, layout, values[transfer.at - 1],
		             msrs[transfer.at - 1].value);
	for (; end == TRANSFER_FAILED && transfer.at < count; transfer.at++)
		note_failure(report, before, layout, values[transfer.at], msrs[transfer.at].value);
}
