/* SPDX-License-Identifier: MIT */
/* Reads descriptions of CPUs from files, says what they do not tell, and chooses among their CPUs.
 */
#include "model_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json/room.h>

#include "command.h"
#include "json/foreign.h"
#include "input/foreign_xml.h"
#include "input/input.h"
#include "message.h"
#include "state/state.h"

static bool looks_like_json(const uint8_t *bytes, size_t count)
{
	return !strcmp(foreign_looks(bytes, count), "JSON");
}

static bool looks_like_xml(const uint8_t *bytes, size_t count)
{
	return !strcmp(foreign_looks(bytes, count), "XML");
}

/* What vpmu itself printed of a host. */
static int read_report(const char *path, const uint8_t *bytes, size_t count,
                       struct foreign_cpus *cpus)
{
	struct json_report report;
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status status = state_json_report((const char *)bytes, count, &report, why);

	if (status == VPMU_INTERNAL)
		return TOOL_LACKS; /* this build has no JSON, and a message has said so */
	if (status) {
		message("not a description of a CPU: %s: %s", path, why);
		return status == VPMU_HOST ? TOOL_LACKS : TOOL_BAD;
	}
	*cpus = (struct foreign_cpus){.format = "a report of vpmu's", .cpus = 1, .count = 1};
	cpus->models[0] = (struct foreign_cpu){.model = report.model, .cpus = 1, .label = "0"};
	return TOOL_HOLDS;
}

/* The CPUs of somebody else's snapshot, or of QMP. */
static enum vpmu_status add_json(const struct foreign_json *json, struct foreign_cpus *cpus,
                                 char *why)
{
	enum vpmu_status status = VPMU_OK;
	char label[16];

	cpus->format = json->format;
	for (size_t i = 0; i < json->cpu_count && !status; i++) {
		snprintf(label, sizeof(label), "%" PRIu32, json->cpus[i].number);
		status = foreign_add_leaves(cpus, &json->cpus[i].leaves, label, why, FOREIGN_WHY);
	}
	if (!status && json->has_traits)
		status = foreign_add_traits(cpus, &json->traits, "0", why, FOREIGN_WHY);
	if (status || cpus->count)
		return status;
	snprintf(why, FOREIGN_WHY, "MSRs, and no CPUID with them");
	return VPMU_NO_REGISTER;
}

static enum vpmu_status read_lscpu(const uint8_t *bytes, size_t count, struct foreign_cpus *cpus,
                                   char *why)
{
	size_t length;
	char *lines = foreign_json_lscpu((const char *)bytes, count, &length);
	enum vpmu_status status = VPMU_NO_REGISTER;
	char own[FOREIGN_WHY];

	if (lines)
		status = foreign_cpus_read(lines, length, cpus, own, sizeof(own));
	/* Else it remains JSON that is none of these. */
	if (status != VPMU_NO_REGISTER)
		memcpy(why, own, sizeof(own));
	free(lines);
	return status;
}

static enum vpmu_status read_json(const uint8_t *bytes, size_t count, struct foreign_cpus *cpus,
                                  char *why)
{
	struct foreign_json json;
	enum vpmu_status status = foreign_json_read((const char *)bytes, count, &json, why);

	*cpus = (struct foreign_cpus){.format = "JSON"};
	if (!status)
		status = add_json(&json, cpus, why);
	foreign_json_free(&json);
	return status == VPMU_NO_REGISTER ? read_lscpu(bytes, count, cpus, why) : status;
}

void model_file_tell_bits(const char *of, unsigned bits)
{
	char text[768] = "";
	size_t used = 0;

	for (unsigned bit = 0; foreign_untold_text(bit); bit++)
		if (bits & 1u << bit && used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
			                         used ? "; " : "", foreign_untold_text(bit));
	if (bits)
		message("not told by %s: %s", of, text);
}

unsigned model_file_untold(const struct foreign_cpus *cpus)
{
	unsigned bits = 0;

	for (size_t i = 0; i < cpus->count; i++)
		bits |= cpus->models[i].untold;
	return bits;
}

void model_file_tell(const char *path, const struct foreign_cpus *cpus)
{
	char of[512];

	snprintf(of, sizeof(of), "%s: %.400s", cpus->format ? cpus->format : "a name", path);
	model_file_tell_bits(of, model_file_untold(cpus));
}

/* The model is named after its file: its last part, and the CPU where there are several. */
static void name_models(const char *path, struct foreign_cpus *cpus)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < cpus->count; i++) {
		struct foreign_cpu *cpu = &cpus->models[i];
		bool many = cpus->count > 1;
		char *at = cpu->model.name;

		memset(at, 0, sizeof(cpu->model.name));
		snprintf(at, sizeof(cpu->model.name), "%.18s%s%.11s",
		         strcmp(path, "-") ? name : "stdin", many ? ":" : "",
		         many ? cpu->label : "");
		for (; *at; at++)
			if (*at < ' ' || *at > '~')
				*at = '?';
	}
}

static int said(const char *path, const struct foreign_cpus *cpus, enum vpmu_status status,
                const char *why)
{
	const char *format = cpus->format;

	if (status == VPMU_INTERNAL && *why)
		message("cannot read: %s: %s", path, why);
	if (status == VPMU_INTERNAL)
		return TOOL_LACKS; /* this build has no JSON, and a message has said so */
	if (status == VPMU_HOST)
		message("cannot read: %s: %s", path, why);
	else if (status == VPMU_NO_REGISTER)
		message("not a description of a CPU: %s: %s", path, why);
	else if (status)
		message("%s: %s (%s): %s", vpmu_status_text(status), path, format ? format : "?",
		        why);
	if (!status)
		return TOOL_HOLDS;
	return status == VPMU_HOST ? TOOL_LACKS : TOOL_BAD;
}

int model_file_parse(const char *path, const uint8_t *bytes, size_t count,
                     struct foreign_cpus *cpus)
{
	char why[FOREIGN_WHY] = "";
	int status;

	if (state_json_is_own(bytes, count))
		status = read_report(path, bytes, count, cpus);
	else if (looks_like_json(bytes, count))
		status = said(path, cpus, read_json(bytes, count, cpus, why), why);
	else if (looks_like_xml(bytes, count))
		status = said(path, cpus, foreign_xml_read((const char *)bytes, count, cpus, why),
		              why);
	else
		status = said(path, cpus, foreign_cpus_read(bytes, count, cpus, why, sizeof(why)),
		              why);
	if (!status)
		name_models(path, cpus);
	return status;
}

int model_file_open(const char *path, size_t limit, const char *what, struct input *input)
{
	int status = input_open(path, limit, what, input);

	if (status || !input->is_qemu)
		return status;
	message("not a description of a CPU: %s: it looks like a QEMU migration file", path);
	input_close(input);
	return TOOL_BAD;
}

int model_file_read(const char *path, struct foreign_cpus *cpus)
{
	struct input input;
	int status = model_file_open(path, MODEL_FILE_LIMIT, "any description of a CPU", &input);

	if (status)
		return status;
	status = model_file_parse(path, input.bytes, input.count, cpus);
	input_close(&input);
	return status;
}

/* --- One of its CPUs -------------------------------------------------------------------------- */

/* The file of "FILE" or "FILE:CPU"; *label is what is behind it, or NULL. False: there is none. */
static bool split(const char *text, char path[4096], const char **label)
{
	const char *colon = strrchr(text, ':');
	int length;

	*label = NULL;
	length = snprintf(path, 4096, "%s", text);
	if (length < 4096 && (!strcmp(text, "-") || !access(path, F_OK)))
		return true;
	if (!colon || colon - text >= 4096)
		return false;
	snprintf(path, 4096, "%.*s", (int)(colon - text), text);
	*label = colon + 1;
	return !strcmp(path, "-") || !access(path, F_OK);
}

bool model_file_is(const char *text)
{
	char path[4096];
	const char *label;

	return split(text, path, &label) || strchr(text, '/');
}

/* Leaves only the CPU of that label. */
static bool keep_one(const char *label, struct foreign_cpus *cpus)
{
	for (size_t i = 0; i < cpus->count; i++)
		if (!strcmp(label, cpus->models[i].label)) {
			cpus->models[0] = cpus->models[i];
			cpus->count = 1;
			return true;
		}
	return false;
}

/* The models as they would be typed. */
static void list_models(const char *path, const struct foreign_cpus *cpus, char *list, size_t bytes)
{
	size_t used = 0;

	for (size_t i = 0; i < cpus->count && used < bytes; i++)
		used += (size_t)snprintf(list + used, bytes - used, "%s%s:%s", i ? ", " : "", path,
		                         cpus->models[i].label);
}

int model_file_all(const char *text, struct foreign_cpus *cpus)
{
	char path[4096], list[512] = "";
	const char *label;
	int status;

	if (!split(text, path, &label)) {
		message("no such file: %s", text);
		return TOOL_BAD;
	}
	status = model_file_read(path, cpus);
	if (status || !label || keep_one(label, cpus))
		return status;
	list_models(path, cpus, list, sizeof(list));
	message("no kind of CPU begins with '%s': %s (there are %s)", label, path, list);
	return TOOL_BAD;
}

int model_file_one(const char *text, const struct foreign_cpus *cpus, struct vpmu_model *model)
{
	char list[512] = "";

	*model = cpus->models[0].model;
	if (cpus->count == 1)
		return TOOL_HOLDS;
	list_models(text, cpus, list, sizeof(list));
	message("different CPUs in one file: %s (choose one: %s)", text, list);
	return TOOL_BAD;
}
