/* SPDX-License-Identifier: MIT */
/* vpmu state baseline: the largest PMU that all hosts of a fleet can take, and which host costs
 * what. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/folder.h"
#include "lib/input.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/model_arg.h"
#include "models/models.h"
#include "state.h"
#include "lib/visible.h"

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
	void **kept; /* what the hosts' names are in */
	size_t kept_count, kept_room;
	unsigned untold; /* enum foreign_untold, of some file */
	size_t untold_files;
	const char *untold_file;
};

/* Keeps memory up to the end. False, and it is freed: no memory. */
static bool keep(struct fleet *fleet, void *memory)
{
	if (fleet->kept_count == fleet->kept_room) {
		size_t room = 2 * fleet->kept_room + 64;
		void **kept = memory_resize(fleet->kept, room * sizeof(*kept));

		if (!kept) {
			free(memory);
			return false;
		}
		fleet->kept = kept;
		fleet->kept_room = room;
	}
	fleet->kept[fleet->kept_count++] = memory;
	return true;
}

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

/* The CPUs that a file describes: a host for each kind. */
static int add_described(struct fleet *fleet, const char *path, const struct foreign_cpus *cpus)
{
	char why[STATE_WHY_BYTES] = "";

	for (size_t i = 0; i < cpus->count; i++) {
		const struct foreign_cpu *cpu = &cpus->models[i];
		char *name = memory_get(strlen(path) + FOREIGN_LABEL + 2);

		if (!name || !keep(fleet, name)) {
			message("out of memory: %s", path);
			return TOOL_LACKS;
		}
		strcpy(name, path);
		if (cpus->count > 1)
			sprintf(name + strlen(name), ":%s", cpu->label);
		if (!add_host(fleet, &cpu->model,
		              (struct state_host){NULL, 0, name, (int)strlen(name)}, why)) {
			message("%s: %s", why, path);
			return bad_or_no_memory();
		}
	}
	if (model_file_untold(cpus)) {
		fleet->untold |= model_file_untold(cpus);
		fleet->untold_files++;
		fleet->untold_file = path;
	}
	return TOOL_HOLDS;
}

/* A file is a list of hosts, or it describes one. The bytes are kept. */
static int add_contents(struct fleet *fleet, const char *path, uint8_t *bytes, size_t count)
{
	static struct foreign_cpus cpus;
	bool is_list = strcmp(foreign_looks(bytes, count), "JSON") != 0 &&
	               foreign_cpus_read(bytes, count, &cpus, NULL, 0) == VPMU_NO_REGISTER;
	int status;

	if (!keep(fleet, bytes)) {
		message("out of memory: %s", path);
		return TOOL_LACKS;
	}
	if (is_list)
		return add_lines(fleet, path, bytes, count);
	status = model_file_parse(path, bytes, count, &cpus);
	return status ? status : add_described(fleet, path, &cpus);
}

static int add_file(struct fleet *fleet, const char *path)
{
	struct input input;
	int status = input_open(path, LIMIT, "any list of models", &input);

	if (status)
		return status;
	if (input.is_qemu) {
		message("not a description of a CPU: %s: it looks like a QEMU migration file",
		        path);
		status = TOOL_BAD;
	} else {
		uint8_t *bytes = input.bytes;

		input.bytes = NULL;
		status = add_contents(fleet, path, bytes, input.count);
	}
	input_close(&input);
	return status;
}

/* Each file of a folder is a host. */
static int add_folder(struct fleet *fleet, const char *path)
{
	struct folder folder;
	int status = folder_open(path, &folder);

	for (size_t i = 0; i < folder.count && !status; i++) {
		char *copy = memory_copy(folder.paths[i]);

		if (!copy || !keep(fleet, copy)) {
			message("out of memory: %s", path);
			status = TOOL_LACKS;
			break;
		}
		status = add_file(fleet, copy);
	}
	folder_close(&folder);
	return status;
}

/* What is a model's name is a model; anything else that exists is a file or a folder. */
static int add_operand(struct fleet *fleet, const char *text)
{
	struct vpmu_model model;
	char as[MODEL_TEXT];
	bool is_model = !strcmp(text, "host") || !vpmu_model_parse(&model, text, NULL, 0) ||
	                foreign_name_text(text, strcspn(text, ","), as, sizeof(as));

	if (!is_model && folder_is(text))
		return add_folder(fleet, text);
	if (!is_model && (!strcmp(text, "-") || strchr(text, '/') || !access(text, F_OK)))
		return add_file(fleet, text);
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

/* What the files do not tell, once for all of them. */
static void tell_untold(const struct fleet *fleet)
{
	char of[512];

	if (fleet->untold_files == 1)
		snprintf(of, sizeof(of), "a file: %.400s", fleet->untold_file);
	else
		snprintf(of, sizeof(of), "%zu files", fleet->untold_files);
	model_file_tell_bits(of, fleet->untold);
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
		status = add_operand(&fleet, operands[i]);
	if (!status)
		tell_untold(&fleet);
	if (!status)
		status = print_baseline(&fleet, options.json);
	for (size_t i = 0; i < fleet.kept_count; i++)
		free(fleet.kept[i]);
	free(fleet.kept);
	free(fleet.hosts);
	return status;
}

const struct command state_baseline = {
	.name = "state baseline",
	.operands = "MODEL|FILE|FOLDER...",
	.about = "Find the largest PMU that all hosts of a fleet can take",
	.notes = "A FILE has a host a line: its model, or its name and its model; '#' starts a "
		 "comment,\n"
		 "'-' is the standard input. Or it describes a host's CPU ('vpmu models --help' "
		 "tells "
		 "how).\n"
		 "Of a FOLDER each file is read. Models\n"
		 "are written as for --model: a preset's name, then key=value. What of the hosts "
		 "the\n"
		 "baseline lacks is listed, with the hosts to blame.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 1,
	.operand_max = ARGS_OPERANDS,
	.run = run,
};
