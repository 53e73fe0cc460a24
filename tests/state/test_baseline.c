/* SPDX-License-Identifier: MIT */
/* Baseline: the largest PMU that every host takes, and who is to blame for what it lacks. */
#include "../profiles.h"
#include "fixture.h"

static void add(struct vpmu_baseline *baseline, const char *model, uint64_t host)
{
	struct vpmu_layout layout = layout_of(model);
	char why[200];

	if (vpmu_baseline_add(baseline, &layout.model, host, why, sizeof(why)))
		fail_msg("%s: %s", model, why);
}

static struct vpmu_model model_of_baseline(const struct vpmu_baseline *baseline)
{
	struct vpmu_model model;

	assert_int_equal(vpmu_baseline_model(baseline, &model), VPMU_OK);
	return model;
}

struct row {
	const char *hosts[4]; /* numbered from 1 */
	const char *result;
	const char *costs; /* "text (first, hosts); …" */
};

static const struct row rows[] = {
	{{"intel-v2"}, "intel-v2", ""},
	{{"intel-v5", "intel-v5"}, "intel-v5", ""},
	{{"intel-v2,gp=8", "intel-v2", "intel-v2,gp=6", "intel-v2"},
         "intel-v2",
         "general-purpose counters: 4, not 6 to 8 (2, 2)"},
	{{"intel-v2", "intel-v2,width=40"},
         "intel-v2,width=40",
         "width of general-purpose counters: 40, not 48 (2, 1); width of fixed counters: 40, not "
         "48 "
         "(2, 1)"},
	{{"intel-v2", "intel-v2,full-width=off"},
         "intel-v2,full-width=off",
         "no IA32_PERF_CAPABILITIES bit 13 (2, 1)"},
	{{"amd-perfmon-v2,gp=8", "amd-perfcore", "amd-perfcore"},
         "amd-perfcore",
         "version: 1, not 2 (2, 2); general-purpose counters: 6, not 8 (2, 2); no feature "
         "PerfMonV2 "
         "(2, 2)"},
	{{"amd-perfmon-v2,gp=4", "amd-perfcore"},
         "amd-k7",
         "version: 1, not 2 (2, 1); general-purpose counters: 4, not 6 (1, 1); no feature PERFCORE "
         "(0, 0); no feature PerfMonV2 (2, 1)"},
	{{"amd-perfmon-v2,gp=2", "amd-k7"}, "amd-k7,pmu=off", NULL},
	{{"intel-v2,gp=0", "intel-v2,fixed=0"},
         "intel-v2,gp=0,fixed=0",
         "general-purpose counters: 0, not 4 (1, 1); width of general-purpose counters: 0, not 48 "
         "(0, 0); width of fixed counters: 0, not 48 (0, 0); no fixed counter 0 (2, 1); no fixed "
         "counter 1 (2, 1); no fixed counter 2 (2, 1)"},
	{{"amd-perfmon-v2", "amd-k7,pmu=off"}, "amd-k7,pmu=off", NULL},
};

static void costs_text(const struct vpmu_baseline *baseline, char *text)
{
	struct vpmu_cost cost;

	*text = '\0';
	for (size_t i = 0; vpmu_baseline_cost(baseline, i, &cost); i++)
		text += sprintf(text, "%s%s (%u, %u)", i ? "; " : "", cost.text,
		                (unsigned)cost.first, (unsigned)cost.hosts);
}

static void a_fleet_has_what_all_have_and_blames_who_lacks_it(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct vpmu_baseline baseline = {0};
		struct vpmu_model expected = layout_of(row->result).model, model;
		char text[8192];

		for (unsigned h = 0; h < 4 && row->hosts[h]; h++)
			add(&baseline, row->hosts[h], h + 1);
		model = model_of_baseline(&baseline);
		expected.signature = model.signature;
		costs_text(&baseline, text);
		if (!vpmu_model_equal(&model, &expected))
			fail_msg("%s …: not %s: %s", row->hosts[0], row->result, text);
		if (row->costs && strcmp(text, row->costs))
			fail_msg("%s …:\n%s\nnot\n%s", row->hosts[0], text, row->costs);
	}
}

static bool takes_on(const struct vpmu_model *host, const struct vpmu_profile *profile,
                     const struct vpmu_model *model)
{
	struct vpmu_compat compat;
	struct vpmu_layout layout;
	struct vpmu_state state;

	assert_int_equal(vpmu_layout_init(&layout, model), VPMU_OK);
	vpmu_state_reset(&state, &layout);
	return vpmu_compat_judge(&compat, &state, &layout, host, profile,
	                         vpmu_order_find("safe")) == VPMU_OK &&
	       compat.take == VPMU_TAKES;
}

static bool takes(const struct vpmu_model *host, const struct vpmu_model *model)
{
	return takes_on(host, vpmu_profile_find("hardware"), model);
}

enum { FLEET = 5 };

/* A random fleet of one vendor; hosts are often alike, as they are. */
static void random_fleet(struct random *random, struct vpmu_model *fleet)
{
	fleet[0] = random_model(random);
	for (unsigned i = 1; i < FLEET; i++)
		do {
			fleet[i] = fleet[random_next(random) % i];
			if (random_next(random) % 2)
				fleet[i] = random_model(random);
		} while (fleet[i].vendor != fleet[0].vendor);
}

static struct vpmu_model baseline_of(const struct vpmu_model *fleet)
{
	struct vpmu_baseline baseline = {0};

	for (unsigned i = 0; i < FLEET; i++)
		assert_int_equal(vpmu_baseline_add(&baseline, &fleet[i], i, NULL, 0), VPMU_OK);
	return model_of_baseline(&baseline);
}

static void every_host_takes_the_baseline(void **state)
{
	struct random random = random_seeded("baseline");

	for (unsigned i = 0; i < 3000; i++) {
		struct vpmu_model fleet[FLEET], model;

		random_fleet(&random, fleet);
		model = baseline_of(fleet);
		for (unsigned h = 0; h < FLEET; h++)
			assert_true(takes(&fleet[h], &model));
	}
}

/* Of a fleet that is judged by what its kernels give a guest, as vpmu doctor reports it. */
static void every_host_takes_the_baseline_of_what_its_kernel_gives(void **state)
{
	struct random random = random_seeded("baseline of kernels");

	for (unsigned i = 0; i < 2000; i++) {
		const char *name = profile_in_turn(i);
		const struct vpmu_profile *profile = vpmu_profile_find(name);
		struct vpmu_model fleet[FLEET], model;
		bool exists = true;

		random_fleet(&random, fleet);
		for (unsigned h = 0; h < FLEET; h++) {
			assert_int_equal(vpmu_profile_adapt(profile, &fleet[h]), VPMU_OK);
			/* KVM gives K7's counters to AMD families that are older, too. */
			exists &= !vpmu_model_check(&fleet[h], NULL, 0);
		}
		if (!exists)
			continue;
		model = baseline_of(fleet);
		for (unsigned h = 0; h < FLEET; h++)
			if (!takes_on(&fleet[h], profile, &model))
				fail_msg("%s: host %u does not take the baseline", name, h);
	}
}

/* The i-th model that is a little larger; false past the last. */
static bool larger(const struct vpmu_model *model, unsigned i, struct vpmu_model *out)
{
	*out = *model;
	if (i == 0)
		out->version++;
	else if (i == 1)
		out->gp_count++;
	else if (i == 2)
		out->gp_width++;
	else if (i == 3)
		out->fixed_width++;
	else if (i < 12)
		out->fixed_mask |= 1u << (i - 4);
	else if (i < 18)
		out->features ^= 1u << (i - 12);
	else if (i < 82)
		out->perf_capabilities |= UINT64_C(1) << (i - 18);
	else if (i < 114)
		out->events_missing &= ~(1u << (i - 82));
	else if (i == 114)
		out->events_length++;
	return i <= 114;
}

static bool is_less(const struct vpmu_model *a, const struct vpmu_model *b)
{
	uint32_t gone = VPMU_FEATURE_ANYTHREAD_GONE;

	return (b->features ^ gone) & ~(a->features ^ gone);
}

static void nothing_larger_is_taken_by_every_host(void **state)
{
	struct random random = random_seeded("largest");
	unsigned tried = 0;

	for (unsigned i = 0; i < 1000; i++) {
		struct vpmu_model fleet[FLEET], model, more;

		random_fleet(&random, fleet);
		model = baseline_of(fleet);
		for (unsigned k = 0; model.version && larger(&model, k, &more); k++) {
			bool all = true;

			if (vpmu_model_equal(&more, &model) || is_less(&more, &model) ||
			    vpmu_model_check(&more, NULL, 0))
				continue;
			/* More events in the bit vector, all of them missing, are not more. */
			if (k >= 82 && vpmu_model_covers(&model, &more))
				continue;
			/* PDCM alone, without a capability, gives a guest nothing. */
			if (k == 12 && !more.perf_capabilities)
				continue;
			/* Without AnyThread in either, its feature bit says nothing. */
			if (k == 13 && model.version < 3)
				continue;
			for (unsigned h = 0; h < FLEET; h++)
				all &= takes(&fleet[h], &more);
			if (all)
				fail_msg("enlargement %u", k);
			tried++;
		}
	}
	assert_true(tried > 1000);
}

static void the_order_of_hosts_does_not_matter(void **state)
{
	struct random random = random_seeded("any order");

	for (unsigned i = 0; i < 2000; i++) {
		struct vpmu_model fleet[FLEET], turned[FLEET], a, b;

		random_fleet(&random, fleet);
		for (unsigned h = 0; h < FLEET; h++)
			turned[h] = fleet[FLEET - 1 - h];
		a = baseline_of(fleet);
		b = baseline_of(turned);
		assert_true(vpmu_model_equal(&a, &b));
	}
}

static void without_the_host_to_blame_there_is_more(void **state)
{
	struct vpmu_baseline baseline = {0}, better = {0};
	struct vpmu_model model;
	struct vpmu_cost cost;

	for (unsigned i = 0; i < 1000; i++) {
		const char *name = i == 567 ? "intel-v2" : "intel-v2,gp=8";

		add(&baseline, name, i);
		if (i != 567)
			add(&better, name, i);
	}
	assert_true(vpmu_baseline_cost(&baseline, 0, &cost));
	assert_true(cost.first == 567 && cost.hosts == 1);
	model = model_of_baseline(&baseline);
	assert_int_equal(model.gp_count, 4);
	model = model_of_baseline(&better);
	assert_int_equal(model.gp_count, 8);
}

static void another_vendor_is_refused_and_does_not_count(void **state)
{
	struct vpmu_baseline baseline = {0}, before;
	struct vpmu_model other = layout_of("zhaoxin-v2").model;
	char why[100];

	add(&baseline, "intel-v2", 1);
	before = baseline;
	assert_int_equal(vpmu_baseline_add(&baseline, &other, 2, why, sizeof(why)),
	                 VPMU_INCOMPATIBLE);
	assert_string_equal(why, "of another vendor than the first: they have no PMU in common");
	assert_memory_equal(&baseline, &before, sizeof(before));
	other.gp_count = 99;
	assert_int_equal(vpmu_baseline_add(&baseline, &other, 2, why, sizeof(why)),
	                 VPMU_BAD_ARGUMENT);
	assert_memory_equal(&baseline, &before, sizeof(before));
}

static void no_hosts_have_no_baseline(void **state)
{
	struct vpmu_baseline baseline = {0};
	struct vpmu_model model;
	struct vpmu_cost cost;

	assert_int_equal(vpmu_baseline_model(&baseline, &model), VPMU_BAD_ARGUMENT);
	assert_false(vpmu_baseline_cost(&baseline, 0, &cost));
}

/* The numbers and the bits of all rows have their places in the structure. */
static void every_row_has_its_place(void **state)
{
	unsigned numbers = 0, bits = 0;

	assert_true(field_count <= VPMU_MAX_FIELDS);
	for (size_t i = 0; i < field_count; i++) {
		const struct field_row *row = &field_rows[i];

		numbers += row->order == FIELD_NUMBER;
		assert_true(row->order != FIELD_NUMBER || row->size == 1);
		for (unsigned k = 0; k < FIELD_CHOICES && row->choices[k].bits; k++)
			numbers++;
		bits += row->order == FIELD_SET ? row->size * 8u : 0;
	}
	assert_true(numbers <= VPMU_BASELINE_NUMBERS);
	assert_true(bits <= VPMU_BASELINE_BITS);
}

/* Which is lost with the version, and has been there only with version 3. */
static void anythread_costs_only_where_it_was(void **state)
{
	static const struct {
		const char *hosts[2];
		bool costs;
	} fleets[] = {
		{{"intel-v2", "intel-v5"}, false},
		{{"intel-v2", "intel-v3"}, true},
		{{"intel-v3", "intel-v5"}, true},
		{{"intel-v5", "intel-v5"}, false},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(fleets); i++) {
		struct vpmu_baseline baseline = {0};
		char text[8192];

		add(&baseline, fleets[i].hosts[0], 1);
		add(&baseline, fleets[i].hosts[1], 2);
		costs_text(&baseline, text);
		if (!strstr(text, "AnyThread") == fleets[i].costs)
			fail_msg("%s, %s: %s", fleets[i].hosts[0], fleets[i].hosts[1], text);
	}
}

static void formats_that_differ_are_none(void **state)
{
	struct vpmu_model host = layout_of("intel-v2").model, model;
	struct vpmu_baseline baseline = {0};
	struct vpmu_cost cost;

	host.perf_capabilities = 0x2305;
	assert_int_equal(vpmu_baseline_add(&baseline, &host, 1, NULL, 0), VPMU_OK);
	host.perf_capabilities = 0x2306;
	assert_int_equal(vpmu_baseline_add(&baseline, &host, 2, NULL, 0), VPMU_OK);
	model = model_of_baseline(&baseline);
	assert_int_equal(model.perf_capabilities, 0x2300);
	assert_true(vpmu_baseline_cost(&baseline, 0, &cost));
	assert_string_equal(cost.text, "format of LBR: 0, not 6");
}

static void a_hundred_thousand_hosts_are_added_one_at_a_time(void **state)
{
	struct random random = random_seeded("fleet");
	struct vpmu_baseline baseline = {0};
	struct vpmu_model model;
	unsigned hosts = 0;

	for (unsigned i = 0; i < 100000; i++) {
		struct vpmu_model host = random_model(&random);

		hosts += vpmu_baseline_add(&baseline, &host, i, NULL, 0) == VPMU_OK;
	}
	assert_true(baseline.hosts == hosts && hosts > 20000);
	model = model_of_baseline(&baseline);
	assert_int_equal(model.version, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fleet_has_what_all_have_and_blames_who_lacks_it),
		cmocka_unit_test(every_host_takes_the_baseline),
		cmocka_unit_test(every_host_takes_the_baseline_of_what_its_kernel_gives),
		cmocka_unit_test(nothing_larger_is_taken_by_every_host),
		cmocka_unit_test(the_order_of_hosts_does_not_matter),
		cmocka_unit_test(without_the_host_to_blame_there_is_more),
		cmocka_unit_test(another_vendor_is_refused_and_does_not_count),
		cmocka_unit_test(no_hosts_have_no_baseline),
		cmocka_unit_test(formats_that_differ_are_none),
		cmocka_unit_test(every_row_has_its_place),
		cmocka_unit_test(anythread_costs_only_where_it_was),
		cmocka_unit_test(a_hundred_thousand_hosts_are_added_one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
