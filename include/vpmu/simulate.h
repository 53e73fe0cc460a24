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
#include <stdint.h>

#include <vpmu/pmu.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A number that two machines share when they will behave alike from now on, whatever has been made
 * of them: a hash of 64 bits, so that two that differ share one once in 2^64. Models, profile,
 * filter and switches are in it; the epoch and vpmu_pmu_events() tell of the past and are not. Of
 * this process only.
 */
VPMU_API uint64_t vpmu_pmu_fingerprint(const struct vpmu_pmu *pmu);

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
VPMU_API struct vpmu_event_counts vpmu_pmu_events(const struct vpmu_pmu *pmu);

/* The next `count` creations of a perf event fail, as with EBUSY. VPMU_REFUSED: this profile has no
 * perf events; VPMU_BAD_ARGUMENT: a NULL. */
VPMU_API enum vpmu_status vpmu_pmu_fail_creations(struct vpmu_pmu *pmu, uint32_t count);

/* Perf events count while the guest runs only (exclude_host, the default), or always. */
VPMU_API void vpmu_pmu_set_exclude_host(struct vpmu_pmu *pmu, bool exclude);

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
