/* SPDX-License-Identifier: MIT */
/*
 * vpmu state export-qemu: states into the subsections of a QEMU migration file that is there. The
 * fields have the same sizes, so that nothing else of the file changes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/input.h"
#include "lib/message.h"
#include "state.h"

enum { CHUNK = 1 << 20 };

struct export_options {
	const char *model, *layout, *into, *out;
};

static const struct option_row export_rows[] = {
	STATE_QEMU_MODEL("model", struct export_options, model),
	{.name = "into",
         .value = "FILE",
         .about = "the QEMU migration file whose vCPUs get the states",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct export_options, into)},
	{.name = "out",
         .value = "OUT",
         .about = "write the whole file here, and leave that one as it is",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct export_options, out)},
	STATE_QEMU_LAYOUT(struct export_options, "plain (the default) or qemu-11"),
};

/* --- The fields ------------------------------------------------------------------------------- */

static const struct state_entry *state_of(const struct state_set *set, uint32_t vcpu)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->entries[i].vcpu == vcpu)
			return &set->entries[i];
	return NULL;
}

static bool is_idle(const struct vpmu_qemu_pmu *pmu)
{
	static const struct vpmu_qemu_pmu idle;

	return !memcmp(pmu, &idle, sizeof(idle));
}

static int make_fields(const struct state_entry *entry, enum state_qemu_layout places,
                       struct vpmu_qemu_pmu *pmu)
{
	char why[STATE_WHY_BYTES] = "";
	struct vpmu_layout layout;

	if (vpmu_layout_init(&layout, &entry->state.model))
		return TOOL_LACKS;
	if (vpmu_qemu_from_state(&entry->state, &layout, pmu, why, sizeof(why))) {
		message("QEMU's file cannot have this state: vCPU %" PRIu32 ": %s", entry->vcpu,
		        why);
		return TOOL_BAD;
	}
	if (places == STATE_LAYOUT_11 && vpmu_qemu_permute(pmu, &layout)) {
		message("QEMU has no fields for so many counters in pairs: vCPU %" PRIu32,
		        entry->vcpu);
		return TOOL_BAD;
	}
	return TOOL_HOLDS;
}

/* A vCPU of the file gets its state's fields. */
static int fill_cpu(struct vpmu_qemu_cpu *cpu, const struct state_set *set,
                    enum state_qemu_layout places, const char *path)
{
	const struct state_entry *entry = state_of(set, cpu->instance);
	int status;

	if (!entry) {
		message("no state for vCPU %" PRIu32 ", which is in %s", cpu->instance, path);
		return TOOL_BAD;
	}
	status = make_fields(entry, places, &cpu->pmu);
	if (!status && !cpu->has_pmu && !is_idle(&cpu->pmu)) {
		message("no place for the state of vCPU %" PRIu32
		        ": %s (its PMU was idle, and QEMU has left it out)",
		        cpu->instance, path);
		return TOOL_BAD;
	}
	return status;
}

static int fill(struct state_file *file, const struct state_set *set, enum state_qemu_layout places,
                const char *path)
{
	int status = TOOL_HOLDS;

	for (size_t i = 0; i < file->qemu.cpus && !status; i++)
		status = fill_cpu(&file->cpus[i], set, places, path);
	if (!status && set->count != file->qemu.cpus) {
		message("states of %zu vCPUs, and %zu are in %s", set->count, file->qemu.cpus,
		        path);
		status = TOOL_BAD;
	}
	return status;
}

/* --- The file --------------------------------------------------------------------------------- */

/* What of a payload at `place` is within the `bytes` at `at` of the file. */
static void lay_over(uint8_t *chunk, uint64_t at, size_t bytes, uint64_t place,
                     const uint8_t payload[VPMU_QEMU_BYTES])
{
	uint64_t from = place > at ? place : at;
	uint64_t to = place + VPMU_QEMU_BYTES < at + bytes ? place + VPMU_QEMU_BYTES : at + bytes;

	if (from < to)
		memcpy(chunk + (from - at), payload + (from - place), (size_t)(to - from));
}

static void lay_all_over(uint8_t *chunk, uint64_t at, size_t bytes, const struct input *input,
                         const struct state_file *file)
{
	uint8_t payload[VPMU_QEMU_BYTES];

	for (size_t i = 0; i < file->qemu.cpus; i++) {
		if (!file->cpus[i].has_pmu)
			continue;
		vpmu_qemu_pack(&file->cpus[i].pmu, payload);
		lay_over(chunk, at, bytes, input->start + file->cpus[i].offset, payload);
	}
}

static int cannot_copy(const char *path)
{
	message("cannot read: %s: %s", path, strerror(errno ? errno : EIO));
	return TOOL_BAD;
}

/* All of the file, with what is before the stream and behind it, and the new fields in it. */
static int copy(const struct input *input, const struct state_file *file, FILE *out)
{
	static uint8_t chunk[CHUNK];
	uint64_t at = 0;
	ssize_t got;

	for (;; at += (uint64_t)got) {
		errno = 0;
		do
			got = pread(input->fd, chunk, CHUNK, (off_t)at);
		while (got < 0 && errno == EINTR);
		if (got <= 0)
			break;
		lay_all_over(chunk, at, (size_t)got, input, file);
		fwrite(chunk, 1, (size_t)got, out);
	}
	return got || at < input->end ? cannot_copy(input->path) : TOOL_HOLDS;
}

static int write_file(const struct input *input, const struct state_file *file, const char *path)
{
	struct output output;
	int status;

	if (!output_open(&output, path))
		return TOOL_LACKS;
	status = copy(input, file, output.stream);
	if (!status)
		return output_commit(&output) ? TOOL_HOLDS : TOOL_LACKS;
	output_abandon(&output);
	return status;
}

static int check_target(const struct input *input)
{
	if (!input->is_qemu)
		message("not a QEMU migration file: %s (one begins with 'QEVM')", input->path);
	else if (input->spooled)
		message("packed, or no file: %s (unpack it into a file first)", input->path);
	else
		return TOOL_HOLDS;
	return TOOL_BAD;
}

static int into_input(const struct input *input, const struct state_set *set,
                      const struct export_options *options, enum state_qemu_layout places)
{
	struct state_file file = {.format = STATE_QEMU};
	int status = check_target(input);

	if (!status)
		status = state_qemu_find(input->path, &input->source, &file);
	input_end_progress(input);
	if (!status)
		status = fill(&file, set, places, input->path);
	if (!status)
		status = write_file(input, &file, options->out ? options->out : options->into);
	state_file_free(&file);
	return status;
}

static int into_file(const struct state_set *set, const struct export_options *options,
                     enum state_qemu_layout places)
{
	struct input input;
	int status = input_open(options->into, CHUNK, "any file but QEMU's", &input);

	if (status)
		return status;
	status = into_input(&input, set, options, places);
	input_close(&input);
	return status;
}

/* --- The command ------------------------------------------------------------------------------ */

static int run_export(const struct command *self, int argc, char **argv)
{
	struct export_options options = {.layout = "plain"};
	const char *operands[ARGS_OPERANDS];
	enum state_qemu_layout places;
	struct state_file states;
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	status = state_qemu_layout_from_text(options.layout, &places);
	if (status)
		return status;
	if (places == STATE_LAYOUT_AUTO) {
		message("a layout to write in is plain or qemu-11: --layout auto");
		return TOOL_BAD;
	}
	if (!options.into) {
		message("no QEMU file given (--into FILE)");
		return TOOL_BAD;
	}
	status = state_file_read_set(operands[0], options.model, &states);
	if (status)
		return status;
	status = into_file(&states.set, &options, places);
	state_file_free(&states);
	return status;
}

const struct command state_export_qemu = {
	.name = "state export-qemu",
	.operands = "STATES",
	.about = "Put states into a QEMU migration file",
	.notes = "FILE's vCPUs get the registers of the vCPUs of the same numbers; nothing else "
		 "in it\n"
		 "changes. It is replaced when all of it is written, and not before.\n",
	.options = export_rows,
	.option_count = sizeof(export_rows) / sizeof(export_rows[0]),
	.operand_min = 1,
	.operand_max = 1,
	.run = run_export,
};
