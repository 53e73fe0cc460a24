/* SPDX-License-Identifier: MIT */
/* The states of a VM's vCPUs, and vpmu's own file format. */
#include <stdlib.h>
#include <string.h>

#include "lib/memory.h"
#include "lib/message.h"
#include "state.h"

bool state_set_add(struct state_set *set, uint32_t vcpu, const struct vpmu_state *state)
{
	if (set->count == set->room) {
		size_t room = 2 * set->room + 16;
		struct state_entry *entries = memory_resize(set->entries, room * sizeof(*entries));

		if (!entries)
			return false;
		set->entries = entries;
		set->room = room;
	}
	set->entries[set->count++] = (struct state_entry){vcpu, *state};
	return true;
}

void state_set_free(struct state_set *set)
{
	free(set->entries);
	*set = (struct state_set){.entries = NULL};
}

/* Adds the state of one stream. Most vCPUs of a VM have the same model: the layout is kept. */
static enum vpmu_status add_stream(struct state_set *set, const void *stream, size_t bytes,
                                   struct vpmu_layout *layout, char *why)
{
	struct vpmu_stream_about about;
	struct vpmu_state state;
	enum vpmu_status status;

	status = vpmu_stream_look(stream, bytes, &about, why, STATE_WHY_BYTES);
	if (!status && !vpmu_model_equal(&about.model, &layout->model))
		status = vpmu_layout_init(layout, &about.model);
	if (!status)
		status = vpmu_stream_decode(stream, bytes, layout, &state, NULL, why,
		                            STATE_WHY_BYTES);
	if (!status && !state_set_add(set, about.vcpu, &state)) {
		snprintf(why, STATE_WHY_BYTES, "out of memory");
		status = VPMU_HOST;
	}
	return status;
}

/* A layout that fits no model. */
static const struct vpmu_layout no_layout = {.model.vendor = VPMU_VENDORS};

static enum vpmu_status read_streams(struct vpmu_file *file, struct state_set *set, char *why)
{
	struct vpmu_layout layout = no_layout;
	enum vpmu_status status = VPMU_OK;
	char what[STATE_WHY_BYTES] = "";
	const void *stream;
	size_t bytes, i = 0;

	for (; !status && vpmu_file_next(file, &stream, &bytes); i++)
		status = add_stream(set, stream, bytes, &layout, what);
	if (status)
		snprintf(why, STATE_WHY_BYTES, "stream %zu: %.300s", i - 1, what);
	return status;
}

enum vpmu_status state_native_read(const void *data, size_t bytes, struct state_set *set, char *why)
{
	struct vpmu_layout layout = no_layout;
	struct vpmu_file file;
	enum vpmu_status status;

	*set = (struct state_set){.entries = NULL};
	/* A stream by itself, as it comes from a socket. */
	if (bytes >= 4 && !memcmp(data, "vPMU", 4)) {
		status = add_stream(set, data, bytes, &layout, why);
	} else {
		status = vpmu_file_open(&file, data, bytes, why, STATE_WHY_BYTES);
		if (!status)
			status = read_streams(&file, set, why);
	}
	if (status)
		state_set_free(set);
	return status;
}

bool state_native_write(const struct state_set *set, FILE *stream)
{
	uint8_t bytes[VPMU_STREAM_BYTES];
	struct vpmu_layout layout = no_layout;

	if (vpmu_file_header(bytes, set->count)) {
		message("too many vCPUs for a file: %zu (%d at most)", set->count, VPMU_FILE_VCPUS);
		return false;
	}
	fwrite(bytes, VPMU_FILE_HEADER_BYTES, 1, stream);
	for (size_t i = 0; i < set->count; i++) {
		const struct state_entry *entry = &set->entries[i];
		size_t used;

		if (!vpmu_model_equal(&entry->state.model, &layout.model))
			vpmu_layout_init(&layout, &entry->state.model);
		if (vpmu_stream_encode(&entry->state, &layout, entry->vcpu, bytes, sizeof(bytes),
		                       &used)) {
			message("a state that is none: vCPU %u", entry->vcpu);
			return false;
		}
		fwrite(bytes, used, 1, stream);
	}
	return true;
}

/* What vpmu has written begins with its format. */
bool state_json_is_own(const uint8_t *bytes, size_t count)
{
	enum { LOOKED_AT = 64 };
	size_t at = 0;

	while (at < count && strchr(" \t\r\n", bytes[at]) && bytes[at])
		at++;
	return at < count && bytes[at] == '{' &&
	       memmem(bytes + at, count - at < LOOKED_AT ? count - at : LOOKED_AT, "\"format\"", 8);
}
