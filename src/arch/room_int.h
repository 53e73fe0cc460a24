/* SPDX-License-Identifier: MIT */
/*
 * What the files of src/arch share: one structure per vendor, in which everything that differs
 * between vendors is data or a function. No other code tests for the vendor.
 */
#ifndef ARCH_ROOM_INT_H
#define ARCH_ROOM_INT_H

#include <arch/room.h>
#include <base/room.h>

/* A rule that a model within its fields' limits can still violate, and the reason to report. */
struct rule {
	bool (*broken)(const struct vpmu_model *model);
	const char *why;
};

/* An event that a selector can count. */
struct event_row {
	uint64_t code; /* the selector's bits under the table's mask */
	uint8_t class_;
	int8_t architectural; /* its bit in CPUID.0AH EBX, or -1: it always exists */
};

/* Events that some processors have. */
struct event_set {
	const struct event_row *rows;
	size_t count;
};

enum { PROCESSOR_SETS = 4 };

/* Processors of a family that have the same events. */
struct processor {
	uint8_t vendor;
	uint16_t family;
	uint8_t first, last; /* models */
	const struct event_set *sets[PROCESSOR_SETS];
};

struct event_table {
	uint64_t mask; /* the selector's bits that distinguish the rows' events */
	const struct event_row *rows;
	size_t count;
	const struct processor *processors; /* the first that matches decides */
	size_t processor_count;
};

/* Which fields the overrides of --model have set, so that complete() does not derive them from
 * others. */
enum given {
	GIVEN_GP = 1 << 0,
	GIVEN_FIXED = 1 << 1,
	GIVEN_METRICS = 1 << 2,
	GIVEN_PDCM = 1 << 3,
	GIVEN_VERSION_6 = 1 << 4,
	GIVEN_LBR = 1 << 5,
};

/* Features in CPUID.23H. (Its bitmaps of counters are allowed with version 5, too.) */
enum { VERSION_6_FEATURES = VPMU_FEATURE_UMASK2 | VPMU_FEATURE_EQ | VPMU_FEATURE_RDPMC_HIDE };

/* The CPUID leaves that concern a PMU; missing leaves are zeros. */
struct leaves {
	struct vpmu_cpuid vendor, signature, structured, perfmon, ext_vendor, ext_features,
		ext_perfmon;
	/* 7.1, 0x1c, 0x23.0, 0x23.1, 0x23.3 */
	struct vpmu_cpuid structured_1, arch_lbr, arch_perfmon, arch_counters, arch_events;
};

struct vendor {
	uint8_t like; /* LIKE_… */
	/* An instruction that changes the privilege level counts at the level that it goes to. */
	bool counts_where_it_goes;
	const struct rule *rules;
	size_t rule_count;
	const struct reg_table *registers;
	const struct reg_table *later; /* the maker's later PMUs', or NULL */
	const struct event_table *events;
	uint64_t (*status_bits)(const struct vpmu_model *model);
	/* Derives what was not given from what was. */
	void (*complete)(struct vpmu_model *model, unsigned given);
	/* Turns the common part of several models into one that can exist, by removing what lacks a
	 * requirement. The version becomes 0 if nothing is left. */
	void (*fit)(struct vpmu_model *model);
	/* CPUID <-> model, beyond what the fields' rows say. */
	void (*read_cpuid)(struct vpmu_model *model, const struct leaves *leaves);
	void (*write_cpuid)(const struct vpmu_model *model, struct leaves *leaves);
};

/* Never NULL for a vendor below VPMU_VENDORS. */
const struct vendor *vendor_of(enum vpmu_vendor vendor);

/* As messages say it: "an Intel PMU". */
const char *vendor_pmu(enum vpmu_vendor vendor);

/* Adds "1 to 10", or with `hex` "0x0 to 0xff". */
void range_describe(struct text *text, uint64_t min, uint64_t max, bool hex);

/* The features of struct vpmu_model's `features` that such PMUs can have. */
uint32_t features_like(unsigned like);

extern const struct vendor vendor_intel, vendor_amd, vendor_p6;

/* The processor's family and model, of CPUID.1 EAX. */
unsigned signature_family(uint32_t signature);
unsigned signature_model(uint32_t signature);

/* Registers, status bits and events of the vendors. */
extern const struct reg_table intel_registers, amd_registers, p6_registers;
extern const struct event_table intel_events, amd_events, p6_events;
uint64_t intel_status_bits(const struct vpmu_model *model);
uint64_t amd_status_bits(const struct vpmu_model *model);

/* Sets gp_count and gp_missing: these counters, and no others. */
void model_set_gp_bits(struct vpmu_model *model, uint32_t mask);

/* The entries of the stack of last branches that the format in IA32_PERF_CAPABILITIES implies. */
unsigned model_lbr_of_format(const struct vpmu_model *model);

/* How many counters there are from 0 up to the first hole. */
unsigned mask_run(uint32_t mask);

void intel_read_cpuid(struct vpmu_model *model, const struct leaves *leaves);
void intel_write_cpuid(const struct vpmu_model *model, struct leaves *leaves);
void amd_read_cpuid(struct vpmu_model *model, const struct leaves *leaves);
void amd_write_cpuid(const struct vpmu_model *model, struct leaves *leaves);

void p6_read_cpuid(struct vpmu_model *model, const struct leaves *leaves);
void p6_write_cpuid(const struct vpmu_model *model, struct leaves *leaves);

enum { K7_COUNTERS = 4, AMD_WIDTH = 48, AMD_LBR = 16, P6_COUNTERS = 2, P6_WIDTH = 40 };

/* Whether a signature is one of the P6 family's that had no CPUID.0AH yet. */
bool signature_is_p6(uint32_t signature);

/* The name of a row's register: the format with its %u filled in, in VPMU_NAME_BYTES. */
void register_name(char *name, const char *format, unsigned index);

/* Row functions that both tables use. */
bool row_always(const struct vpmu_model *model);
uint64_t row_nothing(const struct vpmu_model *model, unsigned index);
uint64_t row_all_bits(const struct vpmu_model *model, unsigned index);
uint64_t row_gp_value(const struct vpmu_model *model, unsigned index);
uint64_t row_status(const struct vpmu_model *model, unsigned index);
uint64_t row_reset_zero(const struct vpmu_model *model);
uint64_t row_reset_gp(const struct vpmu_model *model); /* a bit for each GP counter */

/* A preset: a model and what it is. */
struct preset {
	const char *about;
	struct vpmu_model model;
	const char *more; /* keys of what the processor has and the preset has not; NULL: nothing */
};

extern const struct preset presets[];
extern const size_t preset_count;

#endif
