/* SPDX-License-Identifier: MIT */
/* From the guest's CPUID to a PMU that has moved: what a VMM does, with register machines for KVM.
 */
#include <stdio.h>
#include <vpmu/vpmu.h>

static _Alignas(VPMU_PMU_ALIGN) unsigned char here[VPMU_PMU_BYTES], there[VPMU_PMU_BYTES];

/* The guest counts in four counters, each 1000 events before its overflow, and is interrupted. */
static void program(struct vpmu_pmu *pmu)
{
	const struct vpmu_amounts ran = {.of = {[VPMU_INSTRUCTIONS] = 900}};

	for (unsigned i = 0; i < 4; i++) {
		vpmu_pmu_guest_write(pmu, 0x186 + i, 0x5300c0); /* IA32_PERFEVTSELi */
		vpmu_pmu_guest_write(pmu, 0xc1 + i, -1000);     /* IA32_PMCi */
	}
	vpmu_pmu_guest_write(pmu, 0x38f, 0xf); /* IA32_PERF_GLOBAL_CTRL */
	vpmu_pmu_run(pmu, &ran, 0);
}

/* The source: the model that the guest was shown, the values, and both as bytes. */
static size_t save(struct vpmu_pmu *pmu, const struct vpmu_model *model, void *bytes, size_t room)
{
	static struct vpmu_layout layout;
	static struct vpmu_report report;
	static struct vpmu_state state;
	struct vpmu_target target = vpmu_target_machine(pmu); /* vpmu_target_kvm() for a vCPU */
	size_t used = 0;

	vpmu_layout_init(&layout, model);
	vpmu_state_get(&state, &layout, &target, VPMU_POLICY_ROLL_BACK, &report);
	vpmu_stream_encode(&state, &layout, 0, bytes, room, &used);
	printf("%zu values are %zu bytes\n", (size_t)layout.value_count, used);
	return used;
}

/* The destination: can it take this? Then the put, in an order that loses nothing. */
static int restore(struct vpmu_pmu *pmu, const void *bytes, size_t count)
{
	static struct vpmu_layout layout;
	static struct vpmu_report report;
	static struct vpmu_state state;
	struct vpmu_target target = vpmu_target_machine(pmu);
	struct vpmu_stream_about about;
	char why[200] = "";

	if (vpmu_stream_look(bytes, count, &about, why, sizeof(why)) != VPMU_OK ||
	    vpmu_layout_init(&layout, &about.model) != VPMU_OK ||
	    vpmu_stream_decode(bytes, count, &layout, &state, NULL, why, sizeof(why)) != VPMU_OK ||
	    vpmu_state_check(&state, &layout, why, sizeof(why)) != VPMU_OK) {
		printf("refused: %s\n", why);
		return 1;
	}
	vpmu_state_put(&state, &layout, &target, VPMU_LEVEL_FULL, vpmu_order_find("safe"),
	               VPMU_POLICY_ROLL_BACK, &report);
	printf("%u of %u writes were taken\n", report.done, report.planned);
	return report.status != VPMU_OK;
}

int main(void)
{
	const struct vpmu_profile *profile = vpmu_profile_find("linux-6.12");
	const struct vpmu_amounts rest = {.of = {[VPMU_INSTRUCTIONS] = 150}};
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	struct vpmu_model shown, model;
	unsigned char bytes[VPMU_STREAM_BYTES];
	struct vpmu_outcome outcome;
	size_t count;

	/* What the VMM gave to KVM_SET_CPUID2 says what PMU the guest has. */
	vpmu_model_parse(&shown, "intel-v2", NULL, 0);
	count = vpmu_model_to_cpuid(&shown, leaves);
	if (vpmu_model_from_cpuid(&model, leaves, count, shown.perf_capabilities, NULL, 0))
		return 1;
	struct vpmu_pmu *source = vpmu_pmu_init(here, sizeof(here), &model, profile);
	struct vpmu_pmu *destination = vpmu_pmu_init(there, sizeof(there), &model, profile);

	program(source);
	count = save(source, &model, bytes, sizeof(bytes));
	if (restore(destination, bytes, count))
		return 1;
	vpmu_pmu_enter(destination);
	outcome = vpmu_pmu_run(destination, &rest, 0);
	printf("%u PMI there, from %d counters\n", outcome.pmi,
	       __builtin_popcountll(outcome.overflowed));
	return outcome.overflowed != 0xf;
}
