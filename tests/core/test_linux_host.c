/* SPDX-License-Identifier: MIT */
/* What a VMM does around a Linux profile's PMU: the host's own work, another model, no PMU. */
#include "../arch/random_model.h"
#include "machine.h"

static const char *kvm(size_t i)
{
	return profile_with(VPMU_FACT_KVM, i);
}

static const char *with_events(size_t i)
{
	return profile_with(VPMU_FACT_PERF_EVENTS, i);
}

static struct vpmu_pmu *counting(const char *profile)
{
	struct vpmu_pmu *pmu = machine_on(profile, "intel-v2");

	wr(pmu, GLOBAL_CTRL, 1);
	wr(pmu, SEL0, SEL_ON_INT | INSTRUCTIONS);
	vpmu_pmu_enter(pmu);
	return pmu;
}

static void events_exclude_the_host(void **state)
{
	for (size_t i = 0; kvm(i); i++) {
		struct vpmu_pmu *pmu = counting(kvm(i));

		vpmu_pmu_host_run(pmu, &RUN(100));
		assert_int_equal(rd(pmu, PMC0), 0);
	}
}

static void events_that_do_not_exclude_it_count_the_host(void **state)
{
	for (size_t i = 0; with_events(i); i++) {
		struct vpmu_pmu *pmu = counting(with_events(i));

		vpmu_pmu_set_exclude_host(pmu, false);
		vpmu_pmu_host_run(pmu, &RUN(100));
		assert_int_equal(rd(pmu, PMC0), 100);
		vpmu_pmu_set_exclude_host(pmu, true);
		vpmu_pmu_host_run(pmu, &RUN(100));
		assert_int_equal(rd(pmu, PMC0), 100);
	}
}

static void an_overflow_in_the_host_waits_for_the_entry(void **state)
{
	for (size_t i = 0; with_events(i); i++) {
		struct vpmu_pmu *pmu = counting(with_events(i));

		vpmu_pmu_set_exclude_host(pmu, false);
		wr(pmu, A_PMC0, (UINT64_C(1) << 48) - 10);
		vpmu_pmu_host_run(pmu, &RUN(100));
		assert_int_equal(rd(pmu, STATUS), 1);
		assert_int_equal(vpmu_pmu_enter(pmu).pmi, 1);
		assert_int_equal(vpmu_pmu_enter(pmu).pmi, 0);
	}
}

/* The guest's counters are not in the hardware then. */
static void the_switch_means_nothing_without_events(void **state)
{
	struct vpmu_pmu *pmu = counting("mediated");

	vpmu_pmu_set_exclude_host(pmu, false);
	vpmu_pmu_host_run(pmu, &RUN(100));
	assert_int_equal(rd(pmu, PMC0), 0);
}

static struct vpmu_model model_of(const char *text)
{
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, text, NULL, 0), VPMU_OK);
	return model;
}

/* KVM shows guests no higher version than 2: a VMM that asks for more has asked for the same. */
static void versions_that_are_not_shown_are_one(void **state)
{
	struct vpmu_model asked = model_of("intel-v3"), other = asked;

	other.version = 4;
	assert_int_equal(vpmu_model_check(&other, NULL, 0), VPMU_OK);
	for (size_t i = 0; kvm(i); i++) {
		struct vpmu_pmu *pmu = machine_on(kvm(i), "intel-v3");

		vpmu_pmu_enter(pmu);
		assert_int_equal(vpmu_pmu_set_model(pmu, &other), VPMU_OK);
		other.version = 1;
		other.fixed_mask = other.fixed_width = 0;
		assert_int_equal(vpmu_pmu_set_model(pmu, &other), VPMU_REFUSED);
		other = asked;
		other.version = 4;
	}
}

static void another_model_comes_before_the_first_entry(void **state)
{
	struct vpmu_model smaller = model_of("intel-v2,gp=2"), other = model_of("amd-k7");

	for (size_t i = 0; kvm(i); i++) {
		struct vpmu_pmu *pmu = machine_on(kvm(i), "intel-v2");
		uint64_t value;

		assert_int_equal(vpmu_pmu_set_model(pmu, &other), VPMU_INCOMPATIBLE);
		assert_int_equal(vpmu_pmu_set_model(pmu, &smaller), VPMU_OK);
		assert_int_equal(vpmu_pmu_model(pmu)->gp_count, 2);
		assert_int_equal(vpmu_pmu_guest_read(pmu, PMC0 + 2, &value), VPMU_NO_REGISTER);
		vpmu_pmu_enter(pmu);
		assert_int_equal(vpmu_pmu_set_model(pmu, &smaller), VPMU_OK);
		smaller.gp_count = 4;
		assert_int_equal(vpmu_pmu_set_model(pmu, &smaller), VPMU_REFUSED);
		smaller.gp_count = 2;
	}
}

static void a_disabled_pmu_has_no_model_and_no_counters(void **state)
{
	for (size_t i = 0; kvm(i); i++) {
		struct vpmu_pmu *pmu = machine_on(kvm(i), "intel-v2");
		uint64_t value;

		assert_int_equal(vpmu_pmu_disable(pmu), VPMU_OK);
		assert_int_equal(vpmu_pmu_model(pmu)->version, 0);
		assert_int_equal(vpmu_model_check(vpmu_pmu_model(pmu), NULL, 0), VPMU_OK);
		assert_int_equal(vpmu_pmu_guest_read(pmu, FIXED0, &value), VPMU_NO_REGISTER);
		assert_int_equal(vpmu_pmu_rdpmc(pmu, 0, 0, true, &value), VPMU_GP);
	}
}

static void it_is_disabled_before_the_first_entry_only(void **state)
{
	struct vpmu_pmu *pmu = machine_on("linux-6.12", "intel-v2");

	vpmu_pmu_enter(pmu);
	assert_int_equal(vpmu_pmu_disable(pmu), VPMU_REFUSED);
	assert_int_equal(vpmu_pmu_disable(machine_of("intel-v2")), VPMU_REFUSED);
}

static void a_profile_makes_version_2_of_later_ones(void **state)
{
	struct vpmu_model model = model_of("intel-v5");
	struct vpmu_model amd = model_of("amd-perfmon-v2,gp=8");

	assert_int_equal(vpmu_profile_adapt(vpmu_profile_find("linux-6.12"), &model), VPMU_OK);
	assert_int_equal(model.version, 2);
	assert_int_equal(model.fixed_mask, 7);
	assert_int_equal(vpmu_profile_adapt(vpmu_profile_find("linux-6.12"), &amd), VPMU_OK);
	assert_int_equal(amd.gp_count, 6);
	assert_int_equal(vpmu_profile_adapt(vpmu_profile_find("linux-6.1"), &amd), VPMU_OK);
	assert_int_equal(amd.version, 1);
	model.gp_count = 99;
	assert_int_equal(vpmu_profile_adapt(vpmu_profile_find("linux-6.1"), &model),
	                 VPMU_INCOMPATIBLE);
	assert_int_equal(model.gp_count, 99);
}

/* Version 2 has no bitmap: CPUID tells a guest, and KVM, of the fixed counters up to the first
 * hole. */
static void fixed_counters_after_a_hole_are_not_there(void **state)
{
	const char *name;

	for (size_t i = 0; (name = profile_with(VPMU_FACT_KVM, i)); i++) {
		struct vpmu_model model = model_of("intel-v5,fixed-mask=0xd");

		assert_int_equal(vpmu_profile_adapt(vpmu_profile_find(name), &model), VPMU_OK);
		assert_int_equal(model.fixed_mask, 1);
	}
}

/* A KVM has what the VMM asks for, as far as it goes; signatures do not matter. */
static void a_profile_makes_of_every_model_what_its_host_covers(void **state)
{
	static const char *const hosts[][2] = {
		{"linux-6.1", "amd-perfcore"},
		{"linux-6.12", "amd-perfmon-v2"},
		{"mediated", "amd-perfmon-v2"},
	};
	struct random random = random_seeded("covered by the host");

	for (unsigned i = 0; i < 5000; i++) {
		struct vpmu_model model = random_model(&random);
		const char *const *host = hosts[i % ARRAY_SIZE(hosts)];
		struct vpmu_model limit = model_of(
			model.vendor == VPMU_VENDOR_AMD ? host[1] : "intel-v2,gp=8,fixed=3");

		if (model.vendor == VPMU_VENDOR_INTEL_P6)
			limit = model_of("intel-p6,pmu=off");
		else if (model.vendor != VPMU_VENDOR_AMD)
			limit.vendor = model.vendor;
		assert_int_equal(vpmu_profile_adapt(vpmu_profile_find(host[0]), &model), VPMU_OK);
		assert_true(vpmu_model_covers(&limit, &model));
	}
}

/* A signature before K7's is that of a model without a PMU, which KVM gives one all the same. */
static void what_a_profile_makes_of_a_possible_model_is_possible(void **state)
{
	static const uint32_t signatures[] = {0, 0x580, 0x600, 0xf00, 0xa20f10};

	for (size_t i = 0; vpmu_profile_name(i); i++)
		for (size_t j = 0; j < ARRAY_SIZE(signatures); j++) {
			struct vpmu_model model = {.vendor = VPMU_VENDOR_AMD,
			                           .signature = signatures[j]};
			char why[160] = "";

			assert_int_equal(vpmu_model_check(&model, NULL, 0), VPMU_OK);
			vpmu_profile_adapt(vpmu_profile_find(vpmu_profile_name(i)), &model);
			if (vpmu_model_check(&model, why, sizeof(why)))
				fail_msg("%s, 0x%x: %s", vpmu_profile_name(i), signatures[j], why);
		}
}

/* Version 2 knows no AnyThread, and no bit that says it is gone. */
static void what_kvm_makes_of_a_version_5(void **state)
{
	const char *profile;

	for (size_t i = 0; (profile = profile_with(VPMU_FACT_KVM, i)); i++) {
		struct vpmu_model model;

		assert_int_equal(
			vpmu_model_parse(&model, "icelake,gp=10,fixed=8,width=64", NULL, 0),
			VPMU_OK);
		assert_int_equal(vpmu_profile_adapt(vpmu_profile_find(profile), &model), VPMU_OK);
		assert_int_equal(model.version, 2);
		assert_int_equal(model.features, VPMU_FEATURE_PDCM);
		assert_int_equal(model.gp_count, 8);
		assert_int_equal(model.gp_width, 48);
		assert_int_equal(model.fixed_mask, 7);
		assert_int_equal(model.fixed_width, 48);
		assert_int_equal(model.perf_capabilities, VPMU_PERF_CAP_FULL_WIDTH);
		assert_int_equal(model.events_length, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_kvm_makes_of_a_version_5),
		cmocka_unit_test(what_a_profile_makes_of_a_possible_model_is_possible),
		cmocka_unit_test(events_exclude_the_host),
		cmocka_unit_test(events_that_do_not_exclude_it_count_the_host),
		cmocka_unit_test(an_overflow_in_the_host_waits_for_the_entry),
		cmocka_unit_test(the_switch_means_nothing_without_events),
		cmocka_unit_test(versions_that_are_not_shown_are_one),
		cmocka_unit_test(another_model_comes_before_the_first_entry),
		cmocka_unit_test(a_disabled_pmu_has_no_model_and_no_counters),
		cmocka_unit_test(it_is_disabled_before_the_first_entry_only),
		cmocka_unit_test(a_profile_makes_version_2_of_later_ones),
		cmocka_unit_test(fixed_counters_after_a_hole_are_not_there),
		cmocka_unit_test(a_profile_makes_of_every_model_what_its_host_covers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
