/* SPDX-License-Identifier: MIT */
/* QEMU's migration files, and the fields of the PMUs that are found in them. */
#include <string.h>

#include <vpmu/stream.h>

#include "fuzz.h"

enum { CPUS = 4, WHY = 200 };

struct input {
	const uint8_t *data;
	size_t size, reads;
};

/* Work is bounded: no more than some reads of each part of the file, whatever is in it. */
static bool read_input(void *context, uint64_t offset, void *into, size_t bytes)
{
	struct input *input = context;

	MUST(offset <= input->size && bytes <= input->size - offset);
	MUST(++input->reads < 64 + input->size / 64);
	memcpy(into, input->data + offset, bytes);
	return true;
}

/* There and back, where it can be. */
static void into_places(const struct vpmu_qemu_pmu *pmu, const struct vpmu_layout *layout)
{
	struct vpmu_qemu_pmu there = *pmu, again = *pmu;

	if (vpmu_qemu_is_permuted(pmu, layout))
		MUST(!vpmu_qemu_straighten(&there, layout) &&
		     memcmp(&there, pmu, sizeof(there)) != 0);
	else if (vpmu_qemu_straighten(&there, layout))
		return;
	again = there;
	MUST(!vpmu_qemu_permute(&again, layout));
	MUST(!memcmp(&again, pmu, sizeof(again)));
}

static void into_states(const struct vpmu_qemu_pmu *pmu)
{
	static const char *const models[] = {"intel-v2,gp=8", "sapphire-rapids", "zen4", "amd-k7"};

	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
		struct vpmu_qemu_pmu again;
		struct vpmu_layout layout;
		struct vpmu_model model;
		struct vpmu_state state;
		char why[WHY] = "";

		MUST(!vpmu_model_parse(&model, models[i], NULL, 0));
		MUST(!vpmu_layout_init(&layout, &model));
		into_places(pmu, &layout);
		if (vpmu_qemu_to_state(pmu, &layout, &state, why, sizeof(why))) {
			MUST(why[0]);
			continue;
		}
		MUST(!vpmu_state_check(&state, &layout, NULL, 0));
		MUST(!vpmu_qemu_from_state(&state, &layout, &again, NULL, 0));
		again.global_ovf_ctrl = pmu->global_ovf_ctrl;
		MUST(!memcmp(&again, pmu, sizeof(again)));
	}
}

/* What a state takes of last branches, it gives back. */
static void into_branches(const struct vpmu_qemu_lbr *lbr)
{
	static const char *const models[] = {"sapphire-rapids,lbr=32", "intel-v5,lbr=8",
	                                     "zen4,lbr=16"};
	static const struct vpmu_qemu_lbr empty;

	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
		struct vpmu_qemu_lbr again;
		struct vpmu_layout layout;
		struct vpmu_model model;
		struct vpmu_state state;
		char why[WHY] = "";

		MUST(!vpmu_model_parse(&model, models[i], NULL, 0));
		MUST(!vpmu_layout_init(&layout, &model));
		vpmu_state_reset(&state, &layout);
		if (vpmu_qemu_lbr_to_state(lbr, &layout, &state, why, sizeof(why))) {
			MUST(why[0]);
			continue;
		}
		MUST(!vpmu_qemu_lbr_take(&state, &layout, &again, NULL, 0));
		if (model.vendor == VPMU_VENDOR_AMD || !memcmp(lbr, &empty, sizeof(empty)))
			again.depth = lbr->depth;
		MUST(!memcmp(&again, lbr, sizeof(again)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size, 0};
	struct vpmu_source source = {.read = read_input, .context = &input, .bytes = size};
	struct vpmu_qemu_cpu cpus[CPUS];
	struct vpmu_qemu_about about;
	struct vpmu_qemu_lbr lbr;
	struct vpmu_qemu_pmu pmu;
	char why[WHY] = "";
	enum vpmu_status status;

	status = vpmu_qemu_find(&source, cpus, CPUS, &about, why, sizeof(why));
	if (status) {
		MUST(status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE);
		MUST(why[0] && !strchr(why, '\n'));
	} else {
		MUST(about.cpus && about.cpus <= CPUS);
	}
	for (size_t i = 0; !status && i < about.cpus; i++) {
		MUST(cpus[i].offset < size);
		into_states(&cpus[i].pmu);
		if (!cpus[i].has_lbr)
			continue;
		MUST(cpus[i].lbr_offset + VPMU_QEMU_LBR_BYTES <= size);
		vpmu_qemu_lbr_unpack(&lbr, data + cpus[i].lbr_offset);
		into_branches(&lbr);
	}
	if (size >= VPMU_QEMU_BYTES) {
		vpmu_qemu_unpack(&pmu, data);
		into_states(&pmu);
	}
	if (size >= VPMU_QEMU_LBR_BYTES) {
		vpmu_qemu_lbr_unpack(&lbr, data);
		into_branches(&lbr);
	}
	return 0;
}
