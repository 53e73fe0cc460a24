/* SPDX-License-Identifier: MIT */
/*
 * Whether a target can take a state: each register of the state's model looked up in the target's
 * table, each field of the model against the target's.
 */
#include <state/room_int.h>

/* The state's model and the target's. */
struct pair {
	const struct vpmu_model *from, *to;
};

/* --- What a model is, in comparable numbers ------------------------------------------------------
 */

uint32_t model_events(const struct vpmu_model *model)
{
	return ~model->events_missing & (uint32_t)width_mask(model->events_length);
}

uint64_t capabilities_common(uint64_t wanted, uint64_t host)
{
	static const uint64_t formats[] = {CAPABILITY_LBR_FORMAT, CAPABILITY_PEBS_FORMAT};
	uint64_t common = wanted & host & ~CAPABILITY_FORMATS;

	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
		if ((wanted & formats[i]) == (host & formats[i]))
			common |= wanted & formats[i];
	return common;
}

/* AnyThread's bit says that it is gone: turned round, so that a bit set is always more. */
static uint64_t features_of(const struct vpmu_model *model)
{
	return model->features ^ VPMU_FEATURE_ANYTHREAD_GONE;
}

/* --- Fields of the model
 * -------------------------------------------------------------------------- */

typedef enum vpmu_take judge_fn(uint64_t from, uint64_t to);

static enum vpmu_take judge_vendor(uint64_t from, uint64_t to)
{
	return from == to ? VPMU_TAKES : VPMU_CANNOT_TAKE;
}

static enum vpmu_take judge_number(uint64_t from, uint64_t to)
{
	return to >= from ? VPMU_TAKES : VPMU_TAKES_CHANGED;
}

static enum vpmu_take judge_version(uint64_t from, uint64_t to)
{
	return from && !to ? VPMU_CANNOT_TAKE : judge_number(from, to);
}

static enum vpmu_take judge_set(uint64_t from, uint64_t to)
{
	return from & ~to ? VPMU_TAKES_CHANGED : VPMU_TAKES;
}

static enum vpmu_take judge_capabilities(uint64_t from, uint64_t to)
{
	return capabilities_common(from, to) == from ? VPMU_TAKES : VPMU_TAKES_CHANGED;
}

/* A VMM shows the guest any family and model that it likes. */
static enum vpmu_take judge_signature(uint64_t from, uint64_t to)
{
	return VPMU_TAKES;
}

/* AnyThread only exists from version 3 on; below, its feature bit says nothing. */
static uint64_t comparable_features(const struct vpmu_model *model, const struct vpmu_model *other)
{
	uint64_t features = features_of(model);

	if (model->version < 3 || other->version < 3)
		features &= ~(uint64_t)VPMU_FEATURE_ANYTHREAD_GONE;
	return features;
}

static void compare_field(struct vpmu_compat *compat, enum vpmu_compat_field field, uint64_t from,
                          uint64_t to, judge_fn *judge)
{
	enum vpmu_take take = judge(from, to);

	if (take == VPMU_TAKES && (field != VPMU_FIELD_SIGNATURE || from == to))
		return;
	compat->differences[compat->difference_count++] = (struct vpmu_compat_difference){
		.field = field,
		.take = take,
		.from = from,
		.to = to,
	};
	if (take > compat->take)
		compat->take = take;
}

static void compare_fields(struct vpmu_compat *compat, const struct vpmu_model *a,
                           const struct vpmu_model *b)
{
	compare_field(compat, VPMU_FIELD_VENDOR, a->vendor, b->vendor, judge_vendor);
	compare_field(compat, VPMU_FIELD_VERSION, a->version, b->version, judge_version);
	compare_field(compat, VPMU_FIELD_GP_COUNT, a->gp_count, b->gp_count, judge_number);
	compare_field(compat, VPMU_FIELD_GP_WIDTH, a->gp_width, b->gp_width, judge_number);
	compare_field(compat, VPMU_FIELD_FIXED_COUNTERS, a->fixed_mask, b->fixed_mask, judge_set);
	compare_field(compat, VPMU_FIELD_FIXED_WIDTH, a->fixed_width, b->fixed_width, judge_number);
	compare_field(compat, VPMU_FIELD_FEATURES, comparable_features(a, b),
	              comparable_features(b, a), judge_set);
	compare_field(compat, VPMU_FIELD_EVENTS, model_events(a), model_events(b), judge_set);
	compare_field(compat, VPMU_FIELD_PERF_CAPABILITIES, a->perf_capabilities,
	              b->perf_capabilities, judge_capabilities);
	compare_field(compat, VPMU_FIELD_SIGNATURE, a->signature, b->signature, judge_signature);
}

/* --- Registers
 * ------------------------------------------------------------------------------------ */

/*
 * The kinds whose host write drops what the register does not have; of the others such a write is
 * refused. Counters: Linux 6.12 kvm/vmx/pmu_intel.c and kvm/svm/pmu.c through pmc_write_counter();
 * AMD's selectors and global control: amd_pmu_set_msr(), kvm_pmu_set_msr().
 */
#define KIND(name) (UINT32_C(1) << VPMU_KIND_##name)
#define COUNTERS   (KIND(COUNTER) | KIND(FIXED_COUNTER))
static const uint32_t cutting_kinds[VPMU_VENDORS] = {
	[VPMU_VENDOR_INTEL] = COUNTERS,
	[VPMU_VENDOR_ZHAOXIN] = COUNTERS,
	[VPMU_VENDOR_AMD] = COUNTERS | KIND(SELECTOR) | KIND(GLOBAL_CTRL),
};

/* The target's register of that number, if it is the same thing. */
static const struct vpmu_register *counterpart(const struct vpmu_register *reg,
                                               const struct vpmu_layout *to)
{
	int place = vpmu_layout_find_msr(to, reg->msr);
	const struct vpmu_register *other;

	if (place < 0)
		return NULL;
	other = &to->registers[place];
	if (kind_behind(other->kind) != kind_behind(reg->kind) || other->index != reg->index)
		return NULL;
	return other;
}

/* The guest can be given any part of the host's capabilities, and sees no other. */
static struct vpmu_compat_register judge_capabilities_value(struct vpmu_compat_register verdict,
                                                            const struct vpmu_register *other)
{
	verdict.becomes = capabilities_common(verdict.value, other->reset);
	verdict.bits = verdict.value ^ verdict.becomes;
	if (verdict.bits) {
		verdict.take = VPMU_CANNOT_TAKE;
		verdict.why = VPMU_COMPAT_RESERVED;
	}
	return verdict;
}

static struct vpmu_compat_register judge_bits(struct vpmu_compat_register verdict,
                                              const struct vpmu_register *reg,
                                              const struct vpmu_register *other, bool cuts)
{
	uint64_t excess = verdict.value & ~other->writable;

	verdict.becomes = verdict.value & other->writable;
	verdict.bits = excess ? excess : reg->writable & ~other->writable;
	if (!verdict.bits)
		return verdict;
	verdict.take = excess && !cuts ? VPMU_CANNOT_TAKE : VPMU_TAKES_CHANGED;
	verdict.why = !excess ? VPMU_COMPAT_LOST : cuts ? VPMU_COMPAT_CUT : VPMU_COMPAT_RESERVED;
	return verdict;
}

static struct vpmu_compat_register judge_register(const struct vpmu_layout *from,
                                                  const struct vpmu_layout *to, unsigned place,
                                                  uint64_t value)
{
	const struct vpmu_register *reg = &from->registers[place];
	const struct vpmu_register *other = counterpart(reg, to);
	struct vpmu_compat_register verdict = {
		.place = (uint8_t)place, .value = value, .becomes = value};
	bool cuts = cutting_kinds[from->model.vendor] >> kind_behind(reg->kind) & 1;

	if (other && reg->kind == VPMU_KIND_CAPABILITIES)
		return judge_capabilities_value(verdict, other);
	if (other)
		return judge_bits(verdict, reg, other, cuts);
	verdict.why = VPMU_COMPAT_MISSING;
	verdict.take = reg->level == VPMU_LEVEL_NEVER ? VPMU_TAKES_CHANGED : VPMU_CANNOT_TAKE;
	verdict.becomes = 0;
	verdict.bits = value;
	return verdict;
}

static void compare_registers(struct vpmu_compat *compat, const struct vpmu_state *state,
                              const struct vpmu_layout *to)
{
	const struct vpmu_layout *from = compat->layout;

	for (unsigned i = 0; i < from->register_count; i++) {
		struct vpmu_compat_register *verdict = &compat->registers[i];
		uint64_t value = 0;

		if (from->value_of[i] != VPMU_NO_VALUE)
			value = state->values[from->value_of[i]];
		*verdict = judge_register(from, to, i, value);
		if (verdict->take > (unsigned)compat->take)
			compat->take = (enum vpmu_take)verdict->take;
	}
	compat->register_count = from->register_count;
}

enum vpmu_status vpmu_compat_judge(struct vpmu_compat *compat, const struct vpmu_state *state,
                                   const struct vpmu_layout *layout, const struct vpmu_model *to)
{
	struct vpmu_layout target;

	*compat = (struct vpmu_compat){.layout = layout, .to = *to};
	if (!layout_fits(layout, state) || vpmu_layout_init(&target, to))
		return VPMU_BAD_ARGUMENT;
	compare_fields(compat, &layout->model, to);
	compare_registers(compat, state, &target);
	return compat->take == VPMU_CANNOT_TAKE ? VPMU_INCOMPATIBLE : VPMU_OK;
}
