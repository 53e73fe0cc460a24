/* SPDX-License-Identifier: MIT */
/* vpmu plan: which registers a put writes, in which sequence. */
#include <inttypes.h>
#include <stdio.h>

#include <vpmu/vpmu.h>

#include "command.h"
#include "json/json.h"
#include "lib/message.h"
#include "lib/model_arg.h"
#include "models/models.h"
#include "lib/order_arg.h"
#include "state/state.h"

struct plan_options {
	const char *model, *level, *order, *state;
	uint64_t vcpu;
	bool json;
};

static const struct option_row rows[] = {
	{.name = "model",
         .value = "NAME",
         .about = "the PMU: a preset with overrides (vpmu models), or 'host'",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct plan_options, model)},
	{.name = "level",
         .value = "LEVEL",
         .about = "how much is written: runtime, reset or full (the default)",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct plan_options, level)},
	{.name = "order",
         .value = "ORDER",
         .about = "in which sequence; safe is the default",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct plan_options, order)},
	{.name = "state",
         .value = "FILE",
         .about = "the values and the PMU are those of a saved state (vpmu state)",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct plan_options, state)},
	{.name = "vcpu",
         .value = "N",
         .about = "the vCPU of that number; 0 is the default",
         .kind = OPTION_COUNT,
         .offset = offsetof(struct plan_options, vcpu),
         .max = UINT32_MAX},
	ARGS_JSON(struct plan_options, "print JSON (docs/json.md)"),
};

/* A plan, and what it was made of. */
struct planned {
	struct vpmu_layout layout;
	struct vpmu_state state;
	struct vpmu_plan plan;
};

static const char *name_of(const struct planned *planned, const struct vpmu_write *write)
{
	return planned->layout.registers[write->place].name;
}

static void print_heading(const struct planned *planned)
{
	const struct vpmu_plan *plan = &planned->plan;

	printf("%s# %s, level %s, order %s%s: %zu write%s", bold_on(stdout),
	       planned->layout.model.name, model_level_name(plan->level), plan->order->name,
	       bold_off(stdout), plan->count, plan->count == 1 ? "" : "s");
	if (plan->order->one_by_one && plan->count)
		printf(", a call each");
	if (plan->order->skips_equal && plan->count)
		printf(", without those that the target has already");
	putchar('\n');
}

/* The model's name for vpmu check, if it has one; models of a file or a host do not. */
static void print_model(const struct plan_options *options, const struct planned *planned)
{
	const struct vpmu_model *model = &planned->layout.model;
	const char *text = options->model && !options->state ? options->model : model->name;
	struct vpmu_model read;

	if (!vpmu_model_parse(&read, text, NULL, 0) && vpmu_model_equal(&read, model))
		printf("model %s\n", text);
}

/* Prints the plan in the form that vpmu check --plan reads. */
static int print_text(const struct plan_options *options, const struct planned *planned)
{
	const struct vpmu_plan *plan = &planned->plan;

	print_heading(planned);
	if (!plan->count)
		return TOOL_HOLDS;
	print_model(options, planned);
	printf("\n%s# MSR       VALUE               REGISTER%s\n", bold_on(stdout),
	       bold_off(stdout));
	for (size_t i = 0; i < plan->count; i++)
		printf("0x%-8" PRIx32 "  0x%-16" PRIx64 "# %s%s\n", plan->writes[i].msr,
		       plan->writes[i].value, name_of(planned, &plan->writes[i]),
		       plan->writes[i].clear ? " (clear)" : "");
	return TOOL_HOLDS;
}

#if HAVE_JANSSON

static int print_json(const struct planned *planned)
{
	return json_print(plan_json(&planned->plan, &planned->layout));
}

#else

static int print_json(const struct planned *planned)
{
	return json_lacks() ? TOOL_LACKS : TOOL_HOLDS;
}

#endif

/* The state of the chosen vCPU. */
static int read_state(const struct plan_options *options, struct vpmu_state *state)
{
	struct state_file file;
	int status = state_file_read_set(options->state, options->model, &file);

	if (status)
		return status;
	for (size_t i = 0; i < file.set.count; i++)
		if (file.set.entries[i].vcpu == options->vcpu) {
			*state = file.set.entries[i].state;
			state_file_free(&file);
			return TOOL_HOLDS;
		}
	message("no vCPU %" PRIu64 ": %s (--vcpu N chooses one of those that it has)",
	        options->vcpu, options->state);
	state_file_free(&file);
	return TOOL_BAD;
}

/* The model and its values: a saved state's, or those after a reset. */
static int choose_state(const struct plan_options *options, struct planned *planned)
{
	struct vpmu_model model;
	int status;

	if (!options->model && !options->state) {
		message("no model given (--model NAME; 'vpmu models' lists them)");
		return TOOL_BAD;
	}
	status = options->state ? read_state(options, &planned->state)
	                        : model_from_text(options->model, &model);
	if (status)
		return status;
	if (vpmu_layout_init(&planned->layout, options->state ? &planned->state.model : &model)) {
		message("no plan: %s", options->model);
		return TOOL_LACKS;
	}
	if (!options->state)
		vpmu_state_reset(&planned->state, &planned->layout);
	return TOOL_HOLDS;
}

static int make_plan(const struct plan_options *options, struct planned *planned)
{
	const struct vpmu_order *order;
	enum vpmu_level level;
	enum vpmu_status made;
	int status = choose_state(options, planned);

	if (!status)
		status = level_from_text(options->level, &level);
	if (!status)
		status = order_from_text(options->order, &order);
	if (status)
		return status;
	made = vpmu_plan_make(&planned->plan, &planned->state, &planned->layout, level, order);
	if (made)
		message("no plan: %s: %s", planned->layout.model.name, vpmu_status_text(made));
	return made ? TOOL_LACKS : TOOL_HOLDS;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct plan_options options = {0};
	const char *operands[ARGS_OPERANDS];
	struct planned planned;
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	status = make_plan(&options, &planned);
	if (status)
		return status;
	return options.json ? print_json(&planned) : print_text(&options, &planned);
}

const struct command cmd_plan = {
	.name = "plan",
	.operands = "",
	.about = "Show which registers a put writes, in which sequence",
	.notes = "Without --state the values are those after a reset. --model is then the PMU; "
		 "with\n"
		 "--state it is needed for QEMU's files only, which do not tell.\n"
		 "\n"
		 "Orders:\n",
	.more = order_print_help,
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.run = run,
};
