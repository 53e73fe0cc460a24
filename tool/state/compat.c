/* SPDX-License-Identifier: MIT */
/* vpmu state compat: whether a target can take the states of a file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/folder.h"
#include "lib/message.h"
#include "lib/model_arg.h"
#include "lib/order_arg.h"
#include "state.h"
#include "lib/visible.h"

struct compat_options {
	const char *model, *report, *profile, *order, *qemu_model;
	bool host, vcpu, strict, all, json;
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
#if HAVE_KVM
	{.name = "vcpu",
         .about = "the target is this host's KVM: a virtual CPU is made and tried",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct compat_options, vcpu)},
#endif
	{.name = "profile",
         .value = "NAME",
         .about = "whose rules the target has: linux-6.12, ... (hardware)",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct compat_options, profile)},
	{.name = "order",
         .value = "NAME",
         .about = "the order of the put that is tried (safe)",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct compat_options, order)},
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

static void print_registers(const struct vpmu_compat *compat, bool all)
{
	char line[STATE_LINE_BYTES];

	for (unsigned i = 0; i < compat->register_count; i++) {
		if (!all && compat->registers[i].take == VPMU_TAKES)
			continue;
		vpmu_compat_describe_register(compat, i, line, sizeof(line));
		printf("  %s\n", line);
	}
}

static void print_judgement(const struct state_entry *entry, const struct state_target *target,
                            const struct vpmu_compat *compat, bool all)
{
	const char *profile = target->profile_name;
	char line[STATE_LINE_BYTES];

	printf("%svCPU %" PRIu32 "%s: %s, for %s%s%s: %s\n", bold_on(stdout), entry->vcpu,
	       bold_off(stdout), entry->state.model.name, target->model.name, profile ? " on " : "",
	       profile ? profile : "", vpmu_take_text(compat->take));
	for (unsigned i = 0; i < compat->difference_count; i++) {
		vpmu_compat_describe_difference(compat, i, line, sizeof(line));
		printf("  %s\n", line);
	}
	print_registers(compat, all);
	vpmu_compat_describe_put(compat, line, sizeof(line));
	if (*line)
		printf("  %s\n", line);
}

static int print_all(const struct state_set *set, const struct state_target *target, bool all,
                     enum vpmu_take *worst)
{
	*worst = VPMU_TAKES;
	for (size_t i = 0; i < set->count; i++) {
		struct vpmu_compat compat;
		struct vpmu_layout layout;
		int status = state_judge(&compat, &layout, &set->entries[i].state, target);

		if (status)
			return status;
		print_judgement(&set->entries[i], target, &compat, all);
		if (compat.take > *worst)
			*worst = compat.take;
	}
	return TOOL_HOLDS;
}

/* --- All of them ------------------------------------------------------------------------------ */

int state_judge(struct vpmu_compat *compat, struct vpmu_layout *layout,
                const struct vpmu_state *state, const struct state_target *target)
{
	const struct vpmu_profile *profile = target->profile;

	vpmu_layout_init(layout, &state->model);
#if HAVE_KVM
	if (target->kvm)
		return state_vcpu_judge(compat, layout, state, target);
#endif
	if (!profile)
		profile = vpmu_profile_find("hardware");
	vpmu_compat_judge(compat, state, layout, &target->model, profile, target->order);
	return TOOL_HOLDS;
}

static int judge(const struct state_set *set, const struct state_target *target,
                 const struct compat_options *options)
{
	enum vpmu_take worst;
	int status = options->json ? state_compat_json(set, target, &worst)
	                           : print_all(set, target, options->all, &worst);

	if (status)
		return status;
	if (worst == VPMU_CANNOT_TAKE || (options->strict && worst != VPMU_TAKES))
		return TOOL_FAILS;
	return TOOL_HOLDS;
}

/* --- The target ------------------------------------------------------------------------------- */

static const char *name_of(const struct vpmu_profile *profile)
{
	const char *name;

	for (size_t i = 0; (name = vpmu_profile_name(i)); i++)
		if (vpmu_profile_find(name) == profile)
			break;
	return name;
}

/* A doctor's report tells what KVM gives a guest, and by its kernel how KVM takes a state. */
static int read_report(const struct compat_options *options, struct state_target *target)
{
	struct state_report report;
	int status = state_report_read(options->report, &report);

	if (status)
		return status;
	target->model = report.model;
	/* Where guests get no PMU, there is no kernel's rule to ask. */
	if (!report.is_doctor || !report.model.version || options->profile)
		return TOOL_HOLDS;
	if (!report.profile) {
		message("the report does not name the host's kernel: %s (--profile does)",
		        options->report);
		return TOOL_BAD;
	}
	target->profile = report.profile;
	target->profile_name = name_of(report.profile);
	return TOOL_HOLDS;
}

#if HAVE_KVM
#define VCPU_TOO " or --vcpu"

static int choose_vcpu(const struct compat_options *options, struct state_target *target)
{
	if (!options->profile)
		return state_vcpu_target(target);
	message("do not go together: --vcpu, --profile (the rules are this host's KVM's)");
	return TOOL_BAD;
}

#else
#define VCPU_TOO
#endif

static int choose_target(const struct compat_options *options, struct state_target *target)
{
	int given = options->host + options->vcpu + !!options->model + !!options->report;

	if (given != 1) {
		message("%s target (--model NAME, --host, --report FILE" VCPU_TOO ")",
		        given ? "more than one" : "no");
		return TOOL_BAD;
	}
	if (options->report)
		return read_report(options, target);
#if HAVE_KVM
	if (options->vcpu)
		return choose_vcpu(options, target);
#endif
	return options->host ? model_from_host(&target->model)
	                     : model_from_text(options->model, &target->model);
}

static int read_target(const struct compat_options *options, struct state_target *target)
{
	int status = choose_target(options, target);

	if (!status)
		status = order_from_text(options->order, &target->order);
	if (!status && options->profile) {
		status = profile_from_text(options->profile, &target->profile);
		target->profile_name = options->profile;
	}
	if (status || !target->profile || !vpmu_profile_adapt(target->profile, &target->model))
		return status;
	message("no PMU under this profile: %s", target->profile_name);
	return TOOL_BAD;
}

/* A model that is typed is a guest that has just started. */
static bool is_typed_model(const char *text)
{
	struct vpmu_model model;
	char as[STATE_LINE_BYTES];

	return access(text, F_OK) && strcmp(text, "-") != 0 &&
	       (!vpmu_model_parse(&model, text, NULL, 0) ||
	        foreign_name_text(text, strcspn(text, ","), as, sizeof(as)));
}

static int read_subject(const char *text, const struct compat_options *options,
                        struct state_file *file)
{
	struct foreign_cpus cpus;
	int status;

	if (!is_typed_model(text))
		return state_file_read_set(text, options->qemu_model, file);
	*file = (struct state_file){.format = STATE_MODELS};
	if (options->qemu_model)
		return state_model_not_needed(text);
	status = models_from_text(text, &cpus);
	return status ? status : state_add_models(&file->set, &cpus);
}

static int judge_one(const char *text, const struct state_target *target,
                     const struct compat_options *options)
{
	struct state_file file;
	int status = read_subject(text, options, &file);

	if (status)
		return status;
	status = judge(&file.set, target, options);
	state_file_free(&file);
	return status;
}

/* Each file by itself, all of them; the worst verdict is the folder's. */
static int judge_folder(const char *path, const struct state_target *target,
                        const struct compat_options *options)
{
	struct folder folder;
	int status = folder_open(path, &folder), worst = status;

	for (size_t i = 0; i < folder.count && (status == TOOL_HOLDS || status == TOOL_FAILS);
	     i++) {
		printf("%s%s", i ? "\n" : "", bold_on(stdout));
		print_visible(stdout, folder.paths[i]);
		printf("%s\n", bold_off(stdout));
		status = judge_one(folder.paths[i], target, options);
		worst = status > worst ? status : worst;
	}
	folder_close(&folder);
	return worst;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct compat_options options = {0};
	const char *operands[ARGS_OPERANDS];
	struct state_target target = {.profile = NULL};
	int status = args_parse(self, argc, argv, &options, operands);
	bool is_folder;

	if (status != ARGS_GO)
		return status;
	is_folder = folder_is(operands[0]);
	if (is_folder && options.json) {
		message("--json is about one file: %s is a folder", operands[0]);
		return TOOL_BAD;
	}
	status = read_target(&options, &target);
	if (status)
		return status;
	return is_folder ? judge_folder(operands[0], &target, &options)
	                 : judge_one(operands[0], &target, &options);
}

const struct command state_compat = {
	.name = "state compat",
	.operands = "STATE|MODEL|FOLDER",
	.about = "Judge whether a target can take the states of a file",
	.notes =
		"The state is put on a register machine of the target's PMU and profile, every "
		"write\n"
		"of it, and read back: each register is taken, taken changed, or cannot be taken.\n"
		"Nothing is written anywhere else. What the guest would notice is said. A report\n"
		"names the host's kernel, and so the profile. With --vcpu the rules are those of "
		"this\n"
		"host's KVM itself: it is asked through a virtual CPU that never runs. A MODEL, or "
		"a\n"
		"file that describes a CPU, is a guest that has just started. Of a FOLDER each "
		"file\n"
		"is judged.\n"
		"\n"
		"Exit status: 0, the target takes the states; 1, it cannot; 2, bad input; 3,\n"
		"there is nobody to ask.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
