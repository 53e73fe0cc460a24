/* SPDX-License-Identifier: MIT */
/* vpmu state compat: whether a target can take the states of a file. */
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "message.h"
#include "model_arg.h"
#include "state.h"

struct compat_options {
	const char *model, *profile, *qemu_model;
	bool host, strict, all, json;
};

static const struct option_row rows[] = {
	{.name = "model",
         .value = "NAME",
         .about = "the target's PMU: a preset with overrides (vpmu models), or 'host'",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct compat_options, model)},
	{.name = "host",
         .about = "the target is this machine's CPU, as CPUID describes it",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct compat_options, host)},
	{.name = "profile",
         .value = "NAME",
         .about = "what this profile makes of the target's PMU: linux-6.12, ...",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct compat_options, profile)},
	{.name = "state-model",
         .value = "NAME",
         .about = STATE_MODEL_FOR_QEMU,
         .kind = OPTION_TEXT,
         .offset = offsetof(struct compat_options, qemu_model)},
	{.name = "strict",
         .about = "a state that is taken changed does not hold",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct compat_options, strict)},
	{.name = "all",
         .about = "show registers that are taken as they are, too",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct compat_options, all)},
	{.name = "json",
         .about = "print JSON (docs/json.md: vpmu-compat)",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct compat_options, json)},
};

enum { LINE_BYTES = 320 };

/* --- One vCPU, as text ------------------------------------------------------------------------ */

static void print_judgement(const struct state_entry *entry, const struct vpmu_model *to,
                            const struct vpmu_compat *compat, bool all)
{
	char line[LINE_BYTES];

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

/* --- The same as JSON ------------------------------------------------------------------------- */

#if HAVE_JANSSON

static json_t *differences_json(const struct vpmu_compat *compat)
{
	json_t *list = json_array();
	char line[LINE_BYTES];

	for (unsigned i = 0; i < compat->difference_count; i++) {
		const struct vpmu_compat_difference *difference = &compat->differences[i];

		vpmu_compat_describe_difference(compat, i, line, sizeof(line));
		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:o, s:s}", "verdict",
		                  vpmu_take_text((enum vpmu_take)difference->take), "from",
		                  json_hex(difference->from), "to", json_hex(difference->to),
		                  "text", line));
	}
	return list;
}

static json_t *registers_json(const struct vpmu_compat *compat)
{
	json_t *list = json_array();
	char line[LINE_BYTES];

	for (unsigned i = 0; i < compat->register_count; i++) {
		const struct vpmu_compat_register *verdict = &compat->registers[i];
		const struct vpmu_register *reg = &compat->layout->registers[verdict->place];

		vpmu_compat_describe_register(compat, i, line, sizeof(line));
		json_array_append_new(
			list, json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:s}", "name", reg->name,
		                        "msr", json_hex(reg->msr), "verdict",
		                        vpmu_take_text((enum vpmu_take)verdict->take), "value",
		                        json_hex(verdict->value), "becomes",
		                        json_hex(verdict->becomes), "bits",
		                        json_hex(verdict->bits), "text", line));
	}
	return list;
}

static void add_judgement(json_t *vcpus, const struct state_entry *entry,
                          const struct vpmu_compat *compat)
{
	json_array_append_new(
		vcpus, json_pack("{s:I, s:s, s:s, s:o, s:o}", "vcpu", (json_int_t)entry->vcpu,
	                         "model", entry->state.model.name, "verdict",
	                         vpmu_take_text(compat->take), "differences",
	                         differences_json(compat), "registers", registers_json(compat)));
}

static json_t *new_list(void)
{
	return json_array();
}

static int print_list(json_t *vcpus, const struct vpmu_model *to, enum vpmu_take worst)
{
	json_t *document = json_document("vpmu-compat", 1);

	json_object_set_new(document, "target", json_string(to->name));
	json_object_set_new(document, "verdict", json_string(vpmu_take_text(worst)));
	json_object_set_new(document, "vcpus", vcpus);
	return json_print(document);
}

#else

typedef void json_t;

static void add_judgement(json_t *vcpus, const struct state_entry *entry,
                          const struct vpmu_compat *compat)
{
}

static json_t *new_list(void)
{
	return NULL;
}

static int print_list(json_t *vcpus, const struct vpmu_model *to, enum vpmu_take worst)
{
	return json_lacks() ? TOOL_LACKS : TOOL_HOLDS;
}

#endif

/* --- All of them ------------------------------------------------------------------------------ */

static int judge(const struct state_set *set, const struct vpmu_model *to,
                 const struct compat_options *options)
{
	static struct vpmu_compat compat; /* some KiB */
	json_t *list = options->json ? new_list() : NULL;
	enum vpmu_take worst = VPMU_TAKES;

	for (size_t i = 0; i < set->count; i++) {
		const struct state_entry *entry = &set->entries[i];
		struct vpmu_layout layout;

		vpmu_layout_init(&layout, &entry->state.model);
		vpmu_compat_judge(&compat, &entry->state, &layout, to);
		if (compat.take > worst)
			worst = compat.take;
		if (options->json)
			add_judgement(list, entry, &compat);
		else
			print_judgement(entry, to, &compat, options->all);
	}
	if (options->json && print_list(list, to, worst))
		return TOOL_LACKS;
	if (worst == VPMU_CANNOT_TAKE || (options->strict && worst != VPMU_TAKES))
		return TOOL_FAILS;
	return TOOL_HOLDS;
}

static int read_target(const struct compat_options *options, struct vpmu_model *to)
{
	const struct vpmu_profile *profile;
	int status;

	if (!options->model == !options->host) {
		message("%s target (--model NAME or --host)",
		        options->host ? "more than one" : "no");
		return TOOL_BAD;
	}
	status = options->host ? model_from_host(to) : model_from_text(options->model, to);
	if (!status && options->profile) {
		status = profile_from_text(options->profile, &profile);
		if (!status && vpmu_profile_adapt(profile, to)) {
			message("no PMU under this profile: %s", options->profile);
			status = TOOL_BAD;
		}
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
	if (options.json && json_lacks())
		return TOOL_LACKS;
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
	.notes = "Nothing is written anywhere. Each register is taken, taken changed, or cannot be taken;\n"
		 "what the guest would notice is said.\n"
		 "\n"
		 "Exit status: 0, the target takes the states; 1, it cannot; 2, bad input.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
