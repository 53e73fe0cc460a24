/* SPDX-License-Identifier: MIT */
/*
 * Judged is what happens: every verdict of compat against a put of the same state on a machine that
 * was made for it here, by the machine's own answers to host and guest. Models, profiles, orders,
 * policies and values at random, the values also such as no register can hold.
 */
#include <stdlib.h>

#include "fixture.h"

/* What is laid over a preset; what it cannot have is skipped. */
static const char *const overrides[] = {
	"",          ",gp=1",           ",gp=2",          ",gp=4",         ",gp=6",
	",gp=8",     ",gp=10",          ",gp=15",         ",fixed=0",      ",fixed=1",
	",fixed=2",  ",fixed=3",        ",fixed=8",       ",width=32",     ",width=40",
	",width=64", ",full-width=off", ",full-width=on", ",pdcm=off",     ",pdcm=on",
	",hle=on",   ",rtm=on",         ",anythread=off", ",anythread=on", ",metrics=off",
	",pmu=off",
};

/* A case: a state, and where it is to go. */
struct trip {
	struct vpmu_model from, to;
	const struct vpmu_profile *profile;
	const struct vpmu_order *order;
	struct vpmu_layout layout;
	struct vpmu_state state;
};

/* How often a verdict was given, by take and why. */
static unsigned long seen[3][VPMU_COMPAT_IGNORED + 1];

static struct vpmu_model any_preset(struct random *random)
{
	struct vpmu_model model;
	char text[100];
	size_t presets = 0;

	while (vpmu_preset_name(presets))
		presets++;
	do
		snprintf(text, sizeof(text), "%s%s",
		         vpmu_preset_name(random_next(random) % presets),
		         overrides[random_next(random) % ARRAY_SIZE(overrides)]);
	while (vpmu_model_parse(&model, text, NULL, 0));
	return model;
}

static struct vpmu_model any_model(struct random *random)
{
	return random_next(random) % 4 ? any_preset(random) : random_model(random);
}

/* Mostly the same; else another, seldom of another vendor. */
static struct vpmu_model any_target(struct random *random, const struct vpmu_model *from)
{
	struct vpmu_model to;

	if (random_next(random) % 2)
		return *from;
	do
		to = any_model(random);
	while (to.vendor != from->vendor && random_next(random) % 8);
	return to;
}

/* A value as another model's register of that number would have it, or any bits at all. */
static uint64_t any_value(struct random *random, const struct vpmu_register *reg)
{
	uint64_t value = random_next(random);

	switch (random_next(random) % 6) {
	case 0:
		return value;
	case 1:
		return reg->reset ^ BIT64(value % 64);
	case 2:
		return (value & reg->writable) ^ BIT64(random_next(random) % 64);
	case 3:
		return reg->reset;
	case 4:
		return value >> (random_next(random) % 64);
	}
	return value & reg->writable;
}

static struct vpmu_state any_state(struct random *random, const struct vpmu_layout *layout)
{
	unsigned mood = (unsigned)(random_next(random) % 4);
	struct vpmu_state state;

	vpmu_state_reset(&state, layout);
	if (mood == 0)
		return state;
	if (mood == 1)
		return random_state(random, layout);
	for (unsigned i = 0; i < layout->value_count; i++)
		if (mood == 2 || random_next(random) % 8 == 0)
			state.values[i] = any_value(random, layout_stored(layout, i));
	return state;
}

static struct trip any_trip(struct random *random)
{
	struct trip trip = {.from = any_model(random)};
	size_t profiles = 0, orders = 0;

	while (vpmu_profile_name(profiles))
		profiles++;
	while (vpmu_order_at(orders))
		orders++;
	trip.to = any_target(random, &trip.from);
	trip.profile = vpmu_profile_find(vpmu_profile_name(random_next(random) % profiles));
	trip.order = random_next(random) % 2 ? vpmu_order_find("safe")
	                                     : vpmu_order_at(random_next(random) % orders);
	assert_int_equal(vpmu_layout_init(&trip.layout, &trip.from), VPMU_OK);
	trip.state = any_state(random, &trip.layout);
	return trip;
}

static bool same_there(const struct trip *trip)
{
	struct vpmu_model a = trip->from, b = trip->to;

	assert_int_equal(vpmu_profile_adapt(trip->profile, &a), VPMU_OK);
	assert_int_equal(vpmu_profile_adapt(trip->profile, &b), VPMU_OK);
	return vpmu_model_equal(&a, &b);
}

/* What the VMM there asks for: the guest's own model where the host is the same. */
static struct vpmu_pmu *destination(const struct trip *trip, unsigned char *memory)
{
	struct vpmu_model asked = trip->from;
	struct vpmu_pmu *pmu;

	if (!same_there(trip))
		asked = vpmu_compat_model(&trip->from, &trip->to);
	pmu = vpmu_pmu_init(memory, VPMU_PMU_BYTES, &asked, trip->profile);
	assert_non_null(pmu);
	return pmu;
}

static void fail_on(const struct trip *trip, const struct vpmu_compat *compat, unsigned r,
                    const char *what)
{
	char line[400];

	vpmu_compat_describe_register(compat, r, line, sizeof(line));
	fail_msg("%s (v%u, %u gp, features 0x%x) on %s (v%u, %u gp), order %s: %s: %s",
	         trip->from.name, trip->from.version, trip->from.gp_count, trip->from.features,
	         trip->to.name, trip->to.version, trip->to.gp_count, compat->order->name, line,
	         what);
}

static bool is_refused(const struct vpmu_report *report, uint32_t msr)
{
	for (unsigned i = 0; i < report->refused; i++)
		if (report->refusals[i].msr == msr)
			return true;
	return false;
}

/* A register that a put writes: what the host reads then, and whether the guest has it. */
static const char *wrong_stored(const struct vpmu_compat_register *verdict,
                                const struct vpmu_register *reg, const struct vpmu_pmu *pmu)
{
	uint64_t host = 0, guest = 0;
	bool held = !vpmu_pmu_host_read(pmu, reg->msr, &host);
	bool shown = !vpmu_pmu_guest_read(pmu, reg->msr, &guest);
	bool same = held && shown && host == verdict->value;

	if (host != verdict->becomes)
		return "it becomes another value";
	if (verdict->take == VPMU_TAKES && !same)
		return "it is not taken as it is";
	if (verdict->why == VPMU_COMPAT_CHANGED && host == verdict->value)
		return "it is not changed";
	if (verdict->why == VPMU_COMPAT_MISSING && verdict->take != VPMU_CANNOT_TAKE && shown)
		return "the guest has it";
	if (verdict->why == VPMU_COMPAT_IGNORED && (!shown || guest != verdict->becomes))
		return "the guest reads another value";
	return NULL;
}

/* One that only shows another's value, or none: what the guest reads. */
static const char *wrong_shown(const struct vpmu_compat_register *verdict,
                               const struct vpmu_register *reg, const struct vpmu_pmu *pmu,
                               bool shows)
{
	uint64_t guest = 0;
	enum vpmu_status status = vpmu_pmu_guest_read(pmu, reg->msr, &guest);

	if (verdict->take == VPMU_TAKES && status == VPMU_GP)
		return "the guest gets #GP";
	if (verdict->take == VPMU_TAKES && shows && (status || guest != verdict->value))
		return "the guest reads another value";
	if (verdict->why == VPMU_COMPAT_MISSING && !status)
		return "the guest has it";
	if (verdict->why == VPMU_COMPAT_CHANGED && guest != verdict->becomes)
		return "it becomes another value";
	return NULL;
}

/* The bits that a refusal blames: without them the value is taken. */
static const char *wrong_bits(const struct trip *trip, const struct vpmu_compat_register *verdict,
                              const struct vpmu_register *reg)
{
	_Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	struct vpmu_pmu *pmu = destination(trip, memory);
	uint64_t now;

	if (!verdict->bits)
		return "no bit is to blame";
	if (vpmu_pmu_host_read(pmu, reg->msr, &now))
		return "it cannot be read";
	if (vpmu_pmu_host_write(pmu, reg->msr, verdict->value ^ verdict->bits))
		return "other bits are to blame";
	return NULL;
}

static void check_registers(const struct trip *trip, const struct vpmu_compat *compat,
                            const struct vpmu_report *report, const struct vpmu_pmu *pmu)
{
	bool refused = false;

	for (unsigned r = 0; r < compat->register_count; r++) {
		const struct vpmu_compat_register *verdict = &compat->registers[r];
		const struct vpmu_register *reg = &trip->layout.registers[r];
		bool shows = trip->layout.value_of[r] != VPMU_NO_VALUE;
		const char *wrong;

		seen[verdict->take][verdict->why]++;
		refused |= verdict->take == VPMU_CANNOT_TAKE;
		if (is_refused(report, reg->msr) != (verdict->take == VPMU_CANNOT_TAKE))
			fail_on(trip, compat, r, "a put's word on it is another");
		wrong = reg->level == VPMU_LEVEL_NEVER ? wrong_shown(verdict, reg, pmu, shows)
		                                       : wrong_stored(verdict, reg, pmu);
		if (!wrong && verdict->why == VPMU_COMPAT_REFUSED && shows)
			wrong = wrong_bits(trip, verdict, reg);
		if (wrong)
			fail_on(trip, compat, r, wrong);
	}
	assert_int_equal(refused, report->status == VPMU_REFUSED);
	if (refused)
		assert_int_equal(compat->take, VPMU_CANNOT_TAKE);
}

/* A put that ends at the first refusal, and one that is rolled back: where they end. */
static void check_stop(const struct trip *trip, const struct vpmu_compat *compat,
                       enum vpmu_policy policy)
{
	_Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	struct vpmu_target target = vpmu_target_machine(destination(trip, memory));
	struct vpmu_report report;
	enum vpmu_status status = vpmu_state_put(&trip->state, &trip->layout, &target,
	                                         VPMU_LEVEL_FULL, trip->order, policy, &report);

	assert_int_equal(status, compat->refused_count ? VPMU_REFUSED : VPMU_OK);
	assert_int_equal(report.planned, compat->planned);
	if (!status) {
		assert_int_equal(compat->stops_at, compat->planned);
		return;
	}
	assert_int_equal(report.refusals[0].position, compat->stops_at);
	assert_int_equal(report.refusals[0].msr, trip->layout.registers[compat->stops_place].msr);
	assert_true(report.done <= compat->stops_at);
}

static void check_trip(const struct trip *trip)
{
	_Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	struct vpmu_pmu *pmu = destination(trip, memory);
	struct vpmu_target target = vpmu_target_machine(pmu);
	struct vpmu_compat compat;
	struct vpmu_report report;
	struct vpmu_plan plan;
	enum vpmu_status status = vpmu_compat_judge(&compat, &trip->state, &trip->layout, &trip->to,
	                                            trip->profile, trip->order);

	assert_int_equal(status, compat.take == VPMU_CANNOT_TAKE ? VPMU_INCOMPATIBLE : VPMU_OK);
	assert_int_equal(
		vpmu_plan_make(&plan, &trip->state, &trip->layout, VPMU_LEVEL_FULL, trip->order),
		VPMU_OK);
	vpmu_plan_apply(&plan, &trip->layout, &target, VPMU_POLICY_KEEP_GOING, &report);
	assert_int_equal(report.refused, compat.refused_count);
	assert_true(vpmu_model_equal(&compat.vcpu, vpmu_pmu_model(pmu)));
	check_registers(trip, &compat, &report, pmu);
	check_stop(trip, &compat, VPMU_POLICY_STOP);
	check_stop(trip, &compat, VPMU_POLICY_ROLL_BACK);
}

static unsigned long rounds(unsigned long usual)
{
	const char *given = getenv("VPMU_TEST_ROUNDS");

	return given ? strtoul(given, NULL, 0) : usual;
}

static void every_verdict_is_what_a_put_comes_to(void **state)
{
	struct random random = random_seeded("judged");

	for (unsigned long i = rounds(15000); i; i--) {
		struct trip trip = any_trip(&random);

		check_trip(&trip);
	}
	for (unsigned take = 0; take < 3; take++)
		for (unsigned why = 0; why <= VPMU_COMPAT_IGNORED; why++)
			if (seen[take][why])
				printf("# %s, %s: %lu\n", vpmu_take_text((enum vpmu_take)take),
				       vpmu_compat_why_text((enum vpmu_compat_why)why),
				       seen[take][why]);
	assert_true(seen[VPMU_TAKES][VPMU_COMPAT_SAME] > 1000);
	assert_true(seen[VPMU_TAKES_CHANGED][VPMU_COMPAT_CHANGED] > 1000);
	assert_true(seen[VPMU_TAKES_CHANGED][VPMU_COMPAT_MISSING] > 1000);
	assert_true(seen[VPMU_TAKES_CHANGED][VPMU_COMPAT_IGNORED] > 100);
	assert_true(seen[VPMU_CANNOT_TAKE][VPMU_COMPAT_MISSING] > 1000);
	assert_true(seen[VPMU_CANNOT_TAKE][VPMU_COMPAT_REFUSED] > 1000);
}

/* --- What a register can hold ----------------------------------------------------------------- */

/* What the silicon makes of the value: whether it is there when the host has written it. A command
 * is only to take it. */
static bool holds(const struct vpmu_model *model, const struct vpmu_register *reg, uint64_t value)
{
	struct vpmu_pmu *pmu = machine_of(model);
	uint64_t now = ~value;

	if (reg->host != VPMU_ACCESS_READ && vpmu_pmu_host_write(pmu, reg->msr, value))
		return false;
	return reg->host == VPMU_ACCESS_COMMAND ||
	       (!vpmu_pmu_host_read(pmu, reg->msr, &now) && now == value);
}

static void check_value(const struct vpmu_layout *layout, unsigned place, uint64_t value)
{
	const struct vpmu_register *reg = &layout->registers[place];
	bool shows = layout->value_of[place] != VPMU_NO_VALUE;
	bool can = holds(&layout->model, reg, value);
	struct vpmu_state state;

	vpmu_state_reset(&state, layout);
	if (!vpmu_layout_excess(layout, place, value) != can)
		fail_msg("%s: %s = 0x%llx: excess 0x%llx, holds %d", layout->model.name, reg->name,
		         (unsigned long long)value,
		         (unsigned long long)vpmu_layout_excess(layout, place, value), can);
	assert_int_equal(vpmu_state_set(&state, layout, place, value), !shows ? VPMU_NO_REGISTER
	                                                               : can  ? VPMU_OK
	                                                                      : VPMU_BAD_ARGUMENT);
	if (!shows)
		return;
	state.values[layout->value_of[place]] = value;
	can = holds(&layout->model, layout_stored(layout, layout->value_of[place]), value);
	assert_int_equal(vpmu_state_check(&state, layout, NULL, 0), can ? VPMU_OK : VPMU_BAD_DATA);
}

static void a_state_holds_what_the_register_machine_holds(void **state)
{
	struct random random = random_seeded("holds");

	for (unsigned long i = rounds(4000); i; i--) {
		struct vpmu_model model = any_model(&random);
		struct vpmu_layout layout;

		assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
		for (unsigned place = 0; place < layout.register_count; place++)
			check_value(&layout, place, any_value(&random, &layout.registers[place]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verdict_is_what_a_put_comes_to),
		cmocka_unit_test(a_state_holds_what_the_register_machine_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
