/* SPDX-License-Identifier: MIT */
/* The texts of status values, class names and the version. */
#include <vpmu/vpmu.h>

const char *vpmu_version(void)
{
	return VPMU_VERSION;
}

uint32_t vpmu_version_number(void)
{
	return VPMU_VERSION_NUMBER;
}

const char *vpmu_status_text(enum vpmu_status status)
{
	static const char *const text[] = {
		[VPMU_OK] = "ok",
		[VPMU_GP] = "general-protection fault",
		[VPMU_NO_REGISTER] = "no such register",
		[VPMU_BAD_ARGUMENT] = "bad argument",
		[VPMU_BAD_DATA] = "damaged data",
		[VPMU_INCOMPATIBLE] = "incompatible",
		[VPMU_REFUSED] = "refused by the target",
		[VPMU_HOST] = "host error",
		[VPMU_INTERNAL] = "internal error",
	};

	if ((unsigned)status >= sizeof(text) / sizeof(text[0]))
		return "unknown status";
	return text[status];
}

static const struct {
	const char *name;
	bool is_exact;
} classes[VPMU_CLASSES] = {
	[VPMU_INSTRUCTIONS] = {"instructions", true},
	[VPMU_CYCLES] = {"cycles", false},
	[VPMU_REF_CYCLES] = {"ref-cycles", false},
	[VPMU_BRANCHES] = {"branches", true},
	[VPMU_BRANCH_MISSES] = {"branch-misses", false},
	[VPMU_LLC_REFERENCES] = {"llc-references", false},
	[VPMU_LLC_MISSES] = {"llc-misses", false},
	[VPMU_SLOTS] = {"slots", false},
	[VPMU_CONDITIONAL_BRANCHES] = {"conditional-branches", true},
	[VPMU_NEAR_CALLS] = {"near-calls", true},
	[VPMU_NEAR_RETURNS] = {"near-returns", true},
	[VPMU_FAR_BRANCHES] = {"far-branches", true},
	[VPMU_LOADS] = {"loads", true},
	[VPMU_STORES] = {"stores", true},
	[VPMU_MEMORY] = {"loads-or-stores", true},
	[VPMU_LOAD_STORES] = {"loads-and-stores", true},
	[VPMU_TOPDOWN_RETIRING] = {"topdown-retiring", false},
	[VPMU_TOPDOWN_BACKEND] = {"topdown-backend", false},
	[VPMU_TAKEN_BRANCHES] = {"taken-branches", true},
	[VPMU_CONDITIONAL_TAKEN] = {"conditional-taken", true},
	[VPMU_CONDITIONAL_NOT_TAKEN] = {"conditional-not-taken", true},
	[VPMU_LLC_LOADS] = {"llc-loads", false},
	[VPMU_LLC_STORES] = {"llc-stores", false},
	[VPMU_LLC_LOAD_MISSES] = {"llc-load-misses", false},
	[VPMU_LLC_STORE_MISSES] = {"llc-store-misses", false},
	[VPMU_PREFETCHES] = {"prefetches", false},
	[VPMU_DTLB_LOAD_MISSES] = {"dtlb-load-misses", false},
	[VPMU_DTLB_STORE_MISSES] = {"dtlb-store-misses", false},
	[VPMU_DTLB_MISSES] = {"dtlb-misses", false},
	[VPMU_ITLB_MISSES] = {"itlb-misses", false},
	[VPMU_L1I_FETCHES] = {"l1i-fetches", false},
	[VPMU_L1I_MISSES] = {"l1i-misses", false},
	[VPMU_STALLS_FRONTEND] = {"stalls-frontend", false},
	[VPMU_STALLS_BACKEND] = {"stalls-backend", false},
	[VPMU_TOPDOWN_SPECULATION] = {"topdown-speculation", false},
	[VPMU_TOPDOWN_FRONTEND] = {"topdown-frontend", false},
	[VPMU_CONDITIONAL_MISSES] = {"conditional-misses", false},
	[VPMU_CONDITIONAL_TAKEN_MISSES] = {"conditional-taken-misses", false},
	[VPMU_CONDITIONAL_NOT_TAKEN_MISSES] = {"conditional-not-taken-misses", false},
	[VPMU_TAKEN_MISSES] = {"taken-misses", false},
	[VPMU_CALL_MISSES] = {"call-misses", false},
	[VPMU_RETURN_MISSES] = {"return-misses", false},
	[VPMU_INDIRECT_MISSES] = {"indirect-misses", false},
};
_Static_assert(VPMU_CLASSES <= (int)VPMU_MAX_CLASSES, "a bit each in vpmu_pmu_wanted()");

const char *vpmu_class_name(enum vpmu_class class_)
{
	return (unsigned)class_ < VPMU_CLASSES ? classes[class_].name : NULL;
}

bool vpmu_class_is_exact(enum vpmu_class class_)
{
	return (unsigned)class_ < VPMU_CLASSES && classes[class_].is_exact;
}
