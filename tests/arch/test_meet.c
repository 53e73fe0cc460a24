/* SPDX-License-Identifier: MIT */
/* Models as a lattice: the laws of meet and covers, on random models. */
#include "random_model.h"
#include "unit.h"

enum { ROUNDS = 20000 };

/* Some are alike, as hosts of a fleet are: the base with a few fields of another. */
static struct vpmu_model near(struct random *random, const struct vpmu_model *base)
{
	struct vpmu_model other, model;

	do {
		do
			other = random_model(random);
		while (other.vendor != base->vendor);
		model = *base;
		for (size_t i = 0; i < field_count; i++)
			if (!random_between(random, 0, 3))
				field_set(&field_rows[i], &model,
				          field_get(&field_rows[i], &other));
		if (!random_between(random, 0, 3))
			model = other;
	} while (vpmu_model_check(&model, NULL, 0));
	return model;
}

struct three {
	struct vpmu_model a, b, c;
};

static struct three any_three(struct random *random)
{
	struct three three = {.a = random_model(random)};

	three.b = near(random, &three.a);
	three.c = near(random, random_between(random, 0, 1) ? &three.a : &three.b);
	return three;
}

static struct vpmu_model meet_of(const struct vpmu_model *a, const struct vpmu_model *b)
{
	struct vpmu_model meet;
	char why[200] = "";

	assert_int_equal(vpmu_model_meet(&meet, a, b), VPMU_OK);
	if (vpmu_model_check(&meet, why, sizeof(why)))
		fail_msg("a meet cannot exist: %s", why);
	return meet;
}

static void meet_is_commutative_associative_and_idempotent(void **state)
{
	struct random random = random_seeded("laws");
	unsigned pmus = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct three t = any_three(&random);
		struct vpmu_model ab = meet_of(&t.a, &t.b), ba = meet_of(&t.b, &t.a);
		struct vpmu_model bc = meet_of(&t.b, &t.c), aa = meet_of(&t.a, &t.a);
		struct vpmu_model left = meet_of(&ab, &t.c), right = meet_of(&t.a, &bc);

		assert_true(vpmu_model_equal(&ab, &ba));
		assert_true(vpmu_model_equal(&left, &right));
		assert_true(vpmu_model_equal(&aa, &t.a));
		pmus += left.version > 0;
	}
	assert_true(pmus > ROUNDS / 3);
}

static void both_cover_the_meet_and_nothing_that_both_cover_is_larger(void **state)
{
	struct random random = random_seeded("bounds");
	unsigned below = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct three t = any_three(&random);
		struct vpmu_model ab = meet_of(&t.a, &t.b);

		assert_true(vpmu_model_covers(&t.a, &ab));
		assert_true(vpmu_model_covers(&t.b, &ab));
		if (!vpmu_model_covers(&t.a, &t.c) || !vpmu_model_covers(&t.b, &t.c))
			continue;
		assert_true(vpmu_model_covers(&ab, &t.c));
		below++;
	}
	assert_true(below > 500);
}

static void covers_is_reflexive_and_transitive(void **state)
{
	struct random random = random_seeded("preorder");
	unsigned chains = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct three t = any_three(&random);
		struct vpmu_model ab = meet_of(&t.a, &t.b), abc = meet_of(&ab, &t.c);

		assert_true(vpmu_model_covers(&t.a, &t.a));
		assert_true(vpmu_model_covers(&t.a, &abc));
		if (!vpmu_model_covers(&t.a, &t.b) || !vpmu_model_covers(&t.b, &t.c))
			continue;
		assert_true(vpmu_model_covers(&t.a, &t.c));
		chains++;
	}
	assert_true(chains > 100);
}

/* Whoever covers and is covered by another has the same to use; what is left is only shown. */
static void who_covers_is_met_by_what_it_covers(void **state)
{
	struct random random = random_seeded("order");

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct three t = any_three(&random);
		struct vpmu_model ab = meet_of(&t.a, &t.b);

		assert_int_equal(vpmu_model_covers(&t.a, &t.b), vpmu_model_covers(&ab, &t.b));
	}
}

struct row {
	const char *a, *b, *meet;
};

static const struct row rows[] = {
	{"intel-v2", "intel-v2", "intel-v2"},
	{"intel-v5,gp=6", "intel-v4,fixed=2", "intel-v4,gp=6,fixed=2,anythread=off"},
	{"intel-v5,fixed-mask=0x9", "intel-v4", "intel-v4,fixed=1,anythread=off"},
	{"intel-v5,fixed-mask=0x8", "intel-v4", "intel-v4,fixed=0,anythread=off"},
	{"intel-v5,gp-mask=0xad", "intel-v5,gp-mask=0x8f", "intel-v5,gp-mask=0x8d"},
	{"intel-v5,gp-mask=0xad", "intel-v5,gp=7", "intel-v5,gp-mask=0x2d"},
	{"intel-v5,gp-mask=0xad", "intel-v5,gp=5", "intel-v5,gp-mask=0xd"},
	{"intel-v5,gp-mask=0xf7", "intel-v4", "intel-v4,gp=3,anythread=off"},
	{"icelake", "icelake,fixed=3", "icelake,fixed=3,metrics=off"},
	{"icelake", "icelake,pdcm=off", "icelake,pdcm=off"},
	{"intel-v3", "intel-v3,anythread=off", "intel-v3,anythread=off"},
	{"intel-v2,events-missing=0x42", "intel-v2,events-length=6,events-missing=0x1",
         "intel-v2,events-length=6,events-missing=0x3"},
	{"intel-v2,pmu=off", "intel-v5", "intel-v2,pmu=off"},
	{"amd-perfmon-v2,gp=4", "amd-perfcore", "amd-k7"},
	{"amd-perfmon-v2,gp=8", "amd-perfcore", "amd-perfcore"},
	{"amd-perfmon-v2,gp=8", "amd-perfmon-v2,gp=3", "amd-perfmon-v2,gp=3"},
	{"amd-perfmon-v2,gp=3", "amd-k7", "amd-k7,pmu=off"},
};

static void a_mixture_is_what_a_pmu_can_be(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_model a = model_of(rows[i].a), b = model_of(rows[i].b);
		struct vpmu_model expected = model_of(rows[i].meet), meet = meet_of(&a, &b);

		assert_int_equal(meet.signature,
		                 a.signature < b.signature ? a.signature : b.signature);
		assert_string_equal(meet.name, a.name);
		expected.signature = meet.signature;
		if (!vpmu_model_equal(&meet, &expected))
			fail_msg("%s and %s are not %s", rows[i].a, rows[i].b, rows[i].meet);
	}
}

/* Each field, one step more, is not covered; and what is only shown is. */
static void covers_sees_every_field(void **state)
{
	static const struct {
		const char *host, *guest;
		bool covers;
	} pairs[] = {
		{"intel-v2", "intel-v2,signature=1", true},
		{"intel-v2", "intel-v2,events-length=8,events-missing=0x80", true},
		{"intel-v2,anythread=off", "intel-v2", true},
		{"intel-v3,anythread=off", "intel-v2", true},
		{"intel-v2", "intel-v3", false},
		{"intel-v3,anythread=off", "intel-v3", false},
		{"intel-v2", "zhaoxin-v2", false},
		{"intel-v2", "intel-v2,gp=5", false},
		{"intel-v5", "intel-v5,gp-mask=0xad", true},
		{"intel-v5,gp-mask=0xad", "intel-v5", false},
		{"intel-v5,gp-mask=0xad", "intel-v5,gp-mask=0x2d", true},
		{"intel-v5,gp-mask=0xad", "intel-v5,gp=1", true},
		{"intel-v5,gp-mask=0xad", "intel-v5,gp=2", false},
		{"intel-v5,gp-mask=0xfd,gp-mask=0xef", "intel-v5,gp=4", true},
		{"intel-v2", "intel-v2,width=49", false},
		{"intel-v2", "intel-v2,fixed-width=49", false},
		{"intel-v2", "intel-v2,fixed=4", false},
		{"intel-v2", "intel-v2,rtm=on", false},
		{"intel-v2", "intel-v2,events-length=8", false},
		{"intel-v2,events-missing=2", "intel-v2", false},
		{"intel-v2,full-width=off", "intel-v2", false},
		{"intel-v2,pmu=off", "intel-v2", false},
		{"intel-v2", "intel-v2,pmu=off", true},
		{"intel-v2", "intel-p6,pmu=off", true},
		{"intel-v2", "intel-p6", false},
		{"intel-p6,pmu=off", "intel-v2", false},
		{"zhaoxin-v2", "intel-p6,pmu=off", false},
		{"intel-v2,gp=0", "intel-v2,gp=0,width=40", true},
		{"intel-v2,gp=0", "intel-v2,gp=1", false},
		{"amd-perfmon-v2", "amd-k7", true},
		{"amd-k7", "amd-perfcore", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct vpmu_model host = model_of(pairs[i].host), guest = model_of(pairs[i].guest);

		if (vpmu_model_covers(&host, &guest) != pairs[i].covers)
			fail_msg("%s, %s", pairs[i].host, pairs[i].guest);
	}
}

static void a_format_is_had_as_it_is_or_not_at_all(void **state)
{
	struct vpmu_model a = model_of("intel-v2"), b = a, meet;

	a.perf_capabilities = 0x2305;
	b.perf_capabilities = 0x2306;
	meet = meet_of(&a, &b);
	assert_int_equal(meet.perf_capabilities, 0x2300);
	assert_false(vpmu_model_covers(&b, &a));
	a.perf_capabilities = 0x2300;
	assert_true(vpmu_model_covers(&b, &a));
}

static void what_cannot_meet_is_told_and_changes_nothing(void **state)
{
	struct vpmu_model intel = model_of("intel-v2"), amd = model_of("amd-k7"), bad = intel;
	struct vpmu_model meet = model_of("zen4"), before = meet;

	bad.gp_count = 99;
	assert_int_equal(vpmu_model_meet(&meet, &intel, &amd), VPMU_INCOMPATIBLE);
	assert_int_equal(vpmu_model_meet(&meet, &bad, &intel), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_model_meet(&meet, &intel, &bad), VPMU_BAD_ARGUMENT);
	assert_memory_equal(&meet, &before, sizeof(meet));
	assert_false(vpmu_model_covers(&bad, &intel));
	assert_false(vpmu_model_covers(&intel, &bad));
}

static void a_meet_may_take_the_place_of_one_of_them(void **state)
{
	struct vpmu_model a = model_of("intel-v5"), b = model_of("intel-v2");
	struct vpmu_model expected = meet_of(&a, &b), other = a;

	assert_int_equal(vpmu_model_meet(&a, &a, &b), VPMU_OK);
	assert_true(vpmu_model_equal(&a, &expected));
	assert_int_equal(vpmu_model_meet(&b, &other, &b), VPMU_OK);
	assert_true(vpmu_model_equal(&b, &expected));
}

/* What a KVM makes of the CPUID that it is given, which has no place for how many counters an AMD
 * processor has before PerfMonV2. */
static void a_capped_model_follows_its_cpuid(void **state)
{
	static const struct row capped[] = {
		{"intel-v5", "intel-v2", "intel-v2,anythread=off"},
		{"intel-v2", "intel-v5,events-missing=0x4,anythread=on",
	         "intel-v2,events-missing=0x4"},
		{"amd-perfmon-v2,gp=4", "amd-perfcore", "amd-perfcore"},
		{"amd-perfmon-v2,gp=4", "amd-perfmon-v2", "amd-perfmon-v2,gp=4"},
		{"amd-perfcore", "amd-k7", "amd-k7"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(capped); i++) {
		struct vpmu_model model = model_of(capped[i].a), limit = model_of(capped[i].b);
		struct vpmu_model expected = model_of(capped[i].meet);

		expected.signature = model.signature;
		model_cap(&model, &limit);
		if (!vpmu_model_equal(&model, &expected))
			fail_msg("%s under %s is not %s", capped[i].a, capped[i].b, capped[i].meet);
	}
}

/* A KVM may have capabilities without the bit that tells of their register; a vCPU may not. */
static void what_a_limit_cannot_tell_is_not_given(void **state)
{
	struct vpmu_model model = model_of("skylake,lbr-format=5"), limit = model;

	limit.features &= ~(uint32_t)VPMU_FEATURE_PDCM;
	model_cap(&model, &limit);
	assert_int_equal(model.features & VPMU_FEATURE_PDCM, 0);
	assert_int_equal(model.perf_capabilities, 0);
	assert_int_equal(vpmu_model_check(&model, NULL, 0), VPMU_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_limit_cannot_tell_is_not_given),
		cmocka_unit_test(meet_is_commutative_associative_and_idempotent),
		cmocka_unit_test(both_cover_the_meet_and_nothing_that_both_cover_is_larger),
		cmocka_unit_test(covers_is_reflexive_and_transitive),
		cmocka_unit_test(who_covers_is_met_by_what_it_covers),
		cmocka_unit_test(a_mixture_is_what_a_pmu_can_be),
		cmocka_unit_test(covers_sees_every_field),
		cmocka_unit_test(a_format_is_had_as_it_is_or_not_at_all),
		cmocka_unit_test(what_cannot_meet_is_told_and_changes_nothing),
		cmocka_unit_test(a_meet_may_take_the_place_of_one_of_them),
		cmocka_unit_test(a_capped_model_follows_its_cpuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
