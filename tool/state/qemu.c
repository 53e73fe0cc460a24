/* SPDX-License-Identifier: MIT */
/* QEMU's migration files, of any size: only what is needed of them is read. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/room.h>

#include "lib/message.h"
#include "lib/model_arg.h"
#include "state.h"

static int by_instance(const void *a, const void *b)
{
	const struct vpmu_qemu_cpu *one = a, *other = b;

	return (one->instance > other->instance) - (one->instance < other->instance);
}

static int no_memory(const char *path)
{
	message("cannot read: %s: %s", path, strerror(ENOMEM));
	return TOOL_LACKS;
}

static int read_lbrs(const char *path, const struct vpmu_source *source, struct state_file *file)
{
	uint8_t payload[VPMU_QEMU_LBR_BYTES];

	for (size_t i = 0; i < file->qemu.cpus; i++) {
		if (!file->cpus[i].has_lbr)
			continue;
		if (!file->lbrs)
			file->lbrs = calloc(file->qemu.cpus, sizeof(*file->lbrs));
		if (!file->lbrs)
			return no_memory(path);
		if (!source->read(source->context, file->cpus[i].lbr_offset, payload,
		                  sizeof(payload))) {
			message("cannot read: %s: %s", path, strerror(errno));
			return TOOL_BAD;
		}
		vpmu_qemu_lbr_unpack(&file->lbrs[i], payload);
	}
	return TOOL_HOLDS;
}

int state_qemu_find(const char *path, const struct vpmu_source *source, struct state_file *file)
{
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status status;

	file->cpus = calloc(VPMU_FILE_VCPUS, sizeof(*file->cpus));
	if (!file->cpus)
		return no_memory(path);
	errno = 0;
	status = vpmu_qemu_find(source, file->cpus, VPMU_FILE_VCPUS, &file->qemu, why, sizeof(why));
	if (status) {
		message("%s: %s: %s%s%s", vpmu_status_text(status), path, why,
		        status == VPMU_HOST ? ": " : "",
		        status == VPMU_HOST ? strerror(errno) : "");
		return TOOL_BAD;
	}
	qsort(file->cpus, file->qemu.cpus, sizeof(*file->cpus), by_instance);
	return read_lbrs(path, source, file);
}

int state_qemu_layout_from_text(const char *text, enum state_qemu_layout *layout)
{
	static const char *const names[] = {
		[STATE_LAYOUT_AUTO] = "auto",
		[STATE_LAYOUT_PLAIN] = "plain",
		[STATE_LAYOUT_11] = "qemu-11",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		*layout = (enum state_qemu_layout)i;
		return TOOL_HOLDS;
	}
	message("no such layout: '%s' (auto, plain or qemu-11)", text);
	return TOOL_BAD;
}

/* Into their own places, if they are not there. False, after a message: they are as it cannot be.
 */
static bool place(const char *path, struct vpmu_qemu_cpu *cpu, const struct vpmu_layout *layout,
                  enum state_qemu_layout given, struct state_file *file)
{
	bool is = vpmu_qemu_is_permuted(&cpu->pmu, layout);

	if (given == STATE_LAYOUT_PLAIN || (given == STATE_LAYOUT_AUTO && !is))
		return true;
	file->permuted += is;
	if (vpmu_qemu_straighten(&cpu->pmu, layout) == VPMU_OK)
		return true;
	message("not as QEMU 11 has the registers: %s: vCPU %" PRIu32
	        " (--layout plain takes each where it is named)",
	        path, cpu->instance);
	return false;
}

/* Makes the i-th vCPU's state. An idle PMU has only zeros: QEMU leaves it out for no other
 * reason. */
static enum vpmu_status make_state(const struct state_file *file, size_t i,
                                   const struct vpmu_layout *layout, struct vpmu_state *state,
                                   char why[STATE_WHY_BYTES])
{
	enum vpmu_status status =
		vpmu_qemu_to_state(&file->cpus[i].pmu, layout, state, why, STATE_WHY_BYTES);

	if (!status && file->cpus[i].has_lbr)
		status =
			vpmu_qemu_lbr_to_state(&file->lbrs[i], layout, state, why, STATE_WHY_BYTES);
	return status;
}

static int make_states(const char *path, const struct state_qemu_how *how, struct state_file *file)
{
	const char *text = how->model;
	struct vpmu_layout layout;
	struct vpmu_model model;
	int status = model_from_text(text, &model);

	if (status)
		return status;
	if (vpmu_layout_init(&layout, &model))
		return TOOL_LACKS;
	for (size_t i = 0; i < file->qemu.cpus; i++) {
		struct vpmu_state state;
		char why[STATE_WHY_BYTES];

		if (!place(path, &file->cpus[i], &layout, how->layout, file))
			return TOOL_BAD;
		if (make_state(file, i, &layout, &state, why)) {
			message("not the PMU of %s: %s: vCPU %" PRIu32 ": %s", text, path,
			        file->cpus[i].instance, why);
			return TOOL_BAD;
		}
		if (!state_set_add(&file->set, file->cpus[i].instance, &state)) {
			message("cannot read: %s: out of memory", path);
			return TOOL_LACKS;
		}
	}
	if (file->permuted && how->layout == STATE_LAYOUT_AUTO)
		message("the registers are where QEMU 11.0 and 11.1 save AMD's: %s: read into "
		        "their own "
		        "places, for %zu of %zu vCPUs (--layout plain of import-qemu does not)",
		        path, file->permuted, file->qemu.cpus);
	return TOOL_HOLDS;
}

int state_qemu_read(const char *path, const struct vpmu_source *source,
                    const struct state_qemu_how *how, struct state_file *file)
{
	int status = state_qemu_find(path, source, file);

	file->needs_model = true;
	if (!status && how->model)
		status = make_states(path, how, file);
	return status;
}
