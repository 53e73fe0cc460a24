/* SPDX-License-Identifier: MIT */
/*
 * Goes through every symbol of the library's map with the rows: a function without a row fails, and
 * so does a row without a function.
 */
#include <ctype.h>
#include <stdlib.h>

#include "rows.h"

enum { MAX_SYMBOLS = 512 };

static struct {
	char name[MAX_SYMBOLS][64];
	size_t count;
} symbols;

static const struct rows *const tables[] = {
	&model_rows, &pmu_rows, &meter_rows, &state_rows, &judge_rows, &stream_rows, &kvm_rows,
};

struct good *good(void)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	static struct good it;

	memset(&it, 0, sizeof(it));
	it.hardware = vpmu_profile_find("hardware");
	it.safe = vpmu_order_find("safe");
	assert_int_equal(vpmu_model_parse(&it.model, "intel-v2", NULL, 0), VPMU_OK);
	assert_int_equal(vpmu_layout_init(&it.layout, &it.model), VPMU_OK);
	vpmu_state_reset(&it.state, &it.layout);
	it.pmu = vpmu_pmu_init(memory, sizeof(memory), &it.model, it.hardware);
	assert_non_null(it.pmu);
	it.target = vpmu_target_machine(it.pmu);
	assert_int_equal(vpmu_plan_make(&it.plan, &it.state, &it.layout, VPMU_LEVEL_FULL, it.safe),
	                 VPMU_OK);
	return &it;
}

/* The names in the map: lines of a tab, a name and a semicolon. */
static void read_map(const char *path)
{
	FILE *map = fopen(path, "r");
	char line[256];

	if (!map) {
		perror(path);
		exit(1);
	}
	while (fgets(line, sizeof(line), map) && symbols.count < MAX_SYMBOLS)
		if (sscanf(line, " vpmu_%48[a-z0-9_];", symbols.name[symbols.count] + 5) == 1)
			memcpy(symbols.name[symbols.count++], "vpmu_", 5);
	fclose(map);
}

static const struct row *row_of(const char *symbol)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (size_t i = 0; i < tables[t]->count; i++)
			if (!strcmp(tables[t]->at[i].symbol, symbol))
				return &tables[t]->at[i];
	return NULL;
}

static bool is_exported(const char *symbol)
{
	for (size_t i = 0; i < symbols.count; i++)
		if (!strcmp(symbols.name[i], symbol))
			return true;
	return false;
}

static void answers_bad_input(void **state)
{
	((const struct row *)*state)->answers();
}

static void has_a_row(void **state)
{
	fail_msg("%s: no row in tests/api says what it answers to bad input", (char *)*state);
}

static void every_row_is_of_an_exported_function(void **state)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (size_t i = 0; i < tables[t]->count; i++)
			if (!is_exported(tables[t]->at[i].symbol))
				fail_msg("%s is not in the map", tables[t]->at[i].symbol);
	assert_true(symbols.count > 90);
}

/* Only x86 Linux has these. */
static bool is_built(const char *symbol)
{
#ifdef HAVE_KVM
	return true;
#else
	static const char *const kvm[] = {"vpmu_kvm_", "vpmu_obstacle_", "vpmu_cpuid_hide_pmu",
	                                  "vpmu_target_kvm"};

	for (size_t i = 0; i < sizeof(kvm) / sizeof(kvm[0]); i++)
		if (!strncmp(symbol, kvm[i], strlen(kvm[i])))
			return false;
	return true;
#endif
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[MAX_SYMBOLS + 1];
	size_t count = 0;

	read_map(argc > 1 ? argv[1] : "src/libvpmu.map");
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(every_row_is_of_an_exported_function);
	for (size_t i = 0; i < symbols.count; i++) {
		const struct row *row = row_of(symbols.name[i]);

		if (!is_built(symbols.name[i]))
			continue;
		tests[count++] = (struct CMUnitTest){
			.name = symbols.name[i],
			.test_func = row ? answers_bad_input : has_a_row,
			.initial_state = row ? (void *)row : symbols.name[i],
		};
	}
	return _cmocka_run_group_tests("bad input", tests, count, NULL, NULL);
}
