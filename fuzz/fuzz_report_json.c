/* SPDX-License-Identifier: MIT */
/* Reports on a host's PMU (`vpmu doctor --json`, `vpmu models --json`): a model that can exist
 * comes out, or a reason why none does. */
#include <string.h>

#include "state/state.h"
#include "lib/visible.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[STATE_WHY_BYTES] = "";
	struct state_report report;
	enum vpmu_status status = state_json_report((const char *)data, size, &report, why);

	if (status) {
		MUST(status == VPMU_BAD_DATA && why[0] && strlen(why) < sizeof(why));
		return 0;
	}
	MUST(!vpmu_model_check(&report.model, why, sizeof(why)));
	MUST(strlen(report.model.name) < sizeof(report.model.name) &&
	     text_is_plain(report.model.name, false));
	return 0;
}
