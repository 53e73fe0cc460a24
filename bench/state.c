/* SPDX-License-Identifier: MIT */
/* Getting and putting a whole state, compared with the bare accesses; and the baseline of a
 * fleet. */
#include <stdio.h>
#include <stdlib.h>

#include <vpmu/vpmu.h>

#include "bench.h"

static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];

static struct vpmu_model model_of(const char *name)
{
	struct vpmu_model model;

	if (vpmu_model_parse(&model, name, NULL, 0) != VPMU_OK) {
		fprintf(stderr, "bench: no model %s\n", name);
		exit(1);
	}
	return model;
}

/* A register machine of the layout's model, with values in its counters and selectors. */
static struct vpmu_pmu *make(const struct vpmu_layout *layout)
{
	struct vpmu_pmu *pmu = vpmu_pmu_init(memory, sizeof(memory), &layout->model,
	                                     vpmu_profile_find("hardware"));

	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = &layout->registers[layout->stored[i]];

		if (reg->kind == VPMU_KIND_COUNTER || reg->kind == VPMU_KIND_SELECTOR)
			vpmu_pmu_host_write(pmu, reg->msr, reg->msr & reg->writable);
	}
	return pmu;
}

/* Gets, then puts back what was got, in order `safe`. */
static double moves_a_second(const struct vpmu_layout *layout, enum vpmu_policy policy,
                             unsigned count)
{
	struct vpmu_target target = vpmu_target_machine(make(layout));
	const struct vpmu_order *safe = vpmu_order_find("safe");
	double begin = seconds_of(0);
	struct vpmu_report report;
	struct vpmu_state state;
	unsigned failed = 0;

	for (unsigned i = 0; i < count; i++) {
		failed += vpmu_state_get(&state, layout, &target, policy, &report) != VPMU_OK;
		failed += vpmu_state_put(&state, layout, &target, VPMU_LEVEL_FULL, safe, policy,
		                         &report) != VPMU_OK;
	}
	begin = seconds_of(0) - begin;
	if (failed)
		bench_fails("%u accesses of a whole state failed", failed);
	return count / begin;
}

/* The upper limit: only the reads of a get and the writes of a put. */
static double bare_moves_a_second(const struct vpmu_layout *layout, unsigned count)
{
	struct vpmu_pmu *pmu = make(layout);
	struct vpmu_plan plan;
	struct vpmu_state state;
	uint64_t values[VPMU_MAX_STATE];
	double begin;

	vpmu_state_reset(&state, layout);
	vpmu_plan_make(&plan, &state, layout, VPMU_LEVEL_FULL, vpmu_order_find("safe"));
	begin = seconds_of(0);
	for (unsigned i = 0; i < count; i++) {
		for (unsigned v = 0; v < layout->value_count; v++)
			vpmu_pmu_host_read(pmu, layout->registers[layout->stored[v]].msr,
			                   &values[v]);
		for (size_t w = 0; w < plan.count; w++)
			vpmu_pmu_host_write(pmu, plan.writes[w].msr, plan.writes[w].value);
	}
	return count / (seconds_of(0) - begin);
}

static void compare_moves(const struct bench *bench)
{
	struct figures stop = {0}, roll_back = {0}, bare = {0}, ratio;
	static const char name[] = "intel-v2,gp=8";
	struct vpmu_model model = model_of(name);
	unsigned count = bench->quick ? 200 : 300000;
	struct vpmu_layout layout;

	if (vpmu_layout_init(&layout, &model) != VPMU_OK)
		return;
	for (unsigned i = 0; i < bench->rounds; i++) {
		figures_add(&stop, moves_a_second(&layout, VPMU_POLICY_STOP, count));
		figures_add(&roll_back, moves_a_second(&layout, VPMU_POLICY_ROLL_BACK, count));
		figures_add(&bare, bare_moves_a_second(&layout, count));
	}
	printf("\nA whole state of a register machine (%s, %u values)\n", name, layout.value_count);
	figures_print("get + put", &stop, 1e6, "M/s", NULL);
	figures_print("get + put that could be rolled back", &roll_back, 1e6, "M/s", NULL);
	figures_print("the same accesses, bare", &bare, 1e6, "M/s", NULL);
	ratio = figures_ratio(&stop, &bare);
	figures_print("  get + put/that", &ratio, 1, "x", NULL);
}

/* A fleet whose hosts differ in everything that can differ: generations, counters, widths,
 * events. */
static void make_fleet(struct vpmu_model *hosts, size_t count)
{
	static const char *const kinds[] = {"haswell", "skylake", "cascadelake", "icelake",
	                                    "sapphire-rapids"};

	for (size_t i = 0; i < count; i++) {
		hosts[i] = model_of(kinds[i % 5]);
		hosts[i].gp_count = (uint8_t)(4 + i % 5);
		hosts[i].events_missing = (uint32_t)(i % 128);
		hosts[i].signature += (uint32_t)(i % 16);
	}
}

static double baseline_seconds(const struct vpmu_model *hosts, size_t count)
{
	struct vpmu_baseline baseline = {.hosts = 0};
	double begin = seconds_of(0);
	struct vpmu_model model;
	struct vpmu_cost cost;
	size_t costs = 0;

	for (size_t i = 0; i < count; i++)
		if (vpmu_baseline_add(&baseline, &hosts[i], i, NULL, 0) != VPMU_OK)
			bench_fails("host %zu was not taken", i);
	if (vpmu_baseline_model(&baseline, &model) != VPMU_OK)
		bench_fails("the fleet has no baseline");
	while (vpmu_baseline_cost(&baseline, costs, &cost))
		costs++;
	begin = seconds_of(0) - begin;
	if (!costs)
		bench_fails("the fleet's differences cost nothing");
	return begin;
}

static void measure_baseline(const struct bench *bench)
{
	size_t count = bench->quick ? 100 : 100000;
	struct vpmu_model *hosts = calloc(count, sizeof(*hosts));
	struct figures seconds = {0};
	char what[64];

	if (!hosts)
		return;
	make_fleet(hosts, count);
	for (unsigned i = 0; i < bench->rounds; i++)
		figures_add(&seconds, baseline_seconds(hosts, count));
	free(hosts);
	snprintf(what, sizeof(what), "baseline of %zu hosts, with its costs", count);
	printf("\nA fleet (baseline: %zu bytes)\n", sizeof(struct vpmu_baseline));
	figures_print(what, &seconds, 1e-3, "ms", NULL);
}

/* One judgement: makes a machine, puts a whole state on it and reads it twice. */
static double judgements_a_second(const struct vpmu_layout *layout, const char *profile,
                                  unsigned count)
{
	const struct vpmu_profile *rules = vpmu_profile_find(profile);
	double begin = seconds_of(0);
	const struct vpmu_order *safe = vpmu_order_find("safe");
	struct vpmu_compat compat;
	struct vpmu_state state;
	unsigned failed = 0;

	vpmu_state_reset(&state, layout);
	for (unsigned i = 0; i < count; i++)
		failed += vpmu_compat_judge(&compat, &state, layout, &layout->model, rules, safe) !=
		          VPMU_OK;
	begin = seconds_of(0) - begin;
	if (failed)
		bench_fails("%u states were not taken", failed);
	return count / begin;
}

static void measure_compat(const struct bench *bench)
{
	static const char *const profiles[] = {"hardware", "linux-6.12"};
	struct vpmu_model model = model_of("intel-v2,gp=8");
	unsigned count = bench->quick ? 20 : 20000;
	struct vpmu_layout layout;

	if (vpmu_layout_init(&layout, &model) != VPMU_OK)
		return;
	printf("\nCompat: judgements of a state (%s, %u registers)\n", model.name,
	       layout.register_count);
	for (unsigned p = 0; p < sizeof(profiles) / sizeof(profiles[0]); p++) {
		struct figures judged = {0};

		for (unsigned i = 0; i < bench->rounds; i++)
			figures_add(&judged, judgements_a_second(&layout, profiles[p], count));
		figures_print(profiles[p], &judged, 1e3, "k/s", NULL);
	}
}

void bench_state(const struct bench *bench)
{
	compare_moves(bench);
	measure_compat(bench);
	measure_baseline(bench);
}
