/* SPDX-License-Identifier: MIT */
/* What PMU the watched vCPU has: its CPUID's, as far as its KVM goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <linux/kvm.h>

#include <vpmu/model.h>
#include <watch/room_int.h>

#include "../arch/random_model.h"

static struct vpmu_model model_of(const char *text)
{
	struct vpmu_model model;
	char why[512];

	if (vpmu_model_parse(&model, text, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	return model;
}

struct room {
	struct kvm_cpuid2 cpuid;
	struct kvm_cpuid_entry2 entries[VPMU_CPUID_LEAVES];
};

static struct kvm_cpuid2 *cpuid_of(const struct vpmu_model *model, struct room *room)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(model, leaves);

	memset(room, 0, sizeof(*room));
	room->cpuid.nent = (uint32_t)count;
	for (size_t i = 0; i < count; i++)
		room->cpuid.entries[i] = (struct kvm_cpuid_entry2){
			.function = leaves[i].leaf,
			.index = leaves[i].subleaf,
			.eax = leaves[i].eax,
			.ebx = leaves[i].ebx,
			.ecx = leaves[i].ecx,
			.edx = leaves[i].edx,
		};
	return &room->cpuid;
}

struct row {
	const char *given, *limit, *has;
};

static const struct row rows[] = {
	{"intel-v2", "intel-v2", "intel-v2"},
	{"intel-v5", "intel-v2", "intel-v2,anythread=off"},
	{"intel-v2,gp=2", "intel-v4", "intel-v2,gp=2"},
	{"intel-v2", "intel-v2,events-missing=0x42", "intel-v2,events-missing=0x42"},
	{"intel-v2,events-missing=1", "intel-v2,events-length=6,events-missing=0x2",
         "intel-v2,events-length=6,events-missing=0x3"},
	{"intel-v3", "intel-v3,anythread=off", "intel-v3,anythread=off"},
	{"intel-v5,fixed-mask=0x9", "intel-v4", "intel-v4,gp=8,fixed=1,anythread=off"},
	/* The value of IA32_PERF_CAPABILITIES is this KVM's, without what the vCPU cannot have. */
	{"intel-v5", "icelake", "intel-v5,metrics=on"},
	{"icelake,fixed=3", "icelake", "icelake,fixed=3,metrics=off"},
	{"icelake,pdcm=off", "icelake", "icelake,pdcm=off"},
	/* Transactional memory is the processor's. */
	{"intel-v2,hle=on,rtm=on", "intel-v2", "intel-v2,hle=on,rtm=on"},
	{"intel-v2,pmu=off", "intel-v2", "intel-v2,pmu=off"},
	{"intel-v2", "intel-v2,pmu=off", "intel-v2,pmu=off"},
	/* Without CPUID.0AH there is no PMU (intel_pmu_refresh). */
	{"intel-p6", "intel-v2", "intel-p6,pmu=off"},
	/* Before PerfMonV2 no leaf says how many counters there are. */
	{"amd-perfmon-v2,gp=4", "amd-perfcore", "amd-perfcore"},
	{"amd-perfmon-v2,gp=4", "amd-perfmon-v2", "amd-perfmon-v2,gp=4"},
	{"amd-perfcore", "amd-k7", "amd-k7"},
};

static void a_vcpu_has_what_its_cpuid_and_its_kvm_have(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vpmu_model given = model_of(rows[i].given), limit = model_of(rows[i].limit);
		struct vpmu_model expected = model_of(rows[i].has), model;
		struct cpuid_leaves leaves;
		struct room room;

		expected.signature = given.signature;
		if (!model_of_cpuid(&model, cpuid_of(&given, &room), &limit, &leaves))
			fail_msg("%s, KVM %s: no model", rows[i].given, rows[i].limit);
		if (!vpmu_model_equal(&model, &expected))
			fail_msg("%s, KVM %s: not %s", rows[i].given, rows[i].limit, rows[i].has);
	}
}

/* Fixed counters by leaf 0xA's bitmap alone, which has a meaning since version 5. */
static void a_kvm_before_version_5_does_not_read_the_bitmap(void **state)
{
	struct vpmu_model given = model_of("intel-v5"), model;
	struct vpmu_model before = model_of("intel-v2"), since = model_of("intel-v5");
	struct cpuid_leaves leaves;
	struct room room;

	cpuid_of(&given, &room);
	for (unsigned i = 0; i < room.cpuid.nent; i++)
		if (room.entries[i].function == 0xa) {
			room.entries[i].edx &= ~0x1fu;
			room.entries[i].ecx = 1;
		}
	assert_true(model_of_cpuid(&model, &room.cpuid, &before, &leaves));
	assert_int_equal(model.fixed_mask, 0);
	assert_true(model_of_cpuid(&model, &room.cpuid, &since, &leaves));
	assert_int_equal(model.fixed_mask, 1);
}

static void there_is_always_a_model_and_the_kvm_covers_it(void **state)
{
	struct random random = random_seeded("limit");

	for (unsigned i = 0; i < 20000; i++) {
		struct vpmu_model given = random_model(&random), limit = random_model(&random);
		struct vpmu_model model, all;
		struct cpuid_leaves leaves;
		struct room room;

		/* No bit of AMD's CPUID says that there is no PMU; a P6 without one is like
		 * any of Intel's without one. */
		if (given.vendor != limit.vendor ||
		    (!given.version &&
		     (given.vendor == VPMU_VENDOR_AMD || given.vendor == VPMU_VENDOR_INTEL_P6)))
			continue;
		assert_true(model_of_cpuid(&model, cpuid_of(&given, &room), &limit, &leaves));
		all = limit;
		if (limit.version &&
		    (limit.vendor == VPMU_VENDOR_INTEL || limit.vendor == VPMU_VENDOR_ZHAOXIN))
			all.features |= VPMU_FEATURE_HLE | VPMU_FEATURE_RTM;
		if (model.vendor == VPMU_VENDOR_AMD && model.version == 1)
			continue;
		assert_true(vpmu_model_covers(&all, &model));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kvm_before_version_5_does_not_read_the_bitmap),
		cmocka_unit_test(a_vcpu_has_what_its_cpuid_and_its_kvm_have),
		cmocka_unit_test(there_is_always_a_model_and_the_kvm_covers_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
