/* SPDX-License-Identifier: MIT */
/* The two judgements as JSON (docs/json.md: vpmu-compat, vpmu-baseline). */
#include <string.h>

#include "json/json.h"
#include "json/model.h"
#include "state.h"

#if HAVE_JANSSON

/* --- Compat ----------------------------------------------------------------------------------- */

static json_t *differences_json(const struct vpmu_compat *compat)
{
	json_t *list = json_array();
	char line[STATE_LINE_BYTES];

	for (unsigned i = 0; i < compat->difference_count; i++) {
		const struct vpmu_compat_difference *difference = &compat->differences[i];

		vpmu_compat_describe_difference(compat, i, line, sizeof(line));
		json_array_append_new(list,
		                      json_pack("{s:s, s:o, s:o, s:s}", "verdict",
		                                vpmu_take_text((enum vpmu_take)difference->take),
		                                "from", json_hex(difference->from), "to",
		                                json_hex(difference->to), "text", line));
	}
	return list;
}

static json_t *registers_json(const struct vpmu_compat *compat)
{
	json_t *list = json_array();
	char line[STATE_LINE_BYTES];

	for (unsigned i = 0; i < compat->register_count; i++) {
		const struct vpmu_compat_register *verdict = &compat->registers[i];
		const struct vpmu_register *reg = &compat->layout->registers[verdict->place];

		vpmu_compat_describe_register(compat, i, line, sizeof(line));
		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:s}", "name", reg->name,
		                  "msr", json_hex(reg->msr), "verdict",
		                  vpmu_take_text((enum vpmu_take)verdict->take), "why",
		                  vpmu_compat_why_text((enum vpmu_compat_why)verdict->why), "value",
		                  json_hex(verdict->value), "becomes", json_hex(verdict->becomes),
		                  "bits", json_hex(verdict->bits), "text", line));
	}
	return list;
}

/* The put that was tried. */
static json_t *put_json(const struct vpmu_compat *compat)
{
	json_t *put = json_pack("{s:s, s:i, s:i, s:i}", "order", compat->order->name, "writes",
	                        compat->planned, "refused", compat->refused_count, "stops_after",
	                        compat->stops_at);

	if (compat->refused_count)
		json_object_set_new(
			put, "stops_at",
			json_string(compat->layout->registers[compat->stops_place].name));
	return put;
}

static json_t *judgement_json(const struct state_entry *entry, const struct vpmu_compat *compat)
{
	return json_pack("{s:I, s:s, s:s, s:o, s:o, s:o}", "vcpu", (json_int_t)entry->vcpu, "model",
	                 entry->state.model.name, "verdict", vpmu_take_text(compat->take), "put",
	                 put_json(compat), "differences", differences_json(compat), "registers",
	                 registers_json(compat));
}

int state_compat_json(const struct state_set *set, const struct state_target *target,
                      enum vpmu_take *worst)
{
	json_t *document = json_document("vpmu-compat", 1), *vcpus = json_array();

	*worst = VPMU_TAKES;
	for (size_t i = 0; i < set->count; i++) {
		struct vpmu_compat compat;
		struct vpmu_layout layout;
		int status = state_judge(&compat, &layout, &set->entries[i].state, target);

		if (status) {
			json_decref(vcpus);
			json_decref(document);
			return status;
		}
		json_array_append_new(vcpus, judgement_json(&set->entries[i], &compat));
		if (compat.take > *worst)
			*worst = compat.take;
	}
	json_object_set_new(document, "target", model_json(&target->model));
	json_object_set_new(document, "profile",
	                    json_string(target->profile_name ? target->profile_name : "hardware"));
	json_object_set_new(document, "verdict", json_string(vpmu_take_text(*worst)));
	json_object_set_new(document, "vcpus", vcpus);
	return json_print(document);
}

/* --- Baseline --------------------------------------------------------------------------------- */

static json_t *host_json(const struct state_host *host)
{
	json_t *object = json_object();

	json_object_set_new(object, "host", json_bytes(host->name, (size_t)host->name_length));
	if (host->file) {
		json_object_set_new(object, "file", json_bytes(host->file, strlen(host->file)));
		json_object_set_new(object, "line", json_count(host->line));
	}
	return object;
}

int state_baseline_json(const struct vpmu_baseline *baseline, const struct vpmu_model *model,
                        const struct state_host *hosts)
{
	json_t *document = json_document("vpmu-baseline", 1), *costs = json_array();
	struct vpmu_cost cost;

	for (size_t i = 0; vpmu_baseline_cost(baseline, i, &cost); i++) {
		json_t *object =
			json_pack("{s:s, s:o}", "text", cost.text, "hosts", json_count(cost.hosts));

		if (cost.hosts)
			json_object_set_new(object, "first", host_json(&hosts[cost.first]));
		json_array_append_new(costs, object);
	}
	json_object_set_new(document, "hosts", json_count(baseline->hosts));
	json_object_set_new(document, "model", model_json(model));
	json_object_set_new(document, "costs", costs);
	return json_print(document);
}

#else

int state_compat_json(const struct state_set *set, const struct state_target *target,
                      enum vpmu_take *worst)
{
	*worst = VPMU_TAKES;
	return json_lacks() ? TOOL_LACKS : TOOL_HOLDS;
}

int state_baseline_json(const struct vpmu_baseline *baseline, const struct vpmu_model *model,
                        const struct state_host *hosts)
{
	return json_lacks() ? TOOL_LACKS : TOOL_HOLDS;
}

#endif
