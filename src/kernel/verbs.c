/* SPDX-License-Identifier: MIT */
/* Does actions to a guest of the kernel's code: one function for each verb. */
#include <stdio.h>

#include "commands.h"
#include "guest.h"
#include "msr.h"

static u64 number(const struct replay_command *command, int i)
{
	return command->action.argument[i].number;
}

/* Makes vpmu's own model, for its registers' names and its events. */
static void take_names(struct session *session, const char *text)
{
	if (vpmu_model_parse(&session->named, text, NULL, 0))
		return;
	session->names = (struct replay_names){
		.model = &session->named,
		.registers = session->registers,
		.count = vpmu_model_registers(&session->named, session->registers),
	};
}

/* strtok_r() changes the text, so it works on a copy. */
static bool model(struct session *session, const struct replay_command *command,
                  struct replay_reply *reply)
{
	char text[REPLAY_MODEL_BYTES], *rest = NULL, *part;

	snprintf(text, sizeof(text), "%s", command->action.argument[0].word);
	part = strtok_r(text, ",", &rest);
	if (session->have_model || !part || !model_preset(&session->model, part))
		return false;
	while ((part = strtok_r(NULL, ",", &rest)))
		if (!model_override(&session->model, part))
			return false;
	take_names(session, command->action.argument[0].word);
	session->have_model = true;
	session->host = host_usual(session->model.vendor);
	return true;
}

/* A script may name any kernel's profile, since one script asks several kernels; this one answers.
 * Its vPMU is perf-based, or mediated if the profile says so and the kernel can. */
static bool profile(struct session *session, const struct replay_command *command,
                    struct replay_reply *reply)
{
	if (!session->have_model || session->have_profile || session->guest)
		return false;
	session->have_profile = true;
	session->host.mediated = !strcmp(command->action.argument[0].word, "mediated");
	if (session->host.mediated && !KERNEL_SINCE(7, 3)) {
		session->problem = "this kernel has no mediated vPMU";
		return false;
	}
	if (session->host.mediated)
		return true;
	return !strncmp(command->action.argument[0].word, "linux-", strlen("linux-"));
}

static bool host(struct session *session, const struct replay_command *command,
                 struct replay_reply *reply)
{
	if (!session->have_profile || session->have_host || session->guest)
		return false;
	for (u64 i = 0; i < number(command, 0); i++)
		if (!host_override(&session->host, command->words[i]))
			return false;
	session->have_host = true;
	return true;
}

static bool cap_pmu_disable(struct session *session, const struct replay_command *command,
                            struct replay_reply *reply)
{
	if (session->guest || !session->host.enable_pmu)
		reply->status = VPMU_REFUSED;
	else
		session->pmu_disabled = true;
	return true;
}

static bool wrmsr(struct session *session, const struct replay_command *command,
                  struct replay_reply *reply)
{
	if (!guest_write(session->guest, (u32)number(command, MSR_INDEX),
	                 number(command, MSR_VALUE)))
		reply->status = VPMU_GP;
	return true;
}

static bool host_wrmsr(struct session *session, const struct replay_command *command,
                       struct replay_reply *reply)
{
	if (msr_host_write(&session->guest->vcpu, (u32)number(command, MSR_INDEX),
	                   number(command, MSR_VALUE)))
		reply->status = VPMU_REFUSED;
	return true;
}

static bool rdmsr(struct session *session, const struct replay_command *command,
                  struct replay_reply *reply)
{
	u64 value = 0;

	if (!guest_read(session->guest, (u32)number(command, MSR_INDEX), &value))
		reply->status = VPMU_GP;
	reply->value = value;
	return true;
}

static bool host_rdmsr(struct session *session, const struct replay_command *command,
                       struct replay_reply *reply)
{
	u64 value = 0;

	if (msr_host_read(&session->guest->vcpu, (u32)number(command, MSR_INDEX), &value))
		reply->status = VPMU_REFUSED;
	reply->value = value;
	return true;
}

static bool read_pmc(struct session *session, const struct replay_command *command,
                     struct replay_reply *reply)
{
	u64 value = 0;

	if (!guest_rdpmc(session->guest, (u32)number(command, RDPMC_ECX),
	                 (unsigned int)number(command, RDPMC_CPL), number(command, RDPMC_PCE),
	                 &value))
		reply->status = VPMU_GP;
	reply->value = value;
	return true;
}

static bool lvtpc(struct session *session, const struct replay_command *command,
                  struct replay_reply *reply)
{
	guest_set_lvtpc(session->guest, (u32)number(command, 0));
	return true;
}

static bool answer_pmis(struct replay_reply *reply, struct pmis pmis)
{
	reply->outcome = (struct vpmu_outcome){.pmi = pmis.delivered, .masked = pmis.masked};
	return true;
}

static bool enter(struct session *session, const struct replay_command *command,
                  struct replay_reply *reply)
{
	return answer_pmis(reply, guest_enter(session->guest));
}

static struct amounts amounts_of(const struct replay_command *command)
{
	struct amounts amounts = {{0}};
	uint64_t of[VPMU_CLASSES];

	replay_amounts(&command->action, of);
	for (int i = 0; i < VPMU_CLASSES; i++)
		amounts.of[i] = of[i];
	return amounts;
}

static bool run(struct session *session, const struct replay_command *command,
                struct replay_reply *reply)
{
	struct amounts amounts = amounts_of(command);

	return answer_pmis(
		reply, guest_run(session->guest, &amounts, (unsigned int)number(command, RUN_CPL)));
}

static bool emulate(struct session *session, const struct replay_command *command,
                    struct replay_reply *reply)
{
	guest_emulate(session->guest, number(command, EMULATE_BRANCH),
	              (unsigned int)number(command, EMULATE_CPL));
	return true;
}

static bool schedule(struct session *session, const struct replay_command *command,
                     struct replay_reply *reply)
{
	guest_schedule(session->guest);
	return true;
}

static bool reset(struct session *session, const struct replay_command *command,
                  struct replay_reply *reply)
{
	guest_reset(session->guest);
	return true;
}

static bool svm(struct session *session, const struct replay_command *command,
                struct replay_reply *reply)
{
	if (session->model.svm)
		guest_set_svm(session->guest, number(command, 0) != VPMU_SVM_OFF,
		              number(command, 0) == VPMU_SVM_GUEST);
	else
		reply->status = VPMU_REFUSED;
	return true;
}

static bool exclude_host(struct session *session, const struct replay_command *command,
                         struct replay_reply *reply)
{
	session->guest->task.perf.counts_host = number(command, 0) == SWITCH_OFF;
	return true;
}

static bool host_run(struct session *session, const struct replay_command *command,
                     struct replay_reply *reply)
{
	struct amounts amounts = amounts_of(command);

	guest_host_run(session->guest, &amounts);
	return true;
}

static bool filter(struct session *session, const struct replay_command *command,
                   struct replay_reply *reply)
{
	/* KVM cannot remove a filter; denying nothing has the same effect. */
	static const u32 actions[] = {
		[FILTER_ALLOW] = KVM_PMU_EVENT_ALLOW,
		[FILTER_DENY] = KVM_PMU_EVENT_DENY,
		[FILTER_NONE] = KVM_PMU_EVENT_DENY,
	};
	u64 events[REPLAY_EVENTS + 1] = {0}, count = number(command, FILTER_EVENTS);
	bool none = number(command, FILTER_ACTION) == FILTER_NONE;

	if (none && (command->action.given != 1u << FILTER_ACTION || count))
		return false;
	count = min(count, (u64)REPLAY_EVENTS + 1); /* one too many is refused like more */
	for (u64 i = 0; i < count && i < REPLAY_EVENTS; i++)
		events[i] = command->events[i];
	/* The flag is KVM_PMU_EVENT_FLAG_MASKED_EVENTS, which 6.1 does not know. */
	if (!guest_filter(session->guest, actions[number(command, FILTER_ACTION)],
	                  (u32)number(command, FILTER_MASKED), (u32)number(command, FILTER_FIXED),
	                  events, (u32)count))
		reply->status = VPMU_REFUSED;
	return true;
}

static bool events(struct session *session, const struct replay_command *command,
                   struct replay_reply *reply)
{
	const struct perf_context *perf = &session->guest->task.perf;

	reply->events = (struct vpmu_event_counts){.live = perf->live,
	                                           .created = (u32)perf->calls.created,
	                                           .released = (u32)perf->calls.released,
	                                           .enabled = (u32)perf->calls.enabled,
	                                           .paused = (u32)perf->calls.paused};
	return true;
}

static bool fail_create(struct session *session, const struct replay_command *command,
                        struct replay_reply *reply)
{
	if (session->host.mediated)
		reply->status = VPMU_REFUSED; /* there are no events */
	else
		session->guest->task.perf.failures = number(command, 0);
	return true;
}

static bool cpuid(struct session *session, const struct replay_command *command,
                  struct replay_reply *reply)
{
	struct model changed = session->model;

	for (u64 i = 0; i < number(command, 0); i++)
		if (!model_override(&changed, command->words[i]))
			return false;
	if (!guest_set_cpuid(session->guest, &changed))
		reply->status = VPMU_REFUSED;
	return true;
}

kernel_act *const kernel_acts[REPLAY_VERBS] = {
	[REPLAY_MODEL] = model,
	[REPLAY_PROFILE] = profile,
	[REPLAY_HOST] = host,
	[REPLAY_CAP_PMU_DISABLE] = cap_pmu_disable,
	[REPLAY_WRMSR] = wrmsr,
	[REPLAY_RDMSR] = rdmsr,
	[REPLAY_HOST_WRMSR] = host_wrmsr,
	[REPLAY_HOST_RDMSR] = host_rdmsr,
	[REPLAY_RDPMC] = read_pmc,
	[REPLAY_LVTPC] = lvtpc,
	[REPLAY_ENTER] = enter,
	[REPLAY_RUN] = run,
	[REPLAY_EMULATE] = emulate,
	[REPLAY_SCHEDULE] = schedule,
	[REPLAY_RESET] = reset,
	[REPLAY_SVM] = svm,
	[REPLAY_EXCLUDE_HOST] = exclude_host,
	[REPLAY_HOST_RUN] = host_run,
	[REPLAY_FAIL_CREATE] = fail_create,
	[REPLAY_EVENT_COUNTS] = events,
	[REPLAY_FILTER] = filter,
	[REPLAY_CPUID] = cpuid,
};
