/* SPDX-License-Identifier: MIT */
/*
 * What a profile is made of: how registers are written (rules), how counters count (an engine),
 * when a change takes effect (a response), and facts. A profile is a file, profile_NAME.c.
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

/* What becomes of bits that a register does not have. */
enum excess {
	EXCESS_FAULTS,    /* the write fails: #GP, or refused */
	EXCESS_IN_CHANGE, /* the same, unless the value is what the register holds */
	EXCESS_DROPPED,   /* they are cut off */
	EXCESS_TAKEN,     /* the setter sees them, and knows */
	EXCESS_ADDRESS,   /* the write fails of what is no address */
	EXCESS_DEPTH,     /* the write fails of what is no depth of the stack of last branches */
};

typedef enum vpmu_status setter(struct vpmu_pmu *pmu, const struct reg *reg, uint64_t value);

/* How one kind of register is written. decode_build() refuses a model with a register that can be
 * written and has no rule. */
struct write_rule {
	setter *set;
	uint8_t excess;    /* enum excess */
	bool marks_in_use; /* even when it fails: kvm_pmu_mark_pmc_in_use */
};

/* How one vendor's registers behave under one profile: chosen once, when a machine is made. */
struct rules {
	const struct write_rule *guest, *host; /* [VPMU_KINDS] */
	enum vpmu_status (*rdpmc)(const struct vpmu_pmu *pmu, uint32_t ecx, enum reader reader,
	                          uint64_t *value);
	/* Access to a number that is no register of the model. */
	enum vpmu_status (*read_absent)(const struct vpmu_pmu *pmu, uint32_t msr, bool host,
	                                uint64_t *value);
	enum vpmu_status (*write_absent)(struct vpmu_pmu *pmu, uint32_t msr, bool host,
	                                 uint64_t value);
	const struct absent_row *absent_rows; /* what these two look into */
	/* Whether the profile has the register at all, and its writable bits if they are not the
	 * table's. */
	bool (*has)(const struct vpmu_host *host, const struct vpmu_register *from,
	            uint64_t *writable);
	/* The bits that the guest's writes may set, where they are not those of the host's, which
	 * are given; NULL: they always are. */
	uint64_t (*guest_bits)(const struct vpmu_model *model, const struct vpmu_host *host,
	                       const struct vpmu_register *from, uint64_t writable);
	/* Whether it is answered with the numbers that are none of the PMU's; *reg is then made to
	 * say how. */
	bool (*has_apart)(struct vpmu_register *reg);
	const struct module *module; /* KVM's; NULL: there is no KVM, and a model stays as it is */
	/* Bits of a selector with which its counter counts nothing. */
	uint64_t idle_bits;
	/* Those of which one alone says in which mode of SVM it counts; both, or none: in both. */
	uint64_t guest_only, host_only;
	/* What delivering a PMI to a guest of that vendor sets in LVTPC. */
	uint32_t lvtpc_after_pmi;
	/* The bit of GLOBAL_STATUS that stops every counter; 0: they never freeze. */
	uint64_t freeze_bit;
	/* What an overflow does under DEBUGCTL's freeze bit. */
	void (*freeze)(struct vpmu_pmu *pmu);
};

/* How a profile counts, and a vCPU's life under it. */
struct engine {
	/* As the VMM reads it, and the guest by RDMSR. */
	uint64_t (*value)(const struct vpmu_pmu *pmu, unsigned slot);
	uint64_t (*guest_value)(const struct vpmu_pmu *pmu, unsigned slot);
	void (*write)(struct vpmu_pmu *pmu, unsigned slot, uint64_t value);
	/* Of a running tally: how many events until overflow() must be called for it. */
	uint64_t (*distance)(const struct vpmu_pmu *pmu, unsigned slot);
	/* Tallies that got there, all at one moment. */
	void (*overflow)(struct vpmu_pmu *pmu, uint32_t slots, struct vpmu_outcome *outcome);
	struct vpmu_outcome (*enter)(struct vpmu_pmu *pmu);
	struct vpmu_outcome (*emulate)(struct vpmu_pmu *pmu, bool branch, unsigned cpl);
	void (*schedule)(struct vpmu_pmu *pmu);
	/* Loads the model that was asked for; false when the machine cannot hold it. */
	bool (*power_up)(struct vpmu_pmu *pmu);
	/* The VMM gives the vCPU another model: VPMU_REFUSED when it is too late for that. */
	enum vpmu_status (*set_model)(struct vpmu_pmu *pmu, const struct vpmu_model *model);
};

/* What a profile does when something has changed, at once or later: where kernels differ that
 * count alike. */
struct response {
	/* The counters' own controls have changed. */
	void (*changed)(struct vpmu_pmu *pmu, uint32_t slots);
	/* What the global control says of them may have changed, and nothing else. */
	void (*switched)(struct vpmu_pmu *pmu, uint32_t slots);
	void (*reset)(struct vpmu_pmu *pmu);

	/* The rest is KVM's: FACT_KVM. */
	bool (*refresh)(struct vpmu_pmu *pmu);
	void (*filter_changed)(struct vpmu_pmu *pmu);
	bool (*is_triggered)(const struct vpmu_pmu *pmu, unsigned slot, enum mode mode);
	void (*increment)(struct vpmu_pmu *pmu, unsigned slot);
	/* With perf events. */
	void (*handle_event)(struct vpmu_pmu *pmu);
};

/* Facts that only src/core asks for, above those of enum vpmu_fact. */
enum {
	/* IA32_PERF_CAPABILITIES cannot change after the first entry. */
	FACT_CAPABILITIES_FINAL = 1 << 16,
	/* IA32_PERF_CAPABILITIES is there with PDCM and not without, whatever PMU there is. */
	FACT_CAPABILITIES_NEED_PDCM = 1 << 17,
	/* A feature is there only if CPUID and the host both have it: guest_cpu_cap_has(). */
	FACT_FEATURES_OF_HOST = 1 << 18,
	/* An event that does not sample is reused as others are. */
	FACT_REUSES_COUNTING = 1 << 19,
	/* An architectural event that CPUID says is missing does not count. */
	FACT_EVENTS_OF_CPUID = 1 << 20,
	/* No counter that the host's processor has not, also where CPUID cannot say so: AMD's
	 * PERFCORE (amd_pmu_refresh). */
	FACT_COUNTERS_OF_HOST = 1 << 21,
};

/* A profile. One of a kernel is made of what it is based on and of what differs. */
struct vpmu_profile {
	const char *name;
	const char *about;
	uint16_t kernel; /* whose code it follows, 0x60c for 6.12; 0: no kernel's */
	uint16_t since;  /* the first kernel that it fits, 0x602 for 6.2 */
	uint32_t facts;  /* enum vpmu_fact, and those above */
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
