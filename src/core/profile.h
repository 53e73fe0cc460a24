/* SPDX-License-Identifier: MIT */
/*
 * What a profile consists of: how registers are written (rules), how counters count (an engine),
 * when a change takes effect (a response), and facts. Each profile is a file, profile_NAME.c.
 */
#ifndef CORE_PROFILE_H
#define CORE_PROFILE_H

#include <arch/room.h>
#include <base/room.h>
#include <core/room.h>

struct reg;
struct absent_row;
struct module;

/* The two privilege modes that selectors tell apart, and the bits of a tally's modes. */
enum mode { MODE_KERNEL, MODE_USER, MODES };

/* Who executes RDPMC: user mode needs CR4.PCE. */
enum reader { READER_DENIED, READER_USER, READER_KERNEL };

/* What a write does with bits that the register does not have. */
enum excess {
	EXCESS_FAULTS,    /* the write fails: #GP, or refused */
	EXCESS_IN_CHANGE, /* the same, unless the value is what the register holds */
	EXCESS_DROPPED,   /* they are dropped */
	EXCESS_TAKEN,     /* they are passed to the setter, which decides */
	EXCESS_ADDRESS,   /* the write fails if the value is not a canonical address */
	EXCESS_DEPTH,     /* the write fails if the value is not a depth of the LBR stack */
};

typedef enum vpmu_status setter(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);

/* How one kind of register is written. decode_build() refuses a model that has a writable register
 * without a rule. */
struct write_rule {
	setter *set;
	uint8_t excess;    /* enum excess */
	bool marks_in_use; /* kvm_pmu_mark_pmc_in_use, even if the write fails */
};

/* How one vendor's registers behave under one profile: chosen once, when a machine is made. */
struct rules {
	const struct write_rule *guest, *host; /* [VPMU_KINDS] */
	enum vpmu_status (*rdpmc)(const struct vpmu_pmu *pmu, uint32_t ecx, enum reader reader,
	                          uint64_t *value);
	/* Accesses to numbers that are not registers of the model. */
	enum vpmu_status (*read_absent)(const struct vpmu_pmu *pmu, uint32_t msr, bool host,
	                                uint64_t *value);
	enum vpmu_status (*write_absent)(struct vpmu_pmu *pmu, uint32_t msr, bool host,
	                                 uint64_t value);
	const struct absent_row *absent_rows; /* the table for these two functions */
	/* Whether the profile has the register at all, and its writable bits if they are not the
	 * table's. */
	bool (*has)(const struct vpmu_host *host, const struct vpmu_register *from,
	            uint64_t *writable);
	/* The bits that the guest's writes may set if they differ from those of the host's writes,
	 * which are passed; NULL: they never differ. */
	uint64_t (*guest_bits)(const struct vpmu_model *model, const struct vpmu_host *host,
	                       const struct vpmu_register *from, uint64_t writable);
	/* Whether the register is handled by the absent rows; if so, adapts *reg to them. */
	bool (*has_apart)(const struct vpmu_profile *profile, const struct vpmu_model *model,
	                  struct vpmu_register *reg);
	const struct module *module; /* KVM's module; NULL: there is no KVM, and the VMM's model is
	                                used unchanged */
	/* Bits of a selector that make its counter count nothing. */
	uint64_t idle_bits;
	/* Bits of a selector that restrict counting to one mode of SVM; with both or none it counts
	 * in both. */
	uint64_t guest_only, host_only;
	/* Bits that the delivery of a PMI sets in LVTPC. */
	uint32_t lvtpc_after_pmi;
	/* The bit of GLOBAL_STATUS that stops every counter; 0: there is none. */
	uint64_t freeze_bit;
	/* What an overflow does under DEBUGCTL's freeze bit. */
	void (*freeze)(struct vpmu_pmu *pmu);
};

/* How a profile counts, and a vCPU's life under it. */
struct engine {
	/* A counter's value as the VMM, and the guest by RDMSR, read it. */
	uint64_t (*value)(const struct vpmu_pmu *pmu, unsigned slot);
	uint64_t (*guest_value)(const struct vpmu_pmu *pmu, unsigned slot);
	/* Takes the bits that the counter has. */
	void (*write)(struct vpmu_pmu *pmu, unsigned slot, uint64_t value);
	/* For a running tally: the number of events until overflow() must be called for it. */
	uint64_t (*distance)(const struct vpmu_pmu *pmu, unsigned slot);
	/* These tallies have reached that, all at the same moment. */
	void (*overflow)(struct vpmu_pmu *pmu, uint32_t slots, struct vpmu_outcome *outcome);
	struct vpmu_outcome (*enter)(struct vpmu_pmu *pmu);
	struct vpmu_outcome (*emulate)(struct vpmu_pmu *pmu, bool branch, unsigned cpl);
	void (*schedule)(struct vpmu_pmu *pmu);
	/* Loads the VMM's model; false if the machine cannot hold it. */
	bool (*power_up)(struct vpmu_pmu *pmu);
	/* The VMM gives the vCPU another model; VPMU_REFUSED if it is too late for that. */
	enum vpmu_status (*set_model)(struct vpmu_pmu *pmu, const struct vpmu_model *model);
	/* The host shares its stack of last branches with the guest; NULL: the guest owns it. Takes
	 * it for an access; false: perf gives it to someone else. */
	bool (*claim_lbr)(struct vpmu_pmu *pmu);
	/* What becomes of a write of a value that the processor refuses, where a register would
	 * answer with `refusal`. */
	enum vpmu_status (*bad_lbr)(const struct vpmu_pmu *pmu, enum vpmu_status refusal);
};

/* What a profile does when something has changed, at once or later. Kernels that share an engine
 * differ here. */
struct response {
	/* The counters' own controls have changed. */
	void (*changed)(struct vpmu_pmu *pmu, uint32_t slots);
	/* Only the global control of these counters may have changed. */
	void (*switched)(struct vpmu_pmu *pmu, uint32_t slots);
	void (*reset)(struct vpmu_pmu *pmu);

	/* Only with VPMU_FACT_KVM: */
	bool (*refresh)(struct vpmu_pmu *pmu);
	void (*filter_changed)(struct vpmu_pmu *pmu);
	bool (*is_triggered)(const struct vpmu_pmu *pmu, unsigned slot, enum mode mode);
	void (*increment)(struct vpmu_pmu *pmu, unsigned slot);
	/* Only with perf events: */
	void (*handle_event)(struct vpmu_pmu *pmu);
};

/* Facts that only src/core asks for, above those of enum vpmu_fact. */
enum {
	/* IA32_PERF_CAPABILITIES cannot change after the first entry. */
	FACT_CAPABILITIES_FINAL = 1 << 16,
	/* IA32_PERF_CAPABILITIES exists if and only if PDCM does, whatever the PMU is. */
	FACT_CAPABILITIES_NEED_PDCM = 1 << 17,
	/* A feature exists only if both CPUID and the host have it: guest_cpu_cap_has(). */
	FACT_FEATURES_OF_HOST = 1 << 18,
	/* An event that does not sample can be reused, too. */
	FACT_REUSES_COUNTING = 1 << 19,
	/* An architectural event that CPUID says is missing does not count. */
	FACT_EVENTS_OF_CPUID = 1 << 20,
	/* Counters that the host's processor lacks do not exist, even if CPUID cannot say so: AMD's
	 * PERFCORE (amd_pmu_refresh). */
	FACT_COUNTERS_OF_HOST = 1 << 21,
	/* A guest gets last branches only if the host's have a call-stack mode
	 * (vmx_get_perf_capabilities). */
	FACT_LBR_NEEDS_CALL_STACK = 1 << 22,
	/* A write of a value that the processor refuses to a register of last branches fails
	 * (wrmsrq_safe in intel_pmu_handle_lbr_msrs_access); before, it does nothing. */
	FACT_LBR_FAULTS = 1 << 23,
	/* Of AMD's DebugCtl: BTF is dropped; the bits of external pins, or of bus locks, raise #GP
	 * and are not dropped (svm_set_msr). */
	FACT_DROPS_BTF = 1 << 24,
	FACT_PINS_FAULT = 1 << 25,
	/* IA32_PEBS_ENABLE takes the value that it has, whatever the model is (intel_pmu_set_msr).
	 */
	FACT_PEBS_IN_CHANGE = 1 << 26,
	/* IA32_PEBS_ENABLE of version 1 takes 0 alone (intel_pmu_refresh). */
	FACT_PEBS_FROM_VERSION_2 = 1 << 27,
	/* An address in a register is canonical by the processor's levels of page tables, not by
	 * the guest's (is_noncanonical_msr_address). */
	FACT_ADDRESS_OF_HOST = 1 << 28,
};

/* A profile. A kernel's profile consists of parts of the one that it is based on, and of what
 * differs. */
struct vpmu_profile {
	const char *name;
	const char *about;
	uint16_t kernel; /* whose code it follows, 0x60c for 6.12; 0: no kernel's */
	uint16_t since;  /* the first kernel that it is used for, 0x602 for 6.2 */
	uint32_t facts;  /* enum vpmu_fact, and the FACT_ values above */
	const struct engine *engine;
	const struct response *response;
	const struct rules *rules[VPMU_VENDORS];
};

static inline bool has_fact(const struct vpmu_profile *profile, uint32_t fact)
{
	return profile->facts & fact;
}

/* Every profile, in the order in which they are shown: a file each, profile_NAME.c. */
#define PROFILES(X) X(hardware) X(linux_6_1) X(linux_6_12) X(linux_7_3) X(mediated)

#define DECLARE_PROFILE(name) extern const struct vpmu_profile profile_##name;
PROFILES(DECLARE_PROFILE)
#undef DECLARE_PROFILE

extern const struct engine engine_hardware;
extern const struct response response_hardware;

#endif
