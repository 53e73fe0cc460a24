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

const char *vpmu_class_name(enum vpmu_class class_)
{
	static const char *const name[VPMU_CLASSES] = {
		[VPMU_INSTRUCTIONS] = "instructions",   [VPMU_CYCLES] = "cycles",
		[VPMU_REF_CYCLES] = "ref-cycles",       [VPMU_BRANCHES] = "branches",
		[VPMU_BRANCH_MISSES] = "branch-misses", [VPMU_LLC_REFERENCES] = "llc-references",
		[VPMU_LLC_MISSES] = "llc-misses",       [VPMU_SLOTS] = "slots",
	};

	return (unsigned)class_ < VPMU_CLASSES ? name[class_] : NULL;
}
