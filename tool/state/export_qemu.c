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

#include "input/file.h"
#include "input/input.h"
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

/* What the file gets for a vCPU. */
struct fields {
	struct vpmu_qemu_pmu pmu;
	struct vpmu_qemu_lbr lbr;
	bool has_stack;    /* the model has these last branches: else the file's stay */
	bool has_branches; /* they are not as after a reset */
};

static bool is_idle(const struct vpmu_qemu_pmu *pmu)
{
	static const struct vpmu_qemu_pmu idle;

	return !memcmp(pmu, &idle, sizeof(idle));
}

/* The last branches, out of the state. */
static enum vpmu_status take_branches(struct vpmu_state *state, const struct vpmu_layout *layout,
                                      struct fields *fields, char why[STATE_WHY_BYTES])
{
	struct vpmu_state before = *state;
	enum vpmu_status status =
		vpmu_qemu_lbr_take(state, layout, &fields->lbr, why, STATE_WHY_BYTES);

	fields->has_stack = fields->lbr.depth; /* no stack has none */
	fields->has_branches = memcmp(before.values, state->values, sizeof(before.values)) != 0;
	return status;
}

static int make_fields(const struct state_entry *entry, enum state_qemu_layout places,
                       struct fields *fields)
{
	struct vpmu_state state = entry->state;
	char why[STATE_WHY_BYTES] = "";
	struct vpmu_layout layout;

	if (vpmu_layout_init(&layout, &state.model))
		return TOOL_LACKS;
	if (take_branches(&state, &layout, fields, why) ||
	    vpmu_qemu_from_state(&state, &layout, &fields->pmu, why, sizeof(why))) {
		message("QEMU's file cannot have this state: vCPU %" PRIu32 ": %s", entry->vcpu,
		        why);
		return TOOL_BAD;
	}
	if (places == STATE_LAYOUT_11 && vpmu_qemu_permute(&fields->pmu, &layout)) {
		message("QEMU has no fields for so many counters in pairs: vCPU %" PRIu32,
		        entry->vcpu);
		return TOOL_BAD;
	}
	return TOOL_HOLDS;
}

static int no_place(const char *what, uint32_t vcpu, const char *path, const char *reason)
{
	message("no place for the %s of vCPU %" PRIu32 ": %s (%s)", what, vcpu, path, reason);
	return TOOL_BAD;
}

/* The i-th vCPU of the file gets its state's fields. */
static int fill_cpu(struct state_file *file, size_t i, const struct state_set *set,
                    enum state_qemu_layout places, const char *path)
{
	struct vpmu_qemu_cpu *cpu = &file->cpus[i];
	const struct state_entry *entry = state_of(set, cpu->instance);
	struct fields fields = {.has_branches = false};
	int status;

	if (!entry) {
		message("no state for vCPU %" PRIu32 ", which is in %s", cpu->instance, path);
		return TOOL_BAD;
	}
	status = make_fields(entry, places, &fields);
	if (status)
		return status;
	if (!cpu->has_pmu && !is_idle(&fields.pmu))
		return no_place("state", cpu->instance, path,
		                "its PMU was idle, and QEMU has left it out");
	if (!cpu->has_lbr && fields.has_branches)
		return no_place("last branches", cpu->instance, path, "there is no cpu/arch_lbr");
	cpu->pmu = fields.pmu;
	if (cpu->has_lbr && fields.has_stack)
		file->lbrs[i] = fields.lbr;
	return TOOL_HOLDS;
}

static int fill(struct state_file *file, const struct state_set *set, enum state_qemu_layout places,
                const char *path)
{
	int status = TOOL_HOLDS;

	for (size_t i = 0; i < file->qemu.cpus && !status; i++)
		status = fill_cpu(file, i, set, places, path);
	if (!status && set->count != file->qemu.cpus) {
		message("states of %zu vCPUs, and %zu are in %s", set->count, file->qemu.cpus,
		        path);
		status = TOOL_BAD;
	}
	return status;
}

/* --- The file --------------------------------------------------------------------------------- */

/* A part of the file that is in memory: `bytes` from `at` on. */
struct chunk {
	uint8_t *data;
	uint64_t at, bytes;
};

/* What of a payload at `place` is within the chunk. */
static void lay_over(const struct chunk *chunk, uint64_t place, const uint8_t *payload,
                     size_t length)
{
	uint64_t end = chunk->at + chunk->bytes;
	uint64_t from = place > chunk->at ? place : chunk->at;
	uint64_t to = place + length < end ? place + length : end;

	if (from < to)
		memcpy(chunk->data + (from - chunk->at), payload + (from - place),
		       (size_t)(to - from));
}

static void lay_all_over(const struct chunk *chunk, const struct input *input,
                         const struct state_file *file)
{
	uint8_t pmu[VPMU_QEMU_BYTES], lbr[VPMU_QEMU_LBR_BYTES];

	for (size_t i = 0; i < file->qemu.cpus; i++) {
		const struct vpmu_qemu_cpu *cpu = &file->cpus[i];

		if (cpu->has_pmu) {
			vpmu_qemu_pack(&cpu->pmu, pmu);
			lay_over(chunk, input->start + cpu->offset, pmu, sizeof(pmu));
		}
		if (cpu->has_lbr) {
			vpmu_qemu_lbr_pack(&file->lbrs[i], lbr);
			lay_over(chunk, input->start + cpu->lbr_offset, lbr, sizeof(lbr));
		}
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
	static uint8_t data[CHUNK];
	uint64_t at = 0;
	ssize_t got;

	for (;; at += (uint64_t)got) {
		errno = 0;
		do
			got = pread(input->fd, data, CHUNK, (off_t)at);
		while (got < 0 && errno == EINTR);
		if (got <= 0)
			break;
		lay_all_over(&(struct chunk){data, at, (uint64_t)got}, input, file);
		fwrite(data, 1, (size_t)got, out);
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
