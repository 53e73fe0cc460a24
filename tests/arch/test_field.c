/* SPDX-License-Identifier: MIT */
/* The table of a model's fields: it has all of a model once, and what it says is enough to type and
 * to compare every model. */
#include <stdlib.h>

#include "random_model.h"
#include "unit.h"

static void add_bytes(unsigned rows[sizeof(struct vpmu_model)], size_t offset, size_t size)
{
	for (size_t at = offset; at < offset + size; at++)
		rows[at]++;
}

/* The table's bytes, the name's and the reserved ones are the structure: nothing is padding. */
static void every_byte_of_a_model_is_in_one_row(void **state)
{
	unsigned rows[sizeof(struct vpmu_model)] = {0};

#define ADD(member)                                                                                \
	add_bytes(rows, offsetof(struct vpmu_model, member),                                       \
	          sizeof(((struct vpmu_model *)NULL)->member))
	ADD(name);
	ADD(reserved_bytes);
	ADD(reserved);
#undef ADD
	for (size_t i = 0; i < field_count; i++)
		add_bytes(rows, field_rows[i].offset, field_rows[i].size);
	for (unsigned at = 0; at < sizeof(struct vpmu_model); at++) {
		if (rows[at] != 1)
			fail_msg("byte %u is in %u rows", at, rows[at]);
	}
}

static void names_are_given_once(void **state)
{
	for (size_t i = 0; i < field_count; i++) {
		const struct field_row *row = &field_rows[i];

		assert_non_null(row->text);
		assert_non_null(row->json);
		assert_true(row->order != FIELD_SET || row->one);
		assert_true(!row->key == !row->about && !row->key == !row->key_of);
		assert_true(row->order == FIELD_SHOWN || row->lost);
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(row->json, field_rows[k].json);
			assert_true(!row->key || !field_rows[k].key ||
			            strcmp(row->key, field_rows[k].key) != 0);
		}
	}
}

static void what_is_missing_beside_other_bits_is_turned_round(void **state)
{
	for (size_t i = 0; i < field_count; i++)
		assert_true(field_rows[i].order != FIELD_SET ||
		            !field_rows[i].inverted == !field_rows[i].had);
}

static void features_are_bits_of_fields_and_turned_like_them(void **state)
{
	uint64_t seen[2] = {0};

	for (size_t i = 0; i < feature_count; i++) {
		const struct feature_row *row = &feature_rows[i];
		bool capability = row->offset == offsetof(struct vpmu_model, perf_capabilities);
		size_t f = 0;

		while (f < field_count && field_rows[f].offset != row->offset)
			f++;
		assert_true(f < field_count);
		assert_int_equal(!(field_rows[f].inverted & row->bit), !row->is_inverted);
		assert_true(row->bit && !(row->bit & (row->bit - 1)));
		assert_false(seen[capability] & row->bit);
		seen[capability] |= row->bit;
	}
}

/* --- Values by number ------------------------------------------------------------------------- */

static void fields_are_read_and_set_by_number(void **state)
{
	struct random random = random_seeded("fields by number");

	for (unsigned i = 0; i < 5000; i++) {
		struct vpmu_model model = random_model(&random), copy = {.name = "copy"};
		size_t f;

		for (f = 0; vpmu_field_name(f); f++) {
			assert_int_equal(
				vpmu_model_set_field(&copy, f, vpmu_model_field(&model, f)),
				VPMU_OK);
			assert_int_equal(vpmu_model_field(&copy, f), vpmu_model_field(&model, f));
		}
		assert_true(vpmu_model_equal(&copy, &model));
		assert_int_equal(f, field_count);
		assert_int_equal(vpmu_model_set_field(&copy, f, 0), VPMU_BAD_ARGUMENT);
		assert_true(vpmu_model_equal(&copy, &model));
	}
}

static void what_a_member_cannot_hold_is_refused(void **state)
{
	struct vpmu_model model = model_of("icelake"), before = model;

	for (size_t f = 0; f < field_count; f++) {
		unsigned bits = field_rows[f].size * 8u;

		if (bits < 64)
			assert_int_equal(vpmu_model_set_field(&model, f, BIT64(bits)),
			                 VPMU_BAD_ARGUMENT);
	}
	assert_true(vpmu_model_equal(&model, &before));
}

/* Another vendor's registers, or none: no guest's PMU survives that. */
static void vendor_and_version_are_vital(void **state)
{
	for (size_t i = 0; i < field_count; i++) {
		bool vital = field_rows[i].offset == offsetof(struct vpmu_model, vendor) ||
		             field_rows[i].offset == offsetof(struct vpmu_model, version);

		assert_int_equal(field_rows[i].is_vital, vital);
	}
}

static void past_the_last_there_is_nothing(void **state)
{
	struct vpmu_model model = model_of("icelake");

	assert_null(vpmu_field_name(field_count));
	assert_null(vpmu_field_text(field_count));
	assert_int_equal(vpmu_model_field(&model, field_count), 0);
	assert_null(vpmu_feature_name(feature_count));
	assert_false(vpmu_model_feature(&model, feature_count));
	assert_null(vpmu_vendor_name(VPMU_VENDORS));
	assert_string_equal(vpmu_vendor_name(VPMU_VENDOR_ZHAOXIN), "Zhaoxin");
}

static void a_model_has_its_features(void **state)
{
	struct vpmu_model model = model_of("icelake,rtm=off");
	char list[200] = "";

	for (size_t i = 0; vpmu_feature_name(i); i++)
		if (vpmu_model_feature(&model, i)) {
			strcat(list, vpmu_feature_name(i));
			strcat(list, " ");
		}
	assert_string_equal(list, "pdcm full-width metrics anythread-deprecated hle ");
}

/* --- As people type it ------------------------------------------------------------------------ */

/* "gp=": a key up to its value. */
static size_t type_key(char *text, const char *key)
{
	size_t length = strcspn(key, "=") + 1;

	return (size_t)sprintf(text, ",%.*s", (int)length, key);
}

static void type_model(const struct vpmu_model *model, char *text)
{
	static const char *const bases[VPMU_VENDORS] = {
		[VPMU_VENDOR_INTEL] = "intel-v5",
		[VPMU_VENDOR_ZHAOXIN] = "zhaoxin-v2",
		[VPMU_VENDOR_AMD] = "amd-perfmon-v2",
		[VPMU_VENDOR_INTEL_P6] = "intel-p6",
	};
	static const unsigned likes[VPMU_VENDORS] = {
		[VPMU_VENDOR_INTEL] = FOR_INTEL,
		[VPMU_VENDOR_ZHAOXIN] = FOR_INTEL,
		[VPMU_VENDOR_AMD] = FOR_AMD,
		[VPMU_VENDOR_INTEL_P6] = FOR_P6,
	};
	unsigned of = likes[model->vendor];

	text += sprintf(text, "%s", bases[model->vendor]);
	for (size_t i = 0; i < feature_count; i++) {
		bool bit = vpmu_model_feature(model, i);

		if (!(feature_rows[i].of & of))
			continue;
		/* A capability brings PDCM with it. */
		if (!(model->features & VPMU_FEATURE_PDCM) &&
		    feature_rows[i].offset == offsetof(struct vpmu_model, perf_capabilities))
			continue;
		text += type_key(text, feature_rows[i].key);
		text += sprintf(text, "%s", bit != feature_rows[i].is_inverted ? "on" : "off");
	}
	for (size_t i = 0; i < field_count; i++) {
		uint64_t value = field_rows[i].type ? field_had(&field_rows[i], model)
		                                    : field_get(&field_rows[i], model);

		/* No fixed counters have no width that could be typed. */
		if (!(field_rows[i].key_of & of) ||
		    (!value && field_rows[i].may_be_0 && field_rows[i].on[LIKE_INTEL].min))
			continue;
		text += type_key(text, field_rows[i].key);
		text += sprintf(text, "0x%llx", (unsigned long long)value);
	}
	if (!model->version)
		strcpy(text, ",pmu=off");
}

/* What has no key: the capabilities that vpmu does not act on. */
static struct vpmu_model sayable(const struct vpmu_model *model)
{
	struct vpmu_model said = *model;

	said.perf_capabilities &= VPMU_PERF_CAP_FULL_WIDTH | VPMU_PERF_CAP_METRICS;
	return said;
}

static void every_model_can_be_typed(void **state)
{
	struct random random = random_seeded("typed");

	for (unsigned i = 0; i < 20000; i++) {
		struct vpmu_model any = random_model(&random), model = sayable(&any), read;
		char text[1024], why[512] = "";

		if (!model.version)
			continue;
		type_model(&model, text);
		if (vpmu_model_parse(&read, text, why, sizeof(why)))
			fail_msg("%s: %s", text, why);
		if (!vpmu_model_equal(&read, &model))
			fail_msg("%s is another", text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_of_a_model_is_in_one_row),
		cmocka_unit_test(names_are_given_once),
		cmocka_unit_test(what_is_missing_beside_other_bits_is_turned_round),
		cmocka_unit_test(features_are_bits_of_fields_and_turned_like_them),
		cmocka_unit_test(fields_are_read_and_set_by_number),
		cmocka_unit_test(what_a_member_cannot_hold_is_refused),
		cmocka_unit_test(vendor_and_version_are_vital),
		cmocka_unit_test(past_the_last_there_is_nothing),
		cmocka_unit_test(a_model_has_its_features),
		cmocka_unit_test(every_model_can_be_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
