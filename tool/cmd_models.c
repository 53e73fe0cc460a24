/* SPDX-License-Identifier: MIT */
/* vpmu models: what a model's PMU looks like, register by register. */
#include <stdio.h>

#include <vpmu/vpmu.h>

#include "command.h"
#include "message.h"
#include "model_arg.h"
#include "models.h"

struct models_options {
	bool host, json;
};

static const struct option_row rows[] = {
	{.name = "host",
         .about = "show this machine's CPU, from CPUID",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct models_options, host)},
	{.name = "json",
         .about = "print JSON (docs/json.md)",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct models_options, json)},
};

static void print_keys(void)
{
	const char *key;

	for (size_t i = 0; (key = vpmu_model_key(i)); i++)
		printf("  %-20s %s\n", key, vpmu_model_key_about(i));
}

static int show_model(const struct vpmu_model *model, bool json)
{
	static struct model_facts facts; /* some 10 KiB */

	model_facts_gather(&facts, model);
	return json ? models_print_model_json(&facts) : models_print_model(&facts);
}

static int run(const struct command *self, int argc, char **argv)
{
	struct models_options options = {0};
	const char *operands[ARGS_OPERANDS];
	struct vpmu_model model;
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	if (options.host && operands[0]) {
		message("one model at a time: --host and '%s'", operands[0]);
		return TOOL_BAD;
	}
	if (!options.host && !operands[0])
		return options.json ? models_print_list_json() : models_print_list();
	status = options.host ? model_from_host(&model) : model_from_text(operands[0], &model);
	return status ? status : show_model(&model, options.json);
}

const struct command cmd_models = {
	.name = "models",
	.operands = "[NAME[,key=value...]]",
	.about = "Show what a model's PMU looks like, register by register",
	.notes = "Without NAME: the list of presets. 'host' is this machine, as with --host.\n"
		 "\n"
		 "Keys that change a preset:\n",
	.more = print_keys,
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_max = 1,
	.run = run,
};
