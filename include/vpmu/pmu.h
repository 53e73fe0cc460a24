/* SPDX-License-Identifier: MIT */
/*
 * The register machine: one vCPU's PMU. It answers the guest's and the VMM's accesses, counts what
 * an emulator says has happened, and says when the performance-monitoring interrupt (PMI) is due.
 *
 * Ownership: the caller gives the memory; there is nothing to destroy. A machine is plain memory:
 * it may be copied with memcpy() to memory of the same alignment, and it holds no pointer to
 * itself. Threads: one thread at a time may use a machine; two machines in two threads need no
 * lock. Nothing here allocates, prints, reads a clock or a file, or keeps a global. Bad input: as
 * <vpmu/types.h> says. <vpmu/simulate.h> has what only a simulation of a hypervisor needs.
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
 * The memory of a machine: enough for every vpmu of this major version, so vpmu_pmu_init() never
 * needs more than VPMU_PMU_BYTES. vpmu_pmu_size() says how much this version uses (less than 8 KiB,
 * 1 KiB of it for the stack of last branches); a copy needs no more than that. State that would not
 * fit is kept in memory of the caller's, as an event filter is, or waits for the next major
 * version.
 */
enum { VPMU_PMU_BYTES = 8192, VPMU_PMU_ALIGN = 64 };

struct vpmu_pmu;

/* --- Profiles -------------------------------------------------------------------------------- */

/* Whose behaviour a machine shows: the vendors' manuals or a kernel's KVM. Const data of the
 * library. */
struct vpmu_profile;

/* The profile with this name ("hardware"); NULL: there is none. Static storage. */
VPMU_API const struct vpmu_profile *vpmu_profile_find(const char *name);

/* The i-th profile's name, from 0 on; NULL past the last. Static storage. */
VPMU_API const char *vpmu_profile_name(size_t i);

/* One line on whose behaviour the i-th profile shows, or NULL past the last. Static storage. */
VPMU_API const char *vpmu_profile_about(size_t i);

/* The kernel whose code the profile follows, 0x60c for Linux 6.12; 0 for profile hardware and for
 * NULL. */
VPMU_API unsigned vpmu_profile_kernel(const struct vpmu_profile *profile);

/* What is true of a profile. */
enum vpmu_fact {
	VPMU_FACT_KVM = 1 << 0, /* it has KVM's filter, KVM_PMU_CAP_DISABLE and KVM_SET_CPUID2 */
	VPMU_FACT_PERF_EVENTS = 1 << 1, /* its counters are perf events of the host's kernel */
	VPMU_FACT_MEDIATED = 1 << 2,    /* KVM's mediated vPMU, which a module parameter enables */
	VPMU_FACT_MASKED_FILTER = 1 << 3, /* the filter takes VPMU_FILTER_MASKED */
	VPMU_FACT_LOST_EVENTS = 1 << 4,   /* when the guest loses a counter, its event goes on */
};
#define VPMU_FACTS UINT32_C(0x1f)

/* The facts of a profile, as bits of enum vpmu_fact; 0 for NULL. Later versions may set other
 * bits. */
VPMU_API uint32_t vpmu_profile_facts(const struct vpmu_profile *profile);

/*
 * The profile that is nearest to a host's KVM. release: the kernel release as uname -r prints it,
 * "6.12.117-amd64"; mediated: whether KVM's mediated vPMU is switched on. NULL: the text is not a
 * kernel release, or the kernel is older than every profile. Static storage.
 */
VPMU_API const struct vpmu_profile *vpmu_profile_for_kernel(const char *release, bool mediated);

/*
 * Turns the model that a VMM asks for into the one that the guest gets, in place: under profile
 * hardware it stays the same, under a Linux profile it becomes what KVM gives the guest
 * (kvm_pmu_refresh).
 * VPMU_BAD_ARGUMENT: a NULL. VPMU_INCOMPATIBLE: the model fails vpmu_model_check(), which says why.
 * *model is unchanged on errors.
 */
VPMU_API enum vpmu_status vpmu_profile_adapt(const struct vpmu_profile *profile,
                                             struct vpmu_model *model);

/*
 * The registers that a guest of this model has under the profile, in the form of
 * vpmu_model_registers(): the model is first adapted (vpmu_profile_adapt()), and registers that the
 * profile lacks are left out. `writable` has the bits that the profile lets the guest set, or the
 * VMM if the guest cannot write the register. out: VPMU_MAX_REGISTERS entries. Returns their
 * number; 0 for a NULL or a model that fails vpmu_model_check().
 */
VPMU_API size_t vpmu_profile_registers(const struct vpmu_profile *profile,
                                       const struct vpmu_model *model, struct vpmu_register *out);

/* --- A machine's life ------------------------------------------------------------------------ */

/* The bytes that vpmu_pmu_init() needs; at most VPMU_PMU_BYTES. */
VPMU_API size_t vpmu_pmu_size(void);

/*
 * Makes a register machine in `memory`, in the state after the processor's power-up. memory: `size`
 * bytes, at least vpmu_pmu_size(), aligned to VPMU_PMU_ALIGN; owned by the caller, who may reuse it
 * when the machine is no longer needed. model: copied. profile: not copied. Returns the machine
 * (the same address); NULL if the memory is too small or not aligned, the model fails
 * vpmu_model_check(), which says why, or the profile is NULL (vpmu_profile_find() did not know the
 * name).
 */
VPMU_API struct vpmu_pmu *vpmu_pmu_init(void *memory, size_t size, const struct vpmu_model *model,
                                        const struct vpmu_profile *profile);

/* The model that the guest sees: what the profile makes of the one that the VMM asked for. The
 * pointer is valid as long as the machine; what it points to changes with vpmu_pmu_set_model(). */
VPMU_API const struct vpmu_model *vpmu_pmu_model(const struct vpmu_pmu *pmu);

/*
 * The VMM gives the vCPU another model of the same vendor (KVM_SET_CPUID2); it is copied.
 * VPMU_BAD_ARGUMENT: a NULL. VPMU_REFUSED: the profile does not allow it, or no longer allows it
 * after the first entry: make another machine. VPMU_INCOMPATIBLE: another vendor, or a model that
 * fails vpmu_model_check(). On errors nothing has changed.
 */
VPMU_API enum vpmu_status vpmu_pmu_set_model(struct vpmu_pmu *pmu, const struct vpmu_model *model);

/* Does to the PMU what KVM or the processor does when the vCPU is reset. LVTPC belongs to the APIC:
 * reset it with vpmu_pmu_set_lvtpc(). */
VPMU_API void vpmu_pmu_reset(struct vpmu_pmu *pmu);

/* --- Registers ------------------------------------------------------------------------------- */

/*
 * RDMSR by the guest at CPL 0, into *value.
 * VPMU_GP: inject #GP(0). VPMU_NO_REGISTER: not a register of this model's PMU; the VMM, which
 * knows the other MSRs, decides. VPMU_BAD_ARGUMENT: a NULL. *value is unchanged on errors. (On a
 * Linux profile whose host gives last branches, a read of their registers makes KVM create their
 * perf event: it changes the machine.)
 */
VPMU_API enum vpmu_status vpmu_pmu_guest_read(const struct vpmu_pmu *pmu, uint32_t msr,
                                              uint64_t *value);

/*
 * WRMSR by the guest at CPL 0. Errors as vpmu_pmu_guest_read(); no register has changed then. (As
 * in KVM, the Linux profiles mark a counter as in use even if the write fails, so it keeps its perf
 * event in this time slice.) After a success vpmu_pmu_wanted() and vpmu_pmu_headroom() may answer
 * differently.
 */
VPMU_API enum vpmu_status vpmu_pmu_guest_write(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value);

/*
 * What vpmu_pmu_guest_write() would return, without the write: for callers that must know before
 * they commit to something, such as ending a block of translated code.
 */
VPMU_API enum vpmu_status vpmu_pmu_guest_can_write(const struct vpmu_pmu *pmu, uint32_t msr,
                                                   uint64_t value);

/*
 * A read by the VMM (KVM's host_initiated, KVM_GET_MSRS), into *value. VPMU_REFUSED: the VMM cannot
 * read this register. VPMU_NO_REGISTER, VPMU_BAD_ARGUMENT: as vpmu_pmu_guest_read().
 */
VPMU_API enum vpmu_status vpmu_pmu_host_read(const struct vpmu_pmu *pmu, uint32_t msr,
                                             uint64_t *value);

/*
 * A write by the VMM (KVM_SET_MSRS): it can set registers that the guest can only read, and it has
 * no side effect besides storing the value. VPMU_REFUSED: a reserved bit is set, or the register
 * takes no value from the VMM. The register is then unchanged. VPMU_NO_REGISTER, VPMU_BAD_ARGUMENT:
 * as vpmu_pmu_guest_read(). To move a whole state, whose writes have an order, use <vpmu/state.h>.
 */
VPMU_API enum vpmu_status vpmu_pmu_host_write(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value);

/*
 * RDPMC by the guest, into *value. ecx: which counter; cpl: the privilege level, 0 for kernel mode,
 * any other value for user mode; pce: CR4.PCE. VPMU_GP: inject #GP(0); VPMU_BAD_ARGUMENT: a NULL.
 * *value is then unchanged. (Intel SDM vol. 2B RDPMC; AMD APM vol. 3 RDPMC.)
 */
VPMU_API enum vpmu_status vpmu_pmu_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, unsigned cpl,
                                         bool pce, uint64_t *value);

/* --- The local APIC's entry for the PMI ------------------------------------------------------ */

/* LVTPC keeps bits 7:0 (vector), 10:8 (delivery mode) and 16 (mask) of a written value. */
#define VPMU_LVTPC_MASKED UINT32_C(0x10000)
#define VPMU_LVTPC_BITS   UINT32_C(0x107ff)
#define VPMU_LVTPC_RESET  UINT32_C(0x00400) /* NMI, unmasked: what a machine starts with */

/* Reads LVTPC, only the bits in VPMU_LVTPC_BITS. Delivering a PMI may have set the mask bit. */
VPMU_API uint32_t vpmu_pmu_lvtpc(const struct vpmu_pmu *pmu);

/* Sets LVTPC, when the guest writes it or the APIC is reset. Bits outside VPMU_LVTPC_BITS are
 * dropped. */
VPMU_API void vpmu_pmu_set_lvtpc(struct vpmu_pmu *pmu, uint32_t value);

/* --- Counting -------------------------------------------------------------------------------- */

/* The result of a call that counts. Small enough to be returned in registers; it will not grow. */
struct vpmu_outcome {
	uint32_t pmi;    /* PMIs that went through LVTPC: deliver them to the guest now. Intel masks
	                    LVTPC on delivery, AMD does not */
	uint32_t masked; /* PMIs that were dropped because LVTPC was masked */
	/* Counters that have overflowed since the previous outcome, by their bits in the global
	 * status register: bit i is general-purpose counter i, bit 32 + i fixed counter i. Also set
	 * on models without that register, and for counters that do not ask for a PMI. */
	uint64_t overflowed;
};

/* A vCPU entry: handles what is pending. The guest does not run yet. */
VPMU_API struct vpmu_outcome vpmu_pmu_enter(struct vpmu_pmu *pmu);

/*
 * A vCPU entry, then the guest runs. amounts: how much of each class happens; cpl: the privilege
 * level, 0 for kernel mode, any other value for user mode. Events are spread evenly: the k-th of N
 * events of a class happens at k/N of the run. Overflows at exactly the same moment make one PMI.
 * What an overflow causes (a freeze, a PMI) takes effect at its moment, and the rest of the run
 * goes on after it.
 */
VPMU_API struct vpmu_outcome vpmu_pmu_run(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts,
                                          unsigned cpl);

/*
 * The guest runs: vpmu_pmu_run() without the entry, for an emulator to call once per translated
 * block. Costs a few additions when nothing overflows. To see overflows at the right instruction,
 * ask vpmu_pmu_headroom() first and account in pieces no larger than that.
 */
VPMU_API struct vpmu_outcome vpmu_pmu_account(struct vpmu_pmu *pmu,
                                              const struct vpmu_amounts *amounts, unsigned cpl);

/*
 * How much of each class can happen at this privilege level before something may overflow: as long
 * as every amount is below its figure in *out, vpmu_pmu_account() causes no overflow. UINT64_MAX:
 * no limit (for all classes if pmu is NULL). Valid until the next access, entry or overflow;
 * subtract what you account meanwhile.
 */
VPMU_API void vpmu_pmu_headroom(const struct vpmu_pmu *pmu, unsigned cpl, struct vpmu_amounts *out);

/*
 * vpmu_pmu_headroom() for counters that count at CPL 0 and at CPL 1-3: *out limits the sum of what
 * happens at both, where vpmu_pmu_headroom() limits what happens at one.
 */
VPMU_API void vpmu_pmu_headroom_shared(const struct vpmu_pmu *pmu, struct vpmu_amounts *out);

/*
 * The classes (VPMU_CLASS_BIT) that some running counter counts at any privilege level. The others
 * need not be measured at all. Changes only with an access, an entry, a reset or an overflow.
 */
VPMU_API uint64_t vpmu_pmu_wanted(const struct vpmu_pmu *pmu);

/*
 * The class that this selector value counts on this machine, by its event and unit mask only. Like
 * vpmu_model_event_class(), but with the profile's rules: a kernel may count an event that the
 * model's CPUID lacks, and knows one event code that the vendor does not. VPMU_NO_CLASS: it counts
 * nothing, or pmu is NULL.
 */
VPMU_API enum vpmu_class vpmu_pmu_event_class(const struct vpmu_pmu *pmu, uint64_t selector);

/* A number that changes whenever something other than accounting may have changed vpmu_pmu_wanted()
 * or vpmu_pmu_headroom(). */
VPMU_API uint32_t vpmu_pmu_epoch(const struct vpmu_pmu *pmu);

/*
 * Whether perf events that are created from now on honour a selector's edge, inv and cmask. This
 * needs accounting in pieces small enough to tell cycles apart, as an emulator does it. Off by
 * default: these bits are then ignored. Profiles hardware and mediated always honour them.
 */
VPMU_API void vpmu_pmu_see_cycles(struct vpmu_pmu *pmu, bool see);

/* --- Last branches --------------------------------------------------------------------------- */

/* The kind of a branch, encoded as in IA32_LBR_x_INFO (Intel SDM vol. 3B 19.1.3). */
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

/* A taken branch. */
struct vpmu_branch {
	uint64_t from, to;          /* linear addresses: of the branch, and of its target */
	enum vpmu_branch_kind kind; /* others are not recorded */
	unsigned cpl;               /* the privilege level after it */
	bool mispredicted;
	bool timed;      /* cycles: false: nobody has counted them */
	uint16_t cycles; /* since the branch that was recorded before it, at most 65535 */
};

/*
 * Whether the stack of last branches records now: if so, call vpmu_pmu_branch() for each taken
 * branch, interrupt and exception. Changes with a register write, with a PMI that freezes the
 * stack, and with a #DB.
 */
VPMU_API bool vpmu_pmu_records_branches(const struct vpmu_pmu *pmu);

/*
 * Records a branch that was taken `times` times in a row, as in a loop of one block, unless the
 * guest's filter excludes it. False: it was not recorded, since the filter excludes it or the stack
 * does not record; or with a NULL. Call it before accounting what retires with the branch, so that
 * a stack that freezes at the resulting PMI contains the branch.
 */
VPMU_API bool vpmu_pmu_branch(struct vpmu_pmu *pmu, const struct vpmu_branch *branch,
                              uint64_t times);

/* --- PEBS ------------------------------------------------------------------------------------ */

/*
 * Whether the caller writes PEBS records, with the two functions below. Off by default: a counter
 * that IA32_PEBS_ENABLE enables then overflows like any other. Remains off on a model without
 * records (vpmu_model_pebs_bytes()), and under profiles other than hardware. A reset does not
 * change it.
 *
 * When such a counter overflows, its next event causes a record, if the event is a precise one:
 * instructions or a kind of branches, without CMASK, INV and EDGE. Until then
 * vpmu_meter_refresh() lets only one instruction run at a time.
 */
VPMU_API void vpmu_pmu_take_pebs(struct vpmu_pmu *pmu, bool take);

/* Whether a record is to be written: ask after each call that counts, before the guest's next
 * instruction. */
VPMU_API bool vpmu_pmu_pebs_is_due(const struct vpmu_pmu *pmu);

/* What a record contains, and how to access the guest's memory. */
struct vpmu_pebs {
	uint64_t rip;       /* linear address of the next instruction */
	uint64_t event_rip; /* and of the one that has caused the record */
	uint64_t rflags, tsc;
	uint64_t gpr[16]; /* in the order of their encoding: RAX, RCX, RDX, RBX, RSP, … */
	/* Read and write `bytes` at a linear address, whatever the guest's privilege level.
	 * False: it is not mapped, or not writable. They must not access the register machine. */
	bool (*read)(void *context, uint64_t address, void *to, size_t bytes);
	bool (*write)(void *context, uint64_t address, const void *from, size_t bytes);
	void *context;
};

/*
 * Writes the record that is due to the buffer that IA32_DS_AREA describes, reloads the counters and
 * clears their status bits. If the buffer's index reaches its threshold, GLOBAL_STATUS.OvfBuf is
 * set and a PMI raised, which is in the outcome. Without room in the buffer, or if an access to
 * memory fails, the record is skipped: the counters go on, and their next event tries again. (A
 * failed write may have changed the memory before the address that failed.) Does nothing if no
 * record is due, or with a NULL.
 */
VPMU_API struct vpmu_outcome vpmu_pmu_write_pebs(struct vpmu_pmu *pmu, const struct vpmu_pebs *at);

#ifdef __cplusplus
}
#endif

#endif
