/* SPDX-License-Identifier: MIT */
/* The reference of every profile is what hardware does with the same registers: but for an event
 * with one left, which on perf takes two. */
#include "explore_one.h"

static bool make(struct scenario *scenario, struct check_subject *subject, const char *profile,
                 struct machine *scratch)
{
	struct vcpu vcpu = {&register_machine, scratch, NULL};

	subject->profile = vpmu_profile_find(profile);
	scenario->subject = subject;
	return reference_make(scenario, &vcpu);
}

static bool same_reference(const struct reference *a, const struct reference *b)
{
	return !memcmp(a->ran, b->ran, sizeof(a->ran)) &&
	       !memcmp(a->after, b->after, sizeof(a->after)) &&
	       !memcmp(a->put, b->put, sizeof(a->put));
}

/* Compares a state on a profile with hardware of the model that the profile shows. */
static bool as_hardware(const char *model, const char *profile, unsigned i)
{
	static struct scenario one, other;
	static struct machine scratch;
	static struct vpmu_layout layout;
	struct check_subject subject = {.levels = BIT32(VPMU_LEVEL_FULL)};

	layout_on(&layout, model, profile);
	subject.model = layout.model;
	one = other = (struct scenario){.layout = &layout, .level = VPMU_LEVEL_FULL};
	state_make(&one.state, &layout, i);
	other.state = one.state;
	assert_true(make(&one, &subject, profile, &scratch));
	assert_true(make(&other, &subject, "hardware", &scratch));
	return same_reference(&one.reference, &other.reference);
}

/* A mediated vPMU's counters overflow where the host's do, whatever CPUID says. */
static bool overflows_elsewhere(const char *model, const char *profile)
{
	struct vpmu_layout layout;
	struct vpmu_host host;

	layout_on(&layout, model, profile);
	vpmu_host_init(&host, (enum vpmu_vendor)layout.model.vendor);
	return vpmu_profile_facts(vpmu_profile_find(profile)) & VPMU_FACT_MEDIATED &&
	       layout.model.gp_width != host.width;
}

static void every_profile_does_with_a_held_state_what_hardware_does(void **state)
{
	const char *model, *profile, *name;

	for (size_t m = 0; (model = vpmu_preset_name(m)); m++)
		for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
			for (unsigned i = 0; (name = state_name(i)); i++)
				if (strcmp(name, "brink") && !overflows_elsewhere(model, profile) &&
				    !as_hardware(model, profile, i))
					fail_msg("%s on %s, state %s", model, profile, name);
}

static void with_one_left_perf_takes_two(void **state)
{
	unsigned brink = 0;

	while (strcmp(state_name(brink), "brink"))
		brink++;
	assert_false(as_hardware("intel-v2", "linux-6.12", brink));
	assert_true(as_hardware("intel-v2", "mediated", brink));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_profile_does_with_a_held_state_what_hardware_does),
		cmocka_unit_test(with_one_left_perf_takes_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
