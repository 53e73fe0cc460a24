/* SPDX-License-Identifier: MIT */
/* The registers of last branches and of PEBS: which there are, what they hold, and what a freeze
 * does. */
#include "machine.h"

enum {
	SELECT = 0x1c8,
	TOS = 0x1c9,
	PEBS_ENABLE = 0x3f1,
	PEBS_DATA_CFG = 0x3f2,
	DS_AREA = 0x600,
	FROM = 0x680,
	TO = 0x6c0,
	INFO = 0xdc0,
	ARCH_INFO = 0x1200,
	ARCH_CTL = 0x14ce,
	ARCH_DEPTH = 0x14cf,
	ARCH_FROM = 0x1500,
	ARCH_TO = 0x1600,
};

#define KERNEL_48 UINT64_C(0xffff800000001000)
#define NOWHERE   UINT64_C(0x0000900000001000)

static void takes(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value)
{
	uint64_t read = ~value;

	assert_int_equal(vpmu_pmu_guest_can_write(pmu, msr, value), VPMU_OK);
	assert_int_equal(vpmu_pmu_guest_write(pmu, msr, value), VPMU_OK);
	assert_int_equal(vpmu_pmu_guest_read(pmu, msr, &read), VPMU_OK);
	assert_true(read == value);
}

static void faults(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value)
{
	uint64_t before = 0, after = 1;

	assert_int_equal(vpmu_pmu_guest_read(pmu, msr, &before), VPMU_OK);
	assert_int_equal(vpmu_pmu_guest_can_write(pmu, msr, value), VPMU_GP);
	assert_int_equal(vpmu_pmu_guest_write(pmu, msr, value), VPMU_GP);
	assert_int_equal(vpmu_pmu_host_write(pmu, msr, value), VPMU_REFUSED);
	assert_int_equal(vpmu_pmu_guest_read(pmu, msr, &after), VPMU_OK);
	assert_true(before == after);
}

static void is_absent(struct vpmu_pmu *pmu, uint32_t msr)
{
	uint64_t value;

	assert_int_equal(vpmu_pmu_guest_read(pmu, msr, &value), VPMU_NO_REGISTER);
	assert_int_equal(vpmu_pmu_guest_write(pmu, msr, 0), VPMU_NO_REGISTER);
}

static uint64_t read_of(struct vpmu_pmu *pmu, uint32_t msr)
{
	uint64_t value = 0;

	assert_int_equal(vpmu_pmu_guest_read(pmu, msr, &value), VPMU_OK);
	return value;
}

static void every_entry_is_a_register_of_its_own(void **state)
{
	static const struct {
		const char *model;
		uint32_t first, stride, count;
	} runs[] = {
		{"skylake,lbr-format=5", FROM, 1, 32},
		{"skylake,lbr-format=5", TO, 1, 32},
		{"skylake,lbr-format=5", INFO, 1, 32},
		{"skylake,lbr-format=4", FROM, 1, 16},
		{"skylake,lbr-format=3", TO, 1, 16},
		{"icelake,lbr=8", ARCH_FROM, 1, 8},
		{"icelake,lbr=32", ARCH_TO, 1, 32},
		{"icelake,lbr=16", ARCH_INFO, 1, 16},
		{"amd-perfmon-v2,lbr=16", 0xc0010300, 2, 16},
		{"amd-perfmon-v2,lbr=1", 0xc0010301, 2, 1},
	};

	for (unsigned r = 0; r < ARRAY_SIZE(runs); r++) {
		struct vpmu_pmu *pmu = machine_on("hardware", runs[r].model);

		for (unsigned i = 0; i < runs[r].count; i++)
			takes(pmu, runs[r].first + i * runs[r].stride, i + 1);
		for (unsigned i = 0; i < runs[r].count; i++)
			assert_int_equal(read_of(pmu, runs[r].first + i * runs[r].stride), i + 1);
		is_absent(pmu, runs[r].first + runs[r].count * runs[r].stride);
		vpmu_pmu_reset(pmu);
		for (unsigned i = 0; i < runs[r].count; i++)
			assert_int_equal(read_of(pmu, runs[r].first + i * runs[r].stride), 0);
	}
}

static void a_model_has_one_kind_of_stack(void **state)
{
	struct vpmu_pmu *by_model = machine_on("hardware", "skylake,lbr-format=5");
	struct vpmu_pmu *none = machine_on("hardware", "skylake");
	struct vpmu_pmu *arch;

	is_absent(by_model, ARCH_CTL);
	is_absent(by_model, ARCH_FROM);
	is_absent(none, FROM);
	is_absent(none, SELECT);
	is_absent(machine_on("hardware", "skylake,lbr-format=4"), INFO);
	arch = machine_on("hardware", "icelake,lbr=32");
	is_absent(arch, FROM);
	is_absent(arch, TOS);
}

static void an_address_is_canonical(void **state)
{
	struct vpmu_pmu *pmu = machine_on("hardware", "skylake,lbr-format=5");
	struct vpmu_pmu *arch;

	takes(pmu, FROM + 31, KERNEL_48);
	faults(pmu, FROM + 31, NOWHERE);
	faults(pmu, TO, BIT64(63));
	arch = machine_on("hardware", "icelake,lbr=32");
	takes(arch, ARCH_FROM, NOWHERE); /* 57 bits */
	faults(arch, ARCH_TO, BIT64(56));
	faults(arch, ARCH_INFO, BIT64(16));
	takes(arch, ARCH_INFO, ~(BIT64(56) - BIT64(16)));
}

static void flags_beside_the_address_are_the_formats(void **state)
{
	takes(machine_on("hardware", "skylake,lbr-format=3"), FROM, KERNEL_48 & ~BIT64(63));
	faults(machine_on("hardware", "skylake,lbr-format=3"), FROM, KERNEL_48 & ~BIT64(62));
	takes(machine_on("hardware", "skylake,lbr-format=4"), FROM, KERNEL_48 & ~BIT64(61));
	faults(machine_on("hardware", "skylake,lbr-format=4"), FROM, KERNEL_48 & ~BIT64(60));
	faults(machine_on("hardware", "skylake,lbr-format=4"), TO, KERNEL_48 & ~BIT64(61));
	takes(machine_on("hardware", "skylake,lbr-format=6"), TO, BIT64(48) | 0x1000);
}

static void controls_have_no_other_bits(void **state)
{
	struct vpmu_pmu *pmu = machine_on("hardware", "skylake,lbr-format=5");
	struct vpmu_pmu *arch, *amd;

	takes(pmu, SELECT, 0x3ff);
	faults(pmu, SELECT, 0x400);
	takes(pmu, TOS, 31);
	faults(pmu, TOS, 32);
	takes(pmu, DEBUGCTL, 0x1801);
	faults(machine_on("hardware", "skylake,lbr-format=3"), SELECT, 0x200);
	faults(machine_on("hardware", "skylake"), DEBUGCTL, 1);
	arch = machine_on("hardware", "icelake,lbr=32");
	takes(arch, ARCH_CTL, 0x7f000f);
	faults(arch, ARCH_CTL, 0x10);
	faults(arch, DEBUGCTL, 1);
	amd = machine_on("hardware", "amd-perfmon-v2,lbr=16");
	takes(amd, 0xc000010e, 0x1ff);
	takes(amd, 0xc000010f, 0x40);
	faults(amd, 0xc000010f, 1);
	takes(amd, DEBUGCTL, 0x1800);
}

static void a_depth_is_one_of_those_there_are_and_clears_the_stack(void **state)
{
	static const uint64_t none[] = {0, 4, 24, 48, 64};
	struct vpmu_pmu *pmu = machine_on("hardware", "icelake,lbr=32");

	assert_int_equal(read_of(pmu, ARCH_DEPTH), 32);
	takes(pmu, ARCH_FROM + 7, 0x1000);
	takes(pmu, ARCH_INFO, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(none); i++)
		faults(pmu, ARCH_DEPTH, none[i]);
	assert_int_equal(read_of(pmu, ARCH_FROM + 7), 0x1000);
	takes(pmu, ARCH_DEPTH, 32);
	assert_int_equal(read_of(pmu, ARCH_FROM + 7), 0);
	assert_int_equal(read_of(pmu, ARCH_INFO), 0);
	takes(pmu, ARCH_DEPTH, 8);
	faults(machine_on("hardware", "icelake,lbr=8"), ARCH_DEPTH, 16);
}

/* What a PMI does under FREEZE_LBRS_ON_PMI: the bit of the status, or before version 4 none. */
static uint64_t after_a_pmi(const char *model, uint32_t msr)
{
	struct vpmu_pmu *pmu = machine_on("hardware", model);
	struct vpmu_amounts two = {.of = {[VPMU_INSTRUCTIONS] = 2}};

	takes(pmu, DEBUGCTL, vpmu_pmu_model(pmu)->lbr ? 0x800 : 0x801);
	vpmu_pmu_host_write(pmu, 0xc1, 0xffffffffffff);
	vpmu_pmu_guest_write(pmu, 0x186, 0x5300c0);
	assert_int_equal(vpmu_pmu_run(pmu, &two, 0).pmi, 1);
	return read_of(pmu, msr);
}

static void a_pmi_freezes_the_stack(void **state)
{
	assert_int_equal(after_a_pmi("skylake,lbr-format=5", STATUS) >> 58 & 1, 1);
	assert_int_equal(after_a_pmi("icelake,lbr=32", STATUS) >> 58 & 1, 1);
	assert_int_equal(after_a_pmi("intel-v4,lbr-format=5", DEBUGCTL), 0x801);
	assert_int_equal(after_a_pmi("intel-v3,lbr-format=3", DEBUGCTL), 0x800);
}

static void pebs_has_its_registers(void **state)
{
	struct vpmu_pmu *pmu = machine_on("hardware", "skylake,pebs=3");
	uint64_t misc = read_of(pmu, 0x1a0);

	takes(pmu, DS_AREA, KERNEL_48);
	faults(pmu, DS_AREA, NOWHERE);
	takes(pmu, PEBS_ENABLE, 0xf);
	faults(pmu, PEBS_ENABLE, BIT64(32));
	is_absent(pmu, PEBS_DATA_CFG);
	assert_int_equal(misc >> 11 & 3, 1);
	assert_int_equal(read_of(machine_on("hardware", "skylake"), 0x1a0) >> 11 & 3, 3);
	is_absent(machine_on("hardware", "skylake"), DS_AREA);
}

static void adaptive_pebs_chooses_groups(void **state)
{
	struct vpmu_pmu *pmu = machine_on("hardware", "icelake,pebs=4");

	takes(pmu, PEBS_DATA_CFG, 0xff00000f);
	faults(pmu, PEBS_DATA_CFG, 0x10);
	faults(pmu, PEBS_DATA_CFG, BIT64(32));
	takes(pmu, PEBS_ENABLE, UINT64_C(0xf000000ff));
	takes(pmu, SEL0 + 7, BIT64(34));
	takes(pmu, FIXED_CTRL, UINT64_C(0x111100000000));
	faults(pmu, FIXED_CTRL, BIT64(48));
	assert_int_equal(vpmu_model_pebs_bytes(vpmu_pmu_model(pmu)), 0);
	pmu = machine_on("hardware", "icelake,pebs=4,pebs=3");
	is_absent(pmu, PEBS_DATA_CFG);
	faults(pmu, SEL0, BIT64(34));
	faults(pmu, FIXED_CTRL, BIT64(32));
	faults(pmu, PEBS_ENABLE, BIT64(32));
}

/* Kernels: a KVM whose host gives neither has neither for guests. */
static void kvm_has_neither(void **state)
{
	static const char *const profiles[] = {"linux-6.1", "linux-6.12", "linux-7.3", "mediated"};

	for (unsigned i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct vpmu_pmu *pmu = machine_on(profiles[i], "skylake,lbr-format=5,pebs=3");
		uint64_t value;

		assert_int_equal(vpmu_pmu_guest_read(pmu, FROM, &value), VPMU_NO_REGISTER);
		assert_int_equal(vpmu_pmu_guest_read(pmu, SELECT, &value), VPMU_NO_REGISTER);
		assert_int_equal(model_lbr(vpmu_pmu_model(pmu)), 0);
		assert_false(model_has_pebs(vpmu_pmu_model(pmu)));
		pmu = machine_on(profiles[i], "icelake,lbr=32,pebs=4");
		assert_false(model_has_pebs(vpmu_pmu_model(pmu)));
		assert_int_equal(vpmu_pmu_guest_write(pmu, SEL0, BIT64(34)), VPMU_GP);
		assert_int_equal(vpmu_pmu_guest_read(pmu, ARCH_CTL, &value), VPMU_NO_REGISTER);
		pmu = machine_on(profiles[i], "amd-perfmon-v2,lbr=16");
		assert_int_equal(vpmu_pmu_guest_read(pmu, 0xc0010300, &value), VPMU_NO_REGISTER);
	}
}

/* Whatever register differs, the machine goes on otherwise. */
static void registers_have_a_place_in_the_fingerprint(void **state)
{
	static const char *const models[] = {"skylake,lbr-format=5,pebs=3", "icelake,lbr=8",
	                                     "amd-perfmon-v2,lbr=2"};

	for (unsigned m = 0; m < ARRAY_SIZE(models); m++) {
		struct vpmu_pmu *pmu = machine_on("hardware", models[m]);
		struct vpmu_register registers[VPMU_MAX_REGISTERS];
		size_t count = vpmu_model_registers(vpmu_pmu_model(pmu), registers);

		for (size_t i = 0; i < count; i++) {
			uint64_t before = vpmu_pmu_fingerprint(pmu);
			uint64_t value = registers[i].kind == VPMU_KIND_LBR_DEPTH ? 0 : 1;

			if (registers[i].kind < VPMU_KIND_LBR_CTL || !value)
				continue;
			vpmu_pmu_host_write(pmu, registers[i].msr,
			                    registers[i].writable & -registers[i].writable);
			assert_true(vpmu_pmu_fingerprint(pmu) != before);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_is_a_register_of_its_own),
		cmocka_unit_test(a_model_has_one_kind_of_stack),
		cmocka_unit_test(an_address_is_canonical),
		cmocka_unit_test(flags_beside_the_address_are_the_formats),
		cmocka_unit_test(controls_have_no_other_bits),
		cmocka_unit_test(a_depth_is_one_of_those_there_are_and_clears_the_stack),
		cmocka_unit_test(a_pmi_freezes_the_stack),
		cmocka_unit_test(pebs_has_its_registers),
		cmocka_unit_test(adaptive_pebs_chooses_groups),
		cmocka_unit_test(kvm_has_neither),
		cmocka_unit_test(registers_have_a_place_in_the_fingerprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
