/* SPDX-License-Identifier: MIT */
/* Models as people type them. The first byte sizes the reason's buffer, the rest is the text. */
#include <string.h>

#include "fuzz.h"
#include "properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t why_bytes = size ? data[0] : 0;
	struct vpmu_model model;
	enum vpmu_status status;
	char *text, *why;

	text = malloc(size + 1);
	why = malloc(why_bytes + 1);
	if (!text || !why)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	status =
		vpmu_model_parse(&model, size ? text + 1 : text, why_bytes ? why : NULL, why_bytes);
	if (status == VPMU_OK) {
		model_properties(&model);
	} else {
		MUST(status == VPMU_BAD_ARGUMENT || status == VPMU_INCOMPATIBLE);
		if (why_bytes > 1)
			MUST(why[0] && memchr(why, '\0', why_bytes) && !strchr(why, '\n'));
	}
	free(why);
	free(text);
	return 0;
}
