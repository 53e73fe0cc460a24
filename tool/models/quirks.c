/* SPDX-License-Identifier: MIT */
/*
 * The known behaviours of each profile that a reader of the vendors' manuals would not expect, or
 * that differ from one profile to another. Each row is proved by tests/quirks/ID.replay, which
 * holds on the profiles of the row and on no other. A new profile follows from its kernel's number.
 */
#include "quirks.h"

#include <vpmu/vpmu.h>

/* `since` and `before` say which kernels have a quirk. They are only as precise as the profiles:
 * since 6.2 means that 6.12 has it and 6.1 does not. */
enum { HARDWARE = QUIRK_HARDWARE, LINUX = QUIRK_EVENTS, MEDIATED = QUIRK_MEDIATED };
enum { KVM = LINUX | MEDIATED, ALL = HARDWARE | KVM };

#define SINCE(major, minor)  (major) << 8 | (minor), UINT16_MAX
#define BEFORE(major, minor) 0, (major) << 8 | (minor)
#define ALWAYS               0, UINT16_MAX

/* clang-format off */
static const struct quirk quirks[] = {
	{"write-reprograms-at-once", LINUX, BEFORE(6, 2),
	 "A write that enables a counter creates its perf event inside the WRMSR",
	 "reprogram_counter"},
	{"write-reprograms-at-entry", LINUX, SINCE(6, 2),
	 "A write only marks the counter and raises KVM_REQ_PMU: the next entry creates the perf "
	 "event",
	 "kvm_pmu_request_counter_reprogram, kvm_pmu_handle_event"},
	{"same-value-makes-no-call", LINUX, ALWAYS,
	 "A write of the value that a register has makes no perf call",
	 "intel_pmu_set_msr, kvm_pmu_set_msr"},
	{"disabled-counter-keeps-its-event", LINUX, ALWAYS,
	 "A disabled counter keeps its perf event, paused, until the second time slice in which "
	 "nobody touches the counter",
	 "kvm_pmu_cleanup"},
	{"event-is-used-again", LINUX, ALWAYS,
	 "A counter that is switched off and on with the same configuration goes on with its "
	 "perf event",
	 "pmc_resume_counter"},
	{"stop-between-entries-is-not-seen", LINUX, SINCE(6, 2),
	 "A counter that the VMM stops and starts between two entries is paused by the entry, "
	 "not before",
	 "kvm_pmu_request_counter_reprogram"},
	{"failed-creation-is-final", LINUX, BEFORE(6, 2),
	 "When perf has no event to give, nobody tries again until the counter is reprogrammed",
	 "reprogram_counter"},
	{"failed-creation-is-tried-again", LINUX, SINCE(6, 2),
	 "When perf has no event to give, the next KVM_REQ_PMU tries again, whatever raised it; "
	 "the failure raises none",
	 "kvm_pmu_handle_event"},
	{"no-perf-events", HARDWARE | MEDIATED, ALWAYS,
	 "There are no perf events: the guest has the counters of the hardware while it runs",
	 "kvm_mediated_pmu_load"},
	{"one-event-left-takes-two", LINUX, ALWAYS,
	 "A counter with one event left overflows after two: perf's shortest period",
	 "get_sample_period, x86_perf_event_set_period"},
	{"owed-overflow-is-not-saved", LINUX, ALWAYS,
	 "Between these two events the counter reads 0, and the overflow that perf owes is in no "
	 "register: a put loses it in any order",
	 "x86_perf_event_set_period, pmc_read_counter"},
	{"period-comes-from-the-base", LINUX, ALWAYS,
	 "A counter written while it counts overflows late: perf's new period leaves out what "
	 "the event has counted",
	 "pmc_write_counter, pmc_update_sample_period"},
	{"host-write-stores", HARDWARE | MEDIATED, ALWAYS,
	 "A host write of a counter that counts just stores the value: the counter overflows "
	 "when that wraps",
	 "pmc_write_counter"},
	{"overflows-of-one-moment-make-one-pmi", ALL, ALWAYS,
	 "Counters that overflow at the same moment make one PMI",
	 "kvm_perf_overflow, kvm_pmu_deliver_pmi"},
	{"masked-pmi-is-lost", ALL, ALWAYS,
	 "A PMI that finds LVTPC masked is dropped, not held",
	 "kvm_apic_local_deliver"},
	{"delivery-masks-lvtpc", ALL, ALWAYS,
	 "Intel: the delivery of a PMI masks LVTPC until the guest unmasks it",
	 "kvm_apic_local_deliver"},
	{"amd-delivery-leaves-lvtpc", ALL, ALWAYS,
	 "AMD: the delivery of a PMI leaves LVTPC unmasked",
	 "kvm_apic_local_deliver"},
	{"missing-event-does-not-count", LINUX, BEFORE(6, 2),
	 "Intel: an architectural event that CPUID.0AH says is missing does not count, on a "
	 "fixed counter neither",
	 "intel_hw_event_available"},
	{"missing-event-counts", LINUX | MEDIATED, SINCE(6, 2),
	 "Intel: an architectural event counts even if CPUID.0AH says that it is missing",
	 "intel_pmu_refresh"},
	{"emulated-overflow-shows-at-once", HARDWARE | LINUX | MEDIATED, BEFORE(6, 2),
	 "An emulated instruction that makes a counter overflow sets the status bit at once",
	 "kvm_pmu_incr_counter"},
	{"emulated-overflow-waits-for-the-entry", LINUX, SINCE(6, 2),
	 "An emulated instruction shows in the counter at once, its overflow only after the next "
	 "entry",
	 "kvm_pmu_incr_counter, pmc_pause_counter"},
	{"rewritten-counter-loses-emulated-overflow", LINUX, SINCE(6, 2),
	 "A VMM that reads a counter and writes it back before the entry loses the overflow of "
	 "an emulated instruction",
	 "pmc_write_counter"},
	{"emulated-instruction-ignores-cmask", KVM, ALWAYS,
	 "An emulated instruction is matched by event and unit mask alone: EDGE, INV and CMASK "
	 "do not matter",
	 "kvm_pmu_trigger_event"},
	{"emulated-branch-counts-thrice", ALL, ALWAYS,
	 "An emulated branch is counted as an instruction, as a branch, and by fixed counter 0",
	 "kvm_pmu_trigger_event"},
	{"emulated-instruction-needs-no-event", LINUX, ALWAYS,
	 "Emulated instructions count also while perf has no event to give",
	 "kvm_pmu_trigger_event"},
	{"run-ignores-cmask", LINUX, ALWAYS,
	 "A perf event in a run of totals counts events: EDGE, INV and CMASK cannot be seen "
	 "there",
	 "pmc_reprogram_counter"},
	{"version-2-at-most", KVM, ALWAYS,
	 "Intel: a PMU has version 2 at most: no GLOBAL_STATUS_SET, no GLOBAL_INUSE, no "
	 "AnyThread",
	 "kvm_init_pmu_capability, intel_pmu_refresh"},
	{"three-fixed-counters", KVM, ALWAYS,
	 "Intel: there are three fixed counters at most",
	 "kvm_init_pmu_capability"},
	{"reserved-bits-fail-for-the-host-too", ALL, ALWAYS,
	 "Intel: a reserved bit of a selector fails for the VMM as it does for the guest",
	 "intel_pmu_set_msr"},
	{"pin-control-is-ignored", ALL, ALWAYS,
	 "Intel: bit 19 of a selector, pin control, is kept and does nothing",
	 "reprogram_counter"},
	{"same-value-before-reserved-bits", LINUX, BEFORE(6, 2),
	 "Intel: a register that still has bits of lost counters takes its own value again, and "
	 "no other with them",
	 "intel_pmu_set_msr"},
	{"status-is-not-for-the-guest", ALL, ALWAYS,
	 "Intel: any write of GLOBAL_STATUS by the guest is #GP, even of 0",
	 "intel_pmu_set_msr, kvm_pmu_set_msr"},
	{"host-status-takes-anything", LINUX, BEFORE(6, 2),
	 "Intel: the VMM can write any value to GLOBAL_STATUS",
	 "intel_pmu_set_msr"},
	{"host-status-has-reserved-bits", HARDWARE | LINUX | MEDIATED, SINCE(6, 2),
	 "Intel: the VMM can write to GLOBAL_STATUS what OVF_CTRL could clear, and nothing else",
	 "kvm_pmu_set_msr"},
	{"host-ovf-ctrl-does-nothing", ALL, ALWAYS,
	 "Intel: a host write of OVF_CTRL clears nothing",
	 "intel_pmu_set_msr, kvm_pmu_set_msr"},
	{"global-ctrl-starts-at-0", LINUX, BEFORE(6, 2),
	 "Intel: GLOBAL_CTRL is 0 until it is written",
	 "intel_pmu_refresh"},
	{"global-ctrl-starts-with-every-counter", HARDWARE | LINUX | MEDIATED, SINCE(6, 2),
	 "Intel: GLOBAL_CTRL has all general-purpose counters on before it is written, as after "
	 "RESET",
	 "kvm_pmu_refresh"},
	{"reset-clears-global-ctrl", KVM, ALWAYS,
	 "Intel: a reset of the vCPU clears GLOBAL_CTRL, unlike RESET of a processor",
	 "kvm_pmu_reset"},
	{"fixed-counter-drops-excess-bits", LINUX, ALWAYS,
	 "Intel: what is beyond the width of a fixed counter is cut off, without #GP",
	 "intel_pmu_set_msr"},
	{"fixed-counter-refuses-excess-bits", HARDWARE | MEDIATED, ALWAYS,
	 "Intel: a bit beyond the width of a fixed counter is #GP (assumed of the processor that "
	 "a mediated guest's write reaches)",
	 "vmx_recalc_pmu_msr_intercepts"},
	{"counters-have-the-hosts-width", MEDIATED, ALWAYS,
	 "Intel: a guest's counters have the bits of the host's, whatever CPUID says, and "
	 "overflow there; the VMM reads those that CPUID says, so that a get and a put lose the "
	 "others",
	 "vmx_recalc_pmu_msr_intercepts, pmc_read_counter"},
	{"emulation-cuts-to-the-guests-width", MEDIATED, ALWAYS,
	 "Intel: an emulated instruction cuts a counter to the width of CPUID",
	 "kvm_pmu_incr_counter"},
	{"global-registers-pass", MEDIATED, ALWAYS,
	 "Intel: a guest with exactly the host's counters reaches the global registers: it clears "
	 "status bits that KVM refuses (assumed of the processor)",
	 "kvm_need_perf_global_ctrl_intercept"},
	{"amd-status-that-no-put-takes", MEDIATED, ALWAYS,
	 "AMD: a guest with exactly the host's counters sets the status bit that freezes them "
	 "(assumed of the processor); the VMM reads it, and KVM refuses to take it back",
	 "kvm_need_perf_global_ctrl_intercept, kvm_pmu_set_msr"},
	{"full-width-write-fails-for-the-host-too", KVM, ALWAYS,
	 "Intel: a full-width write beyond the counter's width fails for the VMM, too; one to "
	 "the counter's own number is cut",
	 "intel_pmu_set_msr"},
	{"host-writes-0-to-what-is-listed", KVM, ALWAYS,
	 "The VMM can write 0 to a register that KVM_GET_MSR_INDEX_LIST has and the guest has "
	 "not",
	 "kvm_is_msr_to_save, kvm_is_advertised_msr"},
	{"v1-host-clears-ovf-ctrl", LINUX, BEFORE(6, 2),
	 "Intel version 1: the VMM can write 0 to OVF_CTRL, which the guest lacks",
	 "msrs_to_save_all"},
	{"v1-ovf-ctrl-is-refused", LINUX | MEDIATED, SINCE(6, 2),
	 "Intel version 1: the VMM can write 0 to GLOBAL_CTRL and GLOBAL_STATUS, but not to "
	 "OVF_CTRL",
	 "msrs_to_save_pmu"},
	{"legacy-registers-without-a-pmu", KVM, ALWAYS,
	 "Without a PMU, writes to the first two counters and selectors are dropped, and they "
	 "read 0",
	 "kvm_set_msr_common, kvm_get_msr_common"},
	{"k7-registers-on-intel", KVM, ALWAYS,
	 "Intel: writes to AMD's K7 registers are dropped, and they read 0",
	 "kvm_set_msr_common, kvm_get_msr_common"},
	{"misc-enable-has-no-pebs-no-bts", KVM, ALWAYS,
	 "IA32_MISC_ENABLE says that there is no PEBS and no BTS; the guest cannot change that, "
	 "and a write of bit 7 is dropped",
	 "kvm_set_msr_common"},
	{"perf-capabilities-without-pdcm", LINUX, BEFORE(7, 3),
	 "Without PDCM the VMM still has IA32_PERF_CAPABILITIES; it starts with all that KVM "
	 "supports",
	 "kvm_arch_vcpu_create, kvm_get_msr_common"},
	{"perf-capabilities-need-pdcm", LINUX | MEDIATED, SINCE(7, 3),
	 "Without PDCM IA32_PERF_CAPABILITIES reads 0 for the VMM, which can write 0 and nothing "
	 "else",
	 "kvm_set_msr_common, kvm_get_msr_common, kvm_do_msr_access"},
	{"perf-capabilities-without-a-pmu", LINUX | MEDIATED, SINCE(7, 3),
	 "Intel: with PDCM the VMM can set IA32_PERF_CAPABILITIES of a guest without a PMU, and "
	 "the guest reads it",
	 "vmx_set_msr, kvm_set_msr_common"},
	{"perf-capabilities-change-late", LINUX, BEFORE(6, 2),
	 "IA32_PERF_CAPABILITIES can change after the first KVM_RUN",
	 "kvm_set_msr_common"},
	{"perf-capabilities-are-final", LINUX | MEDIATED, SINCE(6, 2),
	 "IA32_PERF_CAPABILITIES can change before the first KVM_RUN, not after it",
	 "kvm_do_msr_access"},
	{"cpuid-keeps-values", LINUX, BEFORE(6, 2),
	 "Another CPUID keeps the registers' values and the perf events",
	 "intel_pmu_refresh"},
	{"cpuid-resets-the-pmu", LINUX | MEDIATED, SINCE(6, 2),
	 "Another CPUID resets the PMU, and GLOBAL_CTRL to all general-purpose counters",
	 "kvm_pmu_refresh"},
	{"lost-counter-keeps-its-event", LINUX, BEFORE(6, 2),
	 "A counter that another CPUID takes away keeps its perf event, which overflows again "
	 "and again",
	 "intel_pmu_refresh"},
	{"debugctl-drops-lbr-and-btf", KVM, ALWAYS,
	 "Intel: a guest without last branches may set DEBUGCTL's LBR and BTF, which are dropped; "
	 "other bits raise #GP",
	 "vmx_is_valid_debugctl, vmx_set_msr"},
	{"amd-debugctl-keeps-btf", LINUX, BEFORE(6, 12),
	 "AMD: DebugCtl, which guests have whatever their PMU is, keeps LBR and BTF",
	 "svm_set_msr"},
	{"amd-debugctl-drops-btf", KVM, SINCE(6, 12),
	 "AMD: DebugCtl, which guests have whatever their PMU is, keeps LBR alone; BTF is dropped",
	 "svm_set_msr"},
	{"amd-debugctl-drops-pins", LINUX, BEFORE(7, 3),
	 "AMD: DebugCtl's bits 5:2, external pins or traps of bus locks, are dropped; later they "
	 "raise #GP",
	 "svm_set_msr"},
	{"lbr-needs-the-hosts-format", LINUX, ALWAYS,
	 "Last branches: the guest's format is the host's, or the guest has none",
	 "vmx_set_msr, vmx_get_perf_capabilities"},
	{"lbr-without-call-stack", LINUX, BEFORE(6, 2),
	 "Last branches without a call-stack mode (format 3) are given to guests, too",
	 "vmx_get_perf_capabilities"},
	{"lbr-is-lost-when-scheduled", LINUX, ALWAYS,
	 "When the vCPU's thread is scheduled while DEBUGCTL.LBR is off, as after a freeze, what "
	 "the stack of last branches holds is lost",
	 "intel_pmu_cleanup, intel_pmu_lbr_add"},
	{"lbr-freezes-without-a-pmi", LINUX, ALWAYS,
	 "An overflow's PMI freezes last branches also if LVTPC masks it",
	 "kvm_pmu_deliver_pmi, intel_pmu_deliver_pmi"},
	{"lbr-refused-value-is-not-told", LINUX, BEFORE(7, 3),
	 "A value that the processor refuses is dropped by KVM's write of a register of last "
	 "branches, the first one after the stack was given",
	 "intel_pmu_handle_lbr_msrs_access"},
	{"lbr-refused-value-faults", HARDWARE | LINUX, SINCE(7, 3),
	 "A value that the processor refuses raises #GP in a write of a register of last "
	 "branches, also in the first one after the stack was given",
	 "intel_pmu_handle_lbr_msrs_access"},
	{"pebs-is-not-adaptive", LINUX, ALWAYS,
	 "PEBS on a host that gives it to guests has format 4 and is not adaptive: no "
	 "MSR_PEBS_DATA_CFG, no fixed counters",
	 "vmx_get_perf_capabilities"},
	{"pebs-needs-the-hosts-bits", LINUX, ALWAYS,
	 "PEBS: with a format, IA32_PERF_CAPABILITIES takes all of the host's bits about PEBS or "
	 "the VMM's write fails",
	 "vmx_set_msr"},
	{"pebs-overflow-is-a-full-buffer", LINUX, ALWAYS,
	 "PEBS: an overflow sets bit 62 of GLOBAL_STATUS alone and makes a PMI without INT, the "
	 "next one none until the bit is cleared",
	 "__kvm_perf_overflow, pmc_reprogram_counter"},
	{"pebs-of-emulated-instructions-is-lost", LINUX, ALWAYS,
	 "PEBS: an overflow by an emulated instruction sets no status bit and makes no PMI",
	 "__kvm_perf_overflow"},
	{"pebs-survives-a-reset", LINUX, ALWAYS,
	 "PEBS: IA32_PEBS_ENABLE and IA32_DS_AREA keep their values in a reset and in another "
	 "CPUID",
	 "kvm_pmu_reset, intel_pmu_reset"},
	{"pebs-enable-without-a-pmu", LINUX, ALWAYS,
	 "PEBS: a guest without a PMU has IA32_PEBS_ENABLE, which takes 0 alone, as long as "
	 "IA32_PERF_CAPABILITIES has a format",
	 "intel_is_valid_msr"},
	{"v1-enables-pebs", LINUX, BEFORE(7, 3),
	 "Intel version 1: counters can be enabled for PEBS",
	 "intel_pmu_refresh"},
	{"v1-cannot-enable-pebs", LINUX, SINCE(7, 3),
	 "Intel version 1: IA32_PERF_CAPABILITIES has PEBS, and IA32_PEBS_ENABLE takes 0 alone",
	 "intel_pmu_refresh"},
	{"ds-area-has-the-guests-width", LINUX, BEFORE(6, 12),
	 "IA32_DS_AREA takes addresses of 57 bits only while the guest has five levels of page "
	 "tables",
	 "is_noncanonical_address"},
	{"ds-area-has-the-processors-width", HARDWARE | LINUX, SINCE(6, 12),
	 "IA32_DS_AREA takes addresses of 57 bits on a host with five levels of page tables, as "
	 "every host with PEBS for guests is",
	 "is_noncanonical_msr_address"},
	{"rdpmc-fast-mode", LINUX, BEFORE(6, 2),
	 "RDPMC with bit 31 set gives the low 32 bits",
	 "kvm_pmu_rdpmc"},
	{"rdpmc-has-types", HARDWARE | LINUX | MEDIATED, SINCE(6, 2),
	 "Intel: RDPMC takes 0 and 0x4000 in ECX[31:16], and nothing else",
	 "intel_rdpmc_ecx_to_pmc"},
	{"rdpmc-of-vmware", KVM, ALWAYS,
	 "RDPMC 0x10000 to 0x10002 are VMware's clocks: they work at any privilege level, "
	 "whatever CR4.PCE says",
	 "is_vmware_backdoor_pmc, kvm_pmu_rdpmc_vmware"},
	{"rdpmc-of-vmware-needs-an-exit", HARDWARE | MEDIATED, ALWAYS,
	 "With exactly the host's counters and widths RDPMC does not exit, and VMware's clocks "
	 "are #GP",
	 "kvm_need_rdpmc_intercept"},
	{"amd-selector-drops-reserved-bits", KVM, ALWAYS,
	 "AMD: reserved bits of a selector are dropped without #GP, and of a guest without SVM "
	 "HostOnly and GuestOnly",
	 "amd_pmu_set_msr"},
	{"svm-guest-has-mode-bits", HARDWARE | MEDIATED, SINCE(7, 3),
	 "AMD: a guest with SVM keeps HostOnly and GuestOnly, and its counters follow them, "
	 "VMRUN and #VMEXIT",
	 "amd_pmu_refresh, amd_pmc_is_disabled_in_current_mode"},
	{"amd-no-perfmon-v2", LINUX, BEFORE(6, 2),
	 "AMD: there is no PerfMonV2; its bit and its number of counters in CPUID are ignored",
	 "amd_pmu_refresh"},
	{"amd-perfmon-v2-has-as-many-as-cpuid-says", HARDWARE | LINUX | MEDIATED, SINCE(6, 2),
	 "AMD: with PerfMonV2, CPUID 0x80000022 says how many counters there are, up to the "
	 "host's",
	 "amd_pmu_refresh"},
	{"amd-status-set-makes-no-pmi", HARDWARE | LINUX | MEDIATED, SINCE(6, 2),
	 "AMD: GLOBAL_STATUS_SET sets status bits and makes no PMI",
	 "kvm_pmu_set_msr"},
	{"amd-host-status-set-does-nothing", LINUX | MEDIATED, SINCE(6, 2),
	 "AMD: host writes of GLOBAL_STATUS_SET and GLOBAL_STATUS_CLR do nothing, whatever the "
	 "value",
	 "kvm_pmu_set_msr"},
	{"amd-guest-status-write-is-dropped", HARDWARE | LINUX | MEDIATED, SINCE(6, 2),
	 "AMD: a write of GLOBAL_STATUS by the guest is dropped",
	 "kvm_pmu_set_msr"},
	{"amd-rdpmc-ignores-bit-30", LINUX, BEFORE(6, 2),
	 "AMD: RDPMC ignores bit 30",
	 "amd_rdpmc_ecx_to_pmc"},
	{"amd-pmu-cannot-be-hidden", KVM, ALWAYS,
	 "AMD: no CPUID bit says that there is no PMU; without PERFCORE a guest has the four "
	 "counters of K7",
	 "amd_pmu_refresh"},
	{"pmu-of-the-module", KVM, ALWAYS,
	 "The PMU is that of the host's module, whatever vendor string the guest has: under "
	 "kvm_amd an Intel guest has the four counters of K7",
	 "kvm_pmu_ops_update"},
	{"no-pmu-of-another-vendor", KVM, ALWAYS,
	 "Under kvm_intel an AMD guest has no PMU: CPUID.0AH says nothing",
	 "intel_pmu_refresh"},
	{"amd-perfcore-has-six", LINUX, BEFORE(6, 2),
	 "AMD: PERFCORE has six counters, also on a host with four",
	 "amd_pmu_refresh"},
	{"amd-perfcore-has-the-hosts", LINUX | MEDIATED, SINCE(6, 2),
	 "AMD: PERFCORE has no more counters than the host",
	 "amd_pmu_refresh"},
	{"amd-disabled-pmu-takes-0", LINUX, BEFORE(6, 2),
	 "AMD: with KVM_PMU_CAP_DISABLE the VMM can write 0 to PERFCORE's registers, and RDPMC "
	 "finds counters",
	 "amd_pmu_refresh"},
	{"amd-disabled-pmu-is-gone", LINUX | MEDIATED, SINCE(6, 2),
	 "AMD: with KVM_PMU_CAP_DISABLE the VMM cannot even write 0 to PERFCORE's registers",
	 "amd_is_valid_msr"},
	{"amd-host-clears-perfmon-v2", LINUX | MEDIATED, SINCE(6, 2),
	 "AMD: the VMM can write 0 to PerfMonV2's registers of a guest without them",
	 "kvm_is_advertised_msr"},
	{"filter-waits-for-a-reprogramming", LINUX, BEFORE(6, 2),
	 "A new event filter is heeded when a counter is next reprogrammed, for whatever reason",
	 "kvm_vm_ioctl_set_pmu_event_filter"},
	{"filter-works-from-the-next-entry", LINUX | MEDIATED, SINCE(6, 2),
	 "A new event filter makes the next entry reprogram every counter",
	 "kvm_vm_ioctl_set_pmu_event_filter"},
	{"filter-has-fixed-counters-apart", KVM, ALWAYS,
	 "Only the filter's bitmap decides about fixed counters: an allow list with bitmap 0 "
	 "blocks them all",
	 "check_pmu_event_filter"},
	{"filter-stops-emulated-instructions", KVM, ALWAYS,
	 "Emulated instructions do not count for an event that the filter denies",
	 "check_pmu_event_filter"},
	{"filter-is-not-seen-by-the-guest", KVM, ALWAYS,
	 "The guest reads the selector that it wrote, also while the filter keeps it from "
	 "counting",
	 "check_pmu_event_filter, kvm_mediated_pmu_refresh_event_filter"},
};
/* clang-format on */

const struct quirk *quirk_at(size_t i)
{
	return i < sizeof(quirks) / sizeof(quirks[0]) ? &quirks[i] : NULL;
}

static unsigned kind_of(const struct vpmu_profile *profile)
{
	uint32_t facts = vpmu_profile_facts(profile);

	if (!(facts & VPMU_FACT_KVM))
		return QUIRK_HARDWARE;
	return facts & VPMU_FACT_MEDIATED ? QUIRK_MEDIATED : QUIRK_EVENTS;
}

bool quirk_is_of(const struct quirk *quirk, const struct vpmu_profile *profile)
{
	unsigned kind = kind_of(profile), kernel = vpmu_profile_kernel(profile);

	if (!(quirk->kinds & kind))
		return false;
	return kind != QUIRK_EVENTS || (kernel >= quirk->since && kernel < quirk->before);
}
