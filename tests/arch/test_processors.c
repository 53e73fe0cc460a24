/* SPDX-License-Identifier: MIT */
/*
 * Which events count on which processor: every generic and generic-cache event that Linux 6.12's
 * perf asks for (arch/x86/events), and rr's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arch/room.h>

struct asked {
	uint64_t event;
	uint8_t class_;
};

static struct vpmu_model model_of(const char *text)
{
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, text, NULL, 0), VPMU_OK);
	return model;
}

static void check(const char *text, const struct asked *asked, size_t count)
{
	struct vpmu_model model = model_of(text);

	for (size_t i = 0; i < count; i++)
		if (event_class(&model, asked[i].event) != asked[i].class_)
			fail_msg("%s: 0x%llx counts %s, not %s", text,
			         (unsigned long long)asked[i].event,
			         vpmu_class_name(event_class(&model, asked[i].event)),
			         vpmu_class_name(asked[i].class_));
}
#define CHECK(text, asked) check(text, asked, ARRAY_SIZE(asked))

/* PERF_TYPE_HARDWARE of every Intel processor. */
static const struct asked intel_generic[] = {
	{0x003c, VPMU_CYCLES},     {0x00c0, VPMU_INSTRUCTIONS}, {0x4f2e, VPMU_LLC_REFERENCES},
	{0x412e, VPMU_LLC_MISSES}, {0x00c4, VPMU_BRANCHES},     {0x00c5, VPMU_BRANCH_MISSES},
	{0x013c, VPMU_REF_CYCLES},
};

static const struct asked core2[] = {
	{0x0f40, VPMU_LOADS},
	{0x0140, VPMU_LLC_LOADS},
	{0x0f41, VPMU_STORES},
	{0x0141, VPMU_LLC_STORES},
	{0x104e, VPMU_PREFETCHES},
	{0x0080, VPMU_L1I_FETCHES},
	{0x0081, VPMU_L1I_MISSES},
	{0x4f29, VPMU_LLC_LOADS},
	{0x4129, VPMU_LLC_LOAD_MISSES},
	{0x4f2a, VPMU_LLC_STORES},
	{0x412a, VPMU_LLC_STORE_MISSES},
	{0x0208, VPMU_DTLB_LOAD_MISSES},
	{0x0808, VPMU_DTLB_STORE_MISSES},
	{0x1282, VPMU_ITLB_MISSES},
};

/* skl_hw_cache_event_ids, Ice Lake's too. */
static const struct asked skylake[] = {
	{0x81d0, VPMU_LOADS},
	{0x0151, VPMU_LLC_REFERENCES},
	{0x82d0, VPMU_STORES},
	{0x0283, VPMU_L1I_MISSES},
	{0x01b7, VPMU_LLC_REFERENCES},
	{0x0e08, VPMU_DTLB_LOAD_MISSES},
	{0x0e49, VPMU_DTLB_STORE_MISSES},
	{0x2085, VPMU_ITLB_MISSES},
	{0x0e85, VPMU_ITLB_MISSES},
};

static const struct asked golden_cove[] = {
	{0x81d0, VPMU_LOADS},
	{0xe124, VPMU_LLC_LOADS},
	{0x82d0, VPMU_STORES},
	{0xe424, VPMU_L1I_MISSES},
	{0x012a, VPMU_LLC_REFERENCES},
	{0x0e12, VPMU_DTLB_LOAD_MISSES},
	{0x0e13, VPMU_DTLB_STORE_MISSES},
	{0x0e11, VPMU_ITLB_MISSES},
	{0x04c4, VPMU_BRANCHES},
	{0x04c5, VPMU_BRANCH_MISSES},
};

/* amd_zen2_perfmon_event_map, amd_hw_cache_event_ids_f17h */
static const struct asked zen[] = {
	{0x0076, VPMU_CYCLES},          {0x00c0, VPMU_INSTRUCTIONS},
	{0xff60, VPMU_LLC_REFERENCES},  {0x0964, VPMU_LLC_MISSES},
	{0x00c2, VPMU_BRANCHES},        {0x00c3, VPMU_BRANCH_MISSES},
	{0x00a9, VPMU_STALLS_FRONTEND}, {0x0287, VPMU_STALLS_FRONTEND},
	{0x0187, VPMU_STALLS_BACKEND},  {0x0040, VPMU_MEMORY},
	{0xc860, VPMU_LLC_REFERENCES},  {0xff5a, VPMU_PREFETCHES},
	{0x0080, VPMU_L1I_FETCHES},     {0x0081, VPMU_L1I_MISSES},
	{0xff45, VPMU_DTLB_MISSES},     {0xf045, VPMU_DTLB_MISSES},
	{0x0084, VPMU_ITLB_MISSES},     {0xff85, VPMU_ITLB_MISSES},
	{0x0129, VPMU_LOADS},           {0x0229, VPMU_STORES},
	{0x0429, VPMU_LOAD_STORES},
};
static const struct asked zen4_alone[] = {{0x100000120, VPMU_REF_CYCLES}};

static const struct asked zhaoxin[] = {
	{0x0082, VPMU_CYCLES},           {0x00c0, VPMU_INSTRUCTIONS},
	{0x0515, VPMU_LLC_REFERENCES},   {0x051a, VPMU_LLC_MISSES},
	{0x0083, VPMU_REF_CYCLES},       {0x0101, VPMU_INSTRUCTIONS},
	{0x040f, VPMU_STALLS_BACKEND},   {0x0562, VPMU_LLC_STORES},
	{0x0300, VPMU_L1I_FETCHES},      {0x0301, VPMU_L1I_MISSES},
	{0x052c, VPMU_DTLB_LOAD_MISSES}, {0x0530, VPMU_DTLB_STORE_MISSES},
	{0x0534, VPMU_ITLB_MISSES},
};
static const struct asked zx_d[] = {
	{0x0042, VPMU_LOADS},    {0x0538, VPMU_LLC_LOADS},     {0x0043, VPMU_STORES},
	{0x0700, VPMU_BRANCHES}, {0x0709, VPMU_BRANCH_MISSES}, {0x0028, VPMU_NO_CLASS},
};
static const struct asked zx_e[] = {
	{0x0568, VPMU_LOADS},    {0x054b, VPMU_LLC_LOADS},     {0x0669, VPMU_STORES},
	{0x0028, VPMU_BRANCHES}, {0x0029, VPMU_BRANCH_MISSES}, {0x0700, VPMU_NO_CLASS},
};

static void linux_events_count(void **state)
{
	CHECK("intel-v2", intel_generic);
	CHECK("intel-v2", core2);
	CHECK("skylake", intel_generic);
	CHECK("skylake", skylake);
	CHECK("icelake", intel_generic);
	CHECK("icelake", skylake);
	CHECK("sapphire-rapids", intel_generic);
	CHECK("sapphire-rapids", golden_cove);
	CHECK("zen2", zen);
	CHECK("zen4", zen);
	CHECK("zen4", zen4_alone);
	CHECK("zhaoxin-v2", zhaoxin);
	CHECK("zhaoxin-v2", zx_d);
	CHECK("zhaoxin-v2,signature=0x307b0", zhaoxin);
	CHECK("zhaoxin-v2,signature=0x307b0", zx_e);
}

/* rr's counter of conditional branches, by microarchitecture (rr src/PerfCounters_x86.h). */
static void rr_events_count_conditional_branches(void **state)
{
	static const struct {
		const char *model;
		uint64_t event;
	} rr[] = {
		{"intel-v3", 0x01c4},                   /* Nehalem */
		{"intel-v3,signature=0x206a7", 0x01c4}, /* Sandy Bridge */
		{"haswell", 0x01c4},
		{"skylake", 0x01c4},
		{"cascadelake", 0x01c4},
		{"icelake", 0x11c4},
		{"sapphire-rapids", 0x11c4},
		{"intel-v3,signature=0x30678", 0x7ec4}, /* Silvermont */
		{"intel-v4,signature=0x506c9", 0x7ec4}, /* Goldmont */
		{"zen2", 0xd1},
		{"zen3", 0xd1},
		{"zen4", 0xd1},
		{"zen5", 0xd1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rr); i++)
		check(rr[i].model, &(struct asked){rr[i].event, VPMU_CONDITIONAL_BRANCHES}, 1);
	assert_true(vpmu_class_is_exact(VPMU_CONDITIONAL_BRANCHES));
}

/* BR_MISP_RETIRED and BR_MISP_EXEC, as libpfm4 has them; PAPI's presets are made of these. */
static const struct asked branches_missed[] = {
	{0x01c5, VPMU_CONDITIONAL_MISSES}, {0x02c5, VPMU_CALL_MISSES},
	{0x08c5, VPMU_RETURN_MISSES},      {0x10c5, VPMU_CONDITIONAL_NOT_TAKEN_MISSES},
	{0x20c5, VPMU_TAKEN_MISSES},       {0x04c5, VPMU_BRANCH_MISSES},
	{0x00c5, VPMU_BRANCH_MISSES},
};
static const struct asked branches_executed[] = {
	{0x4189, VPMU_CONDITIONAL_NOT_TAKEN_MISSES},
	{0x8189, VPMU_CONDITIONAL_TAKEN_MISSES},
	{0xc189, VPMU_CONDITIONAL_MISSES},
	{0x8889, VPMU_RETURN_MISSES},
	{0xa089, VPMU_CALL_MISSES},
	{0xff89, VPMU_BRANCH_MISSES},
};
static const struct asked since_ice_lake[] = {
	{0x11c5, VPMU_CONDITIONAL_MISSES},
	{0x01c5, VPMU_CONDITIONAL_TAKEN_MISSES},
	{0x10c5, VPMU_CONDITIONAL_NOT_TAKEN_MISSES},
	{0x02c5, VPMU_CALL_MISSES},
	{0x08c5, VPMU_RETURN_MISSES},
	{0x20c5, VPMU_TAKEN_MISSES},
	{0x80c5, VPMU_INDIRECT_MISSES},
	{0xff89, VPMU_NO_CLASS},
};
static const struct asked of_atom[] = {
	{0x7ec5, VPMU_CONDITIONAL_MISSES}, {0xfec5, VPMU_CONDITIONAL_TAKEN_MISSES},
	{0xfbc5, VPMU_CALL_MISSES},        {0xf7c5, VPMU_RETURN_MISSES},
	{0xebc5, VPMU_INDIRECT_MISSES},
};
static const struct asked of_amd[] = {
	{0xc3, VPMU_BRANCH_MISSES},
	{0xc5, VPMU_TAKEN_MISSES},
	{0xc9, VPMU_RETURN_MISSES},
	{0xca, VPMU_INDIRECT_MISSES},
};
static const struct asked of_zen[] = {{0xd2, VPMU_CONDITIONAL_MISSES},
                                      {0x1000000c7, VPMU_CONDITIONAL_MISSES}};
static const struct asked of_zen_4[] = {{0x1000000c8, VPMU_INDIRECT_MISSES}};

static void mispredicted_branches_count_by_their_kind(void **state)
{
	static const struct asked of_core2[] = {{0x0089, VPMU_BRANCH_MISSES}};

	CHECK("intel-v2", of_core2);
	CHECK("intel-v3", branches_missed); /* Nehalem */
	CHECK("haswell", branches_missed);
	CHECK("haswell", branches_executed);
	CHECK("intel-v3,signature=0x206a7", branches_executed); /* Sandy Bridge */
	CHECK("skylake", branches_missed);
	CHECK("skylake", branches_executed);
	CHECK("icelake", since_ice_lake);
	CHECK("sapphire-rapids", since_ice_lake);
	CHECK("intel-v3,signature=0x30678", of_atom); /* Silvermont */
	CHECK("amd-k7", of_amd);
	CHECK("zen2", of_amd);
	CHECK("zen2", of_zen);
	CHECK("zen4", of_zen_4);
	for (unsigned i = VPMU_CONDITIONAL_MISSES; i <= VPMU_INDIRECT_MISSES; i++)
		assert_false(vpmu_class_is_exact((enum vpmu_class)i));
}

/* The same code is another event on another processor. */
static void the_signature_tells_processors_apart(void **state)
{
	static const struct asked on_k10[] = {{0xd1, VPMU_STALLS_BACKEND}};
	static const struct asked on_ice_lake[] = {{0x01c4, VPMU_CONDITIONAL_TAKEN}};
	static const struct asked on_nobody[] = {{0x01c4, VPMU_NO_CLASS}, {0x81d0, VPMU_NO_CLASS}};

	CHECK("amd-k7", on_k10);
	CHECK("icelake", on_ice_lake);
	CHECK("intel-v4,signature=0", on_nobody);
}

static void the_list_is_what_counts(void **state)
{
	for (size_t p = 0; vpmu_preset_name(p); p++) {
		struct vpmu_model model = model_of(vpmu_preset_name(p));
		enum vpmu_class class_;
		uint64_t event, other;
		size_t count = 0;

		for (; vpmu_model_event(&model, count, &event, &class_); count++) {
			assert_int_equal(event_class(&model, event), class_);
			assert_int_not_equal(class_, VPMU_NO_CLASS);
			for (size_t i = 0; i < count; i++) {
				assert_true(vpmu_model_event(&model, i, &other, &class_));
				assert_true(other != event);
			}
		}
		assert_true(count >= 4 && count <= 60);
	}
}

/* rr's events where UMASK2 tells kinds apart; without it these bits are none of the event's. */
static const struct asked lion_cove[] = {
	{UINT64_C(0x100000011c4), VPMU_CONDITIONAL_BRANCHES},
	{UINT64_C(0x100000000c4), VPMU_NO_CLASS},
	{UINT64_C(0x20c4), VPMU_TAKEN_BRANCHES},
};

static void umask2_is_of_the_event_where_there_is_one(void **state)
{
	struct vpmu_model without = model_of("intel-v6,umask2=off");

	CHECK("intel-v6", lion_cove);
	assert_int_equal(event_class(&without, UINT64_C(0x100000000c4)), VPMU_BRANCHES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(umask2_is_of_the_event_where_there_is_one),
		cmocka_unit_test(linux_events_count),
		cmocka_unit_test(rr_events_count_conditional_branches),
		cmocka_unit_test(mispredicted_branches_count_by_their_kind),
		cmocka_unit_test(the_signature_tells_processors_apart),
		cmocka_unit_test(the_list_is_what_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
