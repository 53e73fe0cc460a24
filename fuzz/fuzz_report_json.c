/* SPDX-License-Identifier: MIT */
/* Reports on a host's PMU (`vpmu doctor --json`, `vpmu models --json`): a model that can exist
 * comes out, or what is wrong, and where. */
#include <string.h>

#include <json/room.h>

#include "fuzz.h"

static bool is_plain(const char *name)
{
	while (*name >= ' ' && *name <= '~')
		name++;
	return !*name;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_fault fault = {.what = ""};
	struct json_report report;
	enum vpmu_status status = report_json_read((const char *)data, size, &report, &fault);

	if (status) {
		MUST(status == VPMU_BAD_DATA && fault.what[0] && fault.where[0]);
		MUST(strlen(fault.what) < sizeof(fault.what));
		MUST(strlen(fault.where) < sizeof(fault.where));
		return 0;
	}
	MUST(!vpmu_model_check(&report.model, NULL, 0));
	MUST(strlen(report.model.name) < sizeof(report.model.name));
	MUST(is_plain(report.model.name));
	return 0;
}
