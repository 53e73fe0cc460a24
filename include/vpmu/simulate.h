/* SPDX-License-Identifier: MIT */
/*
 * What only a simulation of a hypervisor needs: a register machine as what KVM makes of a vCPU's
 * PMU, with the host around it. Replays, explorations and tests are written with this; an emulator
 * or a VMM needs none of it.
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
 * What stands below a Linux profile: a processor, and its KVM. Plain data; 0 where the vendor's
 * processors have no such thing. The vendor need not be the model's: KVM's PMU follows its module,
 * kvm_intel or kvm_amd, not the guest's vendor string.
 */
struct vpmu_host {
	uint8_t gp_count, fixed_count; /* counters that KVM gives to guests */
	uint8_t width;                 /* bits of all counters */
	uint8_t tsx, pdcm, perfmon_v2; /* 1: it has that */
	uint8_t enable_pmu;            /* KVM's parameter */
	uint8_t vendor;                /* enum vpmu_vendor; never Intel's P6, which has no KVM */
	uint8_t svm;                   /* 1: guests have SVM, as kvm_amd's parameter nested says */
	uint8_t reserved[23];          /* 0 */
};

/* The host that a machine of this vendor's has when nobody says otherwise: an Intel under Intel's
 * P6. VPMU_BAD_ARGUMENT: a NULL, or no vendor. */
VPMU_API enum vpmu_status vpmu_host_init(struct vpmu_host *host, enum vpmu_vendor vendor);

/*
 * The i-th property, of whichever vendor: as it is typed ("gp=N", "tsx=on|off"), its name in JSON,
 * and one line on it; NULL past the last. Static storage.
 */
VPMU_API const char *vpmu_host_key(size_t i);
VPMU_API const char *vpmu_host_name(size_t i);
VPMU_API const char *vpmu_host_about(size_t i);

/* The i-th property's value, into *value. False: past the last, the host's vendor's processors have
 * no such thing, or a NULL; *value is then unchanged. */
VPMU_API bool vpmu_host_get(const struct vpmu_host *host, size_t i, unsigned *value);

/* The word that is typed for the i-th property's value: "on", "amd". NULL: it is a number, or none
 * of the property's. Static storage. */
VPMU_API const char *vpmu_host_word(size_t i, unsigned value);

/*
 * Changes a host by "KEY=VALUE" or "KEY=VALUE,KEY=VALUE…". "vendor=" comes first: it makes another
 * vendor's usual host of one that nothing else has changed. why: where a failure is described in
 * one line without a final newline; may be NULL. VPMU_BAD_ARGUMENT: a key that the host's vendor's
 * processors do not have, a value that there cannot be, "vendor=" after another key, or a NULL;
 * *host is then unchanged.
 */
VPMU_API enum vpmu_status vpmu_host_set(struct vpmu_host *host, const char *text, char *why,
                                        size_t why_bytes);

/*
 * vpmu_pmu_init() of a machine on this host, which is copied. NULL also for a host that there
 * cannot be, without one, and for profile mediated on one where KVM has no mediated vPMU: PDCM or
 * AMD's PerfMonV2 is missing. Profile hardware looks at none.
 */
VPMU_API struct vpmu_pmu *vpmu_pmu_init_on(void *memory, size_t size,
                                           const struct vpmu_model *model,
                                           const struct vpmu_profile *profile,
                                           const struct vpmu_host *host);

/* The machine's host; NULL without a machine. Lives as long as the machine. */
VPMU_API const struct vpmu_host *vpmu_pmu_host(const struct vpmu_pmu *pmu);

/* --- A vCPU's life --------------------------------------------------------------------------- */

/*
 * A number that two machines share when they will behave alike from now on, whatever has been made
 * of them: a hash of 64 bits, so that two that differ share one once in 2^64. Models, profile,
 * host, filter and switches are in it; the epoch and vpmu_pmu_events() tell of the past and are
 * not. Of this process only.
 */
VPMU_API uint64_t vpmu_pmu_fingerprint(const struct vpmu_pmu *pmu);

/*
 * What counters with CMASK, INV or EDGE know of the last cycle: in no register, so no get reads it,
 * but their counts go on from it. Whoever saves a machine saves it beside the state, and sets it
 * after the put. of: GP counters first; 0: nothing. _HELD: the cycle held the condition, which EDGE
 * looks at; the other bits: how many events have come since, up to _MOST, which no CMASK tells from
 * more.
 */
enum {
	VPMU_LAST_CYCLE_HELD = 1 << 15,
	VPMU_LAST_CYCLE_MOST = 256,
};
struct vpmu_last_cycles {
	uint16_t of[VPMU_MAX_GP + VPMU_MAX_FIXED];
};

/* Reads it; all 0 without a machine. */
VPMU_API void vpmu_pmu_last_cycles(const struct vpmu_pmu *pmu, struct vpmu_last_cycles *out);

/* Only counters that look at cycles now take it; the others know nothing. VPMU_BAD_ARGUMENT: more
 * than _MOST, or a NULL; nothing has changed. */
VPMU_API enum vpmu_status vpmu_pmu_set_last_cycles(struct vpmu_pmu *pmu,
                                                   const struct vpmu_last_cycles *last);

/* What a counter counts now. */
struct vpmu_counting {
	enum vpmu_class class_;
	bool kernel, user; /* at CPL 0, above it */
};

/* Asks for the counter of this number. False: it stands still, or it is no counter; *out is as it
 * was. */
VPMU_API bool vpmu_pmu_counting(const struct vpmu_pmu *pmu, uint32_t msr,
                                struct vpmu_counting *out);

/*
 * The hypervisor emulates one guest instruction (KVM's kvm_pmu_trigger_event). branch: it is one;
 * cpl: the guest's privilege level. On profile hardware, where nothing is emulated, the same as
 * running that instruction.
 */
VPMU_API struct vpmu_outcome vpmu_pmu_emulate(struct vpmu_pmu *pmu, bool branch, unsigned cpl);

/* The vCPU's thread is descheduled and scheduled in again. Nothing on profile hardware. */
VPMU_API void vpmu_pmu_schedule(struct vpmu_pmu *pmu);

/* What a machine with perf events has done since it was made; zeros on profile hardware. */
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

/* Whether AMD's SVM is enabled (EFER.SVME); then whether the vCPU is a hypervisor's host or in a
 * guest of its own, between VMRUN and #VMEXIT. */
enum vpmu_svm { VPMU_SVM_OFF, VPMU_SVM_HOST, VPMU_SVM_GUEST };

/*
 * HostOnly and GuestOnly of selectors follow SVM's mode. A machine begins with VPMU_SVM_OFF; a
 * reset leaves it. VPMU_REFUSED: the guest's processor has no SVM, which takes an AMD, and on a
 * profile of a kernel a host with `svm`; VPMU_BAD_ARGUMENT: a NULL, or no mode.
 */
VPMU_API enum vpmu_status vpmu_pmu_set_svm(struct vpmu_pmu *pmu, enum vpmu_svm svm);

/* So much of the host, between exits and entries. Counts only when exclude_host is off; what an
 * overflow requests then waits for the next entry, whose outcome tells of it. */
VPMU_API void vpmu_pmu_host_run(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts);

/* KVM_PMU_CAP_DISABLE. VPMU_REFUSED: after the first entry, or on profile hardware, and nothing has
 * changed; VPMU_BAD_ARGUMENT: a NULL. */
VPMU_API enum vpmu_status vpmu_pmu_disable(struct vpmu_pmu *pmu);

/* KVM_SET_PMU_EVENT_FILTER's argument. */
enum {
	VPMU_FILTER_ALLOW = 0,  /* only what is listed counts */
	VPMU_FILTER_DENY = 1,   /* only what is not listed counts */
	VPMU_FILTER_MASKED = 1, /* flag: entries are masked events (Linux since 6.3) */
	VPMU_FILTER_EVENTS = 300
};
struct vpmu_filter {
	uint32_t action, fixed_bitmap, flags, count;
	uint64_t events[VPMU_FILTER_EVENTS]; /* event | umask << 8, or masked entries */
};

/*
 * Sets the event filter; filter NULL removes it. It is the caller's and must live and stay as it is
 * while it is set. VPMU_BAD_ARGUMENT: no machine, or what KVM answers with EINVAL or E2BIG;
 * VPMU_REFUSED: this profile has no filter. Nothing has changed then.
 */
VPMU_API enum vpmu_status vpmu_pmu_set_filter(struct vpmu_pmu *pmu,
                                              const struct vpmu_filter *filter);

#ifdef __cplusplus
}
#endif

#endif
