/* SPDX-License-Identifier: MIT */
/* vpmu state baseline: the largest PMU that all hosts of a fleet can take, and which host costs
 * what. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "memory.h"
#include "message.h"
#include "model_arg.h"
#include "models.h"
#include "state.h"
#include "visible.h"

enum { LIMIT = 256 << 20, MODEL_TEXT = 256 };

struct baseline_options {
	bool json;
};

static const struct option_row rows[] = {
	ARGS_JSON(struct baseline_options, "print JSON (docs/json.md: vpmu-baseline)"),
};

struct fleet {
	struct vpmu_baseline baseline;
	struct state_host *hosts;
	size_t count, room;
	uint8_t *texts[ARGS_OPERANDS]; /* of the files, which the hosts' names are in */
};

/* Adds a host. why: STATE_WHY_BYTES. */
static bool add_host(struct fleet *fleet, const struct vpmu_model *model, struct state_host host,
                     char *why)
{
	if (fleet->count == fleet->room) {
		size_t room = 2 * fleet->room + 64;
		struct state_host *hosts = memory_resize(fleet->hosts, room * sizeof(*hosts));

		if (!hosts) {
			snprintf(why, STATE_WHY_BYTES, "out of memory");
			return false;
		}
		fleet->hosts = hosts;
		fleet->room = room;
	}
	if (vpmu_baseline_add(&fleet->baseline, model, fleet->count, why, STATE_WHY_BYTES))
		return false;
	fleet->hosts[fleet->count++] = host;
	return true;
}

static int bad_or_no_memory(void)
{
	return memory_ran_out() ? TOOL_LACKS : TOOL_BAD;
}

static int add_typed(struct fleet *fleet, const char *text)
{
	char why[STATE_WHY_BYTES] = "";
	struct vpmu_model model;
	int status = model_from_text(text, &model);

	if (status)
		return status;
	if (add_host(fleet, &model, (struct state_host){NULL, 0, text, (int)strlen(text)}, why))
		return TOOL_HOLDS;
	message("%s: %s", why, text);
	return bad_or_no_memory();
}

/* A line: MODEL, or HOST and MODEL with blanks between; nothing, or a comment after '#'. */
static bool add_line(struct fleet *fleet, struct state_host host, const char *line, size_t length,
                     char *why)
{
	char text[MODEL_TEXT];
	struct vpmu_model model;
	size_t word, skipped;

	snprintf(text, sizeof(text), "%.*s", (int)length, line);
	text[strcspn(text, "#")] = '\0';
	skipped = strspn(text, " \t\r");
	word = strcspn(text + skipped, " \t\r");
	host.name = line + skipped;
	host.name_length = (int)word;
	if (!word)
		return true;
	if (text[skipped + word + strspn(text + skipped + word, " \t\r")]) {
		skipped += word + strspn(text + skipped + word, " \t\r");
		word = strcspn(text + skipped, " \t\r");
	}
	if (text[skipped + word + strspn(text + skipped + word, " \t\r")]) {
		snprintf(why, STATE_WHY_BYTES, "more than a host and a model");
		return false;
	}
	text[skipped + word] = '\0';
	if (vpmu_model_parse(&model, text + skipped, why, STATE_WHY_BYTES))
		return false;
	return add_host(fleet, &model, host, why);
}

static int add_lines(struct fleet *fleet, const char *path, const uint8_t *bytes, size_t count)
{
	struct state_host host = {.file = path};
	char why[STATE_WHY_BYTES] = "";

	for (size_t at = 0, length; at < count; at += length + 1) {
		const char *line = (const char *)bytes + at;
		const char *end = memchr(line, '\n', count - at);

		length = end ? (size_t)(end - line) : count - at;
		host.line++;
		if (length >= MODEL_TEXT || memchr(line, '\0', length)) {
			message("not a line of text: %s:%" PRIu64, path, host.line);
			return TOOL_BAD;
		}
		if (!add_line(fleet, host, line, length, why)) {
			message("%s: %s:%" PRIu64, why, path, host.line);
			return bad_or_no_memory();
		}
	}
	return TOOL_HOLDS;
}

static bool looks_like_report(const uint8_t *bytes, size_t count)
{
	size_t at = 0;

	while (at < count && memchr(" \t\r\n", bytes[at], 4))
		at++;
	return at < count && bytes[at] == '{';
}

/* A file is a list of hosts, or one host's report. */
static int add_contents(struct fleet *fleet, const char *path, const uint8_t *bytes, size_t count)
{
	char why[STATE_WHY_BYTES] = "";
	struct state_report report;
	enum vpmu_status status;

	if (!looks_like_report(bytes, count))
		return add_lines(fleet, path, bytes, count);
	status = state_json_report((const char *)bytes, count, &report, why);
	if (status == VPMU_INTERNAL)
		return TOOL_LACKS;
	if (!status && add_host(fleet, &report.model,
	                        (struct state_host){NULL, 0, path, (int)strlen(path)}, why))
		return TOOL_HOLDS;
	message("%s: %s", why, path);
	return bad_or_no_memory();
}

static int add_file(struct fleet *fleet, unsigned operand, const char *path)
{
	size_t count;
	int status = file_read(!strcmp(path, "-") ? "/dev/stdin" : path, LIMIT,
	                       "any list of models", &fleet->texts[operand], &count);

	return status ? status : add_contents(fleet, path, fleet->texts[operand], count);
}

/* What is a model's name is a model; anything else that exists is a file. */
static int add_operand(struct fleet *fleet, unsigned operand, const char *text)
{
	struct vpmu_model model;
	bool is_model = !strcmp(text, "host") || !vpmu_model_parse(&model, text, NULL, 0);

	if (!is_model && (!strcmp(text, "-") || strchr(text, '/') || !access(text, F_OK)))
		return add_file(fleet, operand, text);
	return add_typed(fleet, text);
}

/* --- What is printed -------------------------------------------------------------------------- */

static void print_model(const struct fleet *fleet, const struct vpmu_model *model)
{
	printf("%sThe baseline of %" PRIu64 " host%s%s\n", bold_on(stdout), fleet->baseline.hosts,
	       fleet->baseline.hosts == 1 ? "" : "s", bold_off(stdout));
	models_print_summary(model);
}

static void print_host(const struct state_host *host)
{
	print_visible_bytes(stdout, host->name, (size_t)host->name_length);
	if (!host->file)
		return;
	fputs(" (", stdout);
	print_visible(stdout, host->file);
	printf(":%" PRIu64 ")", host->line);
}

static void print_costs(const struct fleet *fleet)
{
	struct vpmu_cost cost;

	for (size_t i = 0; vpmu_baseline_cost(&fleet->baseline, i, &cost); i++) {
		if (!i)
			printf("\n%sWhat it costs%s\n", bold_on(stdout), bold_off(stdout));
		printf("%s", cost.text);
		if (cost.hosts) {
			printf(": %" PRIu64 " host%s, %s", cost.hosts, cost.hosts == 1 ? "" : "s",
			       cost.hosts == 1 ? "" : "the first is ");
			print_host(&fleet->hosts[cost.first]);
		}
		putchar('\n');
	}
}

static int print_baseline(const struct fleet *fleet, bool json)
{
	struct vpmu_model model;

	if (vpmu_baseline_model(&fleet->baseline, &model)) {
		message("no hosts: the list is empty");
		return TOOL_BAD;
	}
	if (json)
		return state_baseline_json(&fleet->baseline, &model, fleet->hosts);
	print_model(fleet, &model);
	print_costs(fleet);
	return TOOL_HOLDS;
}

static int run(const struct command *self, int argc, char **argv)
{
	static struct fleet fleet; /* some KiB */
	struct baseline_options options = {0};
	const char *operands[ARGS_OPERANDS];
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	status = TOOL_HOLDS;
	for (unsigned i = 0; i < ARGS_OPERANDS && operands[i] && !status; i++)
		status = add_operand(&fleet, i, operands[i]);
	if (!status)
		status = print_baseline(&fleet, options.json);
	for (unsigned i = 0; i < ARGS_OPERANDS; i++)
		free(fleet.texts[i]);
	free(fleet.hosts);
	return status;
}

const struct command state_baseline = {
	.name = "state baseline",
	.operands = "MODEL|FILE...",
	.about = "Find the largest PMU that all hosts of a fleet can take",
	.notes = "A FILE has a host a line: its model, or its name and its model; '#' starts a "
		 "comment,\n"
		 "'-' is the standard input. Or it is what vpmu doctor --json printed on a host. "
		 "Models\n"
		 "are written as for --model: a preset's name, then key=value. What of the hosts "
		 "the\n"
		 "baseline has not is listed, with who is to blame.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 1,
	.operand_max = ARGS_OPERANDS,
	.run = run,
};
