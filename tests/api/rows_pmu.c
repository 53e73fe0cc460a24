/* SPDX-License-Identifier: MIT */
/* Rows of vpmu/pmu.h and vpmu/simulate.h. */
#include "rows.h"

static const struct vpmu_amounts some = {.of = {[VPMU_INSTRUCTIONS] = 1}};

static void profile_find(void)
{
	assert_null(vpmu_profile_find(NULL));
	assert_null(vpmu_profile_find("hardwear"));
	assert_null(vpmu_profile_find(""));
}

static void profile_for_kernel(void)
{
	assert_null(vpmu_profile_for_kernel(NULL, false));
	assert_null(vpmu_profile_for_kernel("", false));
	assert_null(vpmu_profile_for_kernel("FreeBSD", true));
}

static void profile_adapt(void)
{
	struct vpmu_model broken = good()->model;

	REJECTS(vpmu_profile_adapt(NULL, &good()->model));
	REJECTS(vpmu_profile_adapt(vpmu_profile_find("linux-6.13"), &good()->model));
	REJECTS(vpmu_profile_adapt(good()->hardware, NULL));
	broken.gp_width = 99;
	assert_int_equal(vpmu_profile_adapt(good()->hardware, &broken), VPMU_INCOMPATIBLE);
}

static void pmu_size(void)
{
	assert_in_range(vpmu_pmu_size(), 1, VPMU_PMU_BYTES);
}

static void pmu_init(void)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES + VPMU_PMU_ALIGN];
	const struct vpmu_profile *hardware = good()->hardware;
	struct vpmu_model model = good()->model, broken = model;

	assert_null(vpmu_pmu_init(NULL, sizeof(memory), &model, hardware));
	assert_null(vpmu_pmu_init(memory, vpmu_pmu_size() - 1, &model, hardware));
	assert_null(vpmu_pmu_init(memory + 1, VPMU_PMU_BYTES, &model, hardware));
	assert_null(vpmu_pmu_init(memory, sizeof(memory), NULL, hardware));
	assert_null(vpmu_pmu_init(memory, sizeof(memory), &model, NULL));
	assert_null(vpmu_pmu_init(memory, sizeof(memory), &model, vpmu_profile_find("typo")));
	broken.version = 77;
	assert_null(vpmu_pmu_init(memory, sizeof(memory), &broken, hardware));
	assert_non_null(vpmu_pmu_init(memory, vpmu_pmu_size(), &model, hardware));
}

static void pmu_model(void)
{
	assert_null(vpmu_pmu_model(NULL));
}

static void pmu_set_model(void)
{
	REJECTS(vpmu_pmu_set_model(NULL, &good()->model));
	REJECTS(vpmu_pmu_set_model(good()->pmu, NULL));
}

static void accesses(void)
{
	struct vpmu_pmu *pmu = good()->pmu;
	uint64_t value = 5;

	REJECTS(vpmu_pmu_guest_read(NULL, 0xc1, &value));
	REJECTS(vpmu_pmu_guest_read(pmu, 0xc1, NULL));
	REJECTS(vpmu_pmu_guest_read(pmu, 0xdead, NULL));
	REJECTS(vpmu_pmu_host_read(NULL, 0xc1, &value));
	REJECTS(vpmu_pmu_host_read(pmu, 0xc1, NULL));
	REJECTS(vpmu_pmu_guest_write(NULL, 0xc1, 0));
	REJECTS(vpmu_pmu_guest_can_write(NULL, 0xc1, 0));
	assert_int_equal(vpmu_pmu_guest_can_write(pmu, 0xdead, 0), VPMU_NO_REGISTER);
	REJECTS(vpmu_pmu_host_write(NULL, 0xc1, 0));
	assert_int_equal(vpmu_pmu_guest_read(pmu, 0xdead, &value), VPMU_NO_REGISTER);
	assert_int_equal(vpmu_pmu_guest_write(pmu, 0xdead, 0), VPMU_NO_REGISTER);
	assert_int_equal(vpmu_pmu_host_read(pmu, 0xdead, &value), VPMU_NO_REGISTER);
	assert_int_equal(vpmu_pmu_host_write(pmu, 0xdead, 0), VPMU_NO_REGISTER);
	assert_int_equal(value, 5);
}

static void rdpmc(void)
{
	uint64_t value = 5;

	REJECTS(vpmu_pmu_rdpmc(NULL, 0, 0, true, &value));
	REJECTS(vpmu_pmu_rdpmc(good()->pmu, 0, 0, true, NULL));
	assert_int_equal(vpmu_pmu_rdpmc(good()->pmu, 99, 0, true, &value), VPMU_GP);
	assert_int_equal(value, 5);
}

/* Nothing happens, and nothing is lost. */
static void without_an_answer(void)
{
	uint64_t before = vpmu_pmu_fingerprint(good()->pmu);

	vpmu_pmu_reset(NULL);
	vpmu_pmu_set_lvtpc(NULL, 1);
	vpmu_pmu_schedule(NULL);
	vpmu_pmu_set_exclude_host(NULL, false);
	vpmu_pmu_see_cycles(NULL, true);
	vpmu_pmu_host_run(NULL, &some);
	vpmu_pmu_host_run(good()->pmu, NULL);
	assert_int_equal(vpmu_pmu_fingerprint(good()->pmu), before);
}

static void set_svm(void)
{
	assert_int_equal(vpmu_pmu_set_svm(NULL, VPMU_SVM_HOST), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_pmu_set_svm(good()->pmu, (enum vpmu_svm)3), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_pmu_set_svm(good()->pmu, VPMU_SVM_GUEST),
	                 VPMU_REFUSED); /* an Intel */
}

static void lvtpc(void)
{
	assert_int_equal(vpmu_pmu_lvtpc(NULL), 0);
}

static void counting(void)
{
	struct vpmu_pmu *pmu = good()->pmu;

	OUTCOME_NONE(vpmu_pmu_enter(NULL));
	OUTCOME_NONE(vpmu_pmu_run(NULL, &some, 0));
	OUTCOME_NONE(vpmu_pmu_run(pmu, NULL, 0));
	OUTCOME_NONE(vpmu_pmu_account(NULL, &some, 0));
	OUTCOME_NONE(vpmu_pmu_account(pmu, NULL, 3));
	OUTCOME_NONE(vpmu_pmu_emulate(NULL, true, 0));
}

static void headroom(void)
{
	struct vpmu_amounts out = {{0}};

	vpmu_pmu_headroom(good()->pmu, 0, NULL);
	vpmu_pmu_headroom_shared(good()->pmu, NULL);
	vpmu_pmu_headroom(NULL, 0, &out);
	for (unsigned i = 0; i < VPMU_MAX_CLASSES; i++)
		assert_true(out.of[i] == UINT64_MAX);
	vpmu_pmu_headroom_shared(NULL, &out);
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		assert_true(out.of[i] == UINT64_MAX);
}

static void numbers(void)
{
	assert_int_equal(vpmu_pmu_wanted(NULL), 0);
	assert_int_equal(vpmu_pmu_event_class(NULL, 0xc0), VPMU_NO_CLASS);
	assert_int_equal(vpmu_pmu_fingerprint(NULL), 0);
	assert_int_equal(vpmu_pmu_epoch(NULL), 0);
}

static void branches(void)
{
	struct vpmu_branch branch = {0};

	assert_false(vpmu_pmu_records_branches(NULL));
	vpmu_pmu_branch(NULL, &branch, 1);
	vpmu_pmu_branch(good()->pmu, NULL, 1);
}

static bool no_read(void *context, uint64_t address, void *to, size_t bytes)
{
	return false;
}

static bool no_write(void *context, uint64_t address, const void *from, size_t bytes)
{
	return false;
}

static void pebs(void)
{
	struct vpmu_pebs at = {.read = no_read, .write = no_write};
	struct vpmu_model model = good()->model;
	struct vpmu_pmu *pmu = good()->pmu;

	assert_int_equal(vpmu_model_pebs_bytes(NULL), 0);
	model.perf_capabilities = UINT64_MAX;
	assert_int_equal(vpmu_model_pebs_bytes(&model), 0);
	vpmu_pmu_take_pebs(NULL, true);
	vpmu_pmu_take_pebs(pmu, true); /* the model has no PEBS */
	assert_false(vpmu_pmu_pebs_is_due(NULL));
	assert_false(vpmu_pmu_pebs_is_due(pmu));
	OUTCOME_NONE(vpmu_pmu_write_pebs(NULL, &at));
	OUTCOME_NONE(vpmu_pmu_write_pebs(pmu, NULL));
	OUTCOME_NONE(vpmu_pmu_write_pebs(pmu, &at));
	at.write = NULL;
	OUTCOME_NONE(vpmu_pmu_write_pebs(pmu, &at));
	at = (struct vpmu_pebs){.write = no_write};
	OUTCOME_NONE(vpmu_pmu_write_pebs(pmu, &at));
}

static void last_cycles(void)
{
	struct vpmu_last_cycles none = {{0}}, out = {{1}};

	vpmu_pmu_last_cycles(NULL, &out);
	assert_memory_equal(&out, &none, sizeof(none));
	vpmu_pmu_last_cycles(good()->pmu, NULL);
	REJECTS(vpmu_pmu_set_last_cycles(NULL, &none));
	REJECTS(vpmu_pmu_set_last_cycles(good()->pmu, NULL));
	out.of[3] = VPMU_LAST_CYCLE_HELD | (VPMU_LAST_CYCLE_MOST + 1);
	REJECTS(vpmu_pmu_set_last_cycles(good()->pmu, &out));
}

static void counting_now(void)
{
	struct vpmu_counting none = {0}, out = {0};

	assert_false(vpmu_pmu_counting(NULL, 0xc1, &out));
	assert_false(vpmu_pmu_counting(good()->pmu, 0xc1, NULL));
	assert_false(vpmu_pmu_counting(good()->pmu, 0x186, &out));
	assert_false(vpmu_pmu_counting(good()->pmu, ~0u, &out));
	assert_memory_equal(&out, &none, sizeof(none));
}

static void events(void)
{
	static const struct vpmu_event_counts none;
	struct vpmu_event_counts counts = vpmu_pmu_events(NULL);

	assert_memory_equal(&counts, &none, sizeof(none));
	REJECTS(vpmu_pmu_fail_creations(NULL, 1));
	assert_int_equal(vpmu_pmu_fail_creations(good()->pmu, 1), VPMU_REFUSED);
}

static void disable(void)
{
	REJECTS(vpmu_pmu_disable(NULL));
}

static void set_filter(void)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	static struct vpmu_filter filter;
	struct vpmu_pmu *pmu = vpmu_pmu_init(memory, sizeof(memory), &good()->model,
	                                     vpmu_profile_find("linux-6.12"));

	REJECTS(vpmu_pmu_set_filter(NULL, &filter));
	filter.count = VPMU_FILTER_EVENTS + 1;
	REJECTS(vpmu_pmu_set_filter(pmu, &filter));
	filter.count = 0;
	filter.action = 7;
	REJECTS(vpmu_pmu_set_filter(pmu, &filter));
}

static void host(void)
{
	struct vpmu_host made, before;
	unsigned value = 7;

	REJECTS(vpmu_host_init(NULL, VPMU_VENDOR_INTEL));
	REJECTS(vpmu_host_init(&made, VPMU_VENDORS));
	assert_int_equal(vpmu_host_init(&made, VPMU_VENDOR_INTEL), VPMU_OK);
	before = made;
	REJECTS(vpmu_host_set(NULL, "gp=4", NULL, 0));
	REJECTS(vpmu_host_set(&made, NULL, NULL, 0));
	REJECTS(vpmu_host_set(&made, "gp=4,gp=99", NULL, 0));
	REJECTS(vpmu_host_set(&made, "gp=4,vendor=amd", NULL, 0));
	assert_memory_equal(&made, &before, sizeof(made));
	made.vendor = VPMU_VENDORS;
	REJECTS(vpmu_host_set(&made, "gp=4", NULL, 0));
	assert_false(vpmu_host_get(&made, 0, &value));
	made = before;
	assert_false(vpmu_host_get(NULL, 0, &value));
	assert_false(vpmu_host_get(&made, SIZE_MAX, &value));
	assert_false(vpmu_host_get(&made, 0, NULL));
	assert_null(vpmu_host_word(SIZE_MAX, 0));
	assert_null(vpmu_host_word(0, VPMU_VENDOR_INTEL_P6));
	assert_int_equal(value, 7);
	assert_null(vpmu_host_key(SIZE_MAX));
	assert_null(vpmu_host_name(SIZE_MAX));
	assert_null(vpmu_host_about(SIZE_MAX));
	assert_null(vpmu_pmu_host(NULL));
}

static void pmu_init_on(void)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	const struct vpmu_profile *profile = vpmu_profile_find("linux-6.12");
	const struct vpmu_model *model = &good()->model;
	struct vpmu_host made, broken;

	vpmu_host_init(&made, (enum vpmu_vendor)model->vendor);
	assert_null(vpmu_pmu_init_on(NULL, sizeof(memory), model, profile, &made));
	assert_null(vpmu_pmu_init_on(memory, vpmu_pmu_size() - 1, model, profile, &made));
	assert_null(vpmu_pmu_init_on(memory, sizeof(memory), NULL, profile, &made));
	assert_null(vpmu_pmu_init_on(memory, sizeof(memory), model, NULL, &made));
	assert_null(vpmu_pmu_init_on(memory, sizeof(memory), model, profile, NULL));
	broken = made;
	broken.width = 0;
	assert_null(vpmu_pmu_init_on(memory, sizeof(memory), model, profile, &broken));
	broken = made;
	broken.reserved[0] = 1;
	assert_null(vpmu_pmu_init_on(memory, sizeof(memory), model, profile, &broken));
	assert_non_null(vpmu_pmu_init_on(memory, sizeof(memory), model, profile, &made));
}

static void on_a_host(void)
{
	const struct vpmu_profile *profile = vpmu_profile_find("mediated");
	struct vpmu_register out[VPMU_MAX_REGISTERS];
	struct vpmu_model model = good()->model, before = model, broken = model;
	struct vpmu_host made, bare;

	vpmu_host_init(&made, (enum vpmu_vendor)model.vendor);
	bare = made;
	vpmu_host_set(&bare, "pdcm=off", NULL, 0);
	broken.gp_width = 99;
	REJECTS(vpmu_profile_adapt_on(NULL, &made, &model));
	REJECTS(vpmu_profile_adapt_on(profile, NULL, &model));
	REJECTS(vpmu_profile_adapt_on(profile, &made, NULL));
	assert_int_equal(vpmu_profile_adapt_on(profile, &made, &broken), VPMU_INCOMPATIBLE);
	assert_int_equal(vpmu_profile_adapt_on(profile, &bare, &model), VPMU_INCOMPATIBLE);
	assert_int_equal(vpmu_profile_registers_on(NULL, &made, &model, out), 0);
	assert_int_equal(vpmu_profile_registers_on(profile, NULL, &model, out), 0);
	assert_int_equal(vpmu_profile_registers_on(profile, &made, NULL, out), 0);
	assert_int_equal(vpmu_profile_registers_on(profile, &made, &model, NULL), 0);
	assert_int_equal(vpmu_profile_registers_on(profile, &bare, &model, out), 0);
	assert_memory_equal(&model, &before, sizeof(model));
}

static void profile_registers(void)
{
	struct vpmu_register out[VPMU_MAX_REGISTERS];
	const struct vpmu_model *model = &good()->model;

	assert_int_equal(vpmu_profile_registers(vpmu_profile_find("typo"), model, out), 0);
	assert_int_equal(vpmu_profile_registers(good()->hardware, NULL, out), 0);
	assert_int_equal(vpmu_profile_registers(good()->hardware, model, NULL), 0);
}

static void profile_facts(void)
{
	assert_int_equal(vpmu_profile_facts(vpmu_profile_find("typo")), 0);
	assert_int_equal(vpmu_profile_kernel(vpmu_profile_find("typo")), 0);
}

static const struct row rows[] = {
	{"vpmu_profile_find", profile_find},
	{"vpmu_profile_for_kernel", profile_for_kernel},
	{"vpmu_profile_adapt", profile_adapt},
	{"vpmu_pmu_size", pmu_size},
	{"vpmu_pmu_init", pmu_init},
	{"vpmu_pmu_model", pmu_model},
	{"vpmu_pmu_set_model", pmu_set_model},
	{"vpmu_pmu_guest_read", accesses},
	{"vpmu_pmu_guest_write", accesses},
	{"vpmu_pmu_guest_can_write", accesses},
	{"vpmu_pmu_host_read", accesses},
	{"vpmu_pmu_host_write", accesses},
	{"vpmu_pmu_rdpmc", rdpmc},
	{"vpmu_pmu_reset", without_an_answer},
	{"vpmu_pmu_lvtpc", lvtpc},
	{"vpmu_pmu_set_lvtpc", without_an_answer},
	{"vpmu_pmu_enter", counting},
	{"vpmu_pmu_run", counting},
	{"vpmu_pmu_account", counting},
	{"vpmu_pmu_headroom", headroom},
	{"vpmu_pmu_headroom_shared", headroom},
	{"vpmu_profile_registers", profile_registers},
	{"vpmu_profile_facts", profile_facts},
	{"vpmu_profile_kernel", profile_facts},
	{"vpmu_pmu_event_class", numbers},
	{"vpmu_pmu_wanted", numbers},
	{"vpmu_pmu_fingerprint", numbers},
	{"vpmu_pmu_epoch", numbers},
	{"vpmu_pmu_records_branches", branches},
	{"vpmu_pmu_branch", branches},
	{"vpmu_model_pebs_bytes", pebs},
	{"vpmu_pmu_take_pebs", pebs},
	{"vpmu_pmu_pebs_is_due", pebs},
	{"vpmu_pmu_write_pebs", pebs},
	{"vpmu_pmu_counting", counting_now},
	{"vpmu_pmu_last_cycles", last_cycles},
	{"vpmu_pmu_set_last_cycles", last_cycles},
	{"vpmu_pmu_emulate", counting},
	{"vpmu_pmu_schedule", without_an_answer},
	{"vpmu_pmu_events", events},
	{"vpmu_pmu_fail_creations", events},
	{"vpmu_pmu_set_exclude_host", without_an_answer},
	{"vpmu_pmu_set_svm", set_svm},
	{"vpmu_pmu_see_cycles", without_an_answer},
	{"vpmu_pmu_host_run", without_an_answer},
	{"vpmu_pmu_disable", disable},
	{"vpmu_pmu_set_filter", set_filter},
	{"vpmu_host_init", host},
	{"vpmu_host_key", host},
	{"vpmu_host_name", host},
	{"vpmu_host_about", host},
	{"vpmu_host_get", host},
	{"vpmu_host_set", host},
	{"vpmu_host_word", host},
	{"vpmu_pmu_host", host},
	{"vpmu_pmu_init_on", pmu_init_on},
	{"vpmu_profile_adapt_on", on_a_host},
	{"vpmu_profile_registers_on", on_a_host},
};

ROWS(pmu_rows, rows);
