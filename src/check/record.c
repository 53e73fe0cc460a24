/* SPDX-License-Identifier: MIT */
/* Steps, done on a machine and written down: what a counterexample is made of. */
#include "room_int.h"

static struct vpmu_amounts instructions(uint64_t count)
{
	return (struct vpmu_amounts){.of = {
					     [VPMU_INSTRUCTIONS] = count,
					     [VPMU_CYCLES] = count,
					     [VPMU_REF_CYCLES] = count,
				     }};
}

static struct check_answer act(struct vpmu_pmu *pmu, struct deed deed)
{
	struct vpmu_amounts amounts = instructions(deed.value);
	struct check_answer answer = {0};

	switch (deed.verb) {
	case CHECK_DO_WRITE:
		answer.status = vpmu_pmu_guest_write(pmu, deed.msr, deed.value);
		break;
	case CHECK_DO_HOST_WRITE:
		answer.status = vpmu_pmu_host_write(pmu, deed.msr, deed.value);
		break;
	case CHECK_DO_READ:
		answer.status = vpmu_pmu_host_read(pmu, deed.msr, &answer.value);
		break;
	case CHECK_DO_LVTPC:
		vpmu_pmu_set_lvtpc(pmu, (uint32_t)deed.value);
		break;
	case CHECK_DO_ENTER:
		answer.outcome = vpmu_pmu_enter(pmu);
		break;
	case CHECK_DO_RUN:
		answer.outcome = vpmu_pmu_run(pmu, &amounts, 0);
		break;
	case CHECK_DO_EMULATE:
		answer.outcome = vpmu_pmu_emulate(pmu, false, 0);
		break;
	case CHECK_DO_SCHEDULE:
		vpmu_pmu_schedule(pmu);
		break;
	case CHECK_DO_FAIL_CREATE:
		answer.status = vpmu_pmu_fail_creations(pmu, (uint32_t)deed.value);
		break;
	case CHECK_DO_EVENTS:
		answer.events = vpmu_pmu_events(pmu);
		break;
	case CHECK_DO_HOST_RUN:
		vpmu_pmu_host_run(pmu, &amounts);
		break;
	case CHECK_DO_COUNT_HOST:
		vpmu_pmu_set_exclude_host(pmu, false);
		break;
	}
	return answer;
}

static bool has_value(const struct vpmu_pmu *pmu, struct deed deed)
{
	uint64_t value;

	return deed.verb == CHECK_DO_HOST_WRITE &&
	       vpmu_pmu_host_read(pmu, deed.msr, &value) == VPMU_OK && value == deed.value;
}

struct check_answer deed_do(struct vpmu_pmu *pmu, struct deed deed, struct record *record)
{
	struct check_step step;

	if (!record)
		return act(pmu, deed);
	step = (struct check_step){
		.verb = (uint8_t)deed.verb,
		.part = record->part,
		.msr = deed.msr,
		.value = deed.value,
		.has_value = has_value(pmu, deed),
	};
	step.got = act(pmu, deed);
	if (record->count < RECORD_STEPS)
		record->steps[record->count++] = step;
	return step.got;
}

void record_expects(struct record *record, const struct check_answer *expected)
{
	struct check_step *step;

	if (!record || !record->count)
		return;
	step = &record->steps[record->count - 1];
	step->expects = true;
	step->expected = *expected;
}
