/* SPDX-License-Identifier: MIT */
/* vpmu kernel diff, and record: two programs of kernels, or one and a profile. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpmu/vpmu.h>

#include "diff.h"
#include "input/file.h"
#include "lib/message.h"
#include "lib/model_arg.h"

struct diff_options {
	const char *models, *profile, *html;
	uint64_t operations, seed;
	bool json;
};

#define ROWS_OF_BOTH                                                                               \
	{.name = "models",                                                                         \
	 .value = "LIST",                                                                          \
	 .about = "only these, as \"intel-v2,gp=8;amd-k7\"",                                       \
	 .kind = OPTION_TEXT,                                                                      \
	 .offset = offsetof(struct diff_options, models)},                                         \
		{.name = "operations",                                                             \
	         .value = "N",                                                                     \
	         .about = "so many lines of programs (default 1000000)",                           \
	         .kind = OPTION_COUNT,                                                             \
	         .offset = offsetof(struct diff_options, operations),                              \
	         .min = 1,                                                                         \
	         .max = UINT64_C(1) << 40},                                                        \
		{.name = "seed",                                                                   \
	         .value = "S",                                                                     \
	         .about = "other programs (default 1)",                                            \
	         .kind = OPTION_COUNT,                                                             \
	         .offset = offsetof(struct diff_options, seed),                                    \
	         .max = UINT64_MAX},                                                               \
		{.name = "html",                                                                   \
	         .value = "FILE",                                                                  \
	         .about = "also write it as an HTML page",                                         \
	         .kind = OPTION_TEXT,                                                              \
	         .offset = offsetof(struct diff_options, html)},                                   \
		ARGS_JSON(struct diff_options, "print it as JSON")

static const struct option_row diff_rows[] = {ROWS_OF_BOTH};

static const struct option_row record_rows[] = {
	{.name = "profile",
         .value = "NAME",
         .about = "the profile that is compared (default: the kernel's own)",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct diff_options, profile)},
	ROWS_OF_BOTH,
};

static int kernel_side(struct side *side, struct code *code, const char *path)
{
	char *const arguments[] = {side->program, (char *)"--batch",    (char *)"--limit",
	                           (char *)"0.3", (char *)"--coverage", NULL};
	int status = kernel_file(path, side->name);
	int fd = status ? -1 : open(path, O_RDONLY | O_CLOEXEC); /* until the tool ends */

	side->path = path;
	memcpy(side->arguments, arguments, sizeof(arguments));
	side->code = code;
	if (status)
		return status;
	if (fd < 0) {
		message("cannot open: %s: %s", path, strerror(errno));
		return TOOL_BAD;
	}
	snprintf(side->program, sizeof(side->program), "/proc/self/fd/%d", fd);
	return code_open(code, side->program);
}

static void profile_side(struct side *side, const char *profile)
{
	char *const arguments[] = {(char *)"/proc/self/exe", (char *)"replay", (char *)"--batch",
	                           (char *)"-", NULL};

	side->path = "vpmu replay";
	snprintf(side->name, sizeof(side->name), "%s", profile);
	memcpy(side->arguments, arguments, sizeof(arguments));
}

static int check_models(const char *models)
{
	struct vpmu_model model;
	int status = TOOL_HOLDS;

	while (models && *models && !status) {
		char text[128];
		size_t length = strcspn(models, ";");

		snprintf(text, sizeof(text), "%.*s", (int)length, models);
		status = model_from_text(text, &model);
		models += length + (models[length] == ';');
	}
	return status;
}

static int report(const struct diff *diff, const struct diff_options *options, struct output *html)
{
	if (options->html && diff_write_html(diff, html))
		return TOOL_LACKS;
	if (options->json)
		return diff_print_json(diff) ? TOOL_LACKS : TOOL_HOLDS;
	diff_print(diff);
	return TOOL_HOLDS;
}

static int check_mediated(const char *profile, const struct side *side)
{
	if (strcmp(profile, "mediated") != 0 || kernel_mediates(side->path))
		return TOOL_HOLDS;
	message("%s has no mediated vPMU: %s", side->name, side->path);
	return TOOL_BAD;
}

/* Checks that the page can be written before running programs for minutes. */
static int go(struct diff *diff, const struct diff_options *options)
{
	struct output html = {.stream = NULL};
	int status = check_models(options->models), found = TOOL_HOLDS;

	if (!status && options->html && !output_open(&html, options->html))
		status = TOOL_LACKS;
	diff->models = options->models;
	diff->operations = options->operations;
	diff->seed = options->seed;
	if (!status)
		found = diff_find(diff);
	if (!status && found <= TOOL_FAILS)
		status = report(diff, options, &html);
	output_abandon(&html);
	return status ? status : found;
}

static void diff_close(struct diff *diff)
{
	for (unsigned i = 0; diff->classes && i < diff->count; i++)
		for (int side = 0; side < 2; side++) {
			free(diff->classes[i].executed[side]);
			free(diff->classes[i].ran[side]);
		}
	free(diff->classes);
	code_close(&diff->code[0]);
	code_close(&diff->code[1]);
}

static int run_diff(const struct command *self, int argc, char **argv)
{
	struct diff_options options = {.operations = 1000000, .seed = 1};
	const char *operands[ARGS_OPERANDS];
	struct diff diff = {.same_code = true};
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	status = TOOL_HOLDS;
	for (int i = 0; !status && i < 2; i++)
		status = kernel_side(&diff.side[i], &diff.code[i], operands[i]);
	if (!status) {
		diff.hunks = code_compare(&diff.code[0], &diff.code[1]);
		snprintf(diff.profile, sizeof(diff.profile), "%s", diff.side[1].name);
		diff.mediated = kernel_mediates(operands[0]) && kernel_mediates(operands[1]);
		status = diff.hunks < 0 ? TOOL_LACKS : go(&diff, &options);
	}
	diff_close(&diff);
	return status;
}

static int run_record(const struct command *self, int argc, char **argv)
{
	struct diff_options options = {.operations = 1000000, .seed = 1};
	const char *operands[ARGS_OPERANDS];
	const struct vpmu_profile *profile;
	struct diff diff = {.same_code = false};
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	status = kernel_side(&diff.side[0], &diff.code[0], operands[0]);
	if (!status) {
		const char *name = options.profile ? options.profile : diff.side[0].name;

		status = profile_from_text(name, &profile);
		profile_side(&diff.side[1], name);
		snprintf(diff.profile, sizeof(diff.profile), "%s", name);
	}
	if (!status && !vpmu_profile_kernel(profile)) {
		message("not a kernel's profile: %s (linux-X.Y or mediated)", diff.profile);
		status = TOOL_BAD;
	}
	if (!status)
		status = check_mediated(diff.profile, &diff.side[0]);
	if (!status)
		status = go(&diff, &options);
	diff_close(&diff);
	return status;
}

const struct command kernel_diff = {
	.name = "kernel diff",
	.operands = "OLD NEW",
	.about = "Find what a patch changes, as the shortest scripts that show it",
	.notes =
		"OLD and NEW are programs of 'vpmu kernel build'. Random programs run on both; "
		"each "
		"sort of\n"
		"difference is told once, with the lines of the kernel that lead to it. Where "
		"both\n"
		"have a mediated vPMU, half of the programs are for that.\n"
		"\n"
		"Exit status: 0, no difference; 1, there is one; 2, bad input; 3, this host lacks\n"
		"something.\n",
	.options = diff_rows,
	.option_count = sizeof(diff_rows) / sizeof(diff_rows[0]),
	.operand_min = 2,
	.operand_max = 2,
	.run = run_diff,
};

const struct command kernel_record = {
	.name = "kernel record",
	.operands = "FILE",
	.about = "Compare a kernel's PMU code with a profile of vpmu",
	.notes =
		"FILE is a program of 'vpmu kernel build'. The reports call it OLD, and vpmu NEW.\n"
		"\n"
		"Exit status: 0, no difference; 1, there is one; 2, bad input; 3, this host lacks\n"
		"something.\n",
	.options = record_rows,
	.option_count = sizeof(record_rows) / sizeof(record_rows[0]),
	.operand_min = 1,
	.operand_max = 1,
	.run = run_record,
};
