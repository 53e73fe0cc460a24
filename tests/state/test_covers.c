/* SPDX-License-Identifier: MIT */
/*
 * Meet and covers, which compare fields, against what register machines take: these go by the
 * register tables and the profile's rules, and know of no fields' order.
 */
#include "fixture.h"

/* Whether the model's machine shows the value that it was given. */
static bool holds(const struct vpmu_model *model, const struct vpmu_register *reg, uint64_t value)
{
	struct vpmu_pmu *pmu = machine_of(model);
	uint64_t now = ~value;

	if (vpmu_pmu_host_write(pmu, reg->msr, value))
		return false;
	return !vpmu_pmu_host_read(pmu, reg->msr, &now) && now == value;
}

/* The value of IA32_PERF_CAPABILITIES is the model's own; the rest of what a put writes is state.
 */
static bool is_state(const struct vpmu_register *reg)
{
	return reg->level != VPMU_LEVEL_NEVER && reg->kind != VPMU_KIND_CAPABILITIES;
}

/* Whether the host's machine holds all bits that the guest's registers can have; the first that it
 * does not. */
static bool takes_all(const struct vpmu_model *host, const struct vpmu_model *guest,
                      const char **first)
{
	static struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(guest, registers);

	for (size_t i = 0; i < count; i++) {
		const struct vpmu_register *reg = &registers[i];

		*first = reg->name;
		if (is_state(reg) && holds(guest, reg, reg->writable) &&
		    !holds(host, reg, reg->writable))
			return false;
	}
	return true;
}

/* The base with some fields of another, if that can exist. */
static struct vpmu_model near(struct random *random, const struct vpmu_model *base)
{
	struct vpmu_model model, other;

	do {
		do
			other = random_model(random);
		while (other.vendor != base->vendor || !other.version);
		model = *base;
		for (size_t i = 0; i < field_count; i++)
			if (random_next(random) % 4 == 0)
				field_set(&field_rows[i], &model,
				          field_get(&field_rows[i], &other));
	} while (vpmu_model_check(&model, NULL, 0));
	return model;
}

static struct vpmu_model any_pmu(struct random *random)
{
	struct vpmu_model model;

	do
		model = random_model(random);
	while (!model.version);
	return model;
}

static void who_covers_takes_every_state(void **state)
{
	struct random random = random_seeded("who covers");
	unsigned covered = 0;

	for (unsigned i = 0; i < 1500; i++) {
		struct vpmu_model a = any_pmu(&random), b = near(&random, &a), meet;
		const char *first = "";

		assert_int_equal(vpmu_model_meet(&meet, &a, &b), VPMU_OK);
		if (!takes_all(&a, &meet, &first) || !takes_all(&b, &meet, &first))
			fail_msg("%s of a meet is not taken", first);
		if (vpmu_model_covers(&a, &b)) {
			covered++;
			if (!takes_all(&a, &b, &first))
				fail_msg("%s is not taken where it is covered", first);
		}
	}
	assert_true(covered > 50);
}

/* Fields that registers show: who takes all of a guest's registers covers it. */
static void who_takes_every_state_covers(void **state)
{
	struct random random = random_seeded("who takes");
	unsigned taken = 0, refused = 0;

	for (unsigned i = 0; i < 4000; i++) {
		struct vpmu_model a = any_pmu(&random), b = near(&random, &a), host = a;
		const char *first = "";
		bool covers;

		host.gp_count = b.gp_count;
		host.gp_width = b.gp_width;
		host.fixed_mask = b.fixed_mask;
		host.fixed_width = b.fixed_width;
		host.features ^= (a.features ^ b.features) & VPMU_FEATURE_ANYTHREAD_GONE;
		/* Without a counter no register shows AnyThread. */
		if (vpmu_model_check(&host, NULL, 0) || !(a.gp_count | a.fixed_mask))
			continue;
		covers = vpmu_model_covers(&host, &a);
		if (takes_all(&host, &a, &first) != covers)
			fail_msg("covers: %d; %s", covers, first);
		taken += covers;
		refused += !covers;
	}
	assert_true(taken > 500 && refused > 500);
}

/* A virtual CPU of the guest's own model on a host that covers it: as if nothing had happened. */
static void a_put_on_a_host_that_covers_changes_nothing(void **state)
{
	struct random random = random_seeded("puts");
	const struct vpmu_profile *hardware = vpmu_profile_find("hardware");
	const struct vpmu_order *safe = vpmu_order_find("safe");
	unsigned tried = 0;

	for (unsigned i = 0; i < 1500; i++) {
		struct vpmu_model a = any_pmu(&random), b = near(&random, &a), guest;
		struct vpmu_compat compat;
		struct vpmu_layout layout;
		struct vpmu_state s;
		char line[240] = "";

		assert_int_equal(vpmu_model_meet(&guest, &a, &b), VPMU_OK);
		if (!guest.version)
			continue;
		assert_int_equal(vpmu_layout_init(&layout, &guest), VPMU_OK);
		vpmu_state_reset(&s, &layout);
		for (unsigned v = 0; v < layout.value_count; v++)
			if (is_state(&layout.registers[layout.stored[v]]))
				s.values[v] = value_fit(&layout.registers[layout.stored[v]],
				                        random_next(&random));
		assert_int_equal(vpmu_compat_judge(&compat, &s, &layout, &a, hardware, safe),
		                 VPMU_OK);
		vpmu_compat_describe_difference(&compat, 0, line, sizeof(line));
		if (compat.take != VPMU_TAKES)
			fail_msg("%s", line);
		tried++;
	}
	assert_true(tried > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_covers_takes_every_state),
		cmocka_unit_test(who_takes_every_state_covers),
		cmocka_unit_test(a_put_on_a_host_that_covers_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
