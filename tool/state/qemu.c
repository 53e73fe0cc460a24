/* SPDX-License-Identifier: MIT */
/* QEMU's migration files, of any size: only what is needed of them is read. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/message.h"
#include "lib/model_arg.h"
#include "state.h"

static int find(const char *path, const struct vpmu_source *source, struct state_file *file)
{
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status status;

	file->cpus = calloc(VPMU_FILE_VCPUS, sizeof(*file->cpus));
	if (!file->cpus) {
		message("cannot read: %s: %s", path, strerror(ENOMEM));
		return TOOL_LACKS;
	}
	errno = 0;
	status = vpmu_qemu_find(source, file->cpus, VPMU_FILE_VCPUS, &file->qemu, why, sizeof(why));
	if (status)
		message("%s: %s: %s%s%s", vpmu_status_text(status), path, why,
		        status == VPMU_HOST ? ": " : "",
		        status == VPMU_HOST ? strerror(errno) : "");
	return status ? TOOL_BAD : TOOL_HOLDS;
}

static int by_instance(const void *a, const void *b)
{
	const struct vpmu_qemu_cpu *one = a, *other = b;

	return (one->instance > other->instance) - (one->instance < other->instance);
}

/* An idle PMU has only zeros: QEMU leaves it out for no other reason. */
static int make_states(const char *path, const char *text, struct state_file *file)
{
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

		if (vpmu_qemu_to_state(&file->cpus[i].pmu, &layout, &state, why, sizeof(why))) {
			message("not the PMU of %s: %s: vCPU %" PRIu32 ": %s", text, path,
			        file->cpus[i].instance, why);
			return TOOL_BAD;
		}
		if (!state_set_add(&file->set, file->cpus[i].instance, &state)) {
			message("cannot read: %s: out of memory", path);
			return TOOL_LACKS;
		}
	}
	return TOOL_HOLDS;
}

int state_qemu_read(const char *path, const struct vpmu_source *source, const char *model,
                    struct state_file *file)
{
	int status = find(path, source, file);

	file->needs_model = true;
	if (!status) {
		qsort(file->cpus, file->qemu.cpus, sizeof(*file->cpus), by_instance);
		if (model)
			status = make_states(path, model, file);
	}
	return status;
}
