/* SPDX-License-Identifier: MIT */
/*
 * What only a simulation of a hypervisor needs: the register machine as KVM's virtual PMU, with the
 * host around it. Replays, explorations and tests use this; an emulator or a VMM needs none of it.
 *
 * Not stable: it follows the kernels that vpmu knows, may change in any version, and is not part of
 * <vpmu/vpmu.h>. Ownership, threads, bad input: as in <vpmu/pmu.h>.
 */
#ifndef VPMU_SIMULATE_H
#define VPMU_SIMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/pmu.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- The host under a Linux profile ---------------------------------------------------------- */

/*
 * The host under a Linux profile: a processor and its KVM. Plain data; a member is 0 if the
 * vendor's processors have no such thing. The vendor need not be the model's: KVM's PMU depends on
 * the loaded module, kvm_intel or kvm_amd, not on the guest's vendor string.
 */
struct vpmu_host {
	uint8_t gp_count, fixed_count; /* counters that KVM gives to guests */
	uint8_t width;                 /* of all counters, in bits */
	uint8_t tsx, pdcm, perfmon_v2; /* 1: the processor has it */
	uint8_t enable_pmu;            /* 1: KVM's parameter enable_pmu is on */
	uint8_t vendor;       /* enum vpmu_vendor; never Intel's P6, which cannot run KVM */
	uint8_t svm;          /* 1: guests have SVM, as kvm_amd's parameter nested says */
	uint8_t lbr_format;   /* of its last branches, as in IA32_PERF_CAPABILITIES; 0: none */
	uint8_t lbrv;         /* 1: guests have AMD's DebugCtl, as kvm_amd's parameter lbrv says */
	uint8_t pebs;         /* 1: KVM can give guests its PEBS, of format 4 */
	uint8_t reserved[20]; /* 0 */
};

/* The default host for a machine of this vendor; for Intel's P6 it is a later Intel.
 * VPMU_BAD_ARGUMENT: a NULL, or the value is not a vendor. */
VPMU_API enum vpmu_status vpmu_host_init(struct vpmu_host *host, enum vpmu_vendor vendor);

/*
 * The i-th property, of any vendor: how it is typed ("gp=N", "tsx=on|off"), its name in JSON, and
 * one line on it; NULL past the last. Static storage.
 */
VPMU_API const char *vpmu_host_key(size_t i);
VPMU_API const char *vpmu_host_name(size_t i);
VPMU_API const char *vpmu_host_about(size_t i);

/* The i-th property's value, into *value. False: past the last, this vendor's processors do not
 * have the property, or a NULL; *value is then unchanged. */
VPMU_API bool vpmu_host_get(const struct vpmu_host *host, size_t i, unsigned *value);

/* The word that stands for a value of the i-th property: "on", "amd". NULL: the property's values
 * are numbers, or it has no such value. Static storage. */
VPMU_API const char *vpmu_host_word(size_t i, unsigned value);

/*
 * Changes a host by "KEY=VALUE" or "KEY=VALUE,KEY=VALUE…". "vendor=" must come first, on a host
 * that has not been changed: it replaces the host by that vendor's default. why: where a failure is
 * described in one line without a final newline; may be NULL. VPMU_BAD_ARGUMENT: a key that this
 * vendor's processors do not have, an impossible value, "vendor=" after another key, or a NULL;
 * *host is then unchanged.
 */
VPMU_API enum vpmu_status vpmu_host_set(struct vpmu_host *host, const char *text, char *why,
                                        size_t why_bytes);

/*
 * vpmu_pmu_init() on a given host, which is copied. NULL also if host is NULL or impossible, and
 * for profile mediated on a host without PDCM or, on AMD, PerfMonV2, where KVM has no mediated
 * vPMU. Profile hardware ignores the host.
 */
VPMU_API struct vpmu_pmu *vpmu_pmu_init_on(void *memory, size_t size,
                                           const struct vpmu_model *model,
                                           const struct vpmu_profile *profile,
                                           const struct vpmu_host *host);

/*
 * vpmu_profile_adapt() on a given host. VPMU_BAD_ARGUMENT: a NULL. VPMU_INCOMPATIBLE: the model
 * fails vpmu_model_check(), the host is impossible, or the profile has no virtual PMU on it:
 * vpmu_pmu_init_on() makes no machine either. *model is unchanged on errors.
 */
VPMU_API enum vpmu_status vpmu_profile_adapt_on(const struct vpmu_profile *profile,
                                                const struct vpmu_host *host,
                                                struct vpmu_model *model);

/* vpmu_profile_registers() on a given host. Returns 0 also if host is NULL, or where
 * vpmu_profile_adapt_on() fails. */
VPMU_API size_t vpmu_profile_registers_on(const struct vpmu_profile *profile,
                                          const struct vpmu_host *host,
                                          const struct vpmu_model *model,
                                          struct vpmu_register *out);

/* The machine's host; NULL if pmu is NULL. The pointer is valid as long as the machine. */
VPMU_API const struct vpmu_host *vpmu_pmu_host(const struct vpmu_pmu *pmu);

/* --- A vCPU's life --------------------------------------------------------------------------- */

/*
 * A 64-bit hash of everything that decides how a machine behaves from now on: if two machines have
 * the same fingerprint, they behave alike whatever their past (except for one collision in 2^64).
 * It includes models, profile, host, filter and switches, but not the epoch and vpmu_pmu_events(),
 * which only tell of the past. Comparable within one process only.
 */
VPMU_API uint64_t vpmu_pmu_fingerprint(const struct vpmu_pmu *pmu);

/*
 * What counters with CMASK, INV or EDGE know of the last cycle. It is in no register, so no get
 * reads it, but later counts depend on it: code that saves a machine saves it beside the state, and
 * sets it after the put. of: one word per counter, GP counters first; 0: nothing is known. _HELD:
 * the last complete cycle met the condition, which EDGE needs. The other bits: how many events have
 * happened since, limited to _MOST (no CMASK distinguishes more).
 */
enum {
	VPMU_LAST_CYCLE_HELD = 1 << 15,
	VPMU_LAST_CYCLE_MOST = 256,
};
struct vpmu_last_cycles {
	uint16_t of[VPMU_MAX_GP + VPMU_MAX_FIXED];
};

/* Reads what a machine's counters know of the last cycle; all 0 if pmu is NULL. */
VPMU_API void vpmu_pmu_last_cycles(const struct vpmu_pmu *pmu, struct vpmu_last_cycles *out);

/* Sets what counters know of the last cycle, if they have CMASK, INV or EDGE now; values for others
 * are ignored. VPMU_BAD_ARGUMENT: a value above _MOST, or a NULL; nothing has changed. */
VPMU_API enum vpmu_status vpmu_pmu_set_last_cycles(struct vpmu_pmu *pmu,
                                                   const struct vpmu_last_cycles *last);

/* What a counter counts at present. */
struct vpmu_counting {
	enum vpmu_class class_;
	bool kernel, user; /* at CPL 0, above it */
};

/* Says what the counter with this MSR number counts. False: it is stopped, or the number is not a
 * counter's; *out is unchanged. */
VPMU_API bool vpmu_pmu_counting(const struct vpmu_pmu *pmu, uint32_t msr,
                                struct vpmu_counting *out);

/*
 * The hypervisor emulates one guest instruction (KVM's kvm_pmu_trigger_event). branch: the
 * instruction is a branch; cpl: the guest's privilege level. On profile hardware, where nothing is
 * emulated, the same as running the instruction.
 */
VPMU_API struct vpmu_outcome vpmu_pmu_emulate(struct vpmu_pmu *pmu, bool branch, unsigned cpl);

/* The vCPU's thread is scheduled out and in again. Does nothing on profile hardware. */
VPMU_API void vpmu_pmu_schedule(struct vpmu_pmu *pmu);

/* Counts of the machine's perf events and of operations on them since it was made; zeros if the
 * profile has no perf events. */
struct vpmu_event_counts {
	uint32_t live, created, released, enabled, paused;
};

/* The machine's counts of its perf events. */
VPMU_API struct vpmu_event_counts vpmu_pmu_events(const struct vpmu_pmu *pmu);

/* The next `count` creations of a perf event fail, as with EBUSY. VPMU_REFUSED: this profile has no
 * perf events; VPMU_BAD_ARGUMENT: a NULL. */
VPMU_API enum vpmu_status vpmu_pmu_fail_creations(struct vpmu_pmu *pmu, uint32_t count);

/* Perf events count while the guest runs only (exclude_host, the default), or always. */
VPMU_API void vpmu_pmu_set_exclude_host(struct vpmu_pmu *pmu, bool exclude);

/* Whether AMD's SVM is enabled (EFER.SVME) and, if so, whether the vCPU runs its own hypervisor or
 * a nested guest (between VMRUN and #VMEXIT). */
enum vpmu_svm { VPMU_SVM_OFF, VPMU_SVM_HOST, VPMU_SVM_GUEST };

/*
 * Sets SVM's mode, which decides whether selectors with HostOnly or GuestOnly count. A machine
 * begins with VPMU_SVM_OFF; a reset does not change the mode. Account what the guest has executed
 * before the call. VPMU_REFUSED: the guest's processor
 * has no SVM: it is not AMD's, or the host of a Linux profile is without `svm`; VPMU_BAD_ARGUMENT:
 * a NULL, or the value is not a mode.
 */
VPMU_API enum vpmu_status vpmu_pmu_set_svm(struct vpmu_pmu *pmu, enum vpmu_svm svm);

/* The host runs between an exit and the next entry. amounts: how much of each class happens. Perf
 * events count it only if exclude_host is off; what an overflow requests waits for the next entry
 * and is in its outcome. */
VPMU_API void vpmu_pmu_host_run(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts);

/* Takes the PMU from the guest, as KVM_PMU_CAP_DISABLE does. VPMU_REFUSED: after the first entry,
 * or on profile hardware; nothing has changed. VPMU_BAD_ARGUMENT: a NULL. */
VPMU_API enum vpmu_status vpmu_pmu_disable(struct vpmu_pmu *pmu);

/* KVM_SET_PMU_EVENT_FILTER's argument and its constants. */
enum {
	VPMU_FILTER_ALLOW = 0,  /* only what is listed counts */
	VPMU_FILTER_DENY = 1,   /* only what is not listed counts */
	VPMU_FILTER_MASKED = 1, /* flag: entries are masked events (Linux since 6.3) */
	VPMU_FILTER_EVENTS = 300
};
struct vpmu_filter {
	uint32_t action, fixed_bitmap, flags, count;
	uint64_t events[VPMU_FILTER_EVENTS]; /* event | umask << 8, or masked entries as KVM defines
	                                        them */
};

/*
 * Sets the event filter; NULL removes it. The filter is not copied: it belongs to the caller and
 * must stay unchanged while it is set. VPMU_BAD_ARGUMENT: pmu is NULL, or a filter to which KVM
 * answers EINVAL or E2BIG; VPMU_REFUSED: this profile has no filter. On errors nothing has changed.
 */
VPMU_API enum vpmu_status vpmu_pmu_set_filter(struct vpmu_pmu *pmu,
                                              const struct vpmu_filter *filter);

#ifdef __cplusplus
}
#endif

#endif
