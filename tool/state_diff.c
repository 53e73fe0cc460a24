/* SPDX-License-Identifier: MIT */
/* vpmu state diff: in which registers two files of states differ. */
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "message.h"
#include "state.h"

struct diff_options {
	const char *model;
};

static const struct option_row rows[] = {
	{.name = "model",
         .value = "NAME",
         .about = STATE_MODEL_FOR_QEMU,
         .kind = OPTION_TEXT,
         .offset = offsetof(struct diff_options, model)},
};

static bool diff_values(const struct state_entry *a, const struct state_entry *b)
{
	struct vpmu_difference differences[VPMU_MAX_STATE];
	struct vpmu_layout layout;
	size_t count = 0;

	vpmu_layout_init(&layout, &a->state.model);
	vpmu_state_compare(&a->state, &b->state, &layout, differences, &count);
	for (size_t i = 0; i < count; i++) {
		const struct vpmu_register *reg = &layout.registers[differences[i].place];

		printf("vCPU %" PRIu32 ": %s (0x%" PRIx32 "): 0x%" PRIx64 " -> 0x%" PRIx64 "\n",
		       a->vcpu, reg->name, reg->msr, differences[i].a, differences[i].b);
	}
	return count;
}

/* Of two models each fact that is not the same; the judgement both ways has them all. */
static void print_models(const struct state_entry *a, const struct state_entry *b)
{
	static struct vpmu_compat compat;
	struct vpmu_layout layout;
	char text[256];

	printf("vCPU %" PRIu32 ": the models differ: %s -> %s\n", a->vcpu, a->state.model.name,
	       b->state.model.name);
	vpmu_layout_init(&layout, &a->state.model);
	vpmu_compat_judge(&compat, &a->state, &layout, &b->state.model);
	for (unsigned i = 0; i < compat.difference_count; i++) {
		vpmu_compat_describe_difference(&compat, i, text, sizeof(text));
		printf("vCPU %" PRIu32 ":   %s\n", a->vcpu, text);
	}
}

/* The next number of a vCPU, of either set. */
static bool diff_next(const struct state_set *a, const struct state_set *b, size_t *i, size_t *j)
{
	const struct state_entry *one = *i < a->count ? &a->entries[*i] : NULL;
	const struct state_entry *other = *j < b->count ? &b->entries[*j] : NULL;

	if (!other || (one && one->vcpu < other->vcpu)) {
		printf("vCPU %" PRIu32 ": only in the first file\n", a->entries[(*i)++].vcpu);
		return true;
	}
	if (!one || other->vcpu < one->vcpu) {
		printf("vCPU %" PRIu32 ": only in the second file\n", b->entries[(*j)++].vcpu);
		return true;
	}
	++*i;
	++*j;
	if (vpmu_model_equal(&one->state.model, &other->state.model))
		return diff_values(one, other);
	print_models(one, other);
	return true;
}

static int diff(const struct state_set *a, const struct state_set *b)
{
	size_t i = 0, j = 0;
	bool differ = false;

	while (i < a->count || j < b->count)
		differ |= diff_next(a, b, &i, &j);
	return differ ? TOOL_FAILS : TOOL_HOLDS;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct diff_options options = {0};
	const char *operands[ARGS_OPERANDS];
	struct state_file a, b;
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	status = state_file_read_set(operands[0], options.model, &a);
	if (status)
		return status;
	status = state_file_read_set(operands[1], options.model, &b);
	if (!status) {
		status = diff(&a.set, &b.set);
		state_file_free(&b);
	}
	state_file_free(&a);
	return status;
}

const struct command state_diff = {
	.name = "state diff",
	.operands = "A B",
	.about = "Show in which registers two files of states differ",
	.notes = "The files may be of different formats. Names of models are not compared.\n"
		 "\n"
		 "Exit status: 0, the same; 1, they differ; 2, bad input.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 2,
	.operand_max = 2,
	.run = run,
};
