/* SPDX-License-Identifier: MIT */
/* The JSON form of states: what is read must be states, and be written again as the same. */
#include <string.h>

#include "state/state.h"
#include "fuzz.h"

static char *write_again(const struct state_set *set, size_t *bytes)
{
	char *text = NULL;
	FILE *stream = open_memstream(&text, bytes);

	MUST(stream && state_json_write(set, stream));
	MUST(!fclose(stream));
	return text;
}

static void must_be_the_same(const struct state_set *a, const struct state_set *b)
{
	MUST(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct state_entry *one = &a->entries[i], *other = &b->entries[i];

		MUST(one->vcpu == other->vcpu);
		MUST(vpmu_model_equal(&one->state.model, &other->state.model));
		MUST(!strcmp(one->state.model.name, other->state.model.name));
		MUST(!memcmp(one->state.values, other->state.values, sizeof(one->state.values)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[STATE_WHY_BYTES] = "";
	struct state_set set, again;
	enum vpmu_status status;
	size_t bytes;
	char *text;

	status = state_json_read((const char *)data, size, &set, why);
	if (status) {
		MUST(status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE);
		MUST(why[0] && !set.entries && !set.count);
		return 0;
	}
	MUST(set.count);
	text = write_again(&set, &bytes);
	MUST(!state_json_read(text, bytes, &again, why));
	must_be_the_same(&set, &again);
	free(text);
	state_set_free(&set);
	state_set_free(&again);
	return 0;
}
