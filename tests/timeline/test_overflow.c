/* SPDX-License-Identifier: MIT */
/* How long an overflow waits, as the timeline shows it: from events that are given by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <timeline/room.h>
#include <vpmu/simulate.h>
#include <vpmu/vpmu.h>

static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
static struct vpmu_pmu *pmu;
static struct timeline_file file;
static struct timeline_vcpu vcpu;
static char *text;
static size_t text_bytes;

static void start(const char *name)
{
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, name, NULL, 0), VPMU_OK);
	pmu = vpmu_pmu_init(memory, sizeof(memory), &model, vpmu_profile_find("hardware"));
	assert_non_null(pmu);
	timeline_head(&file, open_memstream(&text, &text_bytes), &model, "by hand");
	timeline_vcpu(&file, &vcpu, 1, "guest", pmu);
}

static void happens(enum timeline_kind kind, uint64_t instruction, uint64_t value)
{
	const struct timeline_event event = {
		.kind = kind, .instruction = instruction, .value = value, .since = instruction};

	timeline_event(&file, &vcpu, &event);
}

static void writes(uint32_t msr, uint64_t value, uint64_t instruction)
{
	const struct timeline_event event = {
		.kind = TIMELINE_MSR_WRITE, .instruction = instruction, .value = value, .msr = msr};

	assert_int_equal(vpmu_pmu_guest_write(pmu, msr, value), VPMU_OK);
	timeline_event(&file, &vcpu, &event);
}

/* Ends it: the slices are these lines, each without what all have. */
static void shows(uint64_t instruction, const char *wanted)
{
	static const char before[] = "{\"ph\":\"X\",\"pid\":1,\"tid\":7,";
	char got[1024] = "";

	timeline_vcpu_end(&file, &vcpu, instruction);
	timeline_tail(&file);
	fclose(file.stream);
	for (const char *at = text; (at = strstr(at, before)); at++)
		strncat(got, at + strlen(before), strcspn(at, "\n") + 1 - strlen(before));
	assert_string_equal(got, wanted);
	free(text);
}

static void it_ends_where_the_status_is_cleared(void **state)
{
	start("intel-v2");
	vpmu_pmu_host_write(pmu, 0x38e, 3);
	happens(TIMELINE_OVERFLOW, 100, 1);
	happens(TIMELINE_PMI, 101, 2);
	happens(TIMELINE_INTERRUPT, 105, 0x20); /* another */
	happens(TIMELINE_INTERRUPT, 110, 2);
	happens(TIMELINE_OVERFLOW, 115, 2);
	writes(0xc1, 5, 120);
	writes(0x390, 1, 130);
	writes(0x390, 2, 150);
	writes(0x390, 2, 160);
	shows(200, "\"ts\":100,\"dur\":50,\"name\":\"overflow IA32_PMC0 IA32_PMC1\","
	           "\"args\":{\"until the PMI\":10,\"until cleared\":50}},\n"
	           "\"ts\":100,\"dur\":10,\"name\":\"until the PMI\"},\n"
	           "\"ts\":110,\"dur\":40,\"name\":\"from the PMI on\"},\n");
}

static void without_a_status_register_it_ends_where_the_counter_is_written(void **state)
{
	start("intel-v1");
	happens(TIMELINE_OVERFLOW, 100, 2);
	writes(0xc1, 5, 120);
	writes(0x187, 5, 130);
	writes(0xc2, 5, 140);
	shows(200, "\"ts\":100,\"dur\":40,\"name\":\"overflow IA32_PMC1\","
	           "\"args\":{\"until cleared\":40}},\n");
}

static void what_nobody_clears_ends_with_the_trace(void **state)
{
	start("amd-perfmon-v2");
	vpmu_pmu_host_write(pmu, 0xc0000300, 1);
	happens(TIMELINE_PMI, 50, 2); /* of no overflow that is known */
	happens(TIMELINE_OVERFLOW, 100, 1);
	happens(TIMELINE_PMI, 100, 2);
	writes(0xc0010201, 5, 120);
	shows(200, "\"ts\":100,\"dur\":100,\"name\":\"overflow PerfCtr0\","
	           "\"args\":{\"until the PMI\":0}},\n"
	           "\"ts\":100,\"dur\":100,\"name\":\"from the PMI on\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_ends_where_the_status_is_cleared),
		cmocka_unit_test(without_a_status_register_it_ends_where_the_counter_is_written),
		cmocka_unit_test(what_nobody_clears_ends_with_the_trace),
	};

	return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
