/* SPDX-License-Identifier: MIT */
/* vpmu models: what a model's PMU looks like, register by register. */
#include <inttypes.h>
#include <stdio.h>

#include <vpmu/vpmu.h>

#include "command.h"
#include "lib/message.h"
#include "lib/model_arg.h"
#include "models.h"
#include "quirks.h"

struct models_options {
	bool json, quirks, events;
	const char *host, *profile; /* host: "" alone, or the keys of the host under the profile */
};

static const struct option_row rows[] = {
	{.name = "host",
         .value = "[KEY=VALUE,...]",
         .about = "show this machine's CPU, from CPUID;\nwith a value: the host under the profile",
         .kind = OPTION_MAYBE,
         .offset = offsetof(struct models_options, host)},
	{.name = "profile",
         .value = "NAME",
         .about = "show what this profile's kernel makes of the model",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct models_options, profile)},
	{.name = "quirks",
         .about = "show how the profiles behave, or the one of --profile",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct models_options, quirks)},
	{.name = "events",
         .about = "show only which events count, exactly or by estimate",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct models_options, events)},
	ARGS_JSON(struct models_options, "print JSON (docs/json.md)"),
};

/* The value of --host; NULL: not typed, or alone, which is this machine. */
static const char *host_keys(const struct models_options *options)
{
	return options->host && *options->host ? options->host : NULL;
}

static void print_names(void)
{
	const char *key;

	for (size_t i = 0; (key = vpmu_model_key(i)); i++)
		printf("  %-20s %s\n", key, vpmu_model_key_about(i));
	printf("\nKeys that change the host under a kernel's profile:\n");
	for (size_t i = 0; (key = vpmu_host_key(i)); i++)
		printf("  %-20s %s\n", key, vpmu_host_about(i));
	printf("\nProfiles:\n");
	for (size_t i = 0; (key = vpmu_profile_name(i)); i++)
		printf("  %-20s %s\n", key, vpmu_profile_about(i));
}

static int show_model(const struct vpmu_model *model, const struct models_options *options)
{
	static struct model_facts facts; /* some 10 KiB */
	const struct vpmu_profile *profile = NULL;
	struct vpmu_host host;
	int status = TOOL_HOLDS;

	if (options->profile)
		status = profile_from_text(options->profile, &profile);
	if (!status)
		status = host_from_text(host_keys(options), profile, model->vendor, &host);
	if (status)
		return status;
	if (!profile) {
		model_facts_gather(&facts, model);
	} else if (!model_facts_of_profile(&facts, model, profile, &host)) {
		message("%s has no PMU on this host: --host %s", options->profile,
		        host_keys(options));
		return TOOL_BAD;
	}
	if (options->json)
		return models_print_model_json(&facts);
	return options->events ? models_print_events(&facts) : models_print_model(&facts);
}

/* Each kind of CPU by itself: how many of the file's CPUs are of it. */
static int show_models(const char *text, const struct models_options *options)
{
	struct foreign_cpus cpus;
	struct vpmu_model model;
	int status = models_from_text(text, &cpus);

	if (!status && options->json)
		status = model_file_one(text, &cpus, &model);
	if (status)
		return status;
	model_file_tell(text, &cpus);
	for (size_t i = 0; i < cpus.count && !status; i++) {
		const struct foreign_cpu *cpu = &cpus.models[i];

		if (cpus.count > 1)
			printf("%s%" PRIu32 " of %" PRIu32 " CPUs, the first is %s\n",
			       i ? "\n" : "", cpu->cpus, cpus.cpus, cpu->label);
		status = show_model(&cpu->model, options);
	}
	return status;
}

static int show_quirks(const struct models_options *options)
{
	const struct vpmu_profile *profile;
	int status = TOOL_HOLDS;

	if (options->profile)
		status = profile_from_text(options->profile, &profile);
	if (status)
		return status;
	return options->json ? quirks_print_json(options->profile) : quirks_print(options->profile);
}

static int show_list(const struct models_options *options)
{
	if (options->profile) {
		message("--profile: of which model? Give a NAME, or --quirks");
		return TOOL_BAD;
	}
	if (options->host) {
		message("--host %s: under which model's profile? Give a NAME", options->host);
		return TOOL_BAD;
	}
	if (options->events) {
		message("--events: of which model? Give a NAME");
		return TOOL_BAD;
	}
	return options->json ? models_print_list_json() : models_print_list();
}

static int run(const struct command *self, int argc, char **argv)
{
	struct models_options options = {0};
	const char *operands[ARGS_OPERANDS];
	struct vpmu_model model;
	int status = args_parse(self, argc, argv, &options, operands);
	bool this_machine;

	if (status != ARGS_GO)
		return status;
	this_machine = options.host && !*options.host;
	if (this_machine && operands[0]) {
		message("one model at a time: --host and '%s'", operands[0]);
		return TOOL_BAD;
	}
	if (options.quirks && (options.host || operands[0])) {
		message("--quirks is about profiles, not about a model");
		return TOOL_BAD;
	}
	if (options.quirks)
		return show_quirks(&options);
	if (!this_machine && !operands[0])
		return show_list(&options);
	if (!this_machine)
		return show_models(operands[0], &options);
	status = model_from_host(&model);
	return status ? status : show_model(&model, &options);
}

const struct command cmd_models = {
	.name = "models",
	.operands = "[NAME[,key=value...]|FILE]",
	.about = "Show what a model's PMU looks like, register by register",
	.notes = "Without NAME: the list of presets. 'host' is this machine, as with --host. A "
		 "CPU\n"
		 "model's name of QEMU's or libvirt's is taken, too. FILE describes a CPU: what "
		 "cpuid -r,\n"
		 "AIDA64, InstLatx64, xen-cpuid -p or lscpu print, /proc/cpuinfo, a Linux "
		 "kernel's or\n"
		 "VMware's log (vpmu-models(1) lists more); '-' is the standard input, FILE:CPU "
		 "one of\n"
		 "its CPUs.\n"
		 "\n"
		 "Keys that change a preset:\n",
	.more = print_names,
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_max = 1,
	.run = run,
};
