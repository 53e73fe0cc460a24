/* SPDX-License-Identifier: MIT */
/*
 * The register machine: one vCPU's PMU. It answers the guest's and the VMM's accesses, counts what
 * an emulator says has happened, and says when the performance-monitoring interrupt (PMI) is due.
 *
 * Ownership: the caller gives the memory; there is nothing to destroy. A machine is plain memory:
 * it may be copied with memcpy() to memory of the same alignment, and it holds no pointer to
 * itself. Threads: one machine belongs to one thread at a time; two need no lock.
 * Nothing here allocates, prints, reads a clock or a file, or keeps a global. Bad input: as
 * <vpmu/types.h> says. What only a simulation of a hypervisor needs is in <vpmu/simulate.h>.
 */
#ifndef VPMU_PMU_H
#define VPMU_PMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/model.h>
#include <vpmu/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The memory of a machine: enough for every vpmu of this major version. vpmu_pmu_size() says how
 * much this one uses, some 6 KiB, of which the stack of last branches is 1: a copy needs no more.
 * What would not fit in the rest is kept in memory that the caller gives, as an event filter is, or
 * waits for the next major version: vpmu_pmu_init() never needs more than VPMU_PMU_BYTES.
 */
enum { VPMU_PMU_BYTES = 8192, VPMU_PMU_ALIGN = 64 };

struct vpmu_pmu;

/* --- Profiles -------------------------------------------------------------------------------- */

/* Whose behaviour a machine shows. Const data of the library. */
struct vpmu_profile;

/* The profile of that name ("hardware"); NULL: there is none. Static storage. */
VPMU_API const struct vpmu_profile *vpmu_profile_find(const char *name);

/* The i-th profile's name, from 0 on; NULL past the last. Static storage. */
VPMU_API const char *vpmu_profile_name(size_t i);

/* One line on whose behaviour the i-th profile shows, or NULL past the last. Static storage. */
VPMU_API const char *vpmu_profile_about(size_t i);

/* The kernel whose code the profile follows, 0x60c for Linux 6.12; 0 for hardware, and for NULL. */
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

/* The facts of a profile, 0 for NULL: bits of enum vpmu_fact; others may be added. */
VPMU_API uint32_t vpmu_profile_facts(const struct vpmu_profile *profile);

/*
 * The profile that is nearest to a host's KVM. release: its kernel's, "6.12.117-amd64", as uname -r
 * prints it; mediated: KVM's mediated vPMU is switched on there. NULL: that is no release of a
 * Linux kernel, or older than every profile. Static storage.
 */
VPMU_API const struct vpmu_profile *vpmu_profile_for_kernel(const char *release, bool mediated);

/*
 * Makes of *model, which a VMM asks for, what the guest gets: itself under hardware; under a Linux
 * profile what KVM shows a guest (kvm_pmu_refresh).
 * VPMU_BAD_ARGUMENT: a NULL. VPMU_INCOMPATIBLE: vpmu_model_check() fails, and says why; *model is
 * unchanged.
 */
VPMU_API enum vpmu_status vpmu_profile_adapt(const struct vpmu_profile *profile,
                                             struct vpmu_model *model);

/*
 * The registers that a guest has of this model under the profile, as vpmu_model_registers() lists a
 * model's: of what vpmu_profile_adapt() makes of it, those that the profile has, with the bits that
 * the profile lets the guest set, or the VMM where the guest cannot write. out: VPMU_MAX_REGISTERS
 * entries. Returns their number; 0 for a NULL or no possible model.
 */
VPMU_API size_t vpmu_profile_registers(const struct vpmu_profile *profile,
                                       const struct vpmu_model *model, struct vpmu_register *out);

/* --- A machine's life ------------------------------------------------------------------------ */

/* The bytes that vpmu_pmu_init() needs; at most VPMU_PMU_BYTES. */
VPMU_API size_t vpmu_pmu_size(void);

/*
 * Makes a register machine in `memory`, as after the processor's power-up.
 * memory: of `size` bytes, at least vpmu_pmu_size(), aligned to VPMU_PMU_ALIGN; the caller's, and
 * the machine's until the caller uses it for something else. model: copied. profile: not copied.
 * Returns the machine (the same address); NULL when the memory is too small or not aligned, the
 * model fails vpmu_model_check(), which says why, or the profile is NULL: there was none of the
 * name.
 */
VPMU_API struct vpmu_pmu *vpmu_pmu_init(void *memory, size_t size, const struct vpmu_model *model,
                                        const struct vpmu_profile *profile);

/* The model that the guest sees: what the profile makes of the one that the VMM asked for. Lives as
 * long as the machine, and changes with it. */
VPMU_API const struct vpmu_model *vpmu_pmu_model(const struct vpmu_pmu *pmu);

/*
 * The VMM gives the vCPU another model of the same vendor (KVM_SET_CPUID2); it is copied.
 * VPMU_BAD_ARGUMENT: a NULL. VPMU_REFUSED: this profile does not take it, or not any more after the
 * first entry: make another machine. VPMU_INCOMPATIBLE: another vendor, or no possible model.
 * Nothing has changed then.
 */
VPMU_API enum vpmu_status vpmu_pmu_set_model(struct vpmu_pmu *pmu, const struct vpmu_model *model);

/* What KVM or the processor does to the PMU when the vCPU is reset. LVTPC is the APIC's to reset:
 * vpmu_pmu_set_lvtpc(). */
VPMU_API void vpmu_pmu_reset(struct vpmu_pmu *pmu);

/* --- Registers ------------------------------------------------------------------------------- */

/*
 * RDMSR by the guest at CPL 0, into *value.
 * VPMU_GP: inject #GP(0). VPMU_NO_REGISTER: not a register of this model's PMU; the VMM, which
 * knows the other MSRs, decides. VPMU_BAD_ARGUMENT: a NULL. *value is then unchanged.
 */
VPMU_API enum vpmu_status vpmu_pmu_guest_read(const struct vpmu_pmu *pmu, uint32_t msr,
                                              uint64_t *value);

/*
 * WRMSR by the guest at CPL 0. Errors as vpmu_pmu_guest_read(); no register has changed then.
 * (Under Linux a counter whose write failed is in use all the same, and is not cleaned up in this
 * time slice.) After a success vpmu_pmu_wanted() and vpmu_pmu_headroom() may answer differently.
 */
VPMU_API enum vpmu_status vpmu_pmu_guest_write(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value);

/*
 * What vpmu_pmu_guest_write() would return, without the write: for callers that must know before
 * they commit to something, as the end of a block of translated code.
 */
VPMU_API enum vpmu_status vpmu_pmu_guest_can_write(const struct vpmu_pmu *pmu, uint32_t msr,
                                                   uint64_t value);

/*
 * A read by the VMM (KVM's host_initiated, KVM_GET_MSRS), into *value. VPMU_REFUSED: this register
 * gives the VMM nothing. VPMU_NO_REGISTER, VPMU_BAD_ARGUMENT: as vpmu_pmu_guest_read().
 */
VPMU_API enum vpmu_status vpmu_pmu_host_read(const struct vpmu_pmu *pmu, uint32_t msr,
                                             uint64_t *value);

/*
 * A write by the VMM (KVM_SET_MSRS): read-only registers can be set, and a write has no side effect
 * but the value. VPMU_REFUSED: a reserved bit is set, or the register takes no value from the VMM;
 * it has not changed. VPMU_NO_REGISTER, VPMU_BAD_ARGUMENT: as vpmu_pmu_guest_read(). To move a
 * whole state, whose writes have an order, use <vpmu/state.h>.
 */
VPMU_API enum vpmu_status vpmu_pmu_host_write(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value);

/*
 * RDPMC into *value. ecx: the selector; cpl: the privilege level, of which 0 is kernel mode and any
 * other user mode; pce: CR4.PCE. VPMU_GP: inject #GP(0); VPMU_BAD_ARGUMENT: a NULL. *value is then
 * unchanged. (Intel SDM vol. 2B RDPMC; AMD APM vol. 3 RDPMC.)
 */
VPMU_API enum vpmu_status vpmu_pmu_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, unsigned cpl,
                                         bool pce, uint64_t *value);

/* --- The local APIC's entry for the PMI ------------------------------------------------------ */

/* LVTPC: of a written value, bits 7:0 (vector), 10:8 (delivery mode) and 16 (mask) are kept. */
#define VPMU_LVTPC_MASKED UINT32_C(0x10000)
#define VPMU_LVTPC_BITS   UINT32_C(0x107ff)
#define VPMU_LVTPC_RESET  UINT32_C(0x00400) /* NMI, unmasked: what a machine starts with */

/* LVTPC's bits under VPMU_LVTPC_BITS. Delivering a PMI may have masked it. */
VPMU_API uint32_t vpmu_pmu_lvtpc(const struct vpmu_pmu *pmu);

/* Sets them, for a write by the guest, or at a reset of the APIC; other bits are dropped. */
VPMU_API void vpmu_pmu_set_lvtpc(struct vpmu_pmu *pmu, uint32_t value);

/* --- Counting -------------------------------------------------------------------------------- */

/* The result of a call that counts. It is returned in registers, and will not grow. */
struct vpmu_outcome {
	uint32_t pmi;    /* PMIs that went through LVTPC: deliver them to the guest now. Intel masks
	                    LVTPC on delivery, AMD does not */
	uint32_t masked; /* PMIs that were dropped because LVTPC was masked */
	/* Counters that have overflowed since the outcome before, by their bits in the global
	 * status register: bit i is general-purpose counter i, bit 32 + i fixed counter i. Also on
	 * models without that register, and whether a PMI was asked for or not. */
	uint64_t overflowed;
};

/* A vCPU entry: handles what is pending. */
VPMU_API struct vpmu_outcome vpmu_pmu_enter(struct vpmu_pmu *pmu);

/*
 * A vCPU entry, then the guest runs. amounts: how much of each class happens; cpl: the privilege
 * level, of which 0 is kernel mode and any other user mode. The k-th of N events of a class happens
 * at k/N of the run; overflows at exactly the same moment make one PMI; what an overflow causes (a
 * freeze, a PMI) is done at its moment, and the rest of the run goes on after it.
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
 * amounts below every figure of *out, vpmu_pmu_account() causes no overflow. UINT64_MAX: no limit,
 * as for all classes without a machine. Valid until the next access, entry or overflow; amounts
 * accounted since count against it.
 */
VPMU_API void vpmu_pmu_headroom(const struct vpmu_pmu *pmu, unsigned cpl, struct vpmu_amounts *out);

/*
 * The same for what happens at CPL 0 and at CPL 1-3 taken together, of the counters that count at
 * both: these bound the sum, as vpmu_pmu_headroom() bounds what happens at each.
 */
VPMU_API void vpmu_pmu_headroom_shared(const struct vpmu_pmu *pmu, struct vpmu_amounts *out);

/*
 * The classes (VPMU_CLASS_BIT) that some running counter counts at any privilege level. The others
 * need not be measured at all. Changes only by an access, an entry, a reset or an overflow.
 */
VPMU_API uint64_t vpmu_pmu_wanted(const struct vpmu_pmu *pmu);

/*
 * The class that a general-purpose counter of this machine counts whose selector has the value, by
 * its event and unit mask only, as vpmu_model_event_class(); but as the profile has it: a kernel
 * may count what the model's CPUID lacks, and knows a code more than the vendor. VPMU_NO_CLASS:
 * nothing, and with a NULL.
 */
VPMU_API enum vpmu_class vpmu_pmu_event_class(const struct vpmu_pmu *pmu, uint64_t selector);

/* A number that changes whenever vpmu_pmu_wanted() or vpmu_pmu_headroom() may have changed other
 * than by accounting. */
VPMU_API uint32_t vpmu_pmu_epoch(const struct vpmu_pmu *pmu);

/*
 * Whether perf events that are created from now on honour a selector's edge, inv and cmask, which
 * takes accounting in pieces small enough to tell cycles apart, as an emulator does block by block.
 * Off by default: such bits are ignored. Hardware and mediated honour them always.
 */
VPMU_API void vpmu_pmu_see_cycles(struct vpmu_pmu *pmu, bool see);

/* --- Last branches --------------------------------------------------------------------------- */

/* What kind a branch is, as IA32_LBR_x_INFO has it (Intel SDM vol. 3B 19.1.3). */
enum vpmu_branch_kind {
	VPMU_BRANCH_CONDITIONAL,
	VPMU_BRANCH_JUMP_INDIRECT, /* near, as these */
	VPMU_BRANCH_JUMP,
	VPMU_BRANCH_CALL_INDIRECT,
	VPMU_BRANCH_CALL,
	VPMU_BRANCH_RETURN,
	VPMU_BRANCH_FAR = 8,   /* far branches; interrupts and exceptions, but for #DB */
	VPMU_BRANCH_DEBUG = 9, /* the delivery of a #DB */
};

/* A branch that has been taken. */
struct vpmu_branch {
	uint64_t from, to;          /* linear addresses: of the branch; of what follows it */
	enum vpmu_branch_kind kind; /* others are not recorded */
	unsigned cpl;               /* the privilege level that it has gone to */
	bool mispredicted;
};

/*
 * Whether the stack of last branches records: then vpmu_pmu_branch() must be told of each taken
 * branch, interrupt and exception. It changes with a write to a register, with a PMI that freezes
 * the stack, and with a #DB.
 */
VPMU_API bool vpmu_pmu_records_branches(const struct vpmu_pmu *pmu);

/*
 * A branch has been taken, `times` times in a row, as a loop of one block does: its entry, unless
 * the guest filters it. Nothing where nothing records, and with a NULL. What retires with the
 * branch may be accounted afterwards: a freeze at its PMI holds the branch.
 */
VPMU_API void vpmu_pmu_branch(struct vpmu_pmu *pmu, const struct vpmu_branch *branch,
                              uint64_t times);

#ifdef __cplusplus
}
#endif

#endif
