/* SPDX-License-Identifier: MIT */
/* JSON of other programs: the CPUs and registers in it become models and states, or a failure. */
#include <string.h>

#include "json/foreign.h"
#include "fuzz.h"

static void states_of(const struct foreign_json *json)
{
	static const char *const models[] = {"intel-v5", "zen4", "amd-k7"};

	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
		char why[STATE_WHY_BYTES] = "";
		struct vpmu_layout layout;
		struct vpmu_model model;
		struct vpmu_state state;
		struct msr_notes notes;

		if (!json->msrs.count)
			return;
		MUST(!vpmu_model_parse(&model, models[i], NULL, 0));
		if (!msr_table_state(&json->msrs, json->msrs.entries[0].cpu, &model, &state, &notes,
		                     why)) {
			MUST(why[0] && !strchr(why, '\n'));
			continue;
		}
		MUST(!vpmu_layout_init(&layout, &state.model));
		MUST(!vpmu_state_check(&state, &layout, why, sizeof(why)));
	}
}

static void models_of(const struct foreign_json *json)
{
	static struct foreign_cpus cpus;
	char why[FOREIGN_WHY] = "";

	memset(&cpus, 0, sizeof(cpus));
	for (size_t i = 0; i < json->cpu_count; i++)
		foreign_add_leaves(&cpus, &json->cpus[i].leaves, "0", why, sizeof(why));
	if (json->has_traits)
		foreign_add_traits(&cpus, &json->traits, "0", why, sizeof(why));
	for (size_t i = 0; i < cpus.count; i++)
		MUST(!vpmu_model_check(&cpus.models[i].model, NULL, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct foreign_json json;
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status status = foreign_json_read((const char *)data, size, &json, why);

	if (status) {
		MUST(status == VPMU_BAD_DATA || status == VPMU_NO_REGISTER);
		MUST(why[0] && !json.cpus && !json.msrs.entries);
		return 0;
	}
	MUST(json.format);
	states_of(&json);
	models_of(&json);
	foreign_json_free(&json);
	return 0;
}
