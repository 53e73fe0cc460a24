/* SPDX-License-Identifier: MIT */
/* Which register an MSR number is: the places of struct vpmu_pmu. */
#include <core/linux.h>

_Static_assert(PLACES == 256, "place_hash gives 8 bits");
_Static_assert((int)NO_REG < (int)PLACES, "a look-up ends; a place is a byte");

static uint8_t *free_place(struct vpmu_pmu *pmu, uint32_t msr)
{
	unsigned at = place_hash(msr);

	while (pmu->place[at] != NO_REG)
		at = (at + 1) % PLACES;
	return &pmu->place[at];
}

static struct reg resolve(const struct vpmu_register *from)
{
	static const uint8_t store[VPMU_KINDS] = {
		[VPMU_KIND_COUNTER] = STORE_COUNTER,
		[VPMU_KIND_COUNTER_ALIAS] = STORE_COUNTER,
		[VPMU_KIND_SELECTOR] = STORE_SELECTOR,
		[VPMU_KIND_SELECTOR_ALIAS] = STORE_SELECTOR,
		[VPMU_KIND_FIXED_ALIAS] = STORE_COUNTER,
		[VPMU_KIND_FIXED_COUNTER] = STORE_COUNTER,
		[VPMU_KIND_FIXED_CTRL] = STORE_SINGLE,
		[VPMU_KIND_GLOBAL_CTRL] = STORE_SINGLE,
		[VPMU_KIND_GLOBAL_STATUS] = STORE_SINGLE,
		[VPMU_KIND_STATUS_CLEAR] = STORE_NOTHING,
		[VPMU_KIND_STATUS_SET] = STORE_NOTHING,
		[VPMU_KIND_INUSE] = STORE_INUSE,
		[VPMU_KIND_CAPABILITIES] = STORE_SINGLE,
		[VPMU_KIND_METRICS] = STORE_METRICS,
		[VPMU_KIND_DEBUGCTL] = STORE_SINGLE,
		[VPMU_KIND_MISC_ENABLE] = STORE_SINGLE,
		[VPMU_KIND_LBR_CTL] = STORE_SINGLE,
		[VPMU_KIND_LBR_SELECT] = STORE_LBR,
		[VPMU_KIND_LBR_TOS] = STORE_LBR,
		[VPMU_KIND_LBR_DEPTH] = STORE_SINGLE,
		[VPMU_KIND_PEBS_ENABLE] = STORE_SINGLE,
		[VPMU_KIND_PEBS_DATA] = STORE_SINGLE,
		[VPMU_KIND_DS_AREA] = STORE_SINGLE,
	};
	bool is_fixed =
		from->kind == VPMU_KIND_FIXED_COUNTER || from->kind == VPMU_KIND_FIXED_ALIAS;

	return (struct reg){
		.kind = (uint8_t)from->kind,
		.slot = (uint8_t)(from->index + (is_fixed ? SLOT_FIXED : 0)),
		.store = store[from->kind],
		.guest = (uint8_t)from->guest,
		.host = (uint8_t)from->host,
		.address = from->address,
		.flags = from->flags,
		.msr = from->msr,
		.writable = from->writable,
	};
}

/* Whether there is a rule for every write that the register takes. */
static bool can_be_written(const struct vpmu_pmu *pmu, const struct reg *reg)
{
	return (!access_writes(reg->guest) || pmu->rules->guest[reg->kind].set) &&
	       (!access_writes(reg->host) || pmu->rules->host[reg->kind].set);
}

static uint64_t guest_bits(const struct rules *rules, const struct vpmu_model *model,
                           const struct vpmu_host *host, const struct vpmu_register *from,
                           uint64_t writable)
{
	return rules->guest_bits ? rules->guest_bits(model, host, from, writable) : writable;
}

static bool is_of_no_counter(uint32_t slots, const struct reg *reg)
{
	return (reg->store == STORE_COUNTER || reg->store == STORE_SELECTOR) &&
	       !(slots >> reg->slot & 1);
}

/* Adds a register, if the profile has it. False: there is no room, or the profile's tables lack a
 * rule or a place for it. */
static bool add(struct vpmu_pmu *pmu, const struct vpmu_register *from)
{
	struct reg reg = resolve(from);

	if (!pmu->rules->has(&pmu->host, from, &reg.writable) || is_of_no_counter(pmu->slots, &reg))
		return true;
	if (kind_is_lbr_entry(from->kind)) {
		lbr_add(pmu, from);
		return true;
	}
	if (pmu->reg_count == MACHINE_REGISTERS || reg.store == STORE_UNKNOWN ||
	    !can_be_written(pmu, &reg))
		return false;
	reg.guest_writable = guest_bits(pmu->rules, &pmu->model, &pmu->host, from, reg.writable);
	*free_place(pmu, from->msr) = pmu->reg_count;
	pmu->reg[pmu->reg_count++] = reg;
	return true;
}

bool decode_build(struct vpmu_pmu *pmu)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(&pmu->model, registers);

	__builtin_memset(pmu->place, NO_REG, sizeof(pmu->place));
	pmu->reg[NO_REG].msr = UINT64_MAX;
	pmu->reg_count = 0;
	pmu->lbr.count = 0;
	for (size_t i = 0; i < count; i++)
		if (!add(pmu, &registers[i]))
			return false;
	return true;
}

bool decode_add_lbr(struct vpmu_pmu *pmu, const struct vpmu_model *model)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(model, registers);

	for (size_t i = 0; i < count; i++)
		if (kind_is_lbr(registers[i].kind) && !add(pmu, &registers[i]))
			return false;
	return true;
}

/* The bits that a write may set: the guest's write, or the host's if the guest cannot write. */
static uint64_t taken(const struct rules *rules, const struct vpmu_model *model,
                      const struct vpmu_host *host, const struct vpmu_register *from)
{
	bool by_host = !access_writes(from->guest) && access_writes(from->host);

	if (by_host)
		return rules->host[from->kind].excess == EXCESS_TAKEN ? UINT64_MAX : from->writable;
	return guest_bits(rules, model, host, from, from->writable);
}

size_t vpmu_profile_registers(const struct vpmu_profile *profile, const struct vpmu_model *model,
                              struct vpmu_register *out)
{
	struct vpmu_host host;

	if (!model || vpmu_host_init(&host, (enum vpmu_vendor)model->vendor) != VPMU_OK)
		return 0;
	return vpmu_profile_registers_on(profile, &host, model, out);
}

size_t vpmu_profile_registers_on(const struct vpmu_profile *profile, const struct vpmu_host *host,
                                 const struct vpmu_model *model, struct vpmu_register *out)
{
	const struct rules *rules;
	struct vpmu_model made;
	struct vpmu_host seen;
	size_t count, kept = 0;
	uint32_t slots;

	if (!model || !out)
		return 0;
	made = *model;
	if (vpmu_profile_adapt_on(profile, host, &made) != VPMU_OK)
		return 0;
	rules = profile->rules[kvm_rules_of(profile, host, model)];
	seen = kvm_seen_host(host, model);
	slots = existing_slots(profile, &seen, &made);
	count = vpmu_model_registers(&made, out);
	for (size_t i = 0; i < count; i++) {
		struct vpmu_register from = out[i];
		struct reg reg = resolve(&from);

		if (is_of_no_counter(slots, &reg))
			continue;
		if (rules->has(&seen, &out[i], &from.writable))
			from.writable = taken(rules, &made, &seen, &from);
		else if (!rules->has_apart(profile, &made, &from))
			continue;
		out[kept++] = from;
	}
	return kept;
}
