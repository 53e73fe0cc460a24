/* SPDX-License-Identifier: MIT */
/* The plugin's options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <qemu/room.h>

static enum vpmu_status parse(struct qemu_options *options, char *why, const char *a, const char *b,
                              const char *c)
{
	char *const texts[] = {(char *)a, (char *)b, (char *)c};

	return qemu_options_parse(options, c ? 3 : b ? 2 : a ? 1 : 0, texts, why, 200);
}

static void test_a_model_with_overrides(void **state)
{
	struct qemu_options options;

	assert_int_equal(parse(&options, NULL, "gp=6", "model=intel-v4", "width=40"), VPMU_OK);
	assert_string_equal(options.model.name, "intel-v4");
	assert_int_equal(options.model.gp_count, 6);
	assert_int_equal(options.model.gp_width, 40);
	assert_ptr_equal(options.profile, vpmu_profile_find("hardware"));
	assert_int_equal(options.reset, QEMU_RESET_MODEL);
	assert_int_equal(options.vmrun, QEMU_VMRUN_GUEST);
	assert_int_equal(options.timing, QEMU_TIMING_NONE);
	assert_null(options.log);
}

static void test_a_profile_adapts_the_model(void **state)
{
	struct qemu_options options;

	assert_int_equal(parse(&options, NULL, "model=intel-v5", "profile=linux-6.12", NULL),
	                 VPMU_OK);
	assert_int_equal(options.model.version, 2);
}

static void test_the_rest(void **state)
{
	struct qemu_options options;

	assert_int_equal(parse(&options, NULL, "model=zen4", "reset=keep", "log=-"), VPMU_OK);
	assert_int_equal(options.reset, QEMU_RESET_KEEP);
	assert_int_equal(parse(&options, NULL, "model=zen4", "vmrun=host", NULL), VPMU_OK);
	assert_int_equal(options.vmrun, QEMU_VMRUN_HOST);
	assert_int_equal(parse(&options, NULL, "model=zen4", "timing=cache", NULL), VPMU_OK);
	assert_int_equal(options.timing, QEMU_TIMING_CACHE);
	assert_int_equal(parse(&options, NULL, "model=zen4", "log=-", NULL), VPMU_OK);
	assert_string_equal(options.log, "-");
}

static void test_faults_add_up(void **state)
{
	struct qemu_options options;

	assert_int_equal(parse(&options, NULL, "model=zen2,", "profile=linux-6.12", NULL),
	                 VPMU_BAD_ARGUMENT);
	assert_int_equal(parse(&options, NULL, "model=zen2", "fault=taken:0+3", "fault=taken:5"),
	                 VPMU_OK);
	assert_int_equal(options.faults.taken, 0x29);
	assert_true(qemu_faults_take(&options, 0xc0010200));
	assert_true(qemu_faults_take(&options, 0xc0010201));
	assert_true(qemu_faults_take(&options, 0xc0010000)); /* by its K7 number */
	assert_false(qemu_faults_take(&options, 0xc0010202));
	assert_false(qemu_faults_take(&options, 0x10));
	assert_int_equal(
		parse(&options, NULL, "model=zen2", "profile=linux-6.12", "fault=deny:0xc0+0xc2"),
		VPMU_OK);
	assert_int_equal(options.faults.filter.count, 2);
	assert_int_equal(options.faults.filter.events[1], 0xc2);
}

static void test_what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *a, *b, *why;
	} rows[] = {
		{NULL, NULL, "no model"},
		{"model=nosuch", NULL, "unknown model"},
		{"model=", NULL, "no model"},
		{"model=zen4", "gp", "without a value"},
		{"model=zen4", "gpx=1", "unknown option: gpx"},
		{"model=zen4", "g=1", "unknown option: g"},
		{"model=zen4", "=", "unknown option: "},
		{"model=zen4", "reset=kee", "'model' or 'keep'"},
		{"model=zen4", "vmrun=hos", "'guest' or 'host'"},
		{"model=zen4", "profile=", "unknown profile"},
		{"model=zen4", "log=", "log needs"},
		{"model=zen4", "stat=", "stat needs"},
		{"model=zen4", "timeline=", "timeline needs"},
		{"model=zen4", "state-in=", "state-in needs"},
		{"model=zen4", "state-out=", "state-out needs"},
		{"model=zen4", "gp=1000", "out of range"},
		{"model=zen4", "fault=", "fault is 'deny:"},
		{"model=zen4", "fault=taken", "fault is 'deny:"},
		{"model=zen4", "fault=taken:", "fault is 'deny:"},
		{"model=zen4", "fault=taken:1+", "fault is 'deny:"},
		{"model=zen4", "fault=taken:-1", "fault is 'deny:"},
		{"model=zen4", "fault=taken:99", "fault is 'deny:"},
		{"model=zen4", "fault=taken:6", "no such counter"},
		{"model=zen4", "fault=fail-create:0", "fault is 'deny:"},
		{"model=zen4", "fault=fail-create:1", "add profile="},
		{"model=zen4", "fault=deny:x", "fault is 'deny:"},
		{"model=zen4", "fault=deny:0xc0", "add profile="},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct qemu_options options;
		char why[200] = "";

		assert_int_not_equal(parse(&options, why, rows[i].a, rows[i].b, NULL), VPMU_OK);
		if (!strstr(why, rows[i].why))
			fail_msg("row %u: '%s', not '%s'", i, why, rows[i].why);
	}
}

static void test_long_texts_are_refused(void **state)
{
	struct qemu_options options;
	char text[600] = "model=";

	memset(text + 6, 'x', sizeof(text) - 7);
	assert_int_equal(parse(&options, NULL, text, NULL, NULL), VPMU_BAD_ARGUMENT);
	memcpy(text, "gp=", 3);
	assert_int_equal(parse(&options, NULL, "model=zen4", text, NULL), VPMU_BAD_ARGUMENT);
}

static void test_each_preset_has_a_cpu(void **state)
{
	struct vpmu_model model;
	const char *name;

	for (size_t i = 0; (name = vpmu_preset_name(i)); i++) {
		assert_int_equal(vpmu_model_parse(&model, name, NULL, 0), VPMU_OK);
		assert_non_null(qemu_cpu_for(&model));
		assert_true(strlen(qemu_cpu_for(&model)) > 3);
	}
}

static void test_each_option_is_listed(void **state)
{
	unsigned count = 0;

	while (qemu_option(count))
		assert_non_null(qemu_option(count++)->about);
	assert_int_equal(count, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_model_with_overrides),
		cmocka_unit_test(test_a_profile_adapts_the_model),
		cmocka_unit_test(test_the_rest),
		cmocka_unit_test(test_faults_add_up),
		cmocka_unit_test(test_what_is_wrong_is_said),
		cmocka_unit_test(test_long_texts_are_refused),
		cmocka_unit_test(test_each_preset_has_a_cpu),
		cmocka_unit_test(test_each_option_is_listed),
	};

	return cmocka_run_group_tests_name("qemu-options", tests, NULL, NULL);
}
