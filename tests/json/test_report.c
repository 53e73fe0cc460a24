/* SPDX-License-Identifier: MIT */
/* The model out of a report on a host, or what is wrong with the report. */
#include <stdlib.h>

#include "../state/fixture.h"

#include <json/room.h>

/* A report of that format, with the model where one is named, and with what a doctor has seen. */
static char *report_of(const char *format, const char *model_name, const char *seen)
{
	struct vpmu_model model;
	char *text, *model_text = NULL, *report;

	if (model_name) {
		assert_int_equal(vpmu_model_parse(&model, model_name, NULL, 0), VPMU_OK);
		model_text = json_one_line(model_json(&model));
		assert_non_null(model_text);
	}
	assert_true(asprintf(&text, "\"format\": \"%s\", \"version\": 1%s", format, seen) > 0);
	assert_true(asprintf(&report, "{%s%s%s}", text, model_text ? ", \"model\": " : "",
	                     model_text ? model_text : "") > 0);
	free(model_text);
	free(text);
	return report;
}

static enum vpmu_status read_report(const char *format, const char *model, const char *seen,
                                    struct json_report *report, struct json_fault *fault)
{
	char *text = report_of(format, model, seen);
	enum vpmu_status status = report_json_read(text, strlen(text), report, fault);

	free(text);
	return status;
}

static void every_model_is_read_again(void **unused)
{
	const char *name;

	for (size_t i = 0; (name = test_model(i)); i++) {
		struct vpmu_model model;
		struct json_report report;
		struct json_fault fault;

		assert_int_equal(vpmu_model_parse(&model, name, NULL, 0), VPMU_OK);
		if (read_report("vpmu-model", name, "", &report, &fault))
			fail_msg("%s: %s: %s", name, fault.what, fault.where);
		assert_true(vpmu_model_equal(&report.model, &model));
		assert_string_equal(report.model.name, model.name);
		assert_false(report.is_doctor);
		assert_null(report.profile);
	}
}

static void a_doctors_kernel_is_a_profile(void **unused)
{
	static const char seen[] = ", \"host\": {\"kernel\": \"6.12.9\"}, "
				   "\"kvm\": {\"mediated\": false}";
	struct json_report report;
	struct json_fault fault;

	assert_int_equal(read_report("vpmu-doctor", "icelake", seen, &report, &fault), VPMU_OK);
	assert_true(report.is_doctor);
	assert_ptr_equal(report.profile, vpmu_profile_for_kernel("6.12.9", false));
	assert_int_equal(read_report("vpmu-doctor", "icelake", "", &report, &fault), VPMU_OK);
	assert_null(report.profile);
}

static void what_is_no_report_is_told(void **unused)
{
	struct json_report report;
	struct json_fault fault = {.what = ""};

	assert_int_equal(read_report("vpmu-plan", "zen4", "", &report, &fault), VPMU_BAD_DATA);
	assert_string_equal(fault.what, "'format' is neither \"vpmu-doctor\" nor \"vpmu-model\"");
	assert_string_equal(fault.where, "the document");
	assert_int_equal(read_report("vpmu-doctor", NULL, "", &report, &fault), VPMU_BAD_DATA);
	assert_string_equal(fault.what, "there is no 'model': the host's PMU was not known");
	assert_int_equal(read_report("vpmu-model", NULL, ", \"model\": {}", &report, &fault),
	                 VPMU_BAD_DATA);
	assert_string_equal(fault.where, "model");
	assert_int_equal(report_json_read("nothing", 7, &report, &fault), VPMU_BAD_DATA);
	assert_string_equal(fault.where, "line 1, column 7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_model_is_read_again),
		cmocka_unit_test(a_doctors_kernel_is_a_profile),
		cmocka_unit_test(what_is_no_report_is_told),
	};

	return cmocka_run_group_tests_name("json-report", tests, NULL, NULL);
}
