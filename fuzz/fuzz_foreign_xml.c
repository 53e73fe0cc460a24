/* SPDX-License-Identifier: MIT */
/* XML of libvirt's: a CPU that can exist, or a failure in one line. */
#include <string.h>

#include "input/foreign_xml.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct foreign_cpus cpus;
	char why[FOREIGN_WHY] = "";
	enum vpmu_status status = foreign_xml_read((const char *)data, size, &cpus, why);

	if (status) {
		MUST(status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE ||
		     status == VPMU_NO_REGISTER);
		MUST(why[0] && !strchr(why, '\n'));
		return 0;
	}
	MUST(cpus.count == 1 && cpus.format);
	MUST(!vpmu_model_check(&cpus.models[0].model, NULL, 0));
	return 0;
}
