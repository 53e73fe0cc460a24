/* SPDX-License-Identifier: MIT */
/* vpmu state compat: whether a target can take the states of a file. */
#include <inttypes.h>
#include <stdio.h>

#include "message.h"
#include "model_arg.h"
#include "state.h"

struct compat_options {
	const char *model, *report, *profile, *qemu_model;
	bool host, strict, all, json;
};

static const struct option_row rows[] = {
	{.name = "model",
         .value = "NAME",
         .about = "the target's PMU: a preset with overrides, or 'host'",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct compat_options, model)},
	{.name = "host",
         .about = "the target is this machine's CPU, as CPUID describes it",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct compat_options, host)},
	{.name = "report",
         .value = "FILE",
         .about = "the target is a host that vpmu doctor --json was run on",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct compat_options, report)},
	{.name = "profile",
         .value = "NAME",
         .about = "what this profile makes of the target's PMU: linux-6.12, ...",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct compat_options, profile)},
	STATE_QEMU_MODEL("state-model", struct compat_options, qemu_model),
	{.name = "strict",
         .about = "a state that is taken changed does not hold",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct compat_options, strict)},
	{.name = "all",
         .about = "show registers that are taken as they are, too",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct compat_options, all)},
	ARGS_JSON(struct compat_options, "print JSON (docs/json.md: vpmu-compat)"),
};

/* --- One vCPU, as text ------------------------------------------------------------------------ */

static void print_judgement(const struct state_entry *entry, const struct vpmu_model *to,
                            const struct vpmu_compat *compat, bool all)
{
	char line[STATE_LINE_BYTES];

	printf("%svCPU %" PRIu32 "%s: %s, for %s: %s\n", bold_on(stdout), entry->vcpu,
	       bold_off(stdout), entry->state.model.name, to->name, vpmu_take_text(compat->take));
	for (unsigned i = 0; i < compat->difference_count; i++) {
		vpmu_compat_describe_difference(compat, i, line, sizeof(line));
		printf("  %s\n", line);
	}
	for (unsigned i = 0; i < compat->register_count; i++) {
		if (!all && compat->registers[i].take == VPMU_TAKES)
			continue;
		vpmu_compat_describe_register(compat, i, line, sizeof(line));
		printf("  %s\n", line);
	}
}

static enum vpmu_take print_all(const struct state_set *set, const struct vpmu_model *to, bool all)
{
	enum vpmu_take worst = VPMU_TAKES;

	for (size_t i = 0; i < set->count; i++) {
		struct vpmu_compat compat;
		struct vpmu_layout layout;

		state_judge(&compat, &layout, &set->entries[i].state, to);
		print_judgement(&set->entries[i], to, &compat, all);
		if (compat.take > worst)
			worst = compat.take;
	}
	return worst;
}

/* --- All of them ------------------------------------------------------------------------------ */

void state_judge(struct vpmu_compat *compat, struct vpmu_layout *layout,
                 const struct vpmu_state *state, const struct vpmu_model *to)
{
	vpmu_layout_init(layout, &state->model);
	vpmu_compat_judge(compat, state, layout, to);
}

static int judge(const struct state_set *set, const struct vpmu_model *to,
                 const struct compat_options *options)
{
	enum vpmu_take worst;

	if (!options->json)
		worst = print_all(set, to, options->all);
	else if (state_compat_json(set, to, &worst))
		return TOOL_LACKS;
	if (worst == VPMU_CANNOT_TAKE || (options->strict && worst != VPMU_TAKES))
		return TOOL_FAILS;
	return TOOL_HOLDS;
}

static int choose_target(const struct compat_options *options, struct vpmu_model *to)
{
	int given = options->host + !!options->model + !!options->report;

	if (given != 1) {
		message("%s target (--model NAME, --host or --report FILE)",
		        given ? "more than one" : "no");
		return TOOL_BAD;
	}
	if (options->report)
		return state_report_read(options->report, to);
	return options->host ? model_from_host(to) : model_from_text(options->model, to);
}

static int read_target(const struct compat_options *options, struct vpmu_model *to)
{
	const struct vpmu_profile *profile;
	int status = choose_target(options, to);

	if (status || !options->profile)
		return status;
	status = profile_from_text(options->profile, &profile);
	if (!status && vpmu_profile_adapt(profile, to)) {
		message("no PMU under this profile: %s", options->profile);
		status = TOOL_BAD;
	}
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct compat_options options = {0};
	const char *operands[ARGS_OPERANDS];
	struct vpmu_model to;
	struct state_file file;
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	status = read_target(&options, &to);
	if (!status)
		status = state_file_read_set(operands[0], options.qemu_model, &file);
	if (status)
		return status;
	status = judge(&file.set, &to, &options);
	state_file_free(&file);
	return status;
}

const struct command state_compat = {
	.name = "state compat",
	.operands = "STATE",
	.about = "Judge whether a target can take the states of a file",
	.notes = "Nothing is written anywhere. Each register is taken, taken changed, or cannot be "
		 "taken;\n"
		 "what the guest would notice is said.\n"
		 "\n"
		 "Exit status: 0, the target takes the states; 1, it cannot; 2, bad input.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
