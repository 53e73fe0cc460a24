/* SPDX-License-Identifier: MIT */
/* What holds for every model that the library gives out. */
#include <string.h>

#include "fuzz.h"
#include "properties.h"

static void registers_ascend(const struct vpmu_model *model)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(model, registers);

	MUST(!count == !model->version);
	MUST(count < VPMU_MAX_REGISTERS);
	for (size_t i = 0; i < count; i++) {
		const struct vpmu_register *reg = &registers[i];

		MUST(!i || reg[-1].msr < reg->msr);
		MUST(memchr(reg->name, '\0', sizeof(reg->name)));
		MUST(reg->width == 64 || !(reg->reset >> reg->width));
	}
}

static void comes_back_from_cpuid(const struct vpmu_model *model)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(model, leaves);
	struct vpmu_model back;

	MUST(count && count <= VPMU_CPUID_LEAVES);
	MUST(vpmu_model_from_cpuid(&back, leaves, count, model->perf_capabilities, NULL, 0) ==
	     VPMU_OK);
	/* No bit of AMD's or a P6's CPUID says that there is no PMU. */
	if (model->version ||
	    (model->vendor != VPMU_VENDOR_AMD && model->vendor != VPMU_VENDOR_INTEL_P6))
		MUST(vpmu_model_equal(&back, model));
}

void model_properties(const struct vpmu_model *model)
{
	MUST(vpmu_model_check(model, NULL, 0) == VPMU_OK);
	registers_ascend(model);
	comes_back_from_cpuid(model);
}
