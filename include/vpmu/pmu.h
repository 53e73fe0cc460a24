/* SPDX-License-Identifier: MIT */
/*
 * The register machine: one vCPU's PMU. It answers the guest's and the VMM's accesses, counts what
 * an emulator says has happened, and says when the performance-monitoring interrupt (PMI) is due.
 *
 * Ownership: the caller gives the memory; there is nothing to destroy. A machine is plain memory:
 * it may be copied with memcpy() to memory of the same alignment, and it holds no pointer to
 * itself. Threads: one machine belongs to one thread at a time; two need no lock.
 * Nothing here allocates, prints, reads a clock or a file, or keeps a global.
 */
#ifndef VPMU_PMU_H
#define VPMU_PMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/model.h>
#include <vpmu/types.h>

enum {
	VPMU_PMU_BYTES = 4096, /* never less than vpmu_pmu_size() within one major version */
	VPMU_PMU_ALIGN = 64
};

struct vpmu_pmu;

/* Whose behaviour a machine shows. */
struct vpmu_profile;

/* The profile of that name ("hardware"), or NULL. Static storage. */
VPMU_API const struct vpmu_profile *vpmu_profile_find(const char *name);

/* The i-th profile's name, or NULL past the last. Static storage. */
VPMU_API const char *vpmu_profile_name(size_t i);

/* One line on whose behaviour the i-th profile shows, or NULL past the last. Static storage. */
VPMU_API const char *vpmu_profile_about(size_t i);

/* The kernel whose code the profile follows, 0x60c for Linux 6.12; 0 for hardware, as for NULL. */
VPMU_API unsigned vpmu_profile_kernel(const struct vpmu_profile *profile);

/* What is true of a profile. */
enum vpmu_fact {
	VPMU_FACT_KVM = 1 << 0,           /* a filter, KVM_PMU_CAP_DISABLE, models that change */
	VPMU_FACT_PERF_EVENTS = 1 << 1,   /* its counters are perf events of the host's kernel */
	VPMU_FACT_MEDIATED = 1 << 2,      /* of kernels that have it, it is a module's parameter */
	VPMU_FACT_MASKED_FILTER = 1 << 3, /* the filter takes VPMU_FILTER_MASKED */
	VPMU_FACT_LOST_EVENTS = 1 << 4, /* the event of a counter that the guest has lost goes on */
};
#define VPMU_FACTS UINT32_C(0x1f)

/* The facts of a profile, NULL for hardware: bits of enum vpmu_fact; others may be added. */
VPMU_API uint32_t vpmu_profile_facts(const struct vpmu_profile *profile);

/*
 * The profile that is nearest to a host's KVM: its kernel's release, "6.12.117-amd64", and whether
 * KVM's mediated vPMU is switched on there. NULL: that is no release of a Linux kernel. Static
 * storage.
 */
VPMU_API const struct vpmu_profile *vpmu_profile_for_kernel(const char *release, bool mediated);

/*
 * What a profile makes of the model that a VMM asks for: itself under hardware; under a Linux
 * profile what KVM shows a guest (kvm_pmu_refresh). profile: NULL for hardware. VPMU_INCOMPATIBLE:
 * vpmu_model_check() fails, *model is unchanged.
 */
VPMU_API enum vpmu_status vpmu_profile_adapt(const struct vpmu_profile *profile,
                                             struct vpmu_model *model);

/*
 * The registers that a guest has of this model under the profile, NULL for hardware, as
 * vpmu_model_registers() lists a model's: of what vpmu_profile_adapt() makes of it, those that the
 * profile has, with the bits that the profile lets the guest set, or the VMM where the guest cannot
 * write. out: VPMU_MAX_REGISTERS entries. Returns their number; 0 for no possible model.
 */
VPMU_API size_t vpmu_profile_registers(const struct vpmu_profile *profile,
                                       const struct vpmu_model *model, struct vpmu_register *out);

/* The bytes that vpmu_pmu_init() needs. */
VPMU_API size_t vpmu_pmu_size(void);

/*
 * Makes a register machine in `memory`, as after the processor's power-up.
 * memory: at least vpmu_pmu_size() bytes, aligned to VPMU_PMU_ALIGN.
 * Returns the machine (the same address), or NULL when the memory is too small or not aligned, the
 * model fails vpmu_model_check(), or the profile is NULL: nothing was found by its name.
 */
VPMU_API struct vpmu_pmu *vpmu_pmu_init(void *memory, size_t size, const struct vpmu_model *model,
                                        const struct vpmu_profile *profile);

/* The model that the machine was made for. Lives as long as the machine. */
VPMU_API const struct vpmu_model *vpmu_pmu_model(const struct vpmu_pmu *pmu);

/*
 * The VMM gives the vCPU another model of the same vendor (KVM_SET_CPUID2). VPMU_REFUSED: this
 * profile does not take it, or not any more after the first entry; nothing has changed then.
 * VPMU_INCOMPATIBLE: another vendor, or no possible model.
 */
VPMU_API enum vpmu_status vpmu_pmu_set_model(struct vpmu_pmu *pmu, const struct vpmu_model *model);

/* --- Registers ------------------------------------------------------------------------------- */

/*
 * RDMSR and WRMSR by the guest at CPL 0.
 * VPMU_GP: inject #GP(0); VPMU_NO_REGISTER: not a register of this model's PMU, the VMM decides.
 * On a failure *value is unchanged, and so is every register. (Under Linux a counter whose write
 * failed is in use all the same, and is not cleaned up in this time slice.)
 */
VPMU_API enum vpmu_status vpmu_pmu_guest_read(const struct vpmu_pmu *pmu, uint32_t msr,
                                              uint64_t *value);
VPMU_API enum vpmu_status vpmu_pmu_guest_write(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value);

/*
 * The same by the VMM, as KVM's host_initiated accesses: read-only registers can be set, and a
 * write has no side effect but the value. VPMU_REFUSED: a reserved bit is set.
 */
VPMU_API enum vpmu_status vpmu_pmu_host_read(const struct vpmu_pmu *pmu, uint32_t msr,
                                             uint64_t *value);
VPMU_API enum vpmu_status vpmu_pmu_host_write(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value);

/*
 * RDPMC with the selector in ECX, at a privilege level, with CR4.PCE clear or set. VPMU_GP:
 * inject #GP(0). (Intel SDM vol. 2B RDPMC; AMD APM vol. 3 RDPMC.)
 */
VPMU_API enum vpmu_status vpmu_pmu_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, unsigned cpl,
                                         bool pce, uint64_t *value);

/* What KVM or the processor does to the PMU when the vCPU is reset (not LVTPC: the APIC's). */
VPMU_API void vpmu_pmu_reset(struct vpmu_pmu *pmu);

/* --- The local APIC's entry for the PMI ------------------------------------------------------ */

/* LVTPC: of a written value, bits 7:0 (vector), 10:8 (delivery mode) and 16 (mask) are kept. */
#define VPMU_LVTPC_MASKED UINT32_C(0x10000)
#define VPMU_LVTPC_BITS   UINT32_C(0x107ff)
#define VPMU_LVTPC_RESET  UINT32_C(0x00400) /* NMI, unmasked: what a machine starts with */

VPMU_API uint32_t vpmu_pmu_lvtpc(const struct vpmu_pmu *pmu);
VPMU_API void vpmu_pmu_set_lvtpc(struct vpmu_pmu *pmu, uint32_t value);

/* --- Counting -------------------------------------------------------------------------------- */

/* PMIs that a call delivered through LVTPC (deliver them to the guest now), and those that it
 * dropped because LVTPC was masked. Intel masks LVTPC on delivery, AMD does not. */
struct vpmu_outcome {
	uint32_t pmi;
	uint32_t masked;
};

/* A vCPU entry: handles what is pending. */
VPMU_API struct vpmu_outcome vpmu_pmu_enter(struct vpmu_pmu *pmu);

/*
 * An entry, then so much of the guest at one privilege level (0-3). The k-th of N events of a class
 * happens at k/N of the run; overflows at exactly the same moment make one PMI; what an overflow
 * causes (a freeze, a PMI) is done at its moment, and the rest of the run goes on after it.
 */
VPMU_API struct vpmu_outcome vpmu_pmu_run(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts,
                                          unsigned cpl);

/*
 * For an emulator, once per translated block: the same as vpmu_pmu_run() without the entry. Costs a
 * few additions when nothing overflows. To see overflows at the right instruction, ask
 * vpmu_pmu_headroom() first and account in pieces no larger than that.
 */
VPMU_API struct vpmu_outcome vpmu_pmu_account(struct vpmu_pmu *pmu,
                                              const struct vpmu_amounts *amounts, unsigned cpl);

/*
 * How much of each class can happen at this privilege level before something may overflow: with
 * amounts below every figure, vpmu_pmu_account() causes no overflow. UINT64_MAX: no limit. Valid
 * until the next access, entry or overflow; amounts accounted since count against it.
 */
VPMU_API void vpmu_pmu_headroom(const struct vpmu_pmu *pmu, unsigned cpl, struct vpmu_amounts *out);

/*
 * The same for what happens at CPL 0 and at CPL 1-3 taken together, of the counters that count at
 * both: these bound the sum, as vpmu_pmu_headroom() bounds what happens at each.
 */
VPMU_API void vpmu_pmu_headroom_shared(const struct vpmu_pmu *pmu, struct vpmu_amounts *out);

/*
 * The classes (bit 1 << class) that some running counter counts at any privilege level. The others
 * need not be measured at all. Changes only by an access, an entry, a reset or an overflow.
 */
VPMU_API uint32_t vpmu_pmu_wanted(const struct vpmu_pmu *pmu);

/*
 * A number that two machines share when they will behave alike from now on, whatever has been made
 * of them: a hash of 64 bits, so that two that differ share one once in 2^64. Models, profile,
 * filter and switches are in it; the epoch and vpmu_pmu_events() tell of the past and are not. Of
 * this process only.
 */
VPMU_API uint64_t vpmu_pmu_fingerprint(const struct vpmu_pmu *pmu);

/* A number that changes whenever vpmu_pmu_wanted() or vpmu_pmu_headroom() may have changed other
 * than by accounting. */
VPMU_API uint32_t vpmu_pmu_epoch(const struct vpmu_pmu *pmu);

/*
 * The hypervisor emulates one guest instruction (KVM's kvm_pmu_trigger_event); branch: it is one.
 * On profile hardware, where nothing is emulated, the same as running that instruction.
 */
VPMU_API struct vpmu_outcome vpmu_pmu_emulate(struct vpmu_pmu *pmu, bool branch, unsigned cpl);

/* The vCPU's thread is descheduled and scheduled in again. Nothing on profile hardware. */
VPMU_API void vpmu_pmu_schedule(struct vpmu_pmu *pmu);

/* --- Profiles with perf events -----------------------------------------------------------------
 */

/* What a machine with perf events has done since it was made; zeros on profile hardware. */
struct vpmu_event_counts {
	uint32_t live, created, released, enabled, paused;
};
VPMU_API struct vpmu_event_counts vpmu_pmu_events(const struct vpmu_pmu *pmu);

/* The next `count` creations of a perf event fail, as with EBUSY. VPMU_REFUSED: this profile has no
 * perf events. */
VPMU_API enum vpmu_status vpmu_pmu_fail_creations(struct vpmu_pmu *pmu, uint32_t count);

/* Perf events count while the guest runs only (exclude_host, the default), or always. */
VPMU_API void vpmu_pmu_set_exclude_host(struct vpmu_pmu *pmu, bool exclude);

/*
 * Whether perf events that are created from now on honour a selector's edge, inv and cmask, which
 * takes accounting in pieces small enough to tell cycles apart, as an emulator does block by block.
 * Off at first: such bits are ignored. Hardware and mediated honour them always.
 */
VPMU_API void vpmu_pmu_see_cycles(struct vpmu_pmu *pmu, bool see);

/* So much of the host, between exits and entries. Counts only when exclude_host is off; what an
 * overflow requests then waits for the next entry. */
VPMU_API void vpmu_pmu_host_run(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts);

/* KVM_PMU_CAP_DISABLE. VPMU_REFUSED: after the first entry, or on profile hardware. */
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
 * Sets the event filter, or removes it with NULL. The filter is the caller's and must live and stay
 * as it is while it is set. VPMU_BAD_ARGUMENT: what KVM answers with EINVAL or E2BIG;
 * VPMU_REFUSED: this profile has no filter.
 */
VPMU_API enum vpmu_status vpmu_pmu_set_filter(struct vpmu_pmu *pmu,
                                              const struct vpmu_filter *filter);

#endif
