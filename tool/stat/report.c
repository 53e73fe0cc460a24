/* SPDX-License-Identifier: MIT */
/* The lines that the guest's init reports (guests/linux/stat_init.c). They come from a guest that
 * runs any program, so every value is range-checked. */
#include <inttypes.h>
#include <string.h>

#include "stat.h"

static void see_counter(struct stat_result *result, const char *line)
{
	uint64_t value, enabled, running;
	unsigned i;

	if (sscanf(line, "counter %u %" SCNu64 " %" SCNu64 " %" SCNu64, &i, &value, &enabled,
	           &running) == 4 &&
	    i < STAT_EVENTS)
		result->counts[i] = (struct stat_count){
			.read = true,
			.value = value,
			.enabled = enabled,
			.running = running,
		};
}

static void see_refusal(struct stat_result *result, const char *line)
{
	unsigned i;
	int error;

	if (sscanf(line, "refused %u %d", &i, &error) == 2 && i < STAT_EVENTS)
		result->counts[i] = (struct stat_count){.refused = true, .error = error};
}

static void see_end(struct stat_result *result, const char *line)
{
	int number;

	if (sscanf(line, "exit %d", &number) == 1) {
		result->ended = true;
		result->status = number & 0xff;
	} else if (sscanf(line, "signal %d", &number) == 1) {
		result->ended = result->signalled = true;
		result->status = number & 0x7f;
	}
}

void stat_report_line(struct stat_result *result, const char *line)
{
	if (!strcmp(line, "ready"))
		result->ready = true;
	else if (!strncmp(line, "cannot ", 7) && !*result->cannot)
		snprintf(result->cannot, sizeof(result->cannot), "%s", line);
	else if (!strncmp(line, "counter ", 8))
		see_counter(result, line);
	else if (!strncmp(line, "refused ", 8))
		see_refusal(result, line);
	else
		see_end(result, line);
}
