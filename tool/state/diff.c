/* SPDX-License-Identifier: MIT */
/* vpmu state diff: in which registers two files of states differ. */
#include <inttypes.h>
#include <stdio.h>

#include "state.h"

struct diff_options {
	const char *model;
};

static const struct option_row rows[] = {
	STATE_QEMU_MODEL("model", struct diff_options, model),
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

/* What the first model has and the second lacks, or has less of; fields in `told` are left out.
 * Returns the fields that are told by now. */
static uint32_t print_lacks(uint32_t vcpu, char sign, const struct vpmu_state *first,
                            const struct vpmu_model *second, uint32_t told)
{
	const struct state_target target = {.model = *second, .order = vpmu_order_find("safe")};
	struct vpmu_compat compat;
	struct vpmu_layout layout;
	char line[STATE_LINE_BYTES];

	state_judge(&compat, &layout, first, &target);
	for (unsigned i = 0; i < compat.difference_count; i++) {
		uint32_t field = UINT32_C(1) << compat.differences[i].field;

		vpmu_compat_describe_difference(&compat, i, line, sizeof(line));
		if (!(told & field))
			printf("vCPU %" PRIu32 ": %c %s\n", vcpu, sign, line);
		told |= field;
	}
	return told;
}

static void print_models(const struct state_entry *a, const struct state_entry *b)
{
	uint32_t told;

	printf("vCPU %" PRIu32 ": the models differ: %s -> %s\n", a->vcpu, a->state.model.name,
	       b->state.model.name);
	told = print_lacks(a->vcpu, '-', &a->state, &b->state.model, 0);
	print_lacks(a->vcpu, '+', &b->state, &a->state.model, told);
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

static bool takes_model(const struct state_file *file)
{
	return file->format == STATE_QEMU || file->format == STATE_FOREIGN;
}

/* A model may be needed for one of them only. */
static int read_both(const char *const *paths, const char *model, struct state_file *files)
{
	int status = TOOL_HOLDS;
	size_t i;

	for (i = 0; i < 2 && !status; i++) {
		status = state_file_read_any(paths[i], model, &files[i]);
		if (!status)
			status = state_file_must_have_set(paths[i], &files[i]);
	}
	if (!status && model && !takes_model(&files[0]) && !takes_model(&files[1])) {
		status = state_model_not_needed(paths[0]);
		state_file_free(&files[1]);
		i = 2;
	}
	if (status && i == 2)
		state_file_free(&files[0]);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct diff_options options = {0};
	const char *operands[ARGS_OPERANDS];
	struct state_file files[2];
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	status = read_both(operands, options.model, files);
	if (status)
		return status;
	status = diff(&files[0].set, &files[1].set);
	state_file_free(&files[0]);
	state_file_free(&files[1]);
	return status;
}

const struct command state_diff = {
	.name = "state diff",
	.operands = "A B",
	.about = "Show in which registers two files of states differ",
	.notes = "The files may be of different formats. Names of models are not compared; of "
		 "different\n"
		 "models is said what the second lacks (-), and what the first lacks (+).\n"
		 "\n"
		 "Exit status: 0, the same; 1, they differ; 2, bad input.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 2,
	.operand_max = 2,
	.run = run,
};
