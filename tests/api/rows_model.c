/* SPDX-License-Identifier: MIT */
/* Rows of vpmu/types.h, vpmu/vpmu.h and vpmu/model.h. */
#include "rows.h"

enum { FAR = 1 << 20 }; /* past the end of every list */

static void version(void)
{
	char text[32];

	assert_string_equal(vpmu_version(), VPMU_VERSION);
	assert_int_equal(vpmu_version_number(), VPMU_VERSION_NUMBER);
	snprintf(text, sizeof(text), "%d.%d.%d", VPMU_VERSION_MAJOR, VPMU_VERSION_MINOR,
	         VPMU_VERSION_PATCH);
	assert_string_equal(text, VPMU_VERSION);
}

static void status_text(void)
{
	assert_string_equal(vpmu_status_text((enum vpmu_status)99), "unknown status");
	assert_string_equal(vpmu_status_text((enum vpmu_status) - 1), "unknown status");
}

static void class_name(void)
{
	assert_null(vpmu_class_name(VPMU_NO_CLASS));
	assert_null(vpmu_class_name((enum vpmu_class)99));
	assert_false(vpmu_class_is_exact(VPMU_NO_CLASS));
	assert_false(vpmu_class_is_exact((enum vpmu_class)99));
}

static void model_parse(void)
{
	struct vpmu_model model, before;
	char why[8];

	memset(&model, 0x5a, sizeof(model));
	before = model;
	REJECTS(vpmu_model_parse(NULL, "intel-v2", NULL, 0));
	REJECTS(vpmu_model_parse(&model, NULL, why, sizeof(why)));
	assert_string_equal(why, "a requi");
	REJECTS(vpmu_model_parse(&model, "intel-v99", NULL, 0));
	REJECTS(vpmu_model_parse(&model, "intel-v2,gps=3", why, sizeof(why)));
	assert_int_equal(why[7], 0);
	REJECTS(vpmu_model_parse(&model, "", why, 0));
	REJECTS(vpmu_model_parse_in_turn(NULL, "intel-v2", NULL, 0));
	REJECTS(vpmu_model_parse_in_turn(&model, NULL, why, sizeof(why)));
	assert_memory_equal(&model, &before, sizeof(model));
}

static void lists_end(void)
{
	assert_null(vpmu_preset_name(FAR));
	assert_null(vpmu_preset_about(FAR));
	assert_null(vpmu_preset_more(FAR));
	assert_null(vpmu_model_key(FAR));
	assert_null(vpmu_model_key_about(FAR));
	assert_null(vpmu_profile_name(FAR));
	assert_null(vpmu_profile_about(FAR));
	assert_null(vpmu_field_name(FAR));
	assert_null(vpmu_field_text(FAR));
	assert_null(vpmu_feature_name(FAR));
	assert_null(vpmu_order_at(FAR));
}

static void model_check(void)
{
	char why[16] = "";

	REJECTS(vpmu_model_check(NULL, NULL, 0));
	struct vpmu_model newer = good()->model;

	REJECTS(vpmu_model_check(NULL, why, sizeof(why)));
	assert_string_equal(why, "a required argu");
	newer.reserved[3] = 1;
	assert_int_equal(vpmu_model_check(&newer, NULL, 0), VPMU_INCOMPATIBLE);
}

static void model_equal(void)
{
	assert_false(vpmu_model_equal(NULL, &good()->model));
	assert_false(vpmu_model_equal(&good()->model, NULL));
	assert_false(vpmu_model_equal(NULL, NULL));
}

static void model_fixed_count(void)
{
	assert_int_equal(vpmu_model_fixed_count(NULL), 0);
}

static void model_from_cpuid(void)
{
	struct vpmu_cpuid leaf = {0};
	struct vpmu_model model;

	REJECTS(vpmu_model_from_cpuid(NULL, &leaf, 1, 0, NULL, 0));
	REJECTS(vpmu_model_from_cpuid(&model, NULL, 1, 0, NULL, 0));
	assert_int_equal(vpmu_model_from_cpuid(&model, NULL, 0, 0, NULL, 0), VPMU_INCOMPATIBLE);
}

static void model_to_cpuid(void)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];

	assert_int_equal(vpmu_model_to_cpuid(NULL, leaves), 0);
	assert_int_equal(vpmu_model_to_cpuid(&good()->model, NULL), 0);
}

static void model_registers(void)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];

	assert_int_equal(vpmu_model_registers(NULL, registers), 0);
	assert_int_equal(vpmu_model_registers(&good()->model, NULL), 0);
}

static void model_meet(void)
{
	struct vpmu_model meet = {.name = "before"}, broken = {.version = 200};
	const struct vpmu_model *model = &good()->model;

	REJECTS(vpmu_model_meet(NULL, model, model));
	REJECTS(vpmu_model_meet(&meet, NULL, model));
	REJECTS(vpmu_model_meet(&meet, model, NULL));
	REJECTS(vpmu_model_meet(&meet, model, &broken));
	assert_string_equal(meet.name, "before");
}

static void model_covers(void)
{
	struct vpmu_model broken = {.version = 200};
	const struct vpmu_model *model = &good()->model;

	assert_false(vpmu_model_covers(NULL, model));
	assert_false(vpmu_model_covers(model, NULL));
	assert_false(vpmu_model_covers(&broken, &broken));
}

static void fields(void)
{
	struct vpmu_model model = good()->model;

	assert_int_equal(vpmu_model_field(NULL, 1), 0);
	assert_int_equal(vpmu_model_field(&model, FAR), 0);
	REJECTS(vpmu_model_set_field(NULL, 1, 2));
	REJECTS(vpmu_model_set_field(&model, FAR, 2));
	REJECTS(vpmu_model_set_field(&model, 1, UINT64_MAX)); /* version, a byte */
	assert_true(vpmu_model_equal(&model, &good()->model));
	assert_int_equal(vpmu_field_form(FAR), VPMU_FORM_HEX);
	assert_false(vpmu_model_feature(NULL, 0));
	assert_false(vpmu_model_feature(&model, FAR));
	assert_null(vpmu_vendor_name((enum vpmu_vendor)99));
}

static void names(void)
{
	char name[VPMU_NAME_BYTES] = "before";

	assert_null(vpmu_kind_name(VPMU_KINDS));
	assert_null(vpmu_kind_name((enum vpmu_kind) - 1));
	assert_null(vpmu_access_name((enum vpmu_access)99));
	assert_false(vpmu_msr_name(VPMU_VENDOR_INTEL, 0xc1, NULL));
	assert_false(vpmu_msr_name((enum vpmu_vendor)99, 0xc1, name));
	assert_string_equal(name, "");
	assert_false(vpmu_msr_name(VPMU_VENDOR_INTEL, 0xdead, name));
}

static void classes(void)
{
	enum vpmu_class class_;
	uint64_t event;

	assert_int_equal(vpmu_model_event_class(NULL, 0xc0), VPMU_NO_CLASS);
	assert_int_equal(vpmu_model_event_class(&good()->model, 0x1234), VPMU_NO_CLASS);
	assert_int_equal(vpmu_model_fixed_class(NULL, 0), VPMU_NO_CLASS);
	assert_int_equal(vpmu_model_fixed_class(&good()->model, 77), VPMU_NO_CLASS);
	assert_false(vpmu_model_counts_where_it_goes(NULL));
	assert_false(vpmu_model_event(NULL, 0, &event, &class_));
	assert_false(vpmu_model_event(&good()->model, 0, NULL, &class_));
	assert_false(vpmu_model_event(&good()->model, 0, &event, NULL));
	assert_false(vpmu_model_event(&good()->model, SIZE_MAX, &event, &class_));
}

static const struct row rows[] = {
	{"vpmu_version", version},
	{"vpmu_version_number", version},
	{"vpmu_status_text", status_text},
	{"vpmu_class_name", class_name},
	{"vpmu_model_parse", model_parse},
	{"vpmu_model_parse_in_turn", model_parse},
	{"vpmu_preset_name", lists_end},
	{"vpmu_preset_about", lists_end},
	{"vpmu_preset_more", lists_end},
	{"vpmu_model_key", lists_end},
	{"vpmu_model_key_about", lists_end},
	{"vpmu_profile_name", lists_end},
	{"vpmu_order_at", lists_end},
	{"vpmu_model_check", model_check},
	{"vpmu_model_equal", model_equal},
	{"vpmu_model_fixed_count", model_fixed_count},
	{"vpmu_model_from_cpuid", model_from_cpuid},
	{"vpmu_model_to_cpuid", model_to_cpuid},
	{"vpmu_model_registers", model_registers},
	{"vpmu_model_meet", model_meet},
	{"vpmu_model_covers", model_covers},
	{"vpmu_field_name", lists_end},
	{"vpmu_field_text", lists_end},
	{"vpmu_field_form", fields},
	{"vpmu_model_field", fields},
	{"vpmu_model_set_field", fields},
	{"vpmu_feature_name", lists_end},
	{"vpmu_model_feature", fields},
	{"vpmu_vendor_name", fields},
	{"vpmu_profile_about", lists_end},
	{"vpmu_kind_name", names},
	{"vpmu_access_name", names},
	{"vpmu_msr_name", names},
	{"vpmu_model_event_class", classes},
	{"vpmu_model_fixed_class", classes},
	{"vpmu_model_event", classes},
	{"vpmu_class_is_exact", class_name},
	{"vpmu_model_counts_where_it_goes", classes},
};

ROWS(model_rows, rows);
