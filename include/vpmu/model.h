/* SPDX-License-Identifier: MIT */
/*
 * A model: what the guest's CPU says its PMU is. It is built from a preset's name or from CPUID,
 * can be turned back into CPUID, and lists its registers.
 *
 * A model is a plain structure without pointers: copy it by assignment, compare it with
 * vpmu_model_equal(). Make one with a function below rather than by hand, so that it passes
 * vpmu_model_check().
 */
#ifndef VPMU_MODEL_H
#define VPMU_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	VPMU_MAX_GP = 16, /* Intel: 10 at most (IA32_PMC0-9), AMD: 15 (CPUID 0x80000022 EBX[3:0]) */
	VPMU_MAX_FIXED = 8,   /* IA32_FIXED_CTR0-7 */
	VPMU_MAX_FIELDS = 16, /* members of struct vpmu_model except the name, now and later */
	VPMU_NAME_BYTES = 32  /* of a model's or register's name, the final NUL included */
};

/* What a model has besides counters: the bits of `features` in struct vpmu_model. */
enum vpmu_feature {
	VPMU_FEATURE_PDCM = 1 << 0,           /* CPUID.1 ECX[15]: IA32_PERF_CAPABILITIES exists */
	VPMU_FEATURE_ANYTHREAD_GONE = 1 << 1, /* CPUID.0AH EDX[15]: AnyThread is deprecated */
	VPMU_FEATURE_PERFCORE = 1 << 2,       /* CPUID 0x80000001 ECX[23]: 0xc0010200-... */
	VPMU_FEATURE_PERFMON_V2 = 1 << 3,     /* CPUID 0x80000022 EAX[0]: global control */
	VPMU_FEATURE_HLE = 1 << 4,            /* CPUID.7 EBX[4] */
	VPMU_FEATURE_RTM = 1 << 5,            /* CPUID.7 EBX[11] */
	VPMU_FEATURE_UMASK2 = 1 << 6,         /* CPUID.23H EBX[0]: more bits of the unit mask */
	VPMU_FEATURE_EQ = 1 << 7,             /* CPUID.23H EBX[1]: CMASK compares for equality */
	VPMU_FEATURE_RDPMC_HIDE = 1 << 8,     /* CPUID.23H EBX[2]: RDPMC user disable */
};

/* IA32_PERF_CAPABILITIES (Intel SDM vol. 4), whose value is part of a model, and the bits that vpmu
 * acts on. */
#define VPMU_MSR_PERF_CAPABILITIES UINT32_C(0x345)
#define VPMU_PERF_CAP_FULL_WIDTH   (UINT64_C(1) << 13) /* writes to 0x4c1+ take all bits */
#define VPMU_PERF_CAP_METRICS      (UINT64_C(1) << 15) /* IA32_PERF_METRICS exists */
#define VPMU_PERF_CAP_LBR_FORMAT   UINT64_C(0x3f)      /* of last branches */
#define VPMU_PERF_CAP_PEBS_TRAP    (UINT64_C(1) << 6)  /* records are made behind an instruction, */
#define VPMU_PERF_CAP_PEBS_REGS    (UINT64_C(1) << 7)  /* and contain all registers */
#define VPMU_PERF_CAP_PEBS_FORMAT  UINT64_C(0xf00)     /* of PEBS records; 0: no PEBS */
#define VPMU_PERF_CAP_PEBS_DATA    (UINT64_C(1) << 14) /* MSR_PEBS_DATA_CFG, fixed counters */

struct vpmu_model {
	char name[VPMU_NAME_BYTES]; /* a preset's name, or "cpuid", "host"; not part of equality */
	uint8_t vendor;             /* enum vpmu_vendor */
	uint8_t version;     /* Intel: CPUID.0AH EAX[7:0]; AMD: 1, or 2 with PerfMonV2; P6: 1; 0: no
	                        PMU */
	uint8_t gp_count;    /* general-purpose counters, counting those in gp_missing; may be 0 */
	uint8_t gp_width;    /* their width in bits, 32-64; 0 without such counters */
	uint8_t fixed_width; /* width of fixed counters in bits; 0 without such counters */
	uint8_t other_name;  /* 1: CPUID has the vendor string that this family usually does not
	                        have, such as "CentaurHauls" on Zhaoxin's family 7; Intel has one
	                        string */
	uint8_t lbr; /* entries of the stack of last branches (LBR): Intel's architectural one (8,
	                16 or 32), AMD's LbrExtV2 (1 to 16); 0: none, or the one that the LBR format
	                in perf_capabilities implies (3, 4: 16 entries; 5, 6, 7: 32) */
	uint8_t reserved_bytes[1]; /* 0 */
	uint32_t fixed_mask;       /* bit i: fixed counter i exists */
	uint32_t features;         /* enum vpmu_feature */
	uint32_t events_length;    /* CPUID.0AH EAX[31:24]: how many bits of events_missing count */
	uint32_t events_missing;   /* CPUID.0AH EBX: bit i: architectural event i does not exist */
	uint64_t perf_capabilities; /* the value of IA32_PERF_CAPABILITIES, 0 without PDCM */
	uint32_t signature;         /* CPUID.1 EAX: family, model and stepping */
	uint32_t gp_missing;   /* CPUID.23H.1 EAX, inverted: bit i: GP counter i, below gp_count,
	                          does not exist; never the first or the last */
	uint32_t reserved[12]; /* 0; vpmu_model_check() refuses other values */
};

/*
 * Makes a model from "NAME" or "NAME,key=value…", as the tool's --model takes it: gp=N fixed=N
 * width=N full-width=on|off …; vpmu_model_key() and `vpmu models --help` list the keys,
 * vpmu_preset_name() the names.
 * why: where a failure is described in one line without a final newline; may be NULL.
 * VPMU_BAD_ARGUMENT: unknown name or key, a number out of range, or a NULL;
 * VPMU_INCOMPATIBLE: each part is valid but no such PMU can exist. *model is unchanged on errors.
 */
VPMU_API enum vpmu_status vpmu_model_parse(struct vpmu_model *model, const char *text, char *why,
                                           size_t why_bytes);

/*
 * vpmu_model_parse() with overrides that apply one after the other, each to the result of those
 * before it, as when a VMM sets CPUID again: "intel-v2,gp=4,pmu=off" has no PMU, and shortening the
 * vector of architectural events forgets which of the dropped ones were missing. vpmu_model_parse()
 * refuses such texts, because its result does not depend on the order of overrides.
 */
VPMU_API enum vpmu_status vpmu_model_parse_in_turn(struct vpmu_model *model, const char *text,
                                                   char *why, size_t why_bytes);

/* The i-th preset's name, or NULL past the last. Static storage. */
VPMU_API const char *vpmu_preset_name(size_t i);

/* One line on what the i-th preset is, or NULL past the last. Static storage. */
VPMU_API const char *vpmu_preset_about(size_t i);

/* The keys that give the i-th preset what its processor has and the preset leaves out, last
 * branches and PEBS: "lbr-format=5,pebs=3". NULL: nothing, or past the last preset. Static
 * storage. */
VPMU_API const char *vpmu_preset_more(size_t i);

/* The i-th key of an override and its values, "gp=N" or "pmu=on|off"; NULL past the last. */
VPMU_API const char *vpmu_model_key(size_t i);

/* One line on what the i-th key sets, or NULL past the last. Static storage. */
VPMU_API const char *vpmu_model_key_about(size_t i);

/*
 * Whether such a PMU can exist: counts and widths in range, no PerfMonV2 without PERFCORE, no fixed
 * counters below version 2, no version without counters … A model with version 0 has no PMU at all:
 * every field except vendor, names and signature must be 0, but it may have PDCM. VPMU_OK: it can;
 * VPMU_INCOMPATIBLE: it cannot, and why (may be NULL) has the reason; VPMU_BAD_ARGUMENT: model is
 * NULL.
 */
VPMU_API enum vpmu_status vpmu_model_check(const struct vpmu_model *model, char *why,
                                           size_t why_bytes);

/* Whether two models are the same PMU on the same CPU; their names may differ. False if either is
 * NULL. */
VPMU_API bool vpmu_model_equal(const struct vpmu_model *a, const struct vpmu_model *b);

/*
 * The largest PMU that both models contain: the smaller of each number and the intersection of each
 * set, reduced to a PMU that can exist; version 0 (no PMU) if nothing is left. It has the lower
 * signature and a's name. When several models are combined, the order does not matter. meet may be
 * a or b.
 * VPMU_BAD_ARGUMENT: meet is NULL, or a or b fails vpmu_model_check(); VPMU_INCOMPATIBLE: the
 * vendors differ, so the PMUs have nothing in common. *meet is unchanged on errors.
 */
VPMU_API enum vpmu_status vpmu_model_meet(struct vpmu_model *meet, const struct vpmu_model *a,
                                          const struct vpmu_model *b);

/*
 * Whether a host with this PMU has everything that a guest of model `guest` can use, counters under
 * the same numbers. Every model covers itself, and a and b both cover their vpmu_model_meet().
 * Signatures may differ, because a VMM can show a guest any signature. False also if either model
 * fails vpmu_model_check().
 */
VPMU_API bool vpmu_model_covers(const struct vpmu_model *host, const struct vpmu_model *guest);

/* How many fixed counters the model has. */
VPMU_API unsigned vpmu_model_fixed_count(const struct vpmu_model *model);

/* --- Fields and features by number ------------------------------------------------------------ */

/*
 * The members of struct vpmu_model except the name, for code that prints, reads or compares all of
 * them. A later vpmu may have more. The numbers are valid with one version of the library only; the
 * names never change.
 */

/* How a field is printed for people. */
enum vpmu_field_form {
	VPMU_FORM_VENDOR,   /* vpmu_vendor_name() */
	VPMU_FORM_NUMBER,   /* a decimal number */
	VPMU_FORM_HEX,      /* a hexadecimal number */
	VPMU_FORM_BITS,     /* a set of numbers */
	VPMU_FORM_FEATURES, /* a set of features; vpmu_feature_name() has their names */
};

/* The i-th field's name in JSON, "gp_counters", and in messages, "general-purpose counters"; NULL
 * past the last. Static storage. */
VPMU_API const char *vpmu_field_name(size_t i);
VPMU_API const char *vpmu_field_text(size_t i);

/* The i-th field's form; VPMU_FORM_HEX past the last. */
VPMU_API enum vpmu_field_form vpmu_field_form(size_t i);

/* The i-th field's value; 0 past the last or if model is NULL. */
VPMU_API uint64_t vpmu_model_field(const struct vpmu_model *model, size_t i);

/* Sets the i-th field, whatever the other fields are: call vpmu_model_check() when all are set.
 * VPMU_BAD_ARGUMENT: model is NULL, there is no such field, or it cannot hold the value. */
VPMU_API enum vpmu_status vpmu_model_set_field(struct vpmu_model *model, size_t i, uint64_t value);

/* The i-th feature's name, "pdcm"; NULL past the last. A feature is a bit of the field `features`,
 * or a bit of IA32_PERF_CAPABILITIES that vpmu acts on. Static storage. */
VPMU_API const char *vpmu_feature_name(size_t i);

/* Whether the model has the i-th feature; NULL has none. */
VPMU_API bool vpmu_model_feature(const struct vpmu_model *model, size_t i);

/* A vendor's name, "Intel"; NULL if the value is not a vendor. Static storage. */
VPMU_API const char *vpmu_vendor_name(enum vpmu_vendor vendor);

/* --- CPUID ------------------------------------------------------------------------------------ */

/* One CPUID leaf, as KVM_SET_CPUID2 takes it. */
struct vpmu_cpuid {
	uint32_t leaf, subleaf;
	uint32_t eax, ebx, ecx, edx;
};

/*
 * Reads a model out of CPUID leaves (0, 1, 7, 0xA, 0x1C, 0x23, 0x80000001, 0x80000022; others are
 * ignored and a missing one counts as zeros). perf_capabilities: the value of the MSR
 * IA32_PERF_CAPABILITIES, used only if the leaves have PDCM and a PMU. Intel versions above 6 are
 * read as 6, which they contain. AMD families from K7 on always have a PMU; so does an Intel CPU of
 * family 6, models 0 to 0xd, whose highest basic leaf is 1 to 9: a P6. VPMU_INCOMPATIBLE: the
 * leaves contradict each other; why (may be NULL) says how. VPMU_BAD_ARGUMENT: a NULL. *model is
 * then unchanged.
 */
VPMU_API enum vpmu_status vpmu_model_from_cpuid(struct vpmu_model *model,
                                                const struct vpmu_cpuid *leaves, size_t count,
                                                uint64_t perf_capabilities, char *why,
                                                size_t why_bytes);

enum { VPMU_CPUID_LEAVES = 16 }; /* as many as vpmu_model_to_cpuid() writes at most */

/*
 * Writes the model's PMU into CPUID leaves: vendor, signature and the PMU's bits. All other bits
 * are 0; the caller merges its own. EAX of leaves 0 and 0x80000000 is the highest leaf that the PMU
 * needs (for a P6, which must not have leaf 0xA, the highest that is allowed). Reading the leaves
 * back gives an equal model, with one exception: neither AMD's CPUID nor a P6's can say that there
 * is no PMU. An AMD or P6 model without one reads back with the counters of K7 or P6, or, if it is
 * a P6 model with a signature that is no P6's, as an Intel model without a PMU. Returns the number
 * of leaves written to `leaves`, which has VPMU_CPUID_LEAVES entries; 0 for a model that fails
 * vpmu_model_check().
 */
VPMU_API size_t vpmu_model_to_cpuid(const struct vpmu_model *model, struct vpmu_cpuid *leaves);

/* What a register is for. */
enum vpmu_kind {
	VPMU_KIND_COUNTER,       /* general-purpose counter */
	VPMU_KIND_COUNTER_ALIAS, /* a counter under another number: full-width, or K7 */
	VPMU_KIND_SELECTOR,      /* event select */
	VPMU_KIND_SELECTOR_ALIAS,
	VPMU_KIND_FIXED_COUNTER,
	VPMU_KIND_FIXED_CTRL,
	VPMU_KIND_GLOBAL_CTRL,
	VPMU_KIND_GLOBAL_STATUS,
	VPMU_KIND_STATUS_CLEAR, /* GLOBAL_OVF_CTRL, GLOBAL_STATUS_RESET, PerfCntrGlobalStatusClr */
	VPMU_KIND_STATUS_SET,
	VPMU_KIND_INUSE,
	VPMU_KIND_CAPABILITIES,
	VPMU_KIND_METRICS,
	VPMU_KIND_DEBUGCTL,    /* only its freeze bits and LBR matter to the PMU */
	VPMU_KIND_MISC_ENABLE, /* only its performance-monitoring bits */
	VPMU_KIND_FIXED_ALIAS, /* a fixed counter under its version 6 number */
	VPMU_KIND_LBR_CTL,     /* IA32_LBR_CTL, DebugExtnCtl: whether branches are recorded */
	VPMU_KIND_LBR_SELECT,  /* MSR_LBR_SELECT, LbrSelect: which branches are not recorded */
	VPMU_KIND_LBR_TOS,     /* MSR_LASTBRANCH_TOS: the index of the newest entry */
	VPMU_KIND_LBR_DEPTH,   /* IA32_LBR_DEPTH: how many entries are in use */
	VPMU_KIND_LBR_FROM,    /* an entry's three registers */
	VPMU_KIND_LBR_TO,
	VPMU_KIND_LBR_INFO,
	VPMU_KIND_PEBS_ENABLE,
	VPMU_KIND_PEBS_DATA, /* MSR_PEBS_DATA_CFG */
	VPMU_KIND_DS_AREA,   /* IA32_DS_AREA */
	VPMU_KINDS
};

/* A kind's name, "fixed-counter"; NULL if the value is not a kind. Static storage. */
VPMU_API const char *vpmu_kind_name(enum vpmu_kind kind);

/* How a register answers RDMSR and WRMSR. */
enum vpmu_access {
	VPMU_ACCESS_NONE,       /* neither */
	VPMU_ACCESS_READ,       /* read-only: a write raises #GP, or is refused */
	VPMU_ACCESS_READ_WRITE, /* both */
	VPMU_ACCESS_COMMAND,    /* a write acts, a read gives 0 */
	VPMU_ACCESS_IGNORED,    /* a write succeeds and is dropped */
};

/* An access's name, "read-write"; NULL if the value is not an access. Static storage. */
VPMU_API const char *vpmu_access_name(enum vpmu_access access);

/* The lowest level of a put that writes a register (QEMU's KVM_PUT_RUNTIME_STATE, …). */
enum vpmu_level {
	VPMU_LEVEL_RUNTIME,
	VPMU_LEVEL_RESET,
	VPMU_LEVEL_FULL,
	VPMU_LEVEL_NEVER, /* not the PMU's to write: an alias, a command, or another part's register
	                   */
};

/* One register of a model: one row of the vendor's table, resolved for this model. */
struct vpmu_register {
	char name[VPMU_NAME_BYTES]; /* the vendor's: "IA32_PMC0", "PerfEvtSel0" */
	uint32_t msr;
	uint8_t kind;    /* enum vpmu_kind */
	uint8_t index;   /* which counter or selector, 0 for single registers */
	uint8_t width;   /* how many bits the register stores */
	uint8_t guest;   /* enum vpmu_access */
	uint8_t host;    /* enum vpmu_access */
	uint8_t level;   /* enum vpmu_level */
	uint8_t address; /* it holds a linear address of this many bits, and the bits above must
	                    repeat the highest of them (canonical form); 0: any value */
	uint8_t flags;   /* this many bits at the top are flags, not part of the address */
	uint8_t reserved[4];
	uint64_t writable; /* bits that a write may set */
	uint64_t reset;    /* its value after a processor reset */
};

enum { VPMU_MAX_REGISTERS = 192 };

/*
 * The model's registers in table order, ascending by MSR number: fills out[] (VPMU_MAX_REGISTERS
 * entries) and returns their number; 0 without a PMU, for a model that fails vpmu_model_check(),
 * and with a NULL.
 */
VPMU_API size_t vpmu_model_registers(const struct vpmu_model *model, struct vpmu_register *out);

/*
 * The vendor's name for the PMU register with this MSR number, on any of its models: "IA32_PMC9",
 * "PerfEvtSel0". name: a buffer of VPMU_NAME_BYTES. False: none of the vendor's models has such a
 * register; name is then "".
 */
VPMU_API bool vpmu_msr_name(enum vpmu_vendor vendor, uint32_t msr, char *name);

/*
 * The class that an event selector's value counts, by its event and unit mask only; VPMU_NO_CLASS:
 * the model lacks the event, or vpmu cannot see it. The other bits and the global control, which
 * decide whether the counter runs, are not looked at.
 */
VPMU_API enum vpmu_class vpmu_model_event_class(const struct vpmu_model *model, uint64_t selector);

/*
 * The i-th event that a selector of the model can count. *event: the event number in bits 7:0
 * (AMD's bits 11:8 in 35:32) and the unit mask in 15:8. *class_: its class. The vendor's events
 * come first, then those of the processor that the signature names. AMD's vendor-wide events count
 * with any unit mask. False past the last, or with a NULL.
 */
VPMU_API bool vpmu_model_event(const struct vpmu_model *model, size_t i, uint64_t *event,
                               enum vpmu_class *class_);

/* The class that the model's fixed counter `index` counts; VPMU_NO_CLASS: there is no such counter,
 * or vpmu cannot see what it counts. */
VPMU_API enum vpmu_class vpmu_model_fixed_class(const struct vpmu_model *model, unsigned index);

/* Whether an instruction that changes the privilege level (SYSCALL, INT, IRET, …) counts at the
 * level that it enters, as on AMD processors. Intel's manuals do not say; vpmu counts it at the
 * level that it leaves (false). False with a NULL. */
VPMU_API bool vpmu_model_counts_where_it_goes(const struct vpmu_model *model);

/*
 * The bytes of a PEBS record of this model. 0: none are written, because the model has no PEBS, no
 * global control, records of before an instruction (VPMU_PERF_CAP_PEBS_TRAP is not set), or a
 * format that vpmu does not write (the adaptive one, 4, and later); or a NULL.
 */
VPMU_API unsigned vpmu_model_pebs_bytes(const struct vpmu_model *model);

#ifdef __cplusplus
}
#endif

#endif
