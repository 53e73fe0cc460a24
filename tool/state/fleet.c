/* SPDX-License-Identifier: MIT */
/* Reads a fleet: models, lists of them, descriptions of CPUs, folders; and what guests get there.
 */
#include "fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json/room.h>

#include "input/folder.h"
#include "input/input.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/model_arg.h"
#include "lib/visible.h"

enum { LIMIT = 256 << 20, NAME_TEXT = 256 };

/* --- What is kept ----------------------------------------------------------------------------- */

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

static int no_memory(const char *path)
{
	message("out of memory: %s", path);
	return TOOL_LACKS;
}

static int add(struct fleet *fleet, const struct fleet_machine *machine)
{
	return fleet_add(fleet, machine) ? TOOL_HOLDS : no_memory("a fleet");
}

static int add_typed(struct fleet *fleet, const char *text)
{
	struct fleet_machine machine = {.host = {NULL, 0, text, (int)strlen(text)}};
	int status = model_from_text(text, &machine.cpu);

	return status ? status : add(fleet, &machine);
}

static int add_lines(struct fleet *fleet, const char *path, const uint8_t *bytes, size_t count)
{
	char why[STATE_WHY_BYTES] = "";
	uint64_t line;
	int status = fleet_list_read(fleet, path, bytes, count, why, &line);

	if (status == TOOL_BAD)
		message("%s: %s:%" PRIu64, why, path, line);
	return status == TOOL_LACKS ? no_memory(path) : status;
}

/* --- Descriptions ----------------------------------------------------------------------------- */

/* The profile of a doctor's report, by its kernel; NULL: not told. */
static const struct vpmu_profile *profile_of(const uint8_t *bytes, size_t count)
{
	struct json_report report;
	char why[STATE_WHY_BYTES] = "";

	if (!state_json_is_own(bytes, count) ||
	    state_json_report((const char *)bytes, count, &report, why) || !report.is_doctor)
		return NULL;
	return report.profile;
}

/* The CPUs that a file describes: a machine for each kind. */
static int add_described(struct fleet *fleet, const char *path, const struct foreign_cpus *cpus,
                         const struct vpmu_profile *profile)
{
	int status = TOOL_HOLDS;

	for (size_t i = 0; i < cpus->count && !status; i++) {
		const struct foreign_cpu *cpu = &cpus->models[i];
		struct fleet_machine machine = {.cpu = cpu->model, .profile = profile};
		char *name = memory_get(strlen(path) + FOREIGN_LABEL + 2);

		if (!name || !keep(fleet, name))
			return no_memory(path);
		strcpy(name, path);
		if (cpus->count > 1)
			sprintf(name + strlen(name), ":%s", cpu->label);
		machine.host.name = name;
		machine.host.name_length = (int)strlen(name);
		status = add(fleet, &machine);
	}
	if (model_file_untold(cpus)) {
		fleet->untold |= model_file_untold(cpus);
		fleet->untold_files++;
		fleet->untold_file = path;
	}
	return status;
}

/* A file is a list of machines, or it describes one. The bytes are kept. */
static int add_contents(struct fleet *fleet, const char *path, uint8_t *bytes, size_t count)
{
	static struct foreign_cpus cpus;
	bool is_list = strcmp(foreign_looks(bytes, count), "JSON") != 0 &&
	               foreign_cpus_read(bytes, count, &cpus, NULL, 0) == VPMU_NO_REGISTER;
	int status;

	if (!keep(fleet, bytes))
		return no_memory(path);
	if (is_list)
		return add_lines(fleet, path, bytes, count);
	status = model_file_parse(path, bytes, count, &cpus);
	return status ? status : add_described(fleet, path, &cpus, profile_of(bytes, count));
}

static int add_file(struct fleet *fleet, const char *path)
{
	struct input input;
	int status = model_file_open(path, LIMIT, "any list of models", &input);
	uint8_t *bytes;

	if (status)
		return status;
	bytes = input.bytes;
	input.bytes = NULL;
	status = add_contents(fleet, path, bytes, input.count);
	input_close(&input);
	return status;
}

/* Each file of a folder is a machine. */
static int add_folder(struct fleet *fleet, const char *path)
{
	struct folder folder;
	int status = folder_open(path, &folder);

	for (size_t i = 0; i < folder.count && !status; i++) {
		char *copy = memory_copy(folder.paths[i]);

		if (!copy || !keep(fleet, copy)) {
			status = no_memory(path);
			break;
		}
		status = add_file(fleet, copy);
	}
	folder_close(&folder);
	return status;
}

/* An operand that is a model's name is a model; anything else that exists is a file or a folder. */
static int add_operand(struct fleet *fleet, const char *text)
{
	struct vpmu_model model;
	char as[NAME_TEXT];
	bool is_model = !strcmp(text, "host") || !vpmu_model_parse(&model, text, NULL, 0) ||
	                foreign_name_text(text, strcspn(text, ","), as, sizeof(as));

	if (!is_model && folder_is(text))
		return add_folder(fleet, text);
	if (!is_model && (!strcmp(text, "-") || strchr(text, '/') || !access(text, F_OK)))
		return add_file(fleet, text);
	return add_typed(fleet, text);
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

/* --- Options ---------------------------------------------------------------------------------- */

static int bad_version(const char *option, const char *text)
{
	message("%s: not a version of QEMU, as 10.1 or 10.1.2: '%s'", option, text);
	return TOOL_BAD;
}

enum { QEMU_VERSIONS = 8 };

/* A list of versions, at most QEMU_VERSIONS. */
static int read_versions(const char *list, uint32_t *versions, size_t *count)
{
	char text[32];

	*count = 0;
	for (const char *at = list; at; at = *at ? at + 1 : NULL) {
		size_t length = strcspn(at, ",");

		snprintf(text, sizeof(text), "%.*s", (int)length, at);
		if (*count == QEMU_VERSIONS || length >= sizeof(text) ||
		    !qemu_version_parse(text, &versions[(*count)++]))
			return bad_version("--qemu", list);
		at += length;
	}
	return TOOL_HOLDS;
}

/* Machines that do not tell their QEMU are each of these. */
static int set_versions(struct fleet *fleet, const uint32_t *versions, size_t count)
{
	int status = TOOL_HOLDS;

	for (size_t i = 0, machines = fleet->count; i < machines && !status; i++) {
		struct fleet_machine machine = fleet->machines[i];

		if (machine.qemu)
			continue;
		for (size_t j = 1; j < count && !status; j++) {
			machine.qemu = versions[j];
			status = add(fleet, &machine);
		}
		fleet->machines[i].qemu = versions[0];
	}
	return status;
}

static int set_options(struct fleet *fleet, const struct fleet_options *options)
{
	const struct vpmu_profile *profile = NULL;
	uint32_t versions[QEMU_VERSIONS];
	size_t count;
	int status = read_versions(options->qemu, versions, &count);

	if (!status && options->profile)
		status = profile_from_text(options->profile, &profile);
	for (size_t i = 0; i < fleet->count && profile; i++)
		fleet->machines[i].profile = profile;
	return status || !count ? status : set_versions(fleet, versions, count);
}

int fleet_machine_type(const struct fleet_options *options, uint32_t *machine_type)
{
	*machine_type = 0;
	if (!options->machine_type || qemu_machine_type_parse(options->machine_type, machine_type))
		return TOOL_HOLDS;
	return bad_version("--machine-type", options->machine_type);
}

/* --- The fleet -------------------------------------------------------------------------------- */

int fleet_read(struct fleet *fleet, const char *const *operands,
               const struct fleet_options *options)
{
	int status = TOOL_HOLDS;

	for (size_t i = 0; operands[i] && !status; i++)
		status = add_operand(fleet, operands[i]);
	if (!status)
		status = set_options(fleet, options);
	if (!status)
		tell_untold(fleet);
	if (status || fleet->count)
		return status;
	message("no hosts: the list is empty");
	return TOOL_BAD;
}

void fleet_free(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->kept_count; i++)
		free(fleet->kept[i]);
	free(fleet->kept);
	free(fleet->machines);
}

struct qemu_vm fleet_vm(const struct fleet_machine *machine, uint32_t machine_type, bool pmu_off)
{
	return (struct qemu_vm){
		.version = machine->qemu, .machine = machine_type, .pmu_off = pmu_off};
}

int fleet_guest(const struct fleet_machine *machine, const struct qemu_vm *vm,
                struct vpmu_model *guest)
{
	char why[STATE_WHY_BYTES] = "";

	*guest = machine->cpu;
	qemu_guest(vm, guest);
	/* If QEMU has switched the PMU off, the kernel cannot give it. */
	if (!guest->version || !machine->profile || !vpmu_profile_adapt(machine->profile, guest))
		return TOOL_HOLDS;
	vpmu_model_check(guest, why, sizeof(why));
	message("no PMU under its profile: %.*s: %s", machine->host.name_length, machine->host.name,
	        why);
	return TOOL_BAD;
}

void fleet_print_name(const struct fleet_machine *machine)
{
	const struct state_host *host = &machine->host;

	print_visible_bytes(stdout, host->name, (size_t)host->name_length);
	if (!host->file)
		return;
	fputs(" (", stdout);
	print_visible(stdout, host->file);
	printf(":%" PRIu64 ")", host->line);
}
