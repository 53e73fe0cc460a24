/* SPDX-License-Identifier: MIT */
/* vpmu state baseline: the largest PMU that all hosts of a fleet can take, and which host costs
 * what. */
#include <inttypes.h>
#include <stdio.h>

#include "fleet.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "models/models.h"

struct baseline_options {
	struct fleet_options fleet;
	bool json;
};

static const struct option_row rows[] = {
	{.name = "profile",
         .value = "NAME",
         .about = "what its kernel gives a guest: linux-6.12, ... (hardware)",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct baseline_options, fleet.profile)},
	FLEET_OPTIONS(struct baseline_options),
	ARGS_JSON(struct baseline_options, "print JSON (docs/json.md: vpmu-baseline)"),
};

static int refused(const struct state_host *host, const char *why)
{
	if (host->file)
		message("%s: %s:%" PRIu64, why, host->file, host->line);
	else
		message("%s: %.*s", why, host->name_length, host->name);
	return memory_ran_out() ? TOOL_LACKS : TOOL_BAD;
}

/* A host's number in the baseline is its place in the fleet. */
static int add_all(const struct fleet *fleet, const struct fleet_options *options,
                   struct vpmu_baseline *baseline)
{
	char why[STATE_WHY_BYTES] = "";
	uint32_t machine_type;
	int status = fleet_machine_type(options, &machine_type);

	for (size_t i = 0; i < fleet->count && !status; i++) {
		const struct fleet_machine *machine = &fleet->machines[i];
		struct qemu_vm vm = fleet_vm(machine, machine_type, options->pmu_off);
		struct vpmu_model guest;

		status = fleet_guest(machine, &vm, &guest);
		if (!status && vpmu_baseline_add(baseline, &guest, i, why, sizeof(why)))
			status = refused(&machine->host, why);
	}
	return status;
}

/* --- What is printed -------------------------------------------------------------------------- */

static void print_host(const struct fleet_machine *machine)
{
	char version[QEMU_VERSION_TEXT];

	fleet_print_name(machine);
	if (!machine->qemu)
		return;
	qemu_version_text(machine->qemu, version);
	printf(" with QEMU %s", version);
}

static void print_costs(const struct vpmu_baseline *baseline, const struct fleet *fleet)
{
	struct vpmu_cost cost;

	for (size_t i = 0; vpmu_baseline_cost(baseline, i, &cost); i++) {
		if (!i)
			printf("\n%sWhat it costs%s\n", bold_on(stdout), bold_off(stdout));
		printf("%s", cost.text);
		if (cost.hosts) {
			printf(": %" PRIu64 " host%s, %s", cost.hosts, cost.hosts == 1 ? "" : "s",
			       cost.hosts == 1 ? "" : "the first is ");
			print_host(&fleet->machines[cost.first]);
		}
		putchar('\n');
	}
}

static int print_baseline(const struct vpmu_baseline *baseline, const struct fleet *fleet,
                          bool json)
{
	struct vpmu_model model;

	if (vpmu_baseline_model(baseline, &model))
		return TOOL_BAD;
	if (json)
		return state_baseline_json(baseline, &model, fleet);
	printf("%sThe baseline of %" PRIu64 " host%s%s\n", bold_on(stdout), baseline->hosts,
	       baseline->hosts == 1 ? "" : "s", bold_off(stdout));
	models_print_summary(&model);
	print_costs(baseline, fleet);
	return TOOL_HOLDS;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct baseline_options options = {.json = false};
	struct vpmu_baseline baseline = {.hosts = 0};
	struct fleet fleet = {.count = 0};
	const char *const *operands;
	int status = args_parse_list(self, argc, argv, &options, &operands);

	if (status != ARGS_GO)
		return status;
	status = fleet_read(&fleet, operands, &options.fleet);
	if (!status)
		status = add_all(&fleet, &options.fleet, &baseline);
	if (!status)
		status = print_baseline(&baseline, &fleet, options.json);
	fleet_free(&fleet);
	return status;
}

const struct command state_baseline = {
	.name = "state baseline",
	.operands = "MODEL|FILE|FOLDER...",
	.about = "Find the largest PMU that all hosts of a fleet can take",
	.notes =
		"A FILE has a host a line: its model, or its name and its model, then qemu=VERSION "
		"and\n"
		"profile=NAME where they are known; '#' starts a comment, '-' is the standard "
		"input. Or\n"
		"it describes a host's CPU ('vpmu models --help' tells how). Of a FOLDER each file "
		"is\n"
		"read. Models are written as for --model: a preset's name, then key=value. What of "
		"the\n"
		"hosts the baseline lacks is listed, with the hosts to blame.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.operand_min = 1,
	.operand_max = ARGS_ANY,
	.run = run,
};
