/* SPDX-License-Identifier: MIT */
/* The table of profiles: what each must have, and that nothing is missing for a kind of register.
 */
#include <string.h>

#include "machine.h"

static const struct vpmu_profile *profile_at(size_t i)
{
	const char *name = vpmu_profile_name(i);

	return name ? vpmu_profile_find(name) : NULL;
}

static void every_profile_says_what_it_is(void **state)
{
	const struct vpmu_profile *profile;

	for (size_t i = 0; (profile = profile_at(i)); i++) {
		assert_true(strlen(vpmu_profile_about(i)) > 0);
		assert_non_null(profile->engine);
		assert_non_null(profile->response);
		for (unsigned v = 0; v < VPMU_VENDORS; v++) {
			assert_non_null(profile->rules[v]);
			assert_int_equal(!!profile->rules[v]->module,
			                 !!(vpmu_profile_facts(profile) & VPMU_FACT_KVM));
		}
	}
	assert_null(vpmu_profile_about(SIZE_MAX));
}

static void facts_agree(void **state)
{
	const struct vpmu_profile *profile;

	for (size_t i = 0; (profile = profile_at(i)); i++) {
		uint32_t facts = vpmu_profile_facts(profile);
		bool is_kvm = facts & VPMU_FACT_KVM;

		assert_int_equal(is_kvm, vpmu_profile_kernel(profile) != 0);
		assert_int_equal(is_kvm, profile->since != 0);
		if (!is_kvm)
			assert_int_equal(facts, 0);
		else
			assert_int_equal(!!(facts & VPMU_FACT_PERF_EVENTS),
			                 !(facts & VPMU_FACT_MEDIATED));
		assert_int_equal(facts & ~VPMU_FACTS, 0);
	}
}

static void no_profile_is_an_error(void **state)
{
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, "intel-v5", NULL, 0), VPMU_OK);
	assert_int_equal(vpmu_profile_facts(NULL), 0);
	assert_int_equal(vpmu_profile_kernel(NULL), 0);
	assert_int_equal(vpmu_profile_adapt(NULL, &model), VPMU_BAD_ARGUMENT);
	assert_int_equal(model.version, 5);
}

/* Models that have between them what no preset has: last branches and PEBS. */
static const char *const more_models[] = {
	"icelake,lbr=32,pebs=4", "skylake,lbr-format=5,pebs=3", "skylake,lbr-format=4",
	"icelake,lbr-format=6",  "amd-perfmon-v2,lbr=16",
};

static const char *model_name(size_t i)
{
	size_t presets = 0;

	while (vpmu_preset_name(presets))
		presets++;
	if (i < presets)
		return vpmu_preset_name(i);
	i -= presets;
	return i < ARRAY_SIZE(more_models) ? more_models[i] : NULL;
}

/* These models have every kind of register between them. */
static void every_profile_has_a_rule_for_every_kind_of_register(void **state)
{
	const char *profile, *model;
	uint32_t kinds = 0;

	for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
		for (size_t m = 0; (model = model_name(m)); m++) {
			const struct vpmu_pmu *pmu = machine_on(profile, model);

			for (unsigned i = 0; i < pmu->reg_count; i++)
				kinds |= 1u << pmu->reg[i].kind;
		}
	for (unsigned kind = VPMU_KIND_LBR_FROM; kind <= VPMU_KIND_LBR_INFO; kind++)
		kinds |= 1u << kind; /* lbr.c */
	assert_int_equal(kinds, (1u << VPMU_KINDS) - 1);
}

/* A copy of a profile's tables without the rule for one kind. */
static struct vpmu_pmu *machine_without(enum vpmu_kind kind, bool of_host)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	static struct write_rule guest[VPMU_KINDS], host[VPMU_KINDS];
	static struct rules rules;
	struct vpmu_profile profile = profile_linux_6_12;
	struct vpmu_model model;

	rules = *profile.rules[VPMU_VENDOR_INTEL];
	memcpy(guest, rules.guest, sizeof(guest));
	memcpy(host, rules.host, sizeof(host));
	(of_host ? host : guest)[kind].set = NULL;
	rules.guest = guest;
	rules.host = host;
	profile.rules[VPMU_VENDOR_INTEL] = &rules;
	assert_int_equal(vpmu_model_parse(&model, "intel-v2", NULL, 0), VPMU_OK);
	return vpmu_pmu_init(memory, sizeof(memory), &model, &profile);
}

static void a_missing_rule_is_no_machine_rather_than_a_crash(void **state)
{
	assert_non_null(machine_without(VPMU_KIND_STATUS_SET, false)); /* version 2 has none */
	assert_null(machine_without(VPMU_KIND_SELECTOR, false));
	assert_null(machine_without(VPMU_KIND_STATUS_CLEAR, false));
	assert_null(machine_without(VPMU_KIND_GLOBAL_STATUS, true));
}

/* Turns one bit of a register over, by the guest if it can write the whole of it; whether the bit
 * has changed. */
static bool turns_over(struct vpmu_pmu *pmu, const struct vpmu_register *reg, unsigned bit)
{
	bool by_guest = access_writes(reg->guest) && reg->kind != VPMU_KIND_COUNTER;
	enum vpmu_status (*read)(const struct vpmu_pmu *, uint32_t, uint64_t *) =
		by_guest ? vpmu_pmu_guest_read : vpmu_pmu_host_read;
	uint64_t before, after;

	assert_int_equal(read(pmu, reg->msr, &before), VPMU_OK);
	if (by_guest)
		vpmu_pmu_guest_write(pmu, reg->msr, before ^ BIT64(bit));
	else
		vpmu_pmu_host_write(pmu, reg->msr, before ^ BIT64(bit));
	assert_int_equal(read(pmu, reg->msr, &after), VPMU_OK);
	return after >> bit & 1 ? !(before >> bit & 1) : before >> bit & 1;
}

static bool has_writable_bits(const struct vpmu_register *reg)
{
	return reg->guest == VPMU_ACCESS_READ_WRITE ||
	       (reg->host == VPMU_ACCESS_READ_WRITE && reg->guest != VPMU_ACCESS_COMMAND);
}

/* Hardware's IA32_PERF_CAPABILITIES can be written, and cannot change. */
static bool can_change(const char *profile, const struct vpmu_register *reg)
{
	return reg->kind != VPMU_KIND_CAPABILITIES ||
	       vpmu_profile_facts(vpmu_profile_find(profile)) & VPMU_FACT_KVM;
}

/* An address or a depth is no set of bits (test_lbr.c). */
static bool has_no_single_bits(const struct vpmu_register *reg)
{
	return reg->address || reg->kind == VPMU_KIND_LBR_DEPTH;
}

static void a_register_is_written_as_its_profile_says(const char *profile, const char *name)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	struct vpmu_model model;
	size_t count;

	assert_int_equal(vpmu_model_parse(&model, name, NULL, 0), VPMU_OK);
	count = vpmu_profile_registers(vpmu_profile_find(profile), &model, registers);
	/* KVM has no PMU for a P6. */
	assert_int_equal(vpmu_profile_adapt(vpmu_profile_find(profile), &model), VPMU_OK);
	assert_int_equal(count > 0, model.version > 0);
	for (size_t i = 0; i < count; i++)
		for (unsigned bit = 0; bit < 64 && has_writable_bits(&registers[i]); bit++) {
			bool writable = registers[i].writable >> bit & 1;

			if (!can_change(profile, &registers[i]) ||
			    has_no_single_bits(&registers[i]))
				continue;
			/* Mediated: the host's width is what CPUID says, the guest's the
			 * hardware's. */
			if (registers[i].kind == VPMU_KIND_COUNTER && bit >= model.gp_width)
				continue;
			if (turns_over(machine_on(profile, name), &registers[i], bit) != writable)
				fail_msg("%s, %s: bit %u of %s", profile, name, bit,
				         registers[i].name);
		}
}

static void registers_are_written_as_profiles_say(void **state)
{
	const char *profile, *model;

	for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
		for (size_t m = 0; (model = model_name(m)); m++)
			a_register_is_written_as_its_profile_says(profile, model);
}

static void a_profile_has_registers_of_possible_models(void **state)
{
	const struct vpmu_profile *hardware = vpmu_profile_find("hardware");
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, "intel-v4", NULL, 0), VPMU_OK);
	assert_int_equal(vpmu_profile_registers(hardware, &model, registers),
	                 vpmu_model_registers(&model, registers));
	model.gp_count = 99;
	assert_int_equal(vpmu_profile_registers(hardware, &model, registers), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_profile_says_what_it_is),
		cmocka_unit_test(facts_agree),
		cmocka_unit_test(no_profile_is_an_error),
		cmocka_unit_test(every_profile_has_a_rule_for_every_kind_of_register),
		cmocka_unit_test(registers_are_written_as_profiles_say),
		cmocka_unit_test(a_profile_has_registers_of_possible_models),
		cmocka_unit_test(a_missing_rule_is_no_machine_rather_than_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
