/* SPDX-License-Identifier: MIT */
/* vpmu_kvm_show_pmu(): a model in the CPUID of a vCPU. */
#include "fake_kvm.h"

static struct vpmu_model model_of(const char *text)
{
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, text, NULL, 0), VPMU_OK);
	return model;
}

/* What a guest with these leaves finds. */
static struct vpmu_model found(const union cpuid_room *room, uint64_t capabilities)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = cpuid_pmu_leaves(&room->cpuid, leaves);
	struct vpmu_model model;

	assert_int_equal(vpmu_model_from_cpuid(&model, leaves, count, capabilities, NULL, 0),
	                 VPMU_OK);
	return model;
}

/* The models that stand for the vendors' largest KVMs. */
static const char *const hosts[] = {"intel-v5", "amd-perfmon-v2", "zhaoxin-v2"};

static void test_every_model_is_found_on_every_host(void **context)
{
	const char *name;

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		struct vpmu_model host = model_of(hosts[i]);

		for (size_t j = 0; (name = vpmu_preset_name(j)); j++) {
			union cpuid_room room = fake_cpuid(&host);
			struct vpmu_model model = model_of(name), back;

			if (model.vendor == VPMU_VENDOR_INTEL_P6) /* no KVM has a PMU for it */
				continue;
			assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, CPUID_ENTRIES, &model),
			                 VPMU_OK);
			back = found(&room, model.perf_capabilities);
			/* The processor stays unless the vendor is another; TSX is the processor's.
			 */
			model.signature = back.signature;
			model.features &= ~(uint32_t)(VPMU_FEATURE_HLE | VPMU_FEATURE_RTM);
			back.features &= ~(uint32_t)(VPMU_FEATURE_HLE | VPMU_FEATURE_RTM);
			if (!vpmu_model_equal(&model, &back))
				fail_msg("%s on %s", name, hosts[i]);
		}
	}
}

/* Leaf 23H comes and goes with the holes between counters; its entries tell their subleaves. */
static void test_bitmap_of_counters_is_shown(void **context)
{
	struct vpmu_model host = model_of("intel-v5"), holes = model_of("intel-v5,gp-mask=0xb1");
	union cpuid_room room = fake_cpuid(&host);
	struct vpmu_model back;

	assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, CPUID_ENTRIES, &holes), VPMU_OK);
	back = found(&room, holes.perf_capabilities);
	assert_true(vpmu_model_equal(&back, &holes));
	for (size_t i = 0; i < room.cpuid.nent; i++)
		if (room.cpuid.entries[i].function == 0x23)
			assert_int_equal(room.cpuid.entries[i].flags,
			                 KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
	assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, CPUID_ENTRIES, &host), VPMU_OK);
	back = found(&room, host.perf_capabilities);
	assert_true(vpmu_model_equal(&back, &host));
}

/* Only where a leaf has subleaves does an entry's index count. */
static void test_entries_that_are_added_tell_whether_they_have_subleaves(void **context)
{
	struct vpmu_model host = model_of("amd-k7"), model = model_of("intel-v6");
	union cpuid_room room = fake_cpuid(&host);
	unsigned before = room.cpuid.nent, plain = 0, indexed = 0;

	assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, CPUID_ENTRIES, &model), VPMU_OK);
	for (size_t i = before; i < room.cpuid.nent; i++) {
		const struct kvm_cpuid_entry2 *entry = &room.cpuid.entries[i];
		bool has = entry->function == 7 || entry->function == 0x23;

		assert_int_equal(entry->flags, has ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0);
		plain += !has;
		indexed += has;
	}
	assert_true(plain && indexed);
}

/* What was there of an earlier CPUID does not count. */
static void test_entries_behind_the_last_are_none(void **context)
{
	struct vpmu_model host = model_of("intel-v5"), model = model_of("intel-v6");
	union cpuid_room room = fake_cpuid(&host);
	unsigned before = room.cpuid.nent;
	struct vpmu_model back;

	room.cpuid.entries[before] = (struct kvm_cpuid_entry2){.function = 0x23, .eax = ~0u};
	assert_null(cpuid_entry(&room.cpuid, 0x23));
	assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, CPUID_ENTRIES, &model), VPMU_OK);
	assert_true(room.cpuid.nent > before);
	back = found(&room, model.perf_capabilities);
	assert_int_equal(back.version, 6);
	assert_int_equal(back.gp_count, model.gp_count);
}

static void test_smaller_model_takes_away_what_it_has_not(void **context)
{
	struct vpmu_model host = model_of("amd-perfmon-v2"), small = model_of("amd-k7");
	union cpuid_room room = fake_cpuid(&host);

	assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, CPUID_ENTRIES, &small), VPMU_OK);
	assert_int_equal(found(&room, 0).features & VPMU_FEATURE_PERFMON_V2, 0);
	assert_int_equal(found(&room, 0).gp_count, 4);
}

/* A string of which one word or two are right is another vendor's all the same. */
static void test_a_vendors_string_is_shown_as_a_whole(void **context)
{
	struct vpmu_model model = model_of("intel-v2");

	for (unsigned wrong = 1; wrong < 8; wrong++) {
		union cpuid_room room = fake_cpuid(&model);
		struct kvm_cpuid_entry2 right = *cpuid_entry(&room.cpuid, 0),
					*entry = cpuid_entry(&room.cpuid, 0);

		entry->ebx ^= wrong & 1;
		entry->ecx ^= wrong >> 1 & 1;
		entry->edx ^= wrong >> 2 & 1;
		cpuid_entry(&room.cpuid, 1)->eax = 0x12345;
		assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, CPUID_ENTRIES, &model), VPMU_OK);
		assert_memory_equal(entry, &right, sizeof(right));
		assert_int_equal(cpuid_entry(&room.cpuid, 1)->eax, model.signature);
	}
}

static void test_other_bits_stay(void **context)
{
	struct vpmu_model model = model_of("intel-v2");
	union cpuid_room room = fake_cpuid(&model);
	struct kvm_cpuid_entry2 *basic = cpuid_entry(&room.cpuid, 1);

	basic->edx = 0x0badcafe;
	basic->ecx = ~0u;
	model = model_of("intel-v1");
	assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, CPUID_ENTRIES, &model), VPMU_OK);
	assert_int_equal(basic->edx, 0x0badcafe);
	assert_int_equal(basic->ecx, ~(1u << 15));
}

/* The highest leaf is raised where the model's are beyond it, and never lowered. */
static void test_highest_leaves_reach_the_models(void **context)
{
	static const struct {
		const char *model;
		uint32_t leaf, before, after;
	} rows[] = {
		{"intel-v2", 0, 0x9, 0xa},
		{"intel-v2", 0, 0xa, 0xa},
		{"intel-v2", 0, 0x1f, 0x1f},
		{"amd-perfmon-v2", 0x80000000, 0x80000008, 0x80000022},
		{"amd-perfmon-v2", 0x80000000, 0x80000021, 0x80000022},
		{"amd-perfmon-v2", 0x80000000, 0x80000026, 0x80000026},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_model model = model_of(rows[i].model);
		union cpuid_room room = fake_cpuid(&model);

		cpuid_entry(&room.cpuid, rows[i].leaf)->eax = rows[i].before;
		assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, CPUID_ENTRIES, &model), VPMU_OK);
		assert_int_equal(cpuid_entry(&room.cpuid, rows[i].leaf)->eax, rows[i].after);
	}
}

/* What describes another PMU is cleared where it is, and no entry is made for that. */
static void test_leaves_of_other_pmus_are_cleared(void **context)
{
	struct vpmu_model amd = model_of("amd-perfmon-v2"), intel = model_of("intel-v2");
	union cpuid_room room = fake_cpuid(&amd);
	struct kvm_cpuid_entry2 *leaf = cpuid_entry(&room.cpuid, 0x80000022);
	unsigned before;

	leaf->eax = leaf->ebx = leaf->ecx = leaf->edx = ~0u;
	assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, CPUID_ENTRIES, &intel), VPMU_OK);
	assert_int_equal(leaf->eax | leaf->ebx | leaf->ecx | leaf->edx, 0);
	room = fake_cpuid(&intel);
	before = room.cpuid.nent;
	assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, CPUID_ENTRIES, &intel), VPMU_OK);
	assert_int_equal(room.cpuid.nent, before);
	assert_null(cpuid_entry(&room.cpuid, 0x80000022));
}

static void test_leaf_beyond_the_room_is_refused(void **context)
{
	struct vpmu_model host = model_of("intel-v2"), model = model_of("intel-v4");
	union cpuid_room room = fake_cpuid(&host);
	struct kvm_cpuid_entry2 *leaf = cpuid_entry(&room.cpuid, 0xa);

	leaf->function = 0x15; /* there is no leaf 0xA now, and no room for one */
	assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, room.cpuid.nent, &model),
	                 VPMU_BAD_ARGUMENT);
}

static void test_impossible_model_is_refused(void **context)
{
	struct vpmu_model model = model_of("intel-v2");
	union cpuid_room room = fake_cpuid(&model);

	model.gp_count = 0;
	assert_int_equal(vpmu_kvm_show_pmu(&room.cpuid, CPUID_ENTRIES, &model), VPMU_BAD_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_model_is_found_on_every_host),
		cmocka_unit_test(test_bitmap_of_counters_is_shown),
		cmocka_unit_test(test_entries_that_are_added_tell_whether_they_have_subleaves),
		cmocka_unit_test(test_entries_behind_the_last_are_none),
		cmocka_unit_test(test_smaller_model_takes_away_what_it_has_not),
		cmocka_unit_test(test_a_vendors_string_is_shown_as_a_whole),
		cmocka_unit_test(test_other_bits_stay),
		cmocka_unit_test(test_highest_leaves_reach_the_models),
		cmocka_unit_test(test_leaves_of_other_pmus_are_cleared),
		cmocka_unit_test(test_leaf_beyond_the_room_is_refused),
		cmocka_unit_test(test_impossible_model_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
