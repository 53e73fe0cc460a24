/* SPDX-License-Identifier: MIT */
/* What things are called in vpmu watch's lines, for people and in JSON. */
#include "watch.h"

const char *watch_level_name(enum watch_level level)
{
	static const char *const names[] = {
		[WATCH_CONFIGURATION] = "configuration",
		[WATCH_RUNTIME] = "runtime",
		[WATCH_RESET] = "reset",
		[WATCH_FULL] = "full",
	};

	return names[level];
}

const char *watch_lack_text(enum watch_lack lack)
{
	static const char *const texts[] = {
		[WATCH_LACK_EXITS] =
			"this KVM has no MSR filter with exits to user space: the guest's "
			"RDMSR and WRMSR do not reach the emulated PMU",
		[WATCH_LACK_FILTER] =
			"the VMM's own MSR filter leaves no room: the guest's RDMSR and "
			"WRMSR do not reach the emulated PMU any more",
		[WATCH_LACK_MODEL] =
			"the VMM's CPUID makes no PMU that vpmu has a model of: that vCPU has none",
		[WATCH_LACK_STEPS] =
			"this KVM does not single-step a guest: its counters do not count",
		[WATCH_LACK_DEBUGGED] =
			"the VMM debugs the guest itself: meanwhile its counters do not count",
		[WATCH_LACK_APIC] = "this VM has no APIC in KVM: a PMI has not been delivered",
	};

	return texts[lack];
}

static const struct finding {
	const char *name, *text;
} findings[] = {
	[WATCH_LEFT_ALONE] = {"left_alone", "left alone by a reset"},
	[WATCH_NEVER_SAVED] = {"never_saved", "neither read nor written, so not saved"},
	[WATCH_WRITTEN_ONLY] = {"written_never_read", "written but never read"},
	[WATCH_READ_ONLY] = {"read_never_written", "read but never written"},
	[WATCH_CHANGED] = {"changed", "put with another value than was got"},
	[WATCH_REFUSED] = {"refused", "refused by KVM"},
	[WATCH_UNOWNED] = {"unowned", "put to a vCPU that has no PMU"},
	[WATCH_HIDDEN] = {"hidden", "of the emulated model, but not in the VMM's CPUID"},
};

const char *watch_shown_text(enum watch_shown shown)
{
	static const char *const texts[] = {
		[WATCH_SHOWN_VERSION] = "a PMU version",
		[WATCH_SHOWN_PDCM] = "PDCM",
		[WATCH_SHOWN_PERFCORE] = "PERFCORE",
		[WATCH_SHOWN_PERFMON_V2] = "PerfMonV2",
	};

	return texts[shown];
}

const char *watch_finding_text(enum watch_finding finding)
{
	return findings[finding].text;
}

const char *watch_finding_name(enum watch_finding finding)
{
	return findings[finding].name;
}
