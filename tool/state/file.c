/* SPDX-License-Identifier: MIT */
/* Files of states: told apart, read and written. */
#include <stdlib.h>
#include <string.h>

#include <json/room.h>

#include "input/file.h"
#include "input/input.h"
#include "lib/message.h"
#include "lib/msr_table.h"
#include "state.h"

enum { LIMIT = 64 << 20 };

int state_format_from_text(const char *text, enum state_format *format)
{
	if (text && !strcmp(text, "native")) {
		*format = STATE_NATIVE;
	} else if (text && !strcmp(text, "json")) {
		*format = STATE_JSON;
	} else {
		message("%s: '%s' (--to native, or --to json)",
		        text ? "no such format" : "no format given", text ? text : "");
		return TOOL_BAD;
	}
	return TOOL_HOLDS;
}

/* Of a saved machine the stream is in a record of its own. */
static enum vpmu_status read_machine(const uint8_t *bytes, size_t count, struct state_file *file,
                                     char *why)
{
	size_t at, length;

	if (state_find_saved(bytes, count, &at, &length))
		return state_native_read(bytes + at, length, &file->set, why);
	snprintf(why, STATE_WHY_BYTES, "a saved machine, cut short before its PMU");
	return VPMU_BAD_DATA;
}

static int read_own(const char *path, const uint8_t *bytes, size_t count, struct state_file *file)
{
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status status;

	if (file->format == STATE_JSON)
		status = state_json_read((const char *)bytes, count, &file->set, why);
	else if (state_is_saved_machine(bytes, count))
		status = read_machine(bytes, count, file, why);
	else
		status = state_native_read(bytes, count, &file->set, why);
	if (status == VPMU_INTERNAL)
		return TOOL_LACKS; /* this build has no JSON, and a message has said so */
	if (!status)
		return TOOL_HOLDS;
	if (status == VPMU_HOST)
		message("cannot read: %s: %s", path, why);
	else
		message("%s: %s: %s", vpmu_status_text(status), path, why);
	return status == VPMU_HOST ? TOOL_LACKS : TOOL_BAD;
}

static int read_input(const struct state_qemu_how *how, struct input *input,
                      struct state_file *file)
{
	const uint8_t *bytes = input->bytes;
	size_t count = input->count;
	int status;

	if (input->is_qemu) {
		file->format = STATE_QEMU;
		status = state_qemu_read(input->path, &input->source, how, file);
		input_end_progress(input);
		return status;
	}
	if (how->no_other) {
		message("not a QEMU migration file: %s (one begins with 'QEVM')", input->path);
		return TOOL_BAD;
	}
	if ((count >= 3 && !memcmp(bytes, "vPM", 3)) || state_is_saved_machine(bytes, count))
		file->format = STATE_NATIVE;
	else if (state_json_is_own(bytes, count))
		file->format = STATE_JSON;
	else
		return state_foreign_read(input->path, bytes, count, how, file);
	return read_own(input->path, bytes, count, file);
}

static int read_how(const char *path, const struct state_qemu_how *how, struct state_file *file)
{
	struct input input;
	int status = input_open_snapshot(path, how->snapshot, LIMIT, "any file of states", &input);

	memset(file, 0, sizeof(*file));
	if (status)
		return status;
	status = read_input(how, &input, file);
	input_close(&input);
	if (status)
		state_file_free(file);
	return status;
}

int state_file_read_any(const char *path, const char *model, struct state_file *file)
{
	return read_how(path, &(struct state_qemu_how){.model = model, .any = true}, file);
}

int state_file_read_qemu(const char *path, const struct state_qemu_how *how,
                         struct state_file *file)
{
	struct state_qemu_how only = *how;

	only.no_other = true;
	return read_how(path, &only, file);
}

int state_model_not_needed(const char *path)
{
	message("a model is given only for files that do not tell theirs: %s (this one does)",
	        path);
	return TOOL_BAD;
}

int state_file_read(const char *path, const char *model, struct state_file *file)
{
	return state_file_read_how(path, &(struct state_qemu_how){.model = model}, file);
}

int state_file_read_how(const char *path, const struct state_qemu_how *how, struct state_file *file)
{
	int status = read_how(path, how, file);

	if (status || !how->model || file->format == STATE_QEMU || file->format == STATE_FOREIGN)
		return status;
	state_file_free(file);
	return state_model_not_needed(path);
}

int state_report_read(const char *path, struct json_report *report)
{
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status read;
	uint8_t *bytes;
	size_t count;
	int status = input_read_text(path, LIMIT, "any report", &bytes, &count);

	if (status)
		return status;
	read = state_json_report((const char *)bytes, count, report, why);
	free(bytes);
	if (read == VPMU_HOST)
		message("cannot read: %s: %s", path, why);
	else if (read && read != VPMU_INTERNAL)
		message("not a report on a host's PMU: %s: %s", path, why);
	if (read == VPMU_HOST || read == VPMU_INTERNAL)
		return TOOL_LACKS;
	return read ? TOOL_BAD : TOOL_HOLDS;
}

int state_file_must_have_set(const char *path, struct state_file *file)
{
	if (file->set.count || !file->needs_model)
		return TOOL_HOLDS;
	message("%s does not say which PMU its vCPUs have: %s (--model NAME does)",
	        file->format == STATE_QEMU ? "a QEMU file" : file->foreign, path);
	state_file_free(file);
	return TOOL_BAD;
}

int state_file_read_set(const char *path, const char *model, struct state_file *file)
{
	int status = state_file_read(path, model, file);

	return status ? status : state_file_must_have_set(path, file);
}

void state_file_free(struct state_file *file)
{
	state_set_free(&file->set);
	free(file->cpus);
	free(file->lbrs);
	file->cpus = NULL;
	if (file->msrs)
		msr_table_free(file->msrs);
	free(file->msrs);
	file->msrs = NULL;
}

static bool write_set(const struct state_set *set, enum state_format format, FILE *stream)
{
	return format == STATE_JSON ? state_json_write(set, stream)
	                            : state_native_write(set, stream);
}

int state_file_write(const char *path, const struct state_set *set, enum state_format format)
{
	struct output output;

	if (!strcmp(path, "-"))
		return write_set(set, format, stdout) ? TOOL_HOLDS : TOOL_LACKS;
	if (!output_open(&output, path))
		return TOOL_LACKS;
	if (write_set(set, format, output.stream))
		return output_commit(&output) ? TOOL_HOLDS : TOOL_LACKS;
	output_abandon(&output);
	return TOOL_LACKS;
}
