/* SPDX-License-Identifier: MIT */
/* Texts that describe CPUs: what is read must be models, and a failure one line. */
#include <string.h>

#include <stream/foreign/room.h>

#include "fuzz.h"
#include "properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct foreign_cpus cpus;
	char why[FOREIGN_WHY] = "";
	enum vpmu_status status = foreign_cpus_read(data, size, &cpus, why, sizeof(why));
	uint32_t sum = 0;

	if (status) {
		MUST(status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE ||
		     status == VPMU_NO_REGISTER);
		MUST(why[0] && !strchr(why, '\n'));
		return 0;
	}
	MUST(cpus.count <= FOREIGN_MODELS && cpus.format);
	for (size_t i = 0; i < cpus.count; i++) {
		struct foreign_cpu *cpu = &cpus.models[i];

		MUST(memchr(cpu->label, '\0', sizeof(cpu->label)));
		MUST(cpu->cpus);
		sum += cpu->cpus;
		memcpy(cpu->model.name, "cpuid", 6);
		model_properties(&cpu->model);
	}
	MUST(sum == cpus.cpus);
	return 0;
}
