/* SPDX-License-Identifier: MIT */
/*
 * The fingerprint: machines that would behave differently differ in it, machines that would not
 * share it. What a row does to one machine decides what happens later, though no register shows it.
 */
#include <stdlib.h>

#include "machine.h"

static struct vpmu_filter filter = {.action = VPMU_FILTER_DENY, .count = 1, .events = {0xc0}};

static void nothing(struct vpmu_pmu *pmu)
{
}

static void see_cycles(struct vpmu_pmu *pmu)
{
	vpmu_pmu_see_cycles(pmu, true);
}

static void count_host(struct vpmu_pmu *pmu)
{
	vpmu_pmu_set_exclude_host(pmu, false);
}

static void fail_one(struct vpmu_pmu *pmu)
{
	vpmu_pmu_fail_creations(pmu, 1);
}

static void disable(struct vpmu_pmu *pmu)
{
	vpmu_pmu_disable(pmu);
}

static void set_filter(struct vpmu_pmu *pmu)
{
	vpmu_pmu_set_filter(pmu, &filter);
}

static void enter(struct vpmu_pmu *pmu)
{
	vpmu_pmu_enter(pmu);
}

static void mask_lvtpc(struct vpmu_pmu *pmu)
{
	vpmu_pmu_set_lvtpc(pmu, VPMU_LVTPC_MASKED);
}

static void set_model(struct vpmu_pmu *pmu, const char *text)
{
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, text, NULL, 0), VPMU_OK);
	assert_int_equal(vpmu_pmu_set_model(pmu, &model), VPMU_OK);
}

static void lose_a_counter(struct vpmu_pmu *pmu)
{
	set_model(pmu, "intel-v2,gp=3");
}

/* KVM shows the guest version 2 all the same, but will not take the other leaf after a run. */
static void other_leaves(struct vpmu_pmu *pmu)
{
	set_model(pmu, "intel-v2,signature=0x406f1");
}

static void narrow(struct vpmu_pmu *pmu)
{
	set_model(pmu, "intel-v2,width=40");
}

static void lose_an_event(struct vpmu_pmu *pmu)
{
	set_model(pmu, "intel-v2,events-missing=1");
}

enum { DIFFERS, ALIKE };

static const struct {
	const char *profile;
	void (*differ)(struct vpmu_pmu *pmu);
	int is_alike; /* it decides nothing here */
} rows[] = {
	{"linux-6.12", nothing, ALIKE},          {"linux-6.12", see_cycles, DIFFERS},
	{"linux-6.12", count_host, DIFFERS},     {"linux-6.12", fail_one, DIFFERS},
	{"linux-6.12", disable, DIFFERS},        {"linux-6.12", set_filter, DIFFERS},
	{"linux-6.12", enter, DIFFERS},          {"linux-6.12", mask_lvtpc, DIFFERS},
	{"linux-6.12", lose_a_counter, DIFFERS}, {"linux-6.12", other_leaves, DIFFERS},
	{"linux-6.12", narrow, DIFFERS},         {"linux-6.12", lose_an_event, DIFFERS},
	{"linux-6.1", see_cycles, DIFFERS},      {"linux-6.1", lose_a_counter, DIFFERS},
	{"linux-6.1", other_leaves, DIFFERS},    {"mediated", other_leaves, DIFFERS},
	{"mediated", set_filter, DIFFERS},       {"hardware", see_cycles, ALIKE},
	{"hardware", count_host, ALIKE},         {"hardware", enter, ALIKE},
	{"hardware", mask_lvtpc, DIFFERS},
};

static void what_decides_behaviour_differs(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vpmu_pmu *a = machine_on(rows[i].profile, "intel-v2");
		struct vpmu_pmu *b = machine_on(rows[i].profile, "intel-v2");

		assert_true(vpmu_pmu_fingerprint(a) == vpmu_pmu_fingerprint(b));
		rows[i].differ(b);
		if ((vpmu_pmu_fingerprint(a) == vpmu_pmu_fingerprint(b)) != rows[i].is_alike)
			fail_msg("row %zu, %s", i, rows[i].profile);
	}
}

/* Also those of which no register is different. */
static void models_and_profiles_differ(void **state)
{
	static const char *const models[] = {
		"intel-v2",
		"intel-v2,width=40",
		"intel-v2,signature=0x406f1",
		"intel-v2,events-missing=1",
		"intel-v2,events-length=6",
		"intel-v2,full-width=off",
		"zhaoxin-v2",
		"intel-v3",
		"intel-v3,anythread=off",
		"intel-v2,pmu=off",
	};
	enum { MODELS = sizeof(models) / sizeof(models[0]) };
	uint64_t seen[2 * MODELS];
	unsigned count = 0;

	for (unsigned i = 0; i < MODELS; i++) {
		seen[count++] = vpmu_pmu_fingerprint(machine_on("hardware", models[i]));
		seen[count++] = vpmu_pmu_fingerprint(machine_on("linux-6.12", models[i]));
	}
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < i; j++)
			if (seen[i] == seen[j])
				fail_msg("%s and %s share one", models[i / 2], models[j / 2]);
}

/* Changes one thing that decides what a machine with an event does; false past the last. */
static bool change(struct vpmu_pmu *pmu, unsigned which)
{
	struct kvm_pmu *kvm = &pmu->kvm;
	struct pmc *pmc = &kvm->pmc[0];
	struct tally *tally = &pmu->tally[0];
	bool *flags[] = {&kvm->request_pmu, &kvm->request_pmi,  &kvm->need_cleanup, &kvm->has_run,
	                 &kvm->is_disabled, &kvm->counts_host,  &kvm->sees_cycles,  &pmc->is_paused,
	                 &pmc->intr,        &pmc->event.active, &pmc->event.precise};
	uint32_t *words[] = {&kvm->reprogram, &kvm->in_use, &kvm->failing_creations, &pmu->lvtpc};
	uint64_t *numbers[] = {&pmc->counter,          &pmc->emulated,
	                       &pmc->current_config,   &pmc->event.sample_period,
	                       &pmc->event.period_end, &pmc->event.wrap,
	                       &pmu->overflowed,       &pmu->selector[0],
	                       &pmu->selector[1]};
	uint8_t *bytes[] = {&pmc->event.what.class_, &pmc->event.what.modes,
	                    &pmc->event.what.threshold, &tally->class_, &tally->threshold};

	if (which < ARRAY_SIZE(flags))
		return *flags[which] ^= 1, true;
	which -= ARRAY_SIZE(flags);
	if (which < ARRAY_SIZE(words))
		return *words[which] ^= 1, true;
	which -= ARRAY_SIZE(words);
	if (which < ARRAY_SIZE(numbers))
		return *numbers[which] ^= 1, true;
	which -= ARRAY_SIZE(numbers);
	if (which < ARRAY_SIZE(bytes))
		return *bytes[which] ^= 1, true;
	which -= ARRAY_SIZE(bytes);
	if (which < VPMU_KIND_LBR_CTL)
		return pmu->single[which] ^= 1, true;
	switch (which - VPMU_KIND_LBR_CTL) {
	case 0:
		return pmc->event.what.invert ^= 1, true;
	case 1:
		return pmc->event.what.edge ^= 1, true;
	case 2:
		return tally->invert ^= 1, true;
	case 3:
		return tally->edge ^= 1, true;
	case 4:
		return tally->level ^= 1, true;
	case 5:
		return tally->pmi ^= 1, true;
	case 6:
		return tally->kept ^= 1, true;
	default:
		return false;
	}
}

/* Nothing shares its place in the fingerprint with another. */
static void whatever_changes_has_a_place_of_its_own(void **state)
{
	uint64_t seen[128];
	unsigned count = 0;

	for (unsigned which = 0; count < ARRAY_SIZE(seen); which++) {
		struct vpmu_pmu *pmu = machine_on("linux-6.12", "intel-v2");

		wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
		vpmu_pmu_enter(pmu);
		seen[count++] = vpmu_pmu_fingerprint(pmu);
		if (!change(pmu, which))
			break;
		seen[count - 1] = vpmu_pmu_fingerprint(pmu);
	}
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < i; j++)
			if (seen[i] == seen[j])
				fail_msg("changes %u and %u are the same", j, i);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

/* In every combination, too: no switch of the vCPU hides another. */
static void switches_together_have_places_of_their_own(void **state)
{
	struct vpmu_pmu *pmu = machine_on("linux-6.12", "intel-v2");
	struct kvm_pmu *kvm = &pmu->kvm;
	bool *flags[] = {&kvm->request_pmu, &kvm->request_pmi, &kvm->need_cleanup, &kvm->has_run,
	                 &kvm->is_disabled, &kvm->counts_host, &kvm->sees_cycles,  &kvm->lbr_event,
	                 &kvm->lbr_passes,  &kvm->keeps_lbr};
	enum { COMBINATIONS = 1 << 10 };
	uint64_t seen[COMBINATIONS];

	assert_int_equal(1u << ARRAY_SIZE(flags), COMBINATIONS);
	for (unsigned i = 0; i < COMBINATIONS; i++) {
		for (unsigned k = 0; k < ARRAY_SIZE(flags); k++)
			*flags[k] = i >> k & 1;
		seen[i] = vpmu_pmu_fingerprint(pmu);
	}
	qsort(seen, COMBINATIONS, sizeof(seen[0]), by_value);
	for (unsigned i = 1; i < COMBINATIONS; i++)
		assert_true(seen[i - 1] < seen[i]);
}

/* A threshold is no register's of an event that was made with one. */
static void events_of_another_threshold_differ(void **state)
{
	struct vpmu_pmu *pmu[2];

	for (unsigned i = 0; i < 2; i++) {
		pmu[i] = machine_on("linux-6.12", "intel-v2");
		vpmu_pmu_see_cycles(pmu[i], i);
		wr(pmu[i], SEL0, SEL_ON | INSTRUCTIONS | UINT64_C(2) << SEL_CMASK_BIT);
		vpmu_pmu_enter(pmu[i]);
		vpmu_pmu_see_cycles(pmu[i], true);
	}
	assert_true(vpmu_pmu_fingerprint(pmu[0]) != vpmu_pmu_fingerprint(pmu[1]));
}

/* Where a filter lies decides nothing. */
static void equal_filters_are_alike(void **state)
{
	static struct vpmu_filter same, other;
	struct vpmu_pmu *a = machine_on("linux-6.12", "intel-v2");
	struct vpmu_pmu *b = machine_on("linux-6.12", "intel-v2");

	same = other = filter;
	other.events[0] = 0x3c;
	vpmu_pmu_set_filter(a, &filter);
	vpmu_pmu_set_filter(b, &same);
	assert_true(vpmu_pmu_fingerprint(a) == vpmu_pmu_fingerprint(b));
	vpmu_pmu_set_filter(b, &other);
	assert_true(vpmu_pmu_fingerprint(a) != vpmu_pmu_fingerprint(b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_decides_behaviour_differs),
		cmocka_unit_test(models_and_profiles_differ),
		cmocka_unit_test(whatever_changes_has_a_place_of_its_own),
		cmocka_unit_test(switches_together_have_places_of_their_own),
		cmocka_unit_test(events_of_another_threshold_differ),
		cmocka_unit_test(equal_filters_are_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
