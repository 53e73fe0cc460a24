/* SPDX-License-Identifier: MIT */
/* Makes a model from CPUID leaves, and the reverse. Intel SDM vol. 2A CPUID; AMD APM vol. 3
 * appendix E. */
#include <arch/room_int.h>

/* A processor before CPUID.0AH, of a family that has counters nevertheless. A highest leaf of 0
 * means that the leaves are only a part of a processor's CPUID. */
static bool is_p6(const struct leaves *leaves)
{
	return leaves->vendor.eax && leaves->vendor.eax < leaves->perfmon.leaf &&
	       signature_is_p6(leaves->signature.eax);
}

/* Vendor strings. A family has one string, but some of its processors have the vendor's other one
 * (a vendor has at most two). If several rows have the same string, the first whose is_it() accepts
 * the processor decides. */
static const struct identity {
	char string[13];
	uint8_t vendor;
	uint16_t family_from, family_to;
	bool (*is_it)(const struct leaves *leaves); /* NULL: any processor */
} identities[] = {
	{"GenuineIntel", VPMU_VENDOR_INTEL_P6, 0, UINT16_MAX, is_p6},
	{"GenuineIntel", VPMU_VENDOR_INTEL, 0, UINT16_MAX, NULL},
	{"CentaurHauls", VPMU_VENDOR_ZHAOXIN, 0, 6, NULL},
	{"  Shanghai  ", VPMU_VENDOR_ZHAOXIN, 7, UINT16_MAX, NULL},
	{"HygonGenuine", VPMU_VENDOR_AMD, 0x18, 0x18, NULL},
	{"AuthenticAMD", VPMU_VENDOR_AMD, 0, UINT16_MAX, NULL},
};

static void string_to_regs(const char *s, struct vpmu_cpuid *leaf)
{
	uint32_t word[3] = {0};

	for (unsigned i = 0; i < 12; i++)
		word[i / 4] |= (uint32_t)(uint8_t)s[i] << (i % 4 * 8);
	leaf->ebx = word[0];
	leaf->edx = word[1];
	leaf->ecx = word[2];
}

static void regs_to_string(const struct vpmu_cpuid *leaf, char *s)
{
	const uint32_t word[3] = {leaf->ebx, leaf->edx, leaf->ecx};

	for (unsigned i = 0; i < 12; i++)
		s[i] = (char)(word[i / 4] >> (i % 4 * 8));
}

static bool says(const struct vpmu_cpuid *leaf, const char *string)
{
	struct vpmu_cpuid wanted;

	string_to_regs(string, &wanted);
	return wanted.ebx == leaf->ebx && wanted.ecx == leaf->ecx && wanted.edx == leaf->edx;
}

static const struct identity *identity_read(const struct leaves *leaves)
{
	for (size_t i = 0; i < ARRAY_SIZE(identities); i++)
		if (says(&leaves->vendor, identities[i].string) &&
		    (!identities[i].is_it || identities[i].is_it(leaves)))
			return &identities[i];
	return NULL;
}

/* The name that the model's family usually has. */
static const struct identity *identity_usual(const struct vpmu_model *model)
{
	unsigned family = signature_family(model->signature);
	const struct identity *identity = identities;

	while (identity->vendor != model->vendor || family < identity->family_from ||
	       family > identity->family_to)
		identity++;
	return identity;
}

static const char *identity_string(const struct vpmu_model *model)
{
	const struct identity *usual = identity_usual(model);

	for (size_t i = 0; model->other_name && i < ARRAY_SIZE(identities); i++)
		if (identities[i].vendor == model->vendor && &identities[i] != usual)
			return identities[i].string;
	return usual->string;
}

/* Reads the bits that a row of a field or feature describes. */
static uint64_t read_bits(const struct leaves *leaves, uint16_t leaf, uint8_t shift, uint8_t bits)
{
	const uint32_t *reg = (const void *)((const char *)leaves + leaf);

	return *reg >> shift & width_mask(bits);
}

static void write_bits(struct leaves *leaves, uint16_t leaf, uint8_t shift, uint64_t value)
{
	uint32_t *reg = (void *)((char *)leaves + leaf);

	*reg |= (uint32_t)(value << shift);
}

static void read_rows(struct vpmu_model *model, const struct leaves *leaves)
{
	unsigned like = vendor_of(model->vendor)->like;

	for (size_t i = 0; i < field_count; i++) {
		const struct field_on *on = &field_rows[i].on[like];

		if (on->bits)
			field_set(&field_rows[i], model,
			          read_bits(leaves, on->leaf, on->shift, on->bits));
	}
	for (size_t i = 0; i < feature_count; i++) {
		const struct feature_row *row = &feature_rows[i];

		if (row->of & 1u << like && read_bits(leaves, row->leaf, row->shift, row->bits))
			model->features |= (uint32_t)row->bit;
	}
}

static void write_rows(const struct vpmu_model *model, struct leaves *leaves)
{
	unsigned like = vendor_of(model->vendor)->like;

	for (size_t i = 0; i < field_count; i++) {
		const struct field_on *on = &field_rows[i].on[like];

		if (on->bits)
			write_bits(leaves, on->leaf, on->shift, field_get(&field_rows[i], model));
	}
	for (size_t i = 0; i < feature_count; i++) {
		const struct feature_row *row = &feature_rows[i];

		if (row->bits && model->features & row->bit)
			write_bits(leaves, row->leaf, row->shift, 1);
	}
}

/* 7.1 EAX[8] says whether CPUID.23H exists, 0x23.0 EAX which of its subleaves do. */
enum {
	HAS_ARCH_PERFMON = 1 << 8,
	HAS_ARCH_SELF = 1 << 0,
	HAS_ARCH_COUNTERS = 1 << 1,
	HAS_ARCH_EVENTS = 1 << 3,
};

/* Whether leaf 23H has bitmaps of counters; otherwise only leaf 0AH describes counters. */
static bool has_bitmaps(const struct leaves *leaves, unsigned version)
{
	return version >= 5 && leaves->arch_perfmon.eax & HAS_ARCH_COUNTERS &&
	       leaves->arch_counters.eax;
}

/* Fixed counter i exists if ECX[i] or EDX[4:0] > i; ECX from version 5 on (SDM vol. 3B 20.2.5.2).
 * Version 1 has no fixed counters, whatever EDX says. */
static uint32_t fixed_from_leaf(const struct leaves *leaves, unsigned version)
{
	const struct vpmu_cpuid *leaf = &leaves->perfmon;
	uint32_t mask = (uint32_t)width_mask(leaf->edx & 0x1f);

	if (version < 2)
		return 0;
	if (has_bitmaps(leaves, version))
		return leaves->arch_counters.ebx;
	return version < 5 ? mask : mask | leaf->ecx;
}

/* Leaf 0AH then has only the counters up to the first hole, for guests that do not know leaf 23H.
 * The bits of features have been written already. */
static void write_leaf_23(const struct vpmu_model *model, struct leaves *leaves)
{
	unsigned run = mask_run(model_gp_bits(model));

	leaves->vendor.eax = 0x23;
	leaves->structured.eax = 1;
	leaves->structured_1.eax = HAS_ARCH_PERFMON;
	leaves->arch_perfmon.eax = HAS_ARCH_SELF | HAS_ARCH_COUNTERS | HAS_ARCH_EVENTS;
	leaves->arch_counters.eax = model_gp_bits(model);
	leaves->arch_counters.ebx = model->fixed_mask;
	leaves->arch_events.eax =
		~model->events_missing & (uint32_t)width_mask(model->events_length);
	leaves->perfmon.eax = (leaves->perfmon.eax & ~UINT32_C(0xff00)) | run << 8;
}

/* CPUID.23H.3 has a bit for each architectural event that exists, where leaf 0AH has one for each
 * that does not, up to a length. */
static void read_events(struct vpmu_model *model, const struct leaves *leaves)
{
	uint32_t events = leaves->arch_events.eax;
	unsigned length = events ? 32 - (unsigned)__builtin_clz(events) : 0;

	if (model->version < 5 || !(leaves->arch_perfmon.eax & HAS_ARCH_EVENTS) || !events)
		return;
	if (length > model->events_length)
		model->events_length = length;
	model->events_missing = ~events;
}

/* CPUID.1CH: in EAX[7:0] bit i is a depth of 8 * (i + 1) (SDM vol. 2A CPUID), of which there are 8,
 * 16 and 32 here. EBX: filters by privilege level and by kind of branch, call-stack mode; ECX:
 * mispredictions, cycles and kinds are recorded. */
enum {
	HAS_ARCH_LBR = 1 << 19, /* 7 EDX */
	LBR_DEPTHS = 1 << 0 | 1 << 1 | 1 << 3,
	LBR_FILTERS = 7,
	LBR_RECORDED = 7,
	HAS_DS = 1 << 21,    /* 1 EDX */
	HAS_DTES64 = 1 << 2, /* 1 ECX */
};

static void read_arch_lbr(struct vpmu_model *model, const struct leaves *leaves)
{
	uint32_t depths = leaves->arch_lbr.eax & LBR_DEPTHS;

	if (leaves->structured.edx & HAS_ARCH_LBR && depths)
		model->lbr = (uint8_t)(8 * (32 - __builtin_clz(depths)));
}

static void write_arch_lbr(const struct vpmu_model *model, struct leaves *leaves)
{
	if (!model->lbr)
		return;
	if (leaves->vendor.eax < leaves->arch_lbr.leaf)
		leaves->vendor.eax = leaves->arch_lbr.leaf;
	leaves->structured.edx |= HAS_ARCH_LBR;
	leaves->arch_lbr.eax = LBR_DEPTHS & (uint32_t)width_mask(model->lbr / 8);
	leaves->arch_lbr.ebx = LBR_FILTERS;
	leaves->arch_lbr.ecx = LBR_RECORDED;
}

/* Later versions keep what version 6 has. */
void intel_read_cpuid(struct vpmu_model *model, const struct leaves *leaves)
{
	if (model->version > 6)
		model->version = 6;
	if (model->version < 6)
		model->features &= ~(uint32_t)VERSION_6_FEATURES;
	if (has_bitmaps(leaves, model->version))
		model_set_gp_bits(model, leaves->arch_counters.eax);
	read_events(model, leaves);
	read_arch_lbr(model, leaves);
	model->events_missing &= (uint32_t)width_mask(model->events_length);
	model->fixed_mask = fixed_from_leaf(leaves, model->version);
	if (!model->gp_count)
		model->gp_width = 0;
	if (!model->fixed_mask)
		model->fixed_width = 0;
}

void intel_write_cpuid(const struct vpmu_model *model, struct leaves *leaves)
{
	leaves->vendor.eax = 0xa;
	leaves->ext_vendor.eax = 0x80000008;
	if (model->version < 5)
		leaves->perfmon.ecx = 0;
	leaves->perfmon.edx |= mask_run(model->fixed_mask);
	if (!model->gp_count) /* guests use this width for the fixed counters, too */
		leaves->perfmon.eax |= (uint32_t)model->fixed_width << 16;
	if (model->gp_missing || model->version >= 6)
		write_leaf_23(model, leaves);
	write_arch_lbr(model, leaves);
	if (model_has_pebs(model)) {
		leaves->signature.ecx |= HAS_DTES64;
		leaves->signature.edx |= HAS_DS;
	}
}

enum { HAS_LBR_V2 = 1 << 1 }; /* 0x80000022 EAX */

void amd_read_cpuid(struct vpmu_model *model, const struct leaves *leaves)
{
	/* AMD has no CPUID bit for a PMU: every family from K7 (6) on has one. */
	if (signature_family(model->signature) < 6)
		return;
	if (!(leaves->ext_perfmon.eax & HAS_LBR_V2) || model->lbr > AMD_LBR)
		model->lbr = 0;
	vendor_of(model->vendor)->complete(model, 0);
}

void amd_write_cpuid(const struct vpmu_model *model, struct leaves *leaves)
{
	leaves->vendor.eax = 0xa;
	leaves->ext_vendor.eax = 0x80000022;
	leaves->ext_features.eax = model->signature;
	if (!(model->features & VPMU_FEATURE_PERFMON_V2))
		leaves->ext_perfmon.ebx = 0;
	if (model->lbr)
		leaves->ext_perfmon.eax |= HAS_LBR_V2;
}

/* Only the signature shows a P6's PMU. */
void p6_read_cpuid(struct vpmu_model *model, const struct leaves *leaves)
{
	model->version = 1;
	model->gp_count = P6_COUNTERS;
	model->gp_width = P6_WIDTH;
}

/* The highest leaf of all P6 (Intel SDM vol. 2A CPUID, table of highest leaves). */
void p6_write_cpuid(const struct vpmu_model *model, struct leaves *leaves)
{
	leaves->vendor.eax = 2;
	leaves->ext_vendor.eax = 0x80000004;
}

/* The first such leaf, as KVM looks for it; zeros without one. */
static struct vpmu_cpuid find_subleaf(const struct vpmu_cpuid *leaves, size_t count, uint32_t leaf,
                                      uint32_t subleaf)
{
	for (size_t i = 0; i < count; i++)
		if (leaves[i].leaf == leaf && leaves[i].subleaf == subleaf)
			return leaves[i];
	return (struct vpmu_cpuid){.leaf = leaf, .subleaf = subleaf};
}

static struct vpmu_cpuid find_leaf(const struct vpmu_cpuid *leaves, size_t count, uint32_t leaf)
{
	return find_subleaf(leaves, count, leaf, 0);
}

static struct leaves gather(const struct vpmu_cpuid *leaves, size_t count)
{
	struct leaves all = {
		.vendor = find_leaf(leaves, count, 0),
		.signature = find_leaf(leaves, count, 1),
		.structured = find_leaf(leaves, count, 7),
		.perfmon = find_leaf(leaves, count, 0xa),
		.ext_vendor = find_leaf(leaves, count, 0x80000000),
		.ext_features = find_leaf(leaves, count, 0x80000001),
		.ext_perfmon = find_leaf(leaves, count, 0x80000022),
		.arch_lbr = find_leaf(leaves, count, 0x1c),
		.structured_1 = find_subleaf(leaves, count, 7, 1),
		.arch_perfmon = find_leaf(leaves, count, 0x23),
		.arch_counters = find_subleaf(leaves, count, 0x23, 1),
		.arch_events = find_subleaf(leaves, count, 0x23, 3),
	};

	if (!(all.structured_1.eax & HAS_ARCH_PERFMON))
		all.arch_perfmon = find_leaf(NULL, 0, 0x23);
	return all;
}

static enum vpmu_status unknown_vendor(const struct vpmu_cpuid *leaf, struct text *why)
{
	const char *between = " ";
	char string[12];

	regs_to_string(leaf, string);
	text_add(why, "CPUID: unknown vendor ");
	text_add_quoted(why, string, sizeof(string));
	text_add(why, ": known are");
	for (size_t i = 0; i < ARRAY_SIZE(identities); i++) {
		if (identities[i].is_it) /* another row has the same string */
			continue;
		text_add(why, between);
		text_add_quoted(why, identities[i].string, 12);
		between = ", ";
	}
	return VPMU_INCOMPATIBLE;
}

enum vpmu_status vpmu_model_from_cpuid(struct vpmu_model *model, const struct vpmu_cpuid *leaves,
                                       size_t count, uint64_t perf_capabilities, char *why,
                                       size_t why_bytes)
{
	const struct identity *identity;
	struct text text;
	struct vpmu_model read = {.name = "cpuid"};
	struct leaves all;

	if (!model || (!leaves && count))
		return argument_missing(why, why_bytes);
	text = text_in(why, why_bytes);
	all = gather(leaves, count);
	identity = identity_read(&all);
	if (!identity)
		return unknown_vendor(&all.vendor, &text);
	read.vendor = identity->vendor;
	read_rows(&read, &all);
	read.other_name = identity != identity_usual(&read);
	vendor_of(read.vendor)->read_cpuid(&read, &all);
	if (!read.version)
		model_turn_off(&read);
	if (read.version && read.features & VPMU_FEATURE_PDCM)
		read.perf_capabilities = perf_capabilities;
	text_add(&text, "CPUID: ");
	if (vpmu_model_check(&read, why ? why + text.used : NULL, text.size - text.used) != VPMU_OK)
		return VPMU_INCOMPATIBLE;
	text_in(why, why_bytes);
	*model = read;
	return VPMU_OK;
}

size_t vpmu_model_to_cpuid(const struct vpmu_model *model, struct vpmu_cpuid *leaves)
{
	struct leaves all = gather(NULL, 0);
	size_t count = 0;

	if (!leaves || vpmu_model_check(model, NULL, 0) != VPMU_OK)
		return 0;
	string_to_regs(identity_string(model), &all.vendor);
	string_to_regs(identity_string(model), &all.ext_vendor);
	write_rows(model, &all);
	vendor_of(model->vendor)->write_cpuid(model, &all);
	leaves[count++] = all.vendor;
	leaves[count++] = all.signature;
	if (all.vendor.eax >= all.perfmon.leaf) {
		leaves[count++] = all.structured;
		leaves[count++] = all.perfmon;
	}
	if (all.vendor.eax >= all.arch_lbr.leaf)
		leaves[count++] = all.arch_lbr;
	leaves[count++] = all.ext_vendor;
	leaves[count++] = all.ext_features;
	if (all.ext_vendor.eax >= all.ext_perfmon.leaf)
		leaves[count++] = all.ext_perfmon;
	if (all.structured_1.eax) {
		leaves[count++] = all.structured_1;
		leaves[count++] = all.arch_perfmon;
		leaves[count++] = all.arch_counters;
		leaves[count++] = all.arch_events;
	}
	return count;
}
