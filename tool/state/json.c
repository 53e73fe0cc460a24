/* SPDX-License-Identifier: MIT */
/* States and reports on hosts in JSON, read and written by src/json. */
#include "json/json.h"
#include "state.h"

#if HAVE_JANSSON

static bool take_state(void *set, uint32_t vcpu, const struct vpmu_state *state)
{
	return state_set_add(set, vcpu, state);
}

enum vpmu_status state_json_read(const char *text, size_t bytes, struct state_set *set, char *why)
{
	struct json_fault fault;
	enum vpmu_status status;

	*set = (struct state_set){.entries = NULL};
	status = states_json_read(text, bytes, take_state, set, &fault);
	if (!status)
		return VPMU_OK;
	state_set_free(set);
	return json_failed(status, &fault, why);
}

bool state_json_write(const struct state_set *set, FILE *stream)
{
	json_t *document = states_json();

	for (size_t i = 0; i < set->count; i++)
		states_json_add(document, set->entries[i].vcpu, &set->entries[i].state);
	return json_write(document, stream);
}

enum vpmu_status state_json_report(const char *text, size_t bytes, struct json_report *report,
                                   char *why)
{
	struct json_fault fault;
	enum vpmu_status status = report_json_read(text, bytes, report, &fault);

	return status ? json_failed(status, &fault, why) : VPMU_OK;
}

#else

enum vpmu_status state_json_read(const char *text, size_t bytes, struct state_set *set, char *why)
{
	return json_lacks() ? VPMU_INTERNAL : VPMU_OK;
}

bool state_json_write(const struct state_set *set, FILE *stream)
{
	return !json_lacks();
}

enum vpmu_status state_json_report(const char *text, size_t bytes, struct json_report *report,
                                   char *why)
{
	return json_lacks() ? VPMU_INTERNAL : VPMU_OK;
}

#endif
