/* SPDX-License-Identifier: MIT */
/* vpmu state compat: whether a target can take the states of a file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <json/room.h>

#include "input/file.h"
#include "input/folder.h"
#include "lib/message.h"
#include "lib/model_arg.h"
#include "lib/order_arg.h"
#include "matrix.h"
#include "lib/visible.h"

struct compat_options {
	const char *model, *report, *order, *qemu_model, *html;
	struct fleet_options fleet; /* its profile is the target's, too */
	bool host, vcpu, strict, all, matrix, json;
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
         .offset = offsetof(struct compat_options, fleet.profile)},
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
	{.name = "matrix",
         .about = "each machine against each: MODEL, FILE, FOLDER as for baseline",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct compat_options, matrix)},
	FLEET_OPTIONS(struct compat_options),
	{.name = "html",
         .value = "FILE",
         .about = "also write the matrix as an HTML page",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct compat_options, html)},
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
	struct json_report report;
	int status = state_report_read(options->report, &report);

	if (status)
		return status;
	target->model = report.model;
	/* If guests get no PMU, no kernel's rules apply. */
	if (!report.is_doctor || !report.model.version || options->fleet.profile)
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
	if (!options->fleet.profile)
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
	if (!status && options->fleet.profile) {
		status = profile_from_text(options->fleet.profile, &target->profile);
		target->profile_name = options->fleet.profile;
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

/* --- The matrix ------------------------------------------------------------------------------- */

static int print_matrix(const struct matrix *matrix, const struct compat_options *options,
                        struct output *html)
{
	int status = TOOL_HOLDS;

	if (options->html)
		status = matrix_html(matrix, html);
	if (!status && options->json)
		status = matrix_json(matrix);
	else if (!status)
		matrix_print(matrix);
	if (!status && (matrix->verdicts[VPMU_CANNOT_TAKE] ||
	                (options->strict && matrix->verdicts[VPMU_TAKES_CHANGED])))
		status = TOOL_FAILS;
	return status;
}

static int judge_fleet(const char *const *operands, const struct compat_options *options)
{
	static struct matrix matrix; /* some KiB */
	struct fleet fleet = {.count = 0};
	struct output html = {.stream = NULL};
	const struct vpmu_order *order;
	int status = order_from_text(options->order, &order);

	if (!status && options->html && !output_open(&html, options->html))
		return TOOL_LACKS;
	if (!status)
		status = fleet_read(&fleet, operands, &options->fleet);
	if (!status)
		status = matrix_make(&matrix, &fleet, &options->fleet, order);
	if (!status)
		status = print_matrix(&matrix, options, &html);
	output_abandon(&html);
	matrix_free(&matrix);
	fleet_free(&fleet);
	return status;
}

/* Refuses options that do not belong together. */
static int check_options(const struct compat_options *options, const char *const *operands)
{
	const struct fleet_options *fleet = &options->fleet;
	bool of_fleet = fleet->qemu || fleet->machine_type || fleet->pmu_off || options->html;
	bool of_target = options->model || options->host || options->vcpu || options->report ||
	                 options->qemu_model || options->all;

	if (options->matrix && of_target)
		message("--matrix has no target: it goes with --profile, --order, --qemu, "
		        "--machine-type, --pmu-off, --html, --strict and --json");
	else if (!options->matrix && of_fleet)
		message("only with --matrix: --qemu, --machine-type, --pmu-off, --html");
	else if (!options->matrix && operands[1])
		message("too many arguments: '%s' (several machines: --matrix)", operands[1]);
	else
		return TOOL_HOLDS;
	return TOOL_BAD;
}

static int judge_operand(const char *text, const struct compat_options *options)
{
	struct state_target target = {.profile = NULL};
	bool is_folder = folder_is(text);
	int status;

	if (is_folder && options->json) {
		message("--json is about one file: %s is a folder", text);
		return TOOL_BAD;
	}
	status = read_target(options, &target);
	if (status)
		return status;
	return is_folder ? judge_folder(text, &target, options) : judge_one(text, &target, options);
}

static int run(const struct command *self, int argc, char **argv)
{
	struct compat_options options = {.json = false};
	const char *const *operands;
	int status = args_parse_list(self, argc, argv, &options, &operands);

	if (status != ARGS_GO)
		return status;
	status = check_options(&options, operands);
	if (status)
		return status;
	return options.matrix ? judge_fleet(operands, &options)
	                      : judge_operand(operands[0], &options);
}

const struct command state_compat = {
	.name = "state compat",
	.operands = "STATE|MODEL|FOLDER...",
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
		"is judged. --matrix asks of each machine whether a guest of it can go to each "
		"other one.\n"
		"\n"
		"Exit status: 0, the target takes the states; 1, it cannot; 2, bad input; 3,\n"
		"there is nobody to ask.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 1,
	.operand_max = ARGS_ANY,
	.run = run,
};
