/* SPDX-License-Identifier: MIT */
/*
 * What src/arch shows to the rooms above it: the register tables and the event tables, as const
 * data. Everything known about a register is in its row.
 */
#ifndef ARCH_ROOM_H
#define ARCH_ROOM_H

#include <vpmu/model.h>
#include <vpmu/state.h>

#include <base/room.h>

/* How many registers a row stands for. */
enum reg_count {
	REG_ONE,
	REG_PER_GP,    /* one for each of the model's GP counters */
	REG_PER_K7,    /* one for each of the first four GP counters */
	REG_PER_FIXED, /* one for each fixed counter that exists */
	REG_PER_LBR,   /* one for each entry of the stack of last branches */
	REG_COUNTS
};

/*
 * One row of a vendor's table: a register, or a run of registers `stride` apart. Values that depend
 * on the model are functions of it.
 */
struct reg_row {
	const char *name; /* with one %u for the index if the row is a run */
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
	/* As the members of struct vpmu_register; NULL: 0. */
	unsigned (*address)(const struct vpmu_model *model);
	unsigned (*flags)(const struct vpmu_model *model);
};

struct reg_table {
	const struct reg_row *rows; /* ascending by base */
	size_t count;
};

/* The vendor's table. */
const struct reg_table *reg_table_of(enum vpmu_vendor vendor);

/* The table of the same maker's later PMUs, whose MSR numbers this vendor's processors do not know;
 * NULL: none. */
const struct reg_table *reg_table_later(enum vpmu_vendor vendor);

/* How many registers the row stands for in this model; 0 if the model does not have it. For
 * REG_PER_FIXED it is the highest existing fixed counter + 1; use reg_exists() to find holes. */
unsigned reg_row_count(const struct reg_row *row, const struct vpmu_model *model);

/* Whether the row's index-th register exists in this model. */
bool reg_exists(const struct reg_row *row, const struct vpmu_model *model, unsigned index);

/* --- Fields (field.c) ------------------------------------------------------------------------- */

/* How a field's values are ordered. Decides which value covers which, and what two models have in
 * common. */
enum field_order {
	FIELD_SAME,   /* only the same value covers it; if it differs, nothing is in common */
	FIELD_NUMBER, /* a larger number covers a smaller one; the smaller is common */
	FIELD_SET,    /* bits: a superset covers a subset; the intersection is common */
	FIELD_SHOWN,  /* decides nothing: any value covers any other; the smaller is kept */
};

/* Kinds of vendors whose PMUs are alike, and sets of these kinds. */
enum { LIKE_INTEL, LIKE_AMD, LIKE_P6, LIKES };
enum {
	FOR_INTEL = 1 << LIKE_INTEL,
	FOR_AMD = 1 << LIKE_AMD,
	FOR_P6 = 1 << LIKE_P6,
	FOR_COUNTED = FOR_INTEL | FOR_AMD, /* those whose counters vary in number or width */
	FOR_ALL = FOR_COUNTED | FOR_P6,
};

/* What a field is on one kind of PMU. */
struct field_on {
	uint32_t min, max;   /* limits if there is a PMU; max 0: only the vendor's rules limit it */
	uint16_t leaf;       /* its CPUID register, as an offset in struct leaves */
	uint8_t shift, bits; /* its place there; 0 bits: it is not in CPUID */
};

/* A number inside a set of bits (a format): two models have it in common if it is equal; otherwise
 * it becomes 0. */
struct field_choice {
	uint64_t bits;
	const char *text;
};
enum { FIELD_CHOICES = 2 };

/* A member of struct vpmu_model. */
struct field_row {
	uint8_t offset, size; /* in struct vpmu_model */
	uint8_t order;        /* enum field_order */
	uint8_t form;         /* enum vpmu_field_form */
	uint8_t key_of;       /* FOR_…: for which PMUs a user may set it */
	uint8_t given;        /* enum given */
	bool is_vital;     /* another value, or 0, on the target means that the guest has no PMU */
	bool may_be_0;     /* 0 is allowed, whatever the limits say */
	bool is_counted;   /* a set whose size another field counts, and judges */
	const char *text;  /* in messages: "fixed counters" */
	const char *one;   /* for a set: "fixed counter ", followed by the bit's number */
	const char *json;  /* its member in JSON */
	const char *key;   /* "gp=N", as it is typed; or NULL */
	const char *about; /* one line on the key */
	const char *lost;  /* what a guest notices if it gets less; NULL: nothing */
	uint64_t inverted; /* for a set: the bits that mean that something is missing */
	struct field_choice choices[FIELD_CHOICES];
	/* What a guest can use; for a set with the `inverted` bits flipped. NULL: the value as it
	 * is. */
	uint64_t (*had)(const struct vpmu_model *model);
	void (*follow)(struct vpmu_model *model); /* what else a user's setting changes */
	/* Sets the field from a user's value, which then means what the guest can use; NULL: the
	 * value is stored as it is. */
	void (*type)(struct vpmu_model *model, uint64_t value);
	struct field_on on[LIKES];
};

/* A row's index is the field's number in streams: add new rows at the end, and never remove one. */
extern const struct field_row field_rows[];
extern const size_t field_count;

/* A bit of a field that has a name of its own. */
struct feature_row {
	uint8_t offset;    /* of the field in struct vpmu_model */
	uint64_t bit;      /* in it */
	const char *name;  /* in JSON and lists of features: "anythread-deprecated" */
	const char *key;   /* as it is typed: "anythread=on|off" */
	const char *about; /* one line on the key */
	const char *text;  /* in messages: "AnyThread" */
	uint8_t of;        /* FOR_…: whose PMUs have it */
	uint16_t leaf;     /* its place in CPUID, as in struct field_on */
	uint8_t shift, bits;
	uint8_t given;    /* enum given */
	bool is_inverted; /* the bit means that the feature is missing */
};

extern const struct feature_row feature_rows[];
extern const size_t feature_count;

/*
 * Members are read as one 64-bit word that ends with the member, so that one load does for every
 * size. The member is the word's upper part (the lower on big-endian processors). The name comes
 * first in the structure, so the bytes before any member exist. `unused` counts the other bits.
 */
#define FIELD_IS_HIGH (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

static inline unsigned field_unused(const struct field_row *row)
{
	return 64 - 8u * row->size;
}

static inline uint64_t field_get(const struct field_row *row, const struct vpmu_model *model)
{
	unsigned unused = field_unused(row);
	uint64_t word;

	__builtin_memcpy(&word, (const char *)model + row->offset + row->size - sizeof(word),
	                 sizeof(word));
	return FIELD_IS_HIGH ? word >> unused : word & UINT64_MAX >> unused;
}

/* False, and nothing happens, if the member cannot hold the value. Writes only the member's own
 * bytes: reading an overlapping word right after a wider write would stall. */
static inline bool field_set(const struct field_row *row, struct vpmu_model *model, uint64_t value)
{
	char *at = (char *)model + row->offset;
	uint32_t half = (uint32_t)value;

	if (value > UINT64_MAX >> field_unused(row))
		return false;
	switch (row->size) {
	case sizeof(uint8_t):
		*(uint8_t *)at = (uint8_t)value;
		break;
	case sizeof(half):
		__builtin_memcpy(at, &half, sizeof(half));
		break;
	default:
		__builtin_memcpy(at, &value, sizeof(value));
	}
	return true;
}

/* Switches a feature of the model on or off. */
void feature_set(const struct feature_row *feature, struct vpmu_model *model, bool on);

/* What a guest can use of the field: in a set, a bit means that the thing exists. */
static inline uint64_t field_had(const struct field_row *row, const struct vpmu_model *model)
{
	return row->had ? row->had(model) : field_get(row, model);
}

/* What a host has for guests, in the same terms. */
static inline uint64_t field_offers(const struct field_row *row, const struct vpmu_model *model)
{
	return row->is_counted ? field_get(row, model) ^ row->inverted : field_had(row, model);
}

static inline uint8_t field_choice_get(const struct field_choice *choice, uint64_t value)
{
	return (uint8_t)((value & choice->bits) >> __builtin_ctzll(choice->bits));
}

/* The features of struct vpmu_model's `features` that any PMU can have. */
uint32_t features_all(void);

/* What a guest with `wanted` lacks on `host`: bits of a set, another field's value; 0: nothing. */
uint64_t field_lacks(const struct field_row *row, const struct vpmu_model *wanted,
                     const struct vpmu_model *host);

/* Adds the value for people. */
void field_describe(const struct field_row *row, uint64_t value, struct text *text);

/* Adds what one bit of a set is: "fixed counter 3". */
void field_describe_bit(const struct field_row *row, uint64_t bit, struct text *text);

/* Makes *model its vpmu_model_meet() with another model. Both must be checked and of one vendor. */
void model_meet(struct vpmu_model *model, const struct vpmu_model *other);

/*
 * What a virtual CPU has if a KVM that has no more than `limit` gives it `model`: what both have in
 * common; the number of AMD's counters follows from the features; names, vendor and signature stay.
 * Neither need be a model that can exist; if both are, the result is one.
 */
void model_cap(struct vpmu_model *model, const struct vpmu_model *limit);

/* --- CPUID ------------------------------------------------------------------------------------ */

/* A CPUID leaf that says something about a model. The masks are the PMU's own bits; other bits that
 * matter, such as vendor, signature and TSX, belong to the processor. In the header, so that code
 * that only collects leaves need not link with this room. */
struct leaf_row {
	uint32_t leaf, subleaf;
	bool is_maximum; /* EAX is the highest leaf or subleaf */
	uint32_t eax, ebx, ecx, edx;
};

/* The i-th, in the order of their numbers; NULL past the last. */
static inline const struct leaf_row *leaf_row_at(size_t i)
{
#define LEAF_ALL UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX
	static const struct leaf_row rows[] = {
		{0, 0, true, 0, 0, 0, 0},
		{1, 0, false, 0, 0, UINT32_C(1) << 15, 0}, /* PDCM */
		{7, 0, true, 0, 0, 0, UINT32_C(1) << 19},  /* leaf 1CH */
		{7, 1, false, UINT32_C(1) << 8, 0, 0, 0},  /* leaf 23H */
		{0xa, 0, false, LEAF_ALL},
		{0x1c, 0, false, LEAF_ALL},
		{0x23, 0, false, LEAF_ALL},
		{0x23, 1, false, LEAF_ALL}, /* the counters */
		{0x23, 2, false, LEAF_ALL}, /* counter reload, which no model has */
		{0x23, 3, false, LEAF_ALL}, /* the architectural events */
		{0x23, 4, false, LEAF_ALL}, /* PEBS, which no model has */
		{0x23, 5, false, LEAF_ALL},
		{0x80000000, 0, true, 0, 0, 0, 0},
		{0x80000001, 0, false, 0, 0, UINT32_C(1) << 23, 0}, /* PERFCORE */
		{0x80000022, 0, false, LEAF_ALL},
	};
#undef LEAF_ALL

	return i < ARRAY_SIZE(rows) ? &rows[i] : NULL;
}

/* NULL: the leaf says nothing about a model. */
static inline const struct leaf_row *leaf_row_find(uint32_t leaf, uint32_t subleaf)
{
	const struct leaf_row *row;

	for (size_t i = 0; (row = leaf_row_at(i)); i++)
		if (row->leaf == leaf && row->subleaf == subleaf)
			return row;
	return NULL;
}

/* The highest leaf to show when a processor's own is `own` and vpmu_model_to_cpuid() gave `models`:
 * the larger, since `models` is what the PMU needs; but a model before CPUID.0AH must not have that
 * leaf. */
static inline uint32_t leaf_highest(uint32_t leaf, uint32_t own, uint32_t models)
{
	bool ends_before = !leaf && models < 0xa && own >= 0xa;

	return models > own || ends_before ? models : own;
}

/* Whether KVM has a PMU for such a processor's guest: not before CPUID.0AH (intel_pmu_refresh). */
static inline bool kvm_knows_pmu(const struct vpmu_model *model)
{
	return model->vendor != VPMU_VENDOR_INTEL_P6;
}

/* Whether ECX chooses a part of the leaf; with others it is ignored. */
static inline bool leaf_has_subleaves(uint32_t leaf)
{
	return leaf_row_find(leaf, 1);
}

/* kvm_msrs.c: ends with a run of count 0. */
extern const struct vpmu_msr_run kvm_saved_msrs[];

/* --- Registers' bits and what a model has ----------------------------------------------------- */

/* Registers that the PMU shares with other parts of a processor (Intel SDM vol. 4 table 2-2), and
 * IA32_MISC_ENABLE's bits about performance monitoring. */
enum { MSR_MISC_ENABLE = 0x1a0, MSR_DEBUGCTL = 0x1d9 };
#define MISC_EMON           (UINT64_C(1) << 7)
#define MISC_NO_PEBS_NO_BTS (UINT64_C(3) << 11)
#define MISC_NO_PEBS        (UINT64_C(1) << 12)

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
#define SEL_ADAPTIVE  (UINT64_C(1) << 34)
#define SEL_EQ        (UINT64_C(1) << 36)
#define SEL_HIDE      (UINT64_C(1) << 37) /* from RDPMC at CPL 3 */
#define SEL_UMASK2    (UINT64_C(0xff) << 40)

#define FIXED_OS       UINT64_C(1)
#define FIXED_USR      UINT64_C(2)
#define FIXED_ANY      UINT64_C(4)
#define FIXED_PMI      UINT64_C(8)
#define FIXED_ADAPTIVE (UINT64_C(1) << 32)
#define FIXED_HIDE     (UINT64_C(1) << 33) /* from RDPMC at CPL 3 */
#define FIXED_BITS     4u                  /* of IA32_FIXED_CTR_CTRL per counter */

#define GLOBAL_FIXED_BIT 32u /* fixed counter i is bit 32 + i of the global registers */
#define STATUS_METRICS   (UINT64_C(1) << 48)
#define STATUS_LBR_FRZ   (UINT64_C(1) << 58)
#define STATUS_CTR_FRZ   (UINT64_C(1) << 59) /* AMD: PerfCntrGlobalStatus.PMCF */
#define STATUS_ASCI      (UINT64_C(1) << 60)
#define STATUS_UNCORE    (UINT64_C(1) << 61)
#define STATUS_DS        (UINT64_C(1) << 62)
#define STATUS_COND      (UINT64_C(1) << 63)

/* Whether a register is one of those of last branches. */
static inline bool kind_is_lbr(unsigned kind)
{
	return kind >= VPMU_KIND_LBR_CTL && kind <= VPMU_KIND_LBR_INFO;
}

/* Whether it is a register of an entry of the stack. */
static inline bool kind_is_lbr_entry(unsigned kind)
{
	return kind >= VPMU_KIND_LBR_FROM && kind <= VPMU_KIND_LBR_INFO;
}

#define DEBUGCTL_LBR            UINT64_C(1)
#define DEBUGCTL_FREEZE_LBRS    (UINT64_C(1) << 11)
#define DEBUGCTL_FREEZE_PERFMON (UINT64_C(1) << 12) /* AMD: DebugCtl.FPCI */

/*
 * Last branches. SELECT, also AMD's: which branches are not recorded, by privilege level (bits 0,
 * 1) and kind of branch (2 to 8), and Intel's call-stack mode (Intel SDM vol. 3B table 18-12; Linux
 * arch/x86/events/amd/lbr.c). CTL: Intel SDM vol. 3B, IA32_LBR_CTL; AMD APM vol. 2 13.1.
 */
#define LBR_SELECT_BITS       UINT64_C(0x1ff)
#define LBR_SELECT_CALL_STACK (UINT64_C(1) << 9)
#define LBR_CTL_BITS          UINT64_C(0x7f000f)
#define LBR_CTL_EN            UINT64_C(1)
#define LBR_V2_EN             (UINT64_C(1) << 6)
#define LBR_INFO_MISPREDICTED (UINT64_C(1) << 63)
#define LBR_INFO_IN_TX        (UINT64_C(1) << 62)
#define LBR_INFO_ABORT        (UINT64_C(1) << 61)
#define LBR_INFO_VALID        (UINT64_C(1) << 60) /* the cycles are */
#define LBR_INFO_KIND         (UINT64_C(0xf) << 56)
#define LBR_INFO_CYCLES       UINT64_C(0xffff)

/* A bit for each general-purpose counter that exists. */
uint32_t model_gp_bits(const struct vpmu_model *model);

/* The global registers' bits of the counters that exist. */
uint64_t model_counter_bits(const struct vpmu_model *model);

/* The bits that GLOBAL_STATUS can show in this model, and that its clear and set registers take. */
uint64_t model_status_bits(const struct vpmu_model *model);

/* A number that equal models share: a hash of what vpmu_model_equal() compares. */
uint64_t model_hash(const struct vpmu_model *model);

/* Makes it the same CPU without a PMU: all fields except vendor, names and signature become 0. */
void model_turn_off(struct vpmu_model *model);

/* Whether the model has global control: Intel version 2, AMD PerfMonV2. */
bool model_has_global(const struct vpmu_model *model);

/* Whether CPUID.0AH ECX, the bitmap of fixed counters, is there (SDM vol. 3B 20.2.5.2). */
bool model_has_fixed_bitmap(const struct vpmu_model *model);

/* Whether AnyThread bits exist: Intel from version 3 on, unless CPUID says it is deprecated. */
bool model_has_anythread(const struct vpmu_model *model);

/* Whether full-width aliases exist: PDCM and IA32_PERF_CAPABILITIES.FW_WRITE. */
bool model_has_full_width(const struct vpmu_model *model);

/* The entries of the stack of last branches, of whatever kind; 0: there is none. */
enum { MAX_LBR = 32 };
enum lbr_format { LBR_FLAGS = 3, LBR_FLAGS_TSX, LBR_INFO, LBR_TIME, LBR_INFO_2 };
unsigned model_lbr(const struct vpmu_model *model);

/* The canonical address of `address` bits with the same lowest ones. */
static inline uint64_t canonical_address(uint64_t value, unsigned address)
{
	return (uint64_t)((int64_t)(value << (64 - address)) >> (64 - address));
}

/* The bits that make a value not a canonical address of `address` bits; the `flags` bits at the top
 * are ignored. */
static inline uint64_t address_excess(uint64_t value, unsigned address, unsigned flags)
{
	return (value ^ canonical_address(value, address)) & width_mask(64 - flags);
}

/* The bits that make a value not a possible depth of the stack; `depths` has a bit for each
 * possible one. 0: it is one. */
static inline uint64_t depth_excess(uint64_t value, uint64_t depths)
{
	if (!value)
		return depths;
	return value & (value - 1) ? value : value & ~depths;
}

/* Whether PEBS exists: it has a format, in IA32_PERF_CAPABILITIES. */
enum { PEBS_FORMAT_SHIFT = 8 };

/* The first format with MSR_PEBS_DATA_CFG, which says what is in a record. */
enum { PEBS_ADAPTIVE = 4 };
bool model_has_pebs(const struct vpmu_model *model);
unsigned model_pebs_format(const struct vpmu_model *model);

/* Whether IA32_PERF_METRICS exists: fixed counter 3, and the model says so. */
bool model_has_metrics(const struct vpmu_model *model);

/*
 * The class that a selector's value counts, by its event and unit mask only; VPMU_NO_CLASS for an
 * event that the model lacks or vpmu cannot see. fixed: the same for a fixed counter.
 */
enum vpmu_class event_class(const struct vpmu_model *model, uint64_t selector);
enum vpmu_class fixed_class(const struct vpmu_model *model, unsigned index);

/* The class that the processor counts for an event, whether the model's CPUID has it or not. */
enum vpmu_class event_code_class(const struct vpmu_model *model, uint64_t selector);

/* The bits of a selector that are the event's number: AMD's has more bits, where Intel has other
 * fields. */
static inline uint64_t event_bits(enum vpmu_vendor vendor)
{
	static const uint64_t bits[VPMU_VENDORS] = {
		[VPMU_VENDOR_INTEL] = SEL_EVENT | SEL_UMASK | SEL_UMASK2,
		[VPMU_VENDOR_ZHAOXIN] = SEL_EVENT | SEL_UMASK,
		[VPMU_VENDOR_AMD] = SEL_EVENT | SEL_UMASK | SEL_AMD_EVENT,
		[VPMU_VENDOR_INTEL_P6] = SEL_EVENT | SEL_UMASK,
	};

	return bits[vendor];
}

/* The events that all of a vendor's processors have. AMD: PPR, PMCx0C0 and PMCx076; P6: Intel SDM
 * vol. 3B, performance-monitoring events of P6 family processors. */
enum {
	EVENT_INSTRUCTIONS = 0xc0,
	EVENT_CYCLES = 0x3c,
	EVENT_AMD_CYCLES = 0x76,
	EVENT_P6_CYCLES = 0x79,
};

static inline uint64_t event_of_cycles(enum vpmu_vendor vendor)
{
	static const uint64_t events[VPMU_VENDORS] = {
		[VPMU_VENDOR_INTEL] = EVENT_CYCLES,
		[VPMU_VENDOR_ZHAOXIN] = EVENT_CYCLES,
		[VPMU_VENDOR_AMD] = EVENT_AMD_CYCLES,
		[VPMU_VENDOR_INTEL_P6] = EVENT_P6_CYCLES,
	};

	return events[vendor];
}

/* KVM's module on a vendor's processors. */
enum kvm_module { KVM_INTEL, KVM_AMD };

static inline enum kvm_module kvm_module_of(enum vpmu_vendor vendor)
{
	static const uint8_t modules[VPMU_VENDORS] = {[VPMU_VENDOR_AMD] = KVM_AMD};

	return (enum kvm_module)modules[vendor];
}

/* The inverse: the vendor's event that counts the class; 0: none does. */
uint64_t event_code(enum vpmu_vendor vendor, enum vpmu_class class_);

/*
 * The manual's name of an architectural event that the model's CPUID has but vpmu does not count
 * (Intel SDM vol. 3B, architectural performance events); NULL: it is another event. On processors
 * that do not have the event, its code can mean something else. In the header for code that links
 * only with the library.
 */
static inline const char *event_uncounted_name(const struct vpmu_model *model, uint64_t selector)
{
	static const struct {
		uint32_t code;
		uint8_t architectural;
		const char *name;
	} rows[] = {
		{0x01e4, 12, "LBR inserts"},
	};
	uint64_t events = width_mask(model->events_length) & ~(uint64_t)model->events_missing;
	uint64_t code = selector & event_bits((enum vpmu_vendor)model->vendor);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].code == code && events >> rows[i].architectural & 1)
			return rows[i].name;
	return NULL;
}

/* The code with which the model counts the class, as vpmu_model_event() lists it. In the header for
 * the same reason. */
static inline bool event_on_model(const struct vpmu_model *model, enum vpmu_class class_,
                                  uint64_t *code)
{
	enum vpmu_class at;

	for (size_t i = 0; vpmu_model_event(model, i, code, &at); i++)
		if (at == class_)
			return true;
	return false;
}

/* Whether a selector's value enables its counter, as far as this selector decides it: on a P6 only
 * the first selector has EN. */
static inline bool selector_asks(enum vpmu_vendor vendor, uint64_t selector)
{
	return selector & (vendor == VPMU_VENDOR_INTEL_P6 ? SEL_USR | SEL_OS : SEL_EN);
}

/* The selector whose EN switches the counter on: a P6's first one does it for both. */
static inline unsigned enabling_selector(enum vpmu_vendor vendor, unsigned index)
{
	return vendor == VPMU_VENDOR_INTEL_P6 ? 0 : index;
}

/* False for an architectural event that the model's CPUID says is missing. */
bool event_is_available(const struct vpmu_model *model, uint64_t selector);

#endif
