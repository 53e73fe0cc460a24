/* SPDX-License-Identifier: MIT */
/* The judgements as JSON (docs/json.md: vpmu-compat, vpmu-baseline, vpmu-compat-matrix). */
#include <string.h>

#include "json/json.h"
#include "matrix.h"

#if HAVE_JANSSON

/* --- Compat ----------------------------------------------------------------------------------- */

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
		json_array_append_new(vcpus,
		                      compat_json(set->entries[i].vcpu,
		                                  set->entries[i].state.model.name, &compat));
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
                        const struct fleet *fleet)
{
	json_t *document = json_document("vpmu-baseline", 1), *costs = json_array();
	struct vpmu_cost cost;

	for (size_t i = 0; vpmu_baseline_cost(baseline, i, &cost); i++) {
		json_t *object = cost_json(&cost);

		if (cost.hosts)
			json_object_set_new(object, "first",
			                    host_json(&fleet->machines[cost.first].host));
		json_array_append_new(costs, object);
	}
	json_object_set_new(document, "hosts", json_count(baseline->hosts));
	json_object_set_new(document, "model", model_json(model));
	json_object_set_new(document, "costs", costs);
	return json_print(document);
}

/* --- The matrix ------------------------------------------------------------------------------- */

static json_t *machines_json(const struct matrix *matrix, size_t kind)
{
	json_t *list = json_array();

	for (size_t i = 0; i < matrix->fleet->count; i++)
		if (matrix->kind_of[i] == kind)
			json_array_append_new(list, host_json(&matrix->fleet->machines[i].host));
	return list;
}

static json_t *kinds_json(const struct matrix *matrix)
{
	json_t *list = json_array();
	char text[MATRIX_TEXT], version[QEMU_VERSION_TEXT];

	for (size_t i = 0; i < matrix->kind_count; i++) {
		const struct matrix_kind *kind = &matrix->kinds[i];
		json_t *object = json_object();

		matrix_describe(kind, text);
		json_object_set_new(object, "text", json_string(text));
		json_object_set_new(object, "model", model_json(&kind->guest));
		json_object_set_new(object, "profile", json_string(matrix_profile(kind)));
		if (kind->first->qemu) {
			qemu_version_text(kind->first->qemu, version);
			json_object_set_new(object, "qemu", json_string(version));
		}
		json_object_set_new(object, "machines", machines_json(matrix, i));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *lines_json(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t length = strcspn(text, "\n");

		json_array_append_new(list, json_bytes(text, length));
		text += length + 1;
	}
	return list;
}

int matrix_json(const struct matrix *matrix)
{
	json_t *document = json_document("vpmu-compat-matrix", 1), *pairs = json_array();
	size_t kinds = matrix->kind_count;

	for (size_t i = 0; i < kinds * kinds; i++)
		json_array_append_new(pairs,
		                      json_pack("{s:o, s:o, s:s, s:o}", "from",
		                                json_count(i / kinds), "to", json_count(i % kinds),
		                                "verdict", vpmu_take_text(matrix->cells[i].take),
		                                "why", lines_json(matrix->cells[i].why)));
	json_object_set_new(document, "order", json_string(matrix->order->name));
	json_object_set_new(document, "pmu_off", json_boolean(matrix->pmu_off));
	json_object_set_new(document, "kinds", kinds_json(matrix));
	json_object_set_new(document, "pairs", pairs);
	return json_print(document);
}

#else

int matrix_json(const struct matrix *matrix)
{
	return json_lacks() ? TOOL_LACKS : TOOL_HOLDS;
}

int state_compat_json(const struct state_set *set, const struct state_target *target,
                      enum vpmu_take *worst)
{
	*worst = VPMU_TAKES;
	return json_lacks() ? TOOL_LACKS : TOOL_HOLDS;
}

int state_baseline_json(const struct vpmu_baseline *baseline, const struct vpmu_model *model,
                        const struct fleet *fleet)
{
	return json_lacks() ? TOOL_LACKS : TOOL_HOLDS;
}

#endif
