/* SPDX-License-Identifier: MIT */
/*
 * The orders. An order is a table of steps; plan.c turns them into writes, and does not depend on
 * any order.
 *
 * The five orders other than `safe` are what VMMs write, write for write. None has
 * IA32_PERF_CAPABILITIES: those VMMs set it with CPUID, when they make the vCPU.
 */
#include <state/room_int.h>

#define KIND(name) (UINT32_C(1) << VPMU_KIND_##name)

/* Last branches and PEBS: IA32_LBR_DEPTH, whose write clears the stack, comes before the entries,
 * which are written by MSR number. IA32_LBR_CTL, which starts the recording, comes last, and so
 * does IA32_PEBS_ENABLE, after IA32_DS_AREA. */
#define BRANCHES (KIND(LBR_SELECT) | KIND(LBR_TOS) | KIND(LBR_FROM) | KIND(LBR_TO) | KIND(LBR_INFO))
#define RECORD_STATE                                                                               \
	{.kinds = KIND(LBR_DEPTH)}, {.kinds = BRANCHES},                                           \
	{                                                                                          \
		.kinds = KIND(DS_AREA) | KIND(PEBS_DATA)                                           \
	}
#define RECORD_SWITCHES                                                                            \
	{                                                                                          \
		.kinds = KIND(LBR_CTL) | KIND(PEBS_ENABLE)                                         \
	}

/* IA32_PERF_METRICS must be written after fixed counter 3 (Intel SDM vol. 3B 20.3.9.3). Fixed
 * counters and metrics in one step are written in that sequence, since steps go by MSR number. */
#define FIXED_VALUES (KIND(FIXED_COUNTER) | KIND(METRICS))

/* QEMU has only the architectural stack. It puts the three registers of one entry after the other,
 * and only of entries with an address; the effect is the same. */
static const struct vpmu_msr_run qemu_lbr_msrs[] = {
	{0x14ce, 1, 1},       {0x14cf, 1, 1},       {0x1500, MAX_LBR, 1},
	{0x1600, MAX_LBR, 1}, {0x1200, MAX_LBR, 1}, {0, 0, 0},
};

/* QEMU 11.0 target/i386/kvm/kvm.c kvm_put_msrs. Its GLOBAL_OVF_CTRL and STATUS_CLR are the values
 * that were read: 0. */
#define QEMU_WRITES                                                                                \
	{.kinds = FIXED_VALUES}, {.arrangement = VPMU_ARRANGE_PAIRS},                              \
		{.kinds = KIND(GLOBAL_STATUS)}, {.kinds = KIND(STATUS_CLEAR)},                     \
		{.kinds = KIND(FIXED_CTRL)}, {.kinds = KIND(GLOBAL_CTRL)},                         \
	{                                                                                          \
		.list = qemu_lbr_msrs, .arrangement = VPMU_ARRANGE_LISTED                          \
	}

static const struct vpmu_step stop_first[] = {
	{.kinds = KIND(FIXED_CTRL), .value = VPMU_STEP_CLEAR},
	{.kinds = KIND(GLOBAL_CTRL), .value = VPMU_STEP_CLEAR},
	QEMU_WRITES,
};

static const struct vpmu_step no_stop[] = {QEMU_WRITES};

static const struct vpmu_step per_counter[] = {
	{.kinds = KIND(SELECTOR) | KIND(FIXED_CTRL), .value = VPMU_STEP_CLEAR},
	{.kinds = FIXED_VALUES},
	{.kinds = KIND(COUNTER)},
	{.kinds = KIND(GLOBAL_STATUS)},
	{.kinds = KIND(SELECTOR)},
	{.kinds = KIND(FIXED_CTRL)},
	RECORD_STATE,
	RECORD_SWITCHES,
	{.kinds = KIND(GLOBAL_CTRL)},
};

static const struct vpmu_step listed[] = {
	{.list = kvm_saved_msrs, .arrangement = VPMU_ARRANGE_LISTED},
};

static const struct vpmu_step ascending[] = {
	{.list = kvm_saved_msrs, .arrangement = VPMU_ARRANGE_ASCENDING},
};

/*
 * Stop, set, start, each with as few writes as possible; docs/state.md has the reasons. Counters
 * are stopped by the highest switch, so that no write hits a running counter. The switch is written
 * last, so that the kernel sees a change and computes every event's period anew.
 */
static const struct vpmu_step safe[] = {
	{.kinds = KIND(CAPABILITIES)},
	{.kinds = KIND(GLOBAL_CTRL), .value = VPMU_STEP_CLEAR},
	{.kinds = KIND(LBR_CTL) | KIND(PEBS_ENABLE), .value = VPMU_STEP_CLEAR},
	{.kinds = KIND(SELECTOR), .value = VPMU_STEP_CLEAR, .when = VPMU_WHEN_NO_GLOBAL},
	{.kinds = FIXED_VALUES},
	{.kinds = KIND(COUNTER)},
	{.kinds = KIND(SELECTOR)},
	{.kinds = KIND(FIXED_CTRL)},
	{.kinds = KIND(GLOBAL_STATUS)},
	RECORD_STATE,
	RECORD_SWITCHES,
	{.kinds = KIND(GLOBAL_CTRL)},
};

#define STEPS(table) .steps = (table), .step_count = ARRAY_SIZE(table)

static const struct vpmu_order orders[] = {
	{
		.name = "safe",
		.about = "stop what runs by its highest switch, set everything, start",
		.who = "",
		STEPS(safe),
	},
	{
		.name = "stop-first",
		.about = "clear fixed and global control, then no-stop",
		.who = "QEMU, Intel",
		STEPS(stop_first),
	},
	{
		.name = "no-stop",
		.about = "fixed counters, pairs of counter and selector, controls",
		.who = "QEMU, AMD",
		STEPS(no_stop),
	},
	{
		.name = "per-counter",
		.about = "clear every selector, write every counter, write the controls",
		.who = "",
		STEPS(per_counter),
	},
	{
		.name = "listed",
		.about = "as KVM_GET_MSR_INDEX_LIST has them",
		.who = "Cloud Hypervisor",
		STEPS(listed),
	},
	{
		.name = "ascending",
		.about = "by MSR number, a call each, equal values skipped",
		.who = "crosvm",
		STEPS(ascending),
		.skips_equal = true,
		.one_by_one = true,
	},
};

const struct vpmu_order *vpmu_order_at(size_t i)
{
	return i < ARRAY_SIZE(orders) ? &orders[i] : NULL;
}

/* As strcmp() == 0. */
static bool same_name(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

const struct vpmu_order *vpmu_order_find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(orders); i++)
		if (same_name(orders[i].name, name))
			return &orders[i];
	return NULL;
}

static const char *const level_names[] = {
	[VPMU_LEVEL_RUNTIME] = "runtime",
	[VPMU_LEVEL_RESET] = "reset",
	[VPMU_LEVEL_FULL] = "full",
};

const char *vpmu_level_name(enum vpmu_level level)
{
	return (unsigned)level < ARRAY_SIZE(level_names) ? level_names[level] : NULL;
}

enum vpmu_level vpmu_level_find(const char *name)
{
	for (unsigned i = 0; name && i < ARRAY_SIZE(level_names); i++)
		if (same_name(level_names[i], name))
			return (enum vpmu_level)i;
	return VPMU_LEVEL_NEVER;
}
