/* SPDX-License-Identifier: MIT */
/* The JSON form of states: what is written is read again, and a mistake is told with its place. */
#include <stdlib.h>

#include "../state/fixture.h"

#include <json/room.h>

/* What a reading has passed on: the last state, and how many; it takes `most`. */
struct taken {
	uint32_t vcpu;
	struct vpmu_state state;
	unsigned count, most;
};

static bool take(void *context, uint32_t vcpu, const struct vpmu_state *state)
{
	struct taken *taken = context;

	taken->vcpu = vcpu;
	taken->state = *state;
	return ++taken->count <= taken->most;
}

/* A document of vCPUs from 0 on, all after a reset; for free(). */
static char *document_of(const char *model, unsigned vcpus)
{
	struct vpmu_layout layout = layout_of(model);
	json_t *document = states_json();
	struct vpmu_state state;
	char *text;

	vpmu_state_reset(&state, &layout);
	for (uint32_t i = 0; i < vcpus; i++)
		states_json_add(document, i, &state);
	text = json_page(document);
	assert_non_null(text);
	return text;
}

/* Reads a document of two vCPUs of intel-v2, the first piece of its text exchanged. */
static enum vpmu_status read_changed(const char *piece, const char *instead,
                                     struct json_fault *fault)
{
	char *text = document_of("intel-v2", 2), *at = strstr(text, piece), *changed;
	struct taken taken = {.most = 2};
	enum vpmu_status status;

	if (!at)
		fail_msg("there is no '%s' in %s", piece, text);
	*at = '\0';
	assert_true(asprintf(&changed, "%s%s%s", text, instead, at + strlen(piece)) > 0);
	status = states_json_read(changed, strlen(changed), take, &taken, fault);
	assert_int_equal(taken.count == 2, !status);
	free(changed);
	free(text);
	return status;
}

static void what_is_written_is_read(void **unused)
{
	struct random random = random_seeded("json-state");
	const char *name;

	for (size_t m = 0; (name = test_model(m)); m++) {
		struct vpmu_layout layout = layout_of(name);
		struct vpmu_state state = random_state(&random, &layout);
		json_t *document = states_json();
		struct taken taken = {.most = 1};
		struct json_fault fault;
		char *text;

		states_json_add(document, UINT32_MAX, &state);
		text = json_one_line(document);
		assert_non_null(text);
		assert_false(strchr(text, '\n'));
		if (states_json_read(text, strlen(text), take, &taken, &fault))
			fail_msg("%s: %s: %s", name, fault.what, fault.where);
		assert_int_equal(taken.vcpu, UINT32_MAX);
		assert_true(vpmu_model_equal(&taken.state.model, &state.model));
		assert_same_state(&taken.state, &state, &layout);
		free(text);
	}
}

static void each_member_ends_where_it_says(void **unused)
{
	static const struct {
		const char *piece, *taken, *refused;
	} rows[] = {
		{"\"vcpu\": 1", "\"vcpu\": 4294967295", "\"vcpu\": 4294967296"},
		{"\"vcpu\": 0", "\"vcpu\": 0", "\"vcpu\": -1"},
		{"\"vcpu\": 1", "\"vcpu\": 7", "\"vcpu\": 7.0"},
		{"\"version\": 1", "\"version\": 1", "\"version\": 0"},
		{"\"version\": 1", "\"version\": 1", "\"version\": 2"},
		{"\"gp_width\": 48", "\"gp_width\": 64", "\"gp_width\": 65"},
		{"\"gp_width\": 48", "\"gp_width\": 32", "\"gp_width\": 31"},
		{"\"gp_width\": 48", "\"gp_width\": 48", "\"gp_width\": 304"},
		{"\"fixed_width\": 48", "\"fixed_width\": 64", "\"fixed_width\": 65"},
		{"\"fixed_mask\": \"0x7\"", "\"fixed_mask\": \"0x07\"",
	         "\"fixed_mask\": \"0x100000007\""},
		{"\"fixed_counters\": 3", "\"fixed_counters\": 3", "\"fixed_counters\": 4"},
		{"\"events_length\": 7", "\"events_length\": 32", "\"events_length\": 33"},
		{"\"events_missing\": \"0x0\"", "\"events_missing\": \"0x7f\"",
	         "\"events_missing\": \"0x80\""},
		{"\"signature\": \"0x6fb\"", "\"signature\": \"0xffffffff\"",
	         "\"signature\": \"0x100000000\""},
		{"\"name\": \"intel-v2\"", "\"name\": \"0123456789012345678901234567890\"",
	         "\"name\": \"01234567890123456789012345678901\""},
		{"\"name\": \"intel-v2\"", "\"name\": \"~ \"", "\"name\": \"\\u007f\""},
		{"\"msr\": \"0xc1\"", "\"msr\": \"0x00000000000000c1\"",
	         "\"msr\": \"0x000000000000000c1\""},
		{"\"msr\": \"0xc1\"", "\"msr\": \"0xc1\"", "\"msr\": \"0xc2\""},
		{"\"msr\": \"0xc1\"", "\"msr\": \"0xC1\"", "\"msr\": \"0XC1\""},
		{"\"msr\": \"0xc1\"", "\"msr\": \"0xc1\"", "\"msr\": \"0x1000000c1\""},
		{"\"value\": \"0x0\"", "\"value\": \"0xffffffffffff\"",
	         "\"value\": \"0x1000000000000\""},
		{"\"value\": \"0x0\"", "\"value\": \"0x1\"", "\"value\": 1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_fault fault = {.what = ""};
		enum vpmu_status status = read_changed(rows[i].piece, rows[i].taken, &fault);

		if (status)
			fail_msg("%s: %s", rows[i].taken, fault.what);
		status = read_changed(rows[i].piece, rows[i].refused, &fault);
		if (status != VPMU_BAD_DATA && status != VPMU_INCOMPATIBLE)
			fail_msg("%s: %d", rows[i].refused, status);
	}
}

static void a_mistake_is_told_with_its_place(void **unused)
{
	static const struct {
		const char *piece, *instead, *what, *where;
		enum vpmu_status status;
	} rows[] = {
		{"{", "[", "']' expected near ':'", "line 2, column 11", VPMU_BAD_DATA},
		{"\"vpmu-state\"", "\"vpmu-plan\"", "'format' is not \"vpmu-state\"",
	         "the document", VPMU_BAD_DATA},
		{"\"version\": 1", "\"version\": 2", "of another version than 1", "the document",
	         VPMU_INCOMPATIBLE},
		{"\"version\": 1", "\"version\": 1, \"more\": 1", "unknown member 'more'",
	         "the document", VPMU_BAD_DATA},
		{"\"vcpu\": 1", "\"vcpu\": 0", "the numbers of the vCPUs do not ascend", "vcpus[1]",
	         VPMU_BAD_DATA},
		{"\"vcpu\": 0", "\"vcpu\": \"0\"", "'vcpu' is not a number from 0 to 4294967295",
	         "vcpus[0]", VPMU_BAD_DATA},
		{"\"Intel\"", "\"Cyrix\"", "unknown vendor 'Cyrix'", "vcpus[0].model",
	         VPMU_BAD_DATA},
		{"\"IA32_PMC1\"", "\"IA32_PMC7\"", "the model keeps no value of 'IA32_PMC7'",
	         "vcpus[0].registers[1]", VPMU_BAD_DATA},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_fault fault = {.what = ""};

		assert_int_equal(read_changed(rows[i].piece, rows[i].instead, &fault),
		                 rows[i].status);
		assert_string_equal(fault.what, rows[i].what);
		assert_string_equal(fault.where, rows[i].where);
	}
}

static void one_who_takes_no_more_has_no_memory(void **unused)
{
	char *text = document_of("zen4", 3);
	struct taken taken = {.most = 1};
	struct json_fault fault;

	assert_int_equal(states_json_read(text, strlen(text), take, &taken, &fault), VPMU_HOST);
	assert_int_equal(taken.count, 2);
	assert_string_equal(fault.what, "out of memory");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(each_member_ends_where_it_says),
		cmocka_unit_test(a_mistake_is_told_with_its_place),
		cmocka_unit_test(one_who_takes_no_more_has_no_memory),
	};

	return cmocka_run_group_tests_name("json-state", tests, NULL, NULL);
}
