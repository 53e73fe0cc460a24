/* SPDX-License-Identifier: MIT */
/* Registers that other programs have written down, as states. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/foreign.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/model_arg.h"
#include "lib/msr_table.h"

/* What is read, and what is known of the CPUs beside their registers. */
struct reading_of {
	const char *path;
	const struct state_qemu_how *how;
	struct vpmu_model model; /* as given, or what a dump of CPUID says of all CPUs */
	bool has_model;
	struct foreign_json json;
	struct state_file *file;
};

/* --- Models ----------------------------------------------------------------------------------- */

/* A snapshot has a vCPU's CPUID beside its registers. */
static bool model_of_cpu(const struct reading_of *reading, uint32_t number,
                         struct vpmu_model *model, char *why)
{
	struct foreign_cpus cpus = {.count = 0};
	char label[16];

	*model = reading->model;
	if (reading->has_model)
		return true;
	snprintf(why, STATE_WHY_BYTES, "CPU %" PRIu32 " has registers and no CPUID", number);
	snprintf(label, sizeof(label), "%" PRIu32, number);
	for (size_t i = 0; i < reading->json.cpu_count; i++) {
		if (reading->json.cpus[i].number != number)
			continue;
		if (foreign_add_leaves(&cpus, &reading->json.cpus[i].leaves, label, why,
		                       STATE_WHY_BYTES))
			return false;
		*model = cpus.models[0].model;
		return true;
	}
	return false;
}

/* --- States ----------------------------------------------------------------------------------- */

static void say_notes(const struct reading_of *reading, const struct msr_notes *notes)
{
	char text[700] = "";

	if (notes->other_count)
		snprintf(text, sizeof(text), "%zu MSR%s not the PMU's (%s)%s", notes->other_count,
		         notes->other_count == 1 ? " is" : "s are", notes->others,
		         notes->untold_count ? "; " : "");
	if (notes->untold_count)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		         "not told, taken as after a reset: %s", notes->untold);
	if (*text)
		message("%s: %s: %s", reading->file->foreign, reading->path, text);
}

static int add_state(struct reading_of *reading, uint32_t cpu)
{
	struct msr_notes notes;
	struct vpmu_model model;
	struct vpmu_state state;
	char why[STATE_WHY_BYTES] = "";

	if (!model_of_cpu(reading, cpu, &model, why)) {
		message("no model: %s: %s", reading->path, why);
		return TOOL_BAD;
	}
	if (!msr_table_state(reading->file->msrs, cpu, &model, &state, &notes, why)) {
		message("not the PMU of %s: %s: CPU %" PRIu32 ": %s", model.name, reading->path,
		        cpu, why);
		return TOOL_BAD;
	}
	/* Of all CPUs the same, as a rule. */
	if (!reading->file->set.count)
		say_notes(reading, &notes);
	if (state_set_add(&reading->file->set, cpu, &state))
		return TOOL_HOLDS;
	message("cannot read: %s: out of memory", reading->path);
	return TOOL_LACKS;
}

static int add_states(struct reading_of *reading)
{
	const struct msr_table *msrs = reading->file->msrs;
	int status = TOOL_HOLDS;

	for (size_t i = 0; i < msrs->count && !status; i++) {
		uint32_t cpu = msrs->entries[i].cpu;

		if (i && cpu == msrs->entries[i - 1].cpu)
			continue;
		if (reading->file->set.count == VPMU_FILE_VCPUS) {
			message("more than %d CPUs: %s", VPMU_FILE_VCPUS, reading->path);
			return TOOL_BAD;
		}
		status = add_state(reading, cpu);
	}
	return status;
}

/* --- Models without registers ----------------------------------------------------------------- */

int state_add_models(struct state_set *set, const struct foreign_cpus *cpus)
{
	for (size_t i = 0; i < cpus->count; i++) {
		struct vpmu_layout layout;
		struct vpmu_state state;

		vpmu_layout_init(&layout, &cpus->models[i].model);
		vpmu_state_reset(&state, &layout);
		if (!state_set_add(set, (uint32_t)i, &state)) {
			message("out of memory: a state");
			return TOOL_LACKS;
		}
	}
	return TOOL_HOLDS;
}

/* Whether it is a description of a CPU: then its states are those after a reset. */
static bool is_description(struct reading_of *reading, const uint8_t *bytes, size_t count,
                           int *status)
{
	static struct foreign_cpus cpus;
	bool is_json = !strcmp(foreign_looks(bytes, count), "JSON");

	if (is_json ? reading->file->msrs->count || !reading->json.format
	            : foreign_cpus_read(bytes, count, &cpus, NULL, 0) == VPMU_NO_REGISTER)
		return false;
	reading->file->format = STATE_MODELS;
	if (reading->how->model && !reading->how->any) {
		*status = state_model_not_needed(reading->path);
		return true;
	}
	*status = model_file_parse(reading->path, bytes, count, &cpus);
	if (*status)
		return true;
	message("a description of a CPU, without registers: %s: they are taken as after a reset",
	        reading->path);
	model_file_tell(reading->path, &cpus);
	*status = state_add_models(&reading->file->set, &cpus);
	return true;
}

/* --- Files ------------------------------------------------------------------------------------ */

static int said(const struct reading_of *reading, enum vpmu_status status, const char *why)
{
	const char *format = reading->file->foreign;

	if (status == VPMU_INTERNAL)
		return TOOL_LACKS; /* a message has said so */
	if (status == VPMU_HOST)
		message("cannot read: %s: %s", reading->path, why);
	else if (status == VPMU_NO_REGISTER)
		message("not a file of states: %s: %s", reading->path, why);
	else if (status)
		message("%s: %s%s%s%s: %s", vpmu_status_text(status), reading->path,
		        format ? " (" : "", format ? format : "", format ? ")" : "", why);
	if (!status)
		return TOOL_HOLDS;
	return status == VPMU_HOST ? TOOL_LACKS : TOOL_BAD;
}

static int read_json(struct reading_of *reading, const uint8_t *bytes, size_t count)
{
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status status =
		foreign_json_read((const char *)bytes, count, &reading->json, why);

	if (status)
		return said(reading, status, why);
	reading->file->foreign = reading->json.format;
	*reading->file->msrs = reading->json.msrs;
	reading->json.msrs = (struct msr_table){.entries = NULL};
	return TOOL_HOLDS;
}

/* A dump may have CPUID, too, in the same file. */
static void look_for_cpuid(struct reading_of *reading, const uint8_t *bytes, size_t count)
{
	static struct foreign_cpus cpus;

	if (reading->has_model || foreign_cpus_read(bytes, count, &cpus, NULL, 0) ||
	    cpus.count != 1)
		return;
	reading->model = cpus.models[0].model;
	reading->has_model = true;
}

static int read_text(struct reading_of *reading, const uint8_t *bytes, size_t count)
{
	const struct foreign_taker taker = {msr_table_take, reading->file->msrs};
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status status =
		foreign_msrs_read(bytes, count, &taker, &reading->file->foreign, why, sizeof(why));
	int described;

	/* Leaves of CPUID can look like MSRs. */
	if (status && status != VPMU_HOST && is_description(reading, bytes, count, &described))
		return described;
	if (status)
		return said(reading, status, why);
	msr_table_sort(reading->file->msrs);
	look_for_cpuid(reading, bytes, count);
	return TOOL_HOLDS;
}

static int read_registers(struct reading_of *reading, const uint8_t *bytes, size_t count)
{
	bool is_json = !strcmp(foreign_looks(bytes, count), "JSON");
	int status = is_json ? read_json(reading, bytes, count) : read_text(reading, bytes, count);

	if (status || reading->file->format == STATE_MODELS ||
	    (is_json && is_description(reading, bytes, count, &status)))
		return status;
	if (!reading->file->msrs->count) {
		message("no value of an MSR: %s (%s)", reading->path, reading->file->foreign);
		return TOOL_BAD;
	}
	if (reading->has_model || reading->json.cpu_count)
		return add_states(reading);
	reading->file->needs_model = true;
	return TOOL_HOLDS;
}

int state_foreign_read(const char *path, const uint8_t *bytes, size_t count,
                       const struct state_qemu_how *how, struct state_file *file)
{
	struct reading_of reading = {
		.path = path, .how = how, .file = file, .has_model = how->model};
	int status = how->model ? model_from_text(how->model, &reading.model) : TOOL_HOLDS;

	file->format = STATE_FOREIGN;
	file->msrs = memory_get(sizeof(*file->msrs));
	if (!file->msrs) {
		message("cannot read: %s: out of memory", path);
		return TOOL_LACKS;
	}
	*file->msrs = (struct msr_table){.entries = NULL};
	if (!status)
		status = read_registers(&reading, bytes, count);
	foreign_json_free(&reading.json);
	return status;
}
