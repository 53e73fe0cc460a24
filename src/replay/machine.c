/* SPDX-License-Identifier: MIT */
/* Executes actions on a register machine: one function per verb. */
#include <replay/room.h>

static struct replay_reply wrmsr(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	return (struct replay_reply){
		.status = vpmu_pmu_guest_write(pmu, (uint32_t)action->argument[MSR_INDEX].number,
	                                       action->argument[MSR_VALUE].number)};
}

static struct replay_reply rdmsr(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	struct replay_reply reply = {0};

	reply.status = vpmu_pmu_guest_read(pmu, (uint32_t)action->argument[MSR_INDEX].number,
	                                   &reply.value);
	return reply;
}

static struct replay_reply host_wrmsr(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	return (struct replay_reply){
		.status = vpmu_pmu_host_write(pmu, (uint32_t)action->argument[MSR_INDEX].number,
	                                      action->argument[MSR_VALUE].number)};
}

static struct replay_reply host_rdmsr(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	struct replay_reply reply = {0};

	reply.status =
		vpmu_pmu_host_read(pmu, (uint32_t)action->argument[MSR_INDEX].number, &reply.value);
	return reply;
}

static struct replay_reply rdpmc(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	const union replay_value *argument = action->argument;
	struct replay_reply reply = {0};

	reply.status = vpmu_pmu_rdpmc(pmu, (uint32_t)argument[RDPMC_ECX].number,
	                              (unsigned)argument[RDPMC_CPL].number,
	                              argument[RDPMC_PCE].number, &reply.value);
	return reply;
}

static struct replay_reply lvtpc(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	vpmu_pmu_set_lvtpc(pmu, (uint32_t)action->argument[0].number);
	return (struct replay_reply){0};
}

static struct replay_reply enter(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	return (struct replay_reply){.outcome = vpmu_pmu_enter(pmu)};
}

static struct vpmu_amounts amounts_of(const struct replay_action *action)
{
	struct vpmu_amounts amounts = {{0}};

	replay_amounts(action, amounts.of);
	return amounts;
}

static struct replay_reply run(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	struct vpmu_amounts amounts = amounts_of(action);
	unsigned cpl = (unsigned)action->argument[RUN_CPL].number;

	return (struct replay_reply){.outcome = vpmu_pmu_run(pmu, &amounts, cpl)};
}

static struct replay_reply emulate(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	bool branch = action->argument[EMULATE_BRANCH].number;
	unsigned cpl = (unsigned)action->argument[EMULATE_CPL].number;

	return (struct replay_reply){.outcome = vpmu_pmu_emulate(pmu, branch, cpl)};
}

static struct replay_reply schedule(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	vpmu_pmu_schedule(pmu);
	return (struct replay_reply){0};
}

static struct replay_reply reset(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	vpmu_pmu_reset(pmu);
	return (struct replay_reply){0};
}

static struct replay_reply svm(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	enum vpmu_svm mode = (enum vpmu_svm)action->argument[0].number;

	return (struct replay_reply){.status = vpmu_pmu_set_svm(pmu, mode)};
}

static struct replay_reply exclude_host(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	vpmu_pmu_set_exclude_host(pmu, action->argument[0].number == SWITCH_ON);
	return (struct replay_reply){0};
}

static struct replay_reply host_run(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	struct vpmu_amounts amounts = amounts_of(action);

	vpmu_pmu_host_run(pmu, &amounts);
	return (struct replay_reply){0};
}

static struct replay_reply fail_create(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	return (struct replay_reply){
		.status = vpmu_pmu_fail_creations(pmu, (uint32_t)action->argument[0].number)};
}

static struct replay_reply events(struct vpmu_pmu *pmu, const struct replay_action *action)
{
	return (struct replay_reply){.events = vpmu_pmu_events(pmu)};
}

replay_act *const replay_acts[REPLAY_VERBS] = {
	[REPLAY_WRMSR] = wrmsr,
	[REPLAY_RDMSR] = rdmsr,
	[REPLAY_HOST_WRMSR] = host_wrmsr,
	[REPLAY_HOST_RDMSR] = host_rdmsr,
	[REPLAY_RDPMC] = rdpmc,
	[REPLAY_LVTPC] = lvtpc,
	[REPLAY_ENTER] = enter,
	[REPLAY_RUN] = run,
	[REPLAY_EMULATE] = emulate,
	[REPLAY_SCHEDULE] = schedule,
	[REPLAY_RESET] = reset,
	[REPLAY_EXCLUDE_HOST] = exclude_host,
	[REPLAY_SVM] = svm,
	[REPLAY_HOST_RUN] = host_run,
	[REPLAY_FAIL_CREATE] = fail_create,
	[REPLAY_EVENT_COUNTS] = events,
};
