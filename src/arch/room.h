/* SPDX-License-Identifier: MIT */
/*
 * What src/arch shows to the rooms above it: the register tables and the event tables. Const data;
 * whoever wants to know something about a register asks its row.
 */
#ifndef ARCH_ROOM_H
#define ARCH_ROOM_H

#include <vpmu/model.h>

/* How many registers a row stands for. */
enum reg_count {
	REG_ONE,
	REG_PER_GP,    /* one for each of the model's GP counters */
	REG_PER_K7,    /* one for each of the first four GP counters */
	REG_PER_FIXED, /* one for each fixed counter that exists */
};

/*
 * One row of a vendor's table: a register, or a run of registers `stride` apart. The functions take
 * the model, so that a value that depends on it is written down once, here.
 */
struct reg_row {
	const char *name; /* with one %u for the index when the row is a run */
	uint32_t base;
	uint8_t stride;
	uint8_t kind;  /* enum vpmu_kind */
	uint8_t count; /* enum reg_count */
	uint8_t guest; /* enum vpmu_access */
	uint8_t host;  /* enum vpmu_access */
	uint8_t level; /* enum vpmu_level */
	bool (*exists)(const struct vpmu_model *model);
	uint64_t (*writable)(const struct vpmu_model *model, unsigned index);
	uint64_t (*reset)(const struct vpmu_model *model);
};

struct reg_table {
	const struct reg_row *rows; /* ascending by base */
	size_t count;
};

/* The vendor's table. */
const struct reg_table *reg_table_of(enum vpmu_vendor vendor);

/* How many registers the row stands for in this model: 0 when it does not exist there. For
 * REG_PER_FIXED it is the highest existing fixed counter + 1; holes are told by reg_exists(). */
unsigned reg_row_count(const struct reg_row *row, const struct vpmu_model *model);

/* Whether the row's index-th register exists in this model. */
bool reg_exists(const struct reg_row *row, const struct vpmu_model *model, unsigned index);

/* Bits of selectors, fixed-counter control and status, as the manuals name them. */
#define SEL_EVENT     UINT64_C(0x000000ff)
#define SEL_UMASK     UINT64_C(0x0000ff00)
#define SEL_USR       (UINT64_C(1) << 16)
#define SEL_OS        (UINT64_C(1) << 17)
#define SEL_EDGE      (UINT64_C(1) << 18)
#define SEL_PC        (UINT64_C(1) << 19)
#define SEL_INT       (UINT64_C(1) << 20)
#define SEL_ANY       (UINT64_C(1) << 21)
#define SEL_EN        (UINT64_C(1) << 22)
#define SEL_INV       (UINT64_C(1) << 23)
#define SEL_CMASK     UINT64_C(0xff000000)
#define SEL_CMASK_BIT 24
#define SEL_AMD_EVENT (UINT64_C(0xf) << 32)
#define SEL_IN_TX     (UINT64_C(1) << 32)
#define SEL_IN_TXCP   (UINT64_C(1) << 33)
#define SEL_AMD_GUEST (UINT64_C(1) << 40)
#define SEL_AMD_HOST  (UINT64_C(1) << 41)

#define FIXED_OS   UINT64_C(1)
#define FIXED_USR  UINT64_C(2)
#define FIXED_ANY  UINT64_C(4)
#define FIXED_PMI  UINT64_C(8)
#define FIXED_BITS 4u /* of IA32_FIXED_CTR_CTRL per counter */

#define GLOBAL_FIXED_BIT 32u /* fixed counter i is bit 32 + i of the global registers */
#define STATUS_METRICS   (UINT64_C(1) << 48)
#define STATUS_LBR_FRZ   (UINT64_C(1) << 58)
#define STATUS_CTR_FRZ   (UINT64_C(1) << 59) /* AMD: PerfCntrGlobalStatus.PMCF */
#define STATUS_ASCI      (UINT64_C(1) << 60)
#define STATUS_UNCORE    (UINT64_C(1) << 61)
#define STATUS_DS        (UINT64_C(1) << 62)
#define STATUS_COND      (UINT64_C(1) << 63)

#define DEBUGCTL_FREEZE_LBRS    (UINT64_C(1) << 11)
#define DEBUGCTL_FREEZE_PERFMON (UINT64_C(1) << 12) /* AMD: DebugCtl.FPCI */

/* The global registers' bits of the counters that exist. */
uint64_t model_counter_bits(const struct vpmu_model *model);

/* The bits that GLOBAL_STATUS can show in this model, and that its clear and set registers take. */
uint64_t model_status_bits(const struct vpmu_model *model);

/* The same CPU without a PMU: what is no vendor, name or signature is 0. */
void model_turn_off(struct vpmu_model *model);

/* Whether the model has global control: Intel version 2, AMD PerfMonV2. */
bool model_has_global(const struct vpmu_model *model);

/* Whether AnyThread bits exist: Intel from version 3 on, unless CPUID says it is deprecated. */
bool model_has_anythread(const struct vpmu_model *model);

/* Whether full-width aliases exist: PDCM and IA32_PERF_CAPABILITIES.FW_WRITE. */
bool model_has_full_width(const struct vpmu_model *model);

/* Whether IA32_PERF_METRICS exists: fixed counter 3, and the model says so. */
bool model_has_metrics(const struct vpmu_model *model);

/*
 * The class that a selector's value counts, by its event and unit mask only; VPMU_NO_CLASS for an
 * event that the model lacks or vpmu cannot see. fixed: the same for a fixed counter.
 */
enum vpmu_class event_class(const struct vpmu_model *model, uint64_t selector);
enum vpmu_class fixed_class(const struct vpmu_model *model, unsigned index);

/* The class of an event of the vendor's, whether a model has it or not. */
enum vpmu_class event_code_class(enum vpmu_vendor vendor, uint64_t selector);

/* False for an architectural event that the model's CPUID says is missing. */
bool event_is_available(const struct vpmu_model *model, uint64_t selector);

#endif
