/* SPDX-License-Identifier: MIT */
/* The JSON form of states: what is read must be states, and be written again as the same. */
#include <stdlib.h>
#include <string.h>

#include <json/room.h>

#include "fuzz.h"

/* The states of a document are written to another as they are read; or compared, from the second
 * reading on, with those of the first. */
struct states {
	json_t *again;
	struct vpmu_state *kept;
	uint32_t *vcpus;
	size_t count, compared;
};

static bool keep(void *context, uint32_t vcpu, const struct vpmu_state *state)
{
	struct states *states = context;
	size_t count = states->count + 1;

	MUST(!states->count || vcpu > states->vcpus[states->count - 1]);
	states->kept = realloc(states->kept, count * sizeof(*states->kept));
	states->vcpus = realloc(states->vcpus, count * sizeof(*states->vcpus));
	MUST(states->kept && states->vcpus);
	states->kept[states->count] = *state;
	states->vcpus[states->count++] = vcpu;
	states_json_add(states->again, vcpu, state);
	return true;
}

static bool compare(void *context, uint32_t vcpu, const struct vpmu_state *state)
{
	struct states *states = context;
	const struct vpmu_state *kept = &states->kept[states->compared];

	MUST(states->compared < states->count && vcpu == states->vcpus[states->compared++]);
	MUST(vpmu_model_equal(&state->model, &kept->model));
	MUST(!strcmp(state->model.name, kept->model.name));
	MUST(!memcmp(state->values, kept->values, sizeof(state->values)));
	return true;
}

static void must_be_the_same(struct states *states, char *text)
{
	struct json_fault fault;

	MUST(text && states->count);
	MUST(!states_json_read(text, strlen(text), compare, states, &fault));
	MUST(states->compared == states->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_fault fault = {.what = ""};
	struct states states = {.again = states_json()};
	enum vpmu_status status = states_json_read((const char *)data, size, keep, &states, &fault);
	char *text = json_page(states.again);

	if (!status)
		must_be_the_same(&states, text);
	MUST(!status || status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE);
	MUST(!status || (fault.what[0] && fault.where[0]));
	free(text);
	free(states.kept);
	free(states.vcpus);
	return 0;
}
