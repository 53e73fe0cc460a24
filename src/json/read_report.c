/* SPDX-License-Identifier: MIT */
/* Reads the model out of a report on a host (docs/json.md: vpmu-doctor, vpmu-model). */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <json/room.h>

enum { VERSION = 1 };

/* The kernel's profile, where a doctor has seen a kernel. */
static void read_kernel(json_t *document, struct json_report *report)
{
	const char *kernel =
		json_string_value(json_object_get(json_object_get(document, "host"), "kernel"));
	json_t *mediated = json_object_get(json_object_get(document, "kvm"), "mediated");

	report->is_doctor = true;
	if (kernel)
		report->profile = vpmu_profile_for_kernel(kernel, json_is_true(mediated));
}

/* Why a report cannot be used: it is not a report, or the host's model was unknown. */
static void read_report(struct reading *reading, json_t *document, struct json_report *report)
{
	const char *format = reading_text(reading, document, "format");

	if (strcmp(format, "vpmu-doctor") != 0 && strcmp(format, "vpmu-model") != 0) {
		reading_fail(reading, "'format' is neither \"vpmu-doctor\" nor \"vpmu-model\"");
		return;
	}
	if (reading_count(reading, document, "version", VERSION) != VERSION)
		reading_fail(reading, "of another version than %d", VERSION);
	if (!json_object_get(document, "model"))
		reading_fail(reading, "there is no 'model': the host's PMU was not known");
	if (reading->failed)
		return;
	snprintf(reading->where, sizeof(reading->where), "model");
	reading_model(reading, json_object_get(document, "model"), &report->model);
	if (!strcmp(format, "vpmu-doctor"))
		read_kernel(document, report);
}

enum vpmu_status report_json_read(const char *text, size_t bytes, struct json_report *report,
                                  struct json_fault *fault)
{
	struct reading reading = {.fault = fault, .lenient = true};
	json_t *document = reading_load(&reading, text, bytes);

	*report = (struct json_report){.profile = NULL};
	if (document)
		read_report(&reading, document, report);
	json_decref(document);
	return reading.failed ? VPMU_BAD_DATA : VPMU_OK;
}
