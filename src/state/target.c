/* SPDX-License-Identifier: MIT */
/* Calls to a target, in batches and going on after refusals; and the register machine as a
 * target. */
#include <state/room_int.h>

bool target_works(const struct vpmu_target *target)
{
	return target && target->read && target->write;
}

struct transfer transfer_of(const struct vpmu_target *target, bool writes, struct vpmu_msr *msrs,
                            unsigned count)
{
	return (struct transfer){
		.target = target,
		.writes = writes,
		.msrs = msrs,
		.count = count,
		.batch = target->batch ? target->batch : VPMU_MAX_PLAN,
	};
}

static int call(const struct transfer *transfer, unsigned count)
{
	const struct vpmu_target *target = transfer->target;
	struct vpmu_msr *msrs = transfer->msrs + transfer->at;

	if (transfer->writes)
		return target->write(target->context, msrs, count);
	return target->read(target->context, msrs, count);
}

enum transfer_end transfer_go(struct transfer *transfer, int *error)
{
	while (transfer->at < transfer->count) {
		unsigned left = transfer->count - transfer->at;
		unsigned count = left < transfer->batch ? left : transfer->batch;
		int done = call(transfer, count);

		if (done < 0) {
			*error = -done;
			return TRANSFER_FAILED;
		}
		/* If the target claims more accesses than were requested, count those requested. */
		if ((unsigned)done < count) {
			transfer->at += (unsigned)done + 1;
			return TRANSFER_REFUSED;
		}
		transfer->at += count;
	}
	return TRANSFER_DONE;
}

/* --- The register machine --------------------------------------------------------------------- */

static int machine_read(void *context, struct vpmu_msr *msrs, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (vpmu_pmu_host_read(context, msrs[i].index, &msrs[i].value))
			return (int)i;
	return (int)count;
}

static int machine_write(void *context, const struct vpmu_msr *msrs, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (vpmu_pmu_host_write(context, msrs[i].index, msrs[i].value))
			return (int)i;
	return (int)count;
}

struct vpmu_target vpmu_target_machine(struct vpmu_pmu *pmu)
{
	if (!pmu)
		return (struct vpmu_target){0};
	return (struct vpmu_target){
		.read = machine_read,
		.write = machine_write,
		.context = pmu,
	};
}
