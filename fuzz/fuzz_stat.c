/* SPDX-License-Identifier: MIT */
/* What `vpmu stat` reads: lists of events and limits, and the lines that its guest reports. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "stat/stat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stat_events events;
	static struct stat_result result;
	static struct vpmu_model model;
	char *text = malloc(size + 1), *line, *rest;

	if (!text || vpmu_model_parse(&model, "skylake", NULL, 0))
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	events.count = 0;
	events.model = &model;
	stat_events_add(&events, text);
	stat_limits_add(&events, text);
	for (unsigned i = 0; i < events.count; i++)
		if (!events.of[i].rings || strlen(events.of[i].name) >= STAT_NAME)
			abort();
	for (rest = text; (line = strsep(&rest, "\n"));)
		stat_report_line(&result, line);
	if (result.status & ~0xff)
		abort();
	free(text);
	return 0;
}
