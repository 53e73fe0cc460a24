/* SPDX-License-Identifier: MIT */
/* The host under a Linux profile: each property changes what it says, and nothing is taken that it
 * cannot be. What the kernels make of it: tests/kernel/facts/host.replay. */
#include <stdio.h>
#include <string.h>

#include "machine.h"

static struct vpmu_model model_of(const char *text)
{
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, text, NULL, 0), VPMU_OK);
	return model;
}

static struct vpmu_pmu *machine_with(const char *profile, const char *text, const char *host)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[4][VPMU_PMU_BYTES];
	static unsigned next;
	struct vpmu_model model = model_of(text);
	struct vpmu_host made;
	struct vpmu_pmu *pmu;
	char why[200] = "";

	assert_int_equal(vpmu_host_init(&made, (enum vpmu_vendor)model.vendor), VPMU_OK);
	if (*host && vpmu_host_set(&made, host, why, sizeof(why)))
		fail_msg("%s: %s", host, why);
	pmu = vpmu_pmu_init_on(memory[next++ % 4], sizeof(memory[0]), &model,
	                       vpmu_profile_find(profile), &made);
	assert_non_null(pmu);
	assert_memory_equal(vpmu_pmu_host(pmu), &made, sizeof(made));
	return pmu;
}

static void counters_and_widths_are_the_hosts(void **state)
{
	struct vpmu_pmu *pmu = machine_with("linux-6.12", "intel-v5", "gp=2,fixed=1,width=40");

	assert_int_equal(vpmu_pmu_model(pmu)->gp_count, 2);
	assert_int_equal(vpmu_pmu_model(pmu)->fixed_mask, 1);
	assert_int_equal(vpmu_pmu_model(pmu)->gp_width, 40);
	assert_int_equal(vpmu_pmu_model(pmu)->fixed_width, 40);
	assert_int_equal(vpmu_pmu_host_write(pmu, PMC0 + 2, 0), VPMU_NO_REGISTER);
	pmu = machine_with("linux-6.12", "intel-v2,gp=2", "");
	assert_int_equal(vpmu_pmu_host_write(pmu, PMC0 + 2, 0), VPMU_OK);
}

/* perf programs no more than half of a counter at a time. */
static void width_limits_the_period_of_an_event(void **state)
{
	struct vpmu_pmu *pmu = machine_with("linux-6.12", "intel-v2", "width=32");
	struct vpmu_amounts headroom;

	wr(pmu, SEL0, SEL_ON | INSTRUCTIONS);
	vpmu_pmu_enter(pmu);
	vpmu_pmu_headroom(pmu, 0, &headroom);
	assert_int_equal(headroom.of[VPMU_INSTRUCTIONS], INT32_MAX);
}

static void tsx_opens_the_selectors_bits(void **state)
{
	static const struct {
		uint32_t msr;
		uint64_t bits;
		enum vpmu_status with, without;
	} rows[] = {
		{SEL0, SEL_IN_TX, VPMU_OK, VPMU_GP},
		{SEL0, SEL_IN_TXCP, VPMU_GP, VPMU_GP},
		{SEL0 + 2, SEL_IN_TX, VPMU_OK, VPMU_GP},
		{SEL0 + 2, SEL_IN_TX | SEL_IN_TXCP, VPMU_OK, VPMU_GP},
		{SEL0 + 3, SEL_IN_TXCP, VPMU_GP, VPMU_GP},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = SEL_ON | 0x1c4 | rows[i].bits;

		assert_int_equal(
			vpmu_pmu_guest_write(machine_with("linux-6.12", "skylake", "tsx=on"),
		                             rows[i].msr, value),
			rows[i].with);
		assert_int_equal(vpmu_pmu_guest_write(machine_with("linux-6.12", "skylake", ""),
		                                      rows[i].msr, value),
		                 rows[i].without);
	}
}

/* There are no transactions; what counts only outside of aborted ones counts, and cannot sample. */
static void transactions_count_nothing(void **state)
{
	static const char *const profiles[] = {"linux-6.1", "linux-6.12", "linux-7.3", "mediated"};

	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct vpmu_pmu *pmu = machine_with(profiles[i], "intel-v2", "tsx=on");
		struct vpmu_amounts amounts = RUN([VPMU_INSTRUCTIONS] = 100);
		struct vpmu_outcome outcome;

		wr(pmu, GLOBAL_CTRL, 0xf);
		wr(pmu, PMC0 + 2, 0xfffffff0);
		wr(pmu, SEL0 + 1, SEL_ON | INSTRUCTIONS | SEL_IN_TX);
		wr(pmu, SEL0 + 2, SEL_ON_INT | INSTRUCTIONS | SEL_IN_TXCP);
		outcome = vpmu_pmu_run(pmu, &amounts, 0);
		assert_int_equal(rd(pmu, PMC0 + 1), 0);
		assert_int_equal(rd(pmu, PMC0 + 2), 100 - 16);
		assert_int_equal(outcome.pmi, !strcmp(profiles[i], "mediated"));
	}
}

static void a_host_without_pdcm_or_perfmon_v2_has_no_mediated_pmu(void **state)
{
	static const struct {
		const char *model, *host;
		bool has;
	} cases[] = {
		{"intel-v2", "pdcm=on", true},
		{"intel-v2", "pdcm=off", false},
		{"intel-v2", "pdcm=off,enable-pmu=off", true}, /* there is no PMU at all */
		{"amd-k7", "perfmon-v2=on", true},
		{"amd-k7", "perfmon-v2=off", false},
	};
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vpmu_model model;
		struct vpmu_host host;

		assert_int_equal(vpmu_model_parse(&model, cases[i].model, NULL, 0), VPMU_OK);
		assert_int_equal(vpmu_host_init(&host, (enum vpmu_vendor)model.vendor), VPMU_OK);
		assert_int_equal(vpmu_host_set(&host, cases[i].host, NULL, 0), VPMU_OK);
		assert_int_equal(vpmu_pmu_init_on(memory, sizeof(memory), &model,
		                                  vpmu_profile_find("mediated"), &host) != NULL,
		                 cases[i].has);
		assert_non_null(vpmu_pmu_init_on(memory, sizeof(memory), &model,
		                                 vpmu_profile_find("linux-7.3"), &host));
	}
}

/* With the host's counters and widths; the width of fixed counters is what CPUID says. */
static void rdpmc_reaches_the_hardware_of_an_equal_host(void **state)
{
	static const struct {
		const char *model, *host;
		bool exits; /* and VMware's clocks are there */
	} cases[] = {
		{"intel-v2,gp=8", "fixed=3", false}, {"intel-v2", "fixed=3", true},
		{"intel-v2", "gp=4", false},         {"intel-v2,gp=8,width=40", "fixed=3", true},
		{"intel-v2,gp=8", "fixed=0", false}, {"intel-v2,gp=8,fixed=0", "fixed=0", true},
		{"amd-perfcore", "width=48", false}, {"amd-perfmon-v2,gp=4", "width=48", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vpmu_pmu *pmu = machine_with("mediated", cases[i].model, cases[i].host);
		uint64_t value;

		assert_int_equal(vpmu_pmu_rdpmc(pmu, 0x10000, 0, true, &value),
		                 cases[i].exits ? VPMU_OK : VPMU_GP);
	}
}

static const char *const other_hosts[] = {
	"vendor=intel",
	"gp=2,fixed=1,width=40",
	"tsx=on",
	"pdcm=off",
	"enable-pmu=off",
	"lbr-format=4",
	"lbr-format=5",
	"lbr-format=5,pdcm=off",
	"pebs=on",
	"pebs=on,enable-pmu=off",
	"pebs=on,pdcm=off",
	"vendor=zhaoxin",
	"vendor=zhaoxin,gp=4",
	"vendor=amd",
	"vendor=amd,gp=4",
	"vendor=amd,svm=on",
	"vendor=amd,perfmon-v2=off",
	"vendor=amd,enable-pmu=off",
};

/* A host of its own for each vendor: "vendor=" may only come first. */
static struct vpmu_host host_of(const char *text)
{
	struct vpmu_host host;

	assert_int_equal(vpmu_host_init(&host, VPMU_VENDOR_INTEL), VPMU_OK);
	assert_int_equal(vpmu_host_set(&host, text, NULL, 0), VPMU_OK);
	return host;
}

/* What is said without a machine is what the machine has, or that there is none. */
static void same_as_its_machine(const char *profile_name, const char *model_text, const char *host)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	const struct vpmu_profile *profile = vpmu_profile_find(profile_name);
	struct vpmu_model model = model_of(model_text), adapted = model;
	struct vpmu_host made = host_of(host);
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	struct vpmu_pmu *pmu = vpmu_pmu_init_on(memory, sizeof(memory), &model, profile, &made);
	enum vpmu_status status = vpmu_profile_adapt_on(profile, &made, &adapted);
	size_t count = vpmu_profile_registers_on(profile, &made, &model, registers);

	if (!pmu != (status == VPMU_INCOMPATIBLE) || (pmu && status) || (!pmu && count))
		fail_msg("%s, %s, %s: %d", profile_name, model_text, host, status);
	if (!pmu)
		return;
	if (!vpmu_model_equal(vpmu_pmu_model(pmu), &adapted))
		fail_msg("%s, %s, %s: another model", profile_name, model_text, host);
	for (size_t i = 0; i < count; i++) {
		uint64_t value;

		if ((registers[i].host == VPMU_ACCESS_READ ||
		     registers[i].host == VPMU_ACCESS_READ_WRITE) &&
		    vpmu_pmu_host_read(pmu, registers[i].msr, &value))
			fail_msg("%s, %s, %s: no %s", profile_name, model_text, host,
			         registers[i].name);
	}
}

static void a_model_on_a_host_is_that_of_its_machine(void **state)
{
	static const char *const models[] = {
		"intel-v1",        "intel-v2",        "intel-v2,lbr-format=5", "intel-v5",
		"zhaoxin-v2",      "amd-k7",          "amd-perfcore",          "amd-perfmon-v2",
		"intel-v1,pebs=4", "intel-v2,pebs=3", "icelake,pebs=4",
	};
	const char *profile;

	for (size_t p = 0; (profile = vpmu_profile_name(p)); p++)
		for (size_t m = 0; m < ARRAY_SIZE(models); m++)
			for (size_t h = 0; h < ARRAY_SIZE(other_hosts); h++)
				same_as_its_machine(profile, models[m], other_hosts[h]);
}

/* The bits that a guest on such a host can write of its first selector. */
static uint64_t selector_bits(const char *profile, const char *text, const char *host)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	struct vpmu_model model = model_of(text);
	struct vpmu_host made = host_of(host);
	size_t count =
		vpmu_profile_registers_on(vpmu_profile_find(profile), &made, &model, registers);

	for (size_t i = 0; i < count; i++)
		if (registers[i].kind == VPMU_KIND_SELECTOR)
			return registers[i].writable;
	return 0;
}

static void bits_of_registers_are_the_hosts(void **state)
{
	assert_int_equal(selector_bits("linux-6.12", "intel-v2", "tsx=on") ^
	                         selector_bits("linux-6.12", "intel-v2", "tsx=off"),
	                 SEL_IN_TX);
	assert_int_not_equal(selector_bits("mediated", "amd-perfcore", "vendor=amd,svm=on"),
	                     selector_bits("mediated", "amd-perfcore", "vendor=amd"));
	/* The CPUID of a guest of another vendor has no SVM. */
	assert_int_equal(selector_bits("mediated", "intel-v2", "vendor=amd,svm=on"),
	                 selector_bits("mediated", "intel-v2", "vendor=amd"));
}

/* KVM refuses a format without the host's other bits about PEBS, so a VMM leaves it out. */
static void pebs_is_all_of_the_hosts_or_none(void **state)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	const struct vpmu_profile *profile = vpmu_profile_find("linux-6.12");
	struct vpmu_model whole = model_of("icelake,pebs=4"), part = whole, adapted = whole;
	struct vpmu_host host = host_of("pebs=on");
	struct vpmu_pmu *pmu;

	assert_int_equal(vpmu_profile_adapt_on(profile, &host, &adapted), VPMU_OK);
	assert_true(adapted.perf_capabilities & VPMU_PERF_CAP_PEBS_FORMAT);
	part.perf_capabilities &= ~VPMU_PERF_CAP_PEBS_TRAP;
	adapted = part;
	assert_int_equal(vpmu_profile_adapt_on(profile, &host, &adapted), VPMU_OK);
	assert_false(adapted.perf_capabilities & VPMU_PERF_CAP_PEBS_FORMAT);
	pmu = vpmu_pmu_init_on(memory, sizeof(memory), &part, profile, &host);
	assert_true(vpmu_model_equal(vpmu_pmu_model(pmu), &adapted));
	assert_int_equal(rd(pmu, CAPABILITIES), adapted.perf_capabilities);
}

static void enable_pmu_off_leaves_no_pmu(void **state)
{
	struct vpmu_pmu *pmu = machine_with("linux-6.12", "intel-v2", "enable-pmu=off");
	uint64_t value;

	assert_int_equal(vpmu_pmu_model(pmu)->version, 0);
	assert_int_equal(vpmu_pmu_disable(pmu), VPMU_REFUSED);
	assert_int_equal(vpmu_pmu_host_read(pmu, CAPABILITIES, &value), VPMU_OK);
	assert_int_equal(value, 0);
	assert_int_equal(vpmu_pmu_host_write(pmu, CAPABILITIES, VPMU_PERF_CAP_FULL_WIDTH),
	                 VPMU_REFUSED);
	assert_int_equal(vpmu_pmu_host_write(pmu, GLOBAL_CTRL, 0), VPMU_NO_REGISTER);
	pmu = machine_with("linux-6.12", "amd-perfcore", "enable-pmu=off");
	assert_int_equal(vpmu_pmu_model(pmu)->version, 0);
}

/* Before, KVM took the guest's CPUID for it. */
static void features_are_the_hosts_since_7_3(void **state)
{
	static const struct {
		const char *profile, *model, *host;
		uint32_t msr;
		enum vpmu_status status;
	} rows[] = {
		{"linux-6.12", "intel-v2", "pdcm=off", CAPABILITIES, VPMU_OK},
		{"linux-7.3", "intel-v2", "pdcm=off", CAPABILITIES, VPMU_NO_REGISTER},
		{"linux-7.3", "intel-v2", "pdcm=on", CAPABILITIES, VPMU_OK},
		{"linux-7.3", "intel-v2", "pdcm=off", A_PMC0, VPMU_NO_REGISTER},
		{"linux-6.12", "amd-perfmon-v2", "perfmon-v2=off", AMD_GLOBAL_CTL, VPMU_OK},
		{"linux-7.3", "amd-perfmon-v2", "perfmon-v2=off", AMD_GLOBAL_CTL, VPMU_NO_REGISTER},
		{"linux-7.3", "amd-perfmon-v2", "perfmon-v2=on", AMD_GLOBAL_CTL, VPMU_OK},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_pmu *pmu = machine_with(rows[i].profile, rows[i].model, rows[i].host);
		uint64_t value;

		assert_int_equal(vpmu_pmu_guest_read(pmu, rows[i].msr, &value), rows[i].status);
	}
}

/* By kvm_amd a guest of Intel's gets a K7's PMU, and by kvm_intel one of AMD's gets none. */
static void the_pmu_is_the_modules_not_the_vendor_strings(void **state)
{
	static const struct {
		const char *model, *host;
		enum vpmu_vendor vendor;
		unsigned version, gp_count;
	} rows[] = {
		{"intel-v2", "vendor=amd", VPMU_VENDOR_AMD, 1, 4},
		{"intel-v2,gp=8", "vendor=amd,gp=6", VPMU_VENDOR_AMD, 1, 4},
		{"zhaoxin-v2", "vendor=amd", VPMU_VENDOR_AMD, 1, 4},
		{"intel-v2,pmu=off", "vendor=amd", VPMU_VENDOR_AMD, 1, 4},
		{"intel-v2", "vendor=amd,enable-pmu=off", VPMU_VENDOR_AMD, 0, 0},
		{"amd-perfmon-v2", "vendor=intel", VPMU_VENDOR_INTEL, 0, 0},
		{"amd-k7", "vendor=zhaoxin", VPMU_VENDOR_ZHAOXIN, 0, 0},
		{"intel-v2", "vendor=zhaoxin", VPMU_VENDOR_INTEL, 2, 4},
		{"zhaoxin-v2", "vendor=intel", VPMU_VENDOR_ZHAOXIN, 2, 4},
	};
	static const char *const profiles[] = {"linux-6.1", "linux-6.12", "linux-7.3", "mediated"};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t p = 0; p < ARRAY_SIZE(profiles); p++) {
			struct vpmu_pmu *pmu =
				machine_with(profiles[p], rows[i].model, rows[i].host);

			assert_int_equal(vpmu_pmu_model(pmu)->vendor, rows[i].vendor);
			assert_int_equal(vpmu_pmu_model(pmu)->version, rows[i].version);
			assert_int_equal(vpmu_pmu_model(pmu)->gp_count, rows[i].gp_count);
		}
}

/* kvm_apic_local_deliver goes by the vendor string that the guest sees. */
static void what_a_pmi_masks_is_the_guests(void **state)
{
	struct vpmu_amounts amounts = RUN([VPMU_INSTRUCTIONS] = 100);
	struct vpmu_pmu *pmu = machine_with("linux-6.12", "intel-v2", "vendor=amd");

	assert_int_equal(vpmu_pmu_host_write(pmu, K7_CTR0, UINT64_C(0xfffffffffff0)), VPMU_OK);
	assert_int_equal(vpmu_pmu_host_write(pmu, K7_SEL0, SEL_ON_INT | INSTRUCTIONS), VPMU_OK);
	assert_int_equal(vpmu_pmu_run(pmu, &amounts, 0).pmi, 1);
	assert_true(vpmu_pmu_lvtpc(pmu) & VPMU_LVTPC_MASKED);
}

/* CPUID cannot say that PERFCORE has fewer than 6 counters. */
static void perfcore_has_the_hosts_counters_since_6_5(void **state)
{
	static const struct {
		const char *profile;
		enum vpmu_status fifth;
	} rows[] = {
		{"linux-6.1", VPMU_OK},
		{"linux-6.12", VPMU_GP},
		{"linux-7.3", VPMU_GP},
		{"mediated", VPMU_GP},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_pmu *pmu = machine_with(rows[i].profile, "amd-perfcore", "gp=4");
		uint64_t value;

		assert_int_equal(vpmu_pmu_guest_read(pmu, AMD_CTR0 + 2 * 3, &value), VPMU_OK);
		assert_int_equal(vpmu_pmu_guest_read(pmu, AMD_CTR0 + 2 * 4, &value), rows[i].fifth);
		assert_int_equal(vpmu_pmu_guest_read(pmu, AMD_SEL0 + 2 * 4, &value), rows[i].fifth);
		assert_int_equal(vpmu_pmu_rdpmc(pmu, 4, 0, true, &value),
		                 rows[i].fifth ? VPMU_GP : VPMU_OK);
	}
}

/* Two machines that differ in it do not go on alike; under hardware nothing asks for it. */
static void fingerprint_has_the_host(void **state)
{
	static const char *const hosts[] = {"gp=7",   "fixed=2",  "width=47",
	                                    "tsx=on", "pdcm=off", "enable-pmu=off"};

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		assert_int_not_equal(
			vpmu_pmu_fingerprint(machine_with("linux-6.12", "intel-v1", hosts[i])),
			vpmu_pmu_fingerprint(machine_with("linux-6.12", "intel-v1", "")));
		assert_int_equal(
			vpmu_pmu_fingerprint(machine_with("hardware", "intel-v1", hosts[i])),
			vpmu_pmu_fingerprint(machine_with("hardware", "intel-v1", "")));
	}
}

static void every_row_is_typed_and_read(void **state)
{
	static const enum vpmu_vendor vendors[] = {VPMU_VENDOR_INTEL, VPMU_VENDOR_ZHAOXIN,
	                                           VPMU_VENDOR_AMD};
	const char *key;

	for (size_t i = 0; (key = vpmu_host_key(i)); i++) {
		unsigned having = 0, value, typed;

		assert_true(strlen(vpmu_host_name(i)) > 0 && strlen(vpmu_host_about(i)) > 0);
		for (size_t v = 0; v < ARRAY_SIZE(vendors); v++) {
			struct vpmu_host host;
			char text[40], number[12];

			vpmu_host_init(&host, vendors[v]);
			if (!vpmu_host_get(&host, i, &value))
				continue;
			having++;
			typed = value ? value - 1 : 1;
			snprintf(number, sizeof(number), "%u", typed);
			snprintf(text, sizeof(text), "%.*s%s", (int)(strchr(key, '=') - key + 1),
			         key, strchr(key, '|') ? vpmu_host_word(i, typed) : number);
			assert_int_equal(vpmu_host_set(&host, text, NULL, 0), VPMU_OK);
			if (!vpmu_host_get(&host, i, &value) || value != typed)
				fail_msg("%s", text);
		}
		assert_true(having > 0);
	}
}

static void what_cannot_be_is_refused_with_the_keys(void **state)
{
	static const struct {
		enum vpmu_vendor vendor;
		const char *text, *why;
	} rows[] = {
		{VPMU_VENDOR_INTEL, "gp=0", "gp=N: not '0', but 1 to 8"},
		{VPMU_VENDOR_INTEL, "gp=9", "gp=N: not '9', but 1 to 8"},
		{VPMU_VENDOR_INTEL, "fixed=4", "fixed=N: not '4', but 0 to 3"},
		{VPMU_VENDOR_INTEL, "width=31", "width=N: not '31', but 32 to 48"},
		{VPMU_VENDOR_INTEL, "width=49", "width=N: not '49', but 32 to 48"},
		{VPMU_VENDOR_INTEL, "tsx=1", "tsx=on|off: not '1'"},
		{VPMU_VENDOR_INTEL, "tsx=", "tsx=on|off: not ''"},
		{VPMU_VENDOR_INTEL, "gp=4,", "not KEY=VALUE: ''"},
		{VPMU_VENDOR_INTEL, "gp", "not KEY=VALUE: 'gp'"},
		{VPMU_VENDOR_INTEL, "gp,width=40", "not KEY=VALUE: 'gp'"},
		{VPMU_VENDOR_INTEL, "=4", "unknown key '': a host of this vendor's has vendor="},
		{VPMU_VENDOR_INTEL, "perfmon-v2=on", "unknown key 'perfmon-v2'"},
		{VPMU_VENDOR_AMD, "tsx=on", "gp=N, width=N, perfmon-v2=on|off, enable-pmu=on|off"},
		{VPMU_VENDOR_AMD, "gp=3", "gp=N: not '3', but 4 to 6"},
		{VPMU_VENDOR_AMD, "gp=7", "gp=N: not '7', but 4 to 6"},
		{VPMU_VENDOR_AMD, "vendor=AMD", "vendor=intel|zhaoxin|amd: not 'AMD'"},
		{VPMU_VENDOR_AMD, "vendor=", "vendor=intel|zhaoxin|amd: not ''"},
		{VPMU_VENDOR_INTEL, "gp=4,vendor=amd", "vendor= comes before the other keys"},
		{VPMU_VENDOR_INTEL, "vendor=amd,tsx=on", "unknown key 'tsx'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_host host, before;
		char why[300] = "";

		vpmu_host_init(&host, rows[i].vendor);
		before = host;
		assert_int_equal(vpmu_host_set(&host, rows[i].text, why, sizeof(why)),
		                 VPMU_BAD_ARGUMENT);
		if (!strstr(why, rows[i].why))
			fail_msg("%s: %s", rows[i].text, why);
		assert_memory_equal(&host, &before, sizeof(host));
	}
}

/* What the kernels do with it: facts/intel-lbr.replay. */
static void branches_are_recorded_while_the_guest_has_the_stack(void **state)
{
	const struct vpmu_branch branch = {.from = 0x1000, .to = 0x2000, .kind = VPMU_BRANCH_CALL};
	struct vpmu_pmu *pmu = machine_with("linux-6.12", "skylake,lbr-format=5", "lbr-format=5");

	assert_false(vpmu_pmu_records_branches(pmu));
	wr(pmu, DEBUGCTL, 1);
	assert_true(vpmu_pmu_records_branches(pmu));
	vpmu_pmu_branch(pmu, &branch, 1);
	assert_int_equal(rd(pmu, 0x1c9), 1);
	assert_int_equal(rd(pmu, 0x681), 0x1000);
	assert_int_equal(rd(pmu, 0x6c1), 0x2000);
	pmu = machine_with("linux-6.12", "skylake,lbr-format=5", "lbr-format=5");
	assert_int_equal(vpmu_pmu_fail_creations(pmu, 1), VPMU_OK);
	wr(pmu, DEBUGCTL, 1);
	assert_false(vpmu_pmu_records_branches(pmu));
	assert_int_equal(rd(pmu, 0x681), 0); /* makes the event */
	assert_true(vpmu_pmu_records_branches(pmu));
}

static void a_write_of_last_branches_is_foretold(void **state)
{
	static const uint32_t msrs[] = {0x1c8, 0x1c9, 0x680, 0x6c0, 0xdc0};
	struct vpmu_pmu *pmu = machine_with("linux-6.12", "skylake,lbr-format=5", "lbr-format=5");
	struct vpmu_event_counts counts;

	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		assert_int_equal(vpmu_pmu_guest_can_write(pmu, msrs[i], BIT64(55)), VPMU_OK);
	counts = vpmu_pmu_events(pmu);
	assert_int_equal(counts.created, 0);
	wr(pmu, 0x1c8, 0);
	vpmu_pmu_enter(pmu);
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		assert_int_equal(vpmu_pmu_guest_can_write(pmu, msrs[i], 1), VPMU_OK);
		assert_int_equal(vpmu_pmu_guest_can_write(pmu, msrs[i], BIT64(55)), VPMU_GP);
	}
}

/* The stack lives on only while it has an event. */
static void fingerprint_has_the_stacks_event(void **state)
{
	struct vpmu_pmu *one = machine_with("linux-6.12", "skylake,lbr-format=5", "lbr-format=5");
	struct vpmu_pmu *other = machine_with("linux-6.12", "skylake,lbr-format=5", "lbr-format=5");

	assert_true(vpmu_pmu_fingerprint(one) == vpmu_pmu_fingerprint(other));
	assert_int_equal(rd(one, 0x680), 0);
	assert_true(vpmu_pmu_fingerprint(one) != vpmu_pmu_fingerprint(other));
	assert_int_equal(rd(other, 0x680), 0);
	vpmu_pmu_enter(one);
	vpmu_pmu_enter(other);
	assert_true(vpmu_pmu_fingerprint(one) == vpmu_pmu_fingerprint(other));
	wr(one, 0x69f, 5);
	assert_true(vpmu_pmu_fingerprint(one) != vpmu_pmu_fingerprint(other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_and_widths_are_the_hosts),
		cmocka_unit_test(width_limits_the_period_of_an_event),
		cmocka_unit_test(tsx_opens_the_selectors_bits),
		cmocka_unit_test(transactions_count_nothing),
		cmocka_unit_test(a_host_without_pdcm_or_perfmon_v2_has_no_mediated_pmu),
		cmocka_unit_test(rdpmc_reaches_the_hardware_of_an_equal_host),
		cmocka_unit_test(a_model_on_a_host_is_that_of_its_machine),
		cmocka_unit_test(bits_of_registers_are_the_hosts),
		cmocka_unit_test(pebs_is_all_of_the_hosts_or_none),
		cmocka_unit_test(enable_pmu_off_leaves_no_pmu),
		cmocka_unit_test(features_are_the_hosts_since_7_3),
		cmocka_unit_test(the_pmu_is_the_modules_not_the_vendor_strings),
		cmocka_unit_test(what_a_pmi_masks_is_the_guests),
		cmocka_unit_test(perfcore_has_the_hosts_counters_since_6_5),
		cmocka_unit_test(fingerprint_has_the_host),
		cmocka_unit_test(branches_are_recorded_while_the_guest_has_the_stack),
		cmocka_unit_test(a_write_of_last_branches_is_foretold),
		cmocka_unit_test(fingerprint_has_the_stacks_event),
		cmocka_unit_test(every_row_is_typed_and_read),
		cmocka_unit_test(what_cannot_be_is_refused_with_the_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
