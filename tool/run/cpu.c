/* SPDX-License-Identifier: MIT */
/*
 * --cpu: what executes the guest, and which PMU the guest then gets: the emulated CPU has any that
 * there is a model of, KVM the one of this host's KVM or a part of it, or none.
 */
#include <stdio.h>
#include <string.h>

#if HAVE_KVM
#include <vpmu/kvm.h>
#endif

#include "command.h"
#include "lib/message.h"
#include "lib/model_arg.h"
#include "run.h"

/* --- The emulated CPU ------------------------------------------------------------------------- */

#if HAVE_UNICORN
/* Another vendor's host may give such a model no PMU, which is no mistake. */
static int judge_host(const struct run *run)
{
	struct vpmu_model model = run->model;

	if (!vpmu_profile_adapt_on(run->profile, &run->host, &model))
		return TOOL_HOLDS;
	message("%s has no PMU on this host: --host %s", run->options->profile, run->options->host);
	return TOOL_BAD;
}

static int choose_any(struct run *run)
{
	const struct run_options *options = run->options;
	int status = model_from_text(options->model ? options->model : "intel-v2", &run->model);

	if (!status)
		status = profile_from_text(options->profile ? options->profile : "hardware",
		                           &run->profile);
	if (!status)
		status = host_from_text(options->host, run->profile, run->model.vendor, &run->host);
	return status ? status : judge_host(run);
}
#endif

/* --- KVM -------------------------------------------------------------------------------------- */

#if HAVE_KVM

static int lacks(const char *why)
{
	message("cannot run on KVM: --cpu kvm: %s (vpmu doctor says more; --cpu emulated needs no "
	        "KVM)",
	        why);
	return TOOL_LACKS;
}

/* Whether a guest can have the model: KVM's PMU has all of it, and takes its reset state. */
static int judge(const struct vpmu_model *model, const struct vpmu_kvm_host *host)
{
	const struct vpmu_profile *profile =
		vpmu_profile_for_kernel(host->release, host->mediated == VPMU_YES);
	struct vpmu_compat compat;
	struct vpmu_layout layout;
	struct vpmu_state state;
	char why[256] = "", text[512];

	if (!profile)
		profile = vpmu_profile_find("hardware");
	if (vpmu_layout_init(&layout, model))
		return lacks("the model has no registers");
	vpmu_state_reset(&state, &layout);
	if (!vpmu_compat_judge(&compat, &state, &layout, &host->model, profile,
	                       vpmu_order_find("safe")) &&
	    compat.take == VPMU_TAKES)
		return TOOL_HOLDS;
	for (unsigned i = 0; i < compat.difference_count && !*why; i++)
		vpmu_compat_describe_difference(&compat, i, why, sizeof(why));
	for (unsigned i = 0; i < compat.register_count && !*why; i++)
		if (compat.registers[i].take != VPMU_TAKES)
			vpmu_compat_describe_register(&compat, i, why, sizeof(why));
	snprintf(text, sizeof(text), "its PMU is not %s's: %s", model->name, why);
	return lacks(text);
}

/* Without a PMU any KVM will do. */
static int look_at_device(const struct vpmu_kvm_host *host)
{
	char text[128];

	if (!host->open_error)
		return TOOL_HOLDS;
	snprintf(text, sizeof(text), "/dev/kvm: %s", strerror(host->open_error));
	return lacks(text);
}

/* A model as typed; its processor is KVM's. */
static int choose_typed(struct run *run, const struct vpmu_kvm_host *host)
{
	enum vpmu_obstacle obstacle = vpmu_kvm_obstacle(host);
	int status = model_from_text(run->options->model, &run->model);

	if (status)
		return status;
	if (!run->model.version)
		return look_at_device(host);
	if (obstacle)
		return lacks(vpmu_obstacle_text(obstacle));
	run->model.signature = host->model.signature;
	return judge(&run->model, host);
}

static int choose_kvms(struct run *run)
{
	const char *typed = run->options->model;
	static struct vpmu_kvm_host host; /* some 10 KiB */
	enum vpmu_obstacle obstacle;

	vpmu_kvm_probe(&host, "", NULL);
	if (typed && strcmp(typed, "host") != 0)
		return choose_typed(run, &host);
	obstacle = vpmu_kvm_obstacle(&host);
	if (obstacle)
		return lacks(vpmu_obstacle_text(obstacle));
	run->model = host.model;
	return TOOL_HOLDS;
}

#endif

/* --- All of them ------------------------------------------------------------------------------ */

/* In the sequence in which --cpu auto takes what this build has. */
static const struct run_cpu cpus[] = {
#if HAVE_UNICORN
	{"emulated", &cpu_unicorn, true, choose_any},
#else
	{"emulated", NULL, true, NULL},
#endif
#if HAVE_KVM
	{"kvm", &cpu_kvm, false, choose_kvms},
#else
	{"kvm", NULL, false, NULL},
#endif
};

enum { CPUS = sizeof(cpus) / sizeof(cpus[0]) };

const struct run_cpu *run_cpu_find(const struct run_options *options)
{
	bool any = !strcmp(options->cpu, "auto");

	for (size_t i = 0; i < CPUS; i++)
		if (any ? cpus[i].ops != NULL : !strcmp(options->cpu, cpus[i].name))
			return &cpus[i];
	return NULL;
}

int run_cpu_check(const struct command *command, const struct run_options *options)
{
	const struct run_cpu *cpu = run_cpu_find(options);

	if (!cpu) {
		message("unknown CPU: --cpu %s (emulated, kvm, auto)", options->cpu);
		return TOOL_BAD;
	}
	if (!cpu->ops) {
		message("this build has no such CPU: --cpu %s", cpu->name);
		return TOOL_LACKS;
	}
	for (size_t i = 0; i < command->option_count && !cpu->by_instruction; i++) {
		const struct option_row *row = &command->options[i];

		if (row->tag != RUN_BY_INSTRUCTION || !option_is_set(row, options))
			continue;
		message("these do not go together: --cpu %s, --%s (it needs the emulated CPU, "
		        "which counts instructions)",
		        cpu->name, row->name);
		return TOOL_BAD;
	}
	return TOOL_HOLDS;
}
