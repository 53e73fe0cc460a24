/* SPDX-License-Identifier: MIT */
/* RDMSR and WRMSR, by the guest and by the VMM: decode, check that such an access is possible, and
 * hand a write to the profile's rules. */
#include <core/room_int.h>

#define NOT_INLINE    __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Intel SDM vol. 4, IA32_PERF_GLOBAL_INUSE: which selectors and fixed counters are in use, and in
 * bit 63 whether any of these asks for a PMI. */
static uint64_t in_use(const struct vpmu_pmu *pmu)
{
	uint64_t use = 0;
	bool pmi = false;

	FOR_SLOTS(slot, pmu->slots) {
		uint64_t field = slot < SLOT_FIXED
		                         ? pmu->selector[slot] & SEL_EVENT
		                         : fixed_field(pmu, slot) & (FIXED_OS | FIXED_USR);

		if (field)
			use |= BIT64(slot_global_bit(slot));
		pmi |= control_of(pmu, slot).pmi;
	}
	return use | (pmi ? BIT64(63) : 0);
}

typedef uint64_t counter_reader(const struct vpmu_pmu *pmu, unsigned slot);

/* Not inline, like other rare cases here, so that the path of normal register accesses stays
 * fast. */
static NOT_INLINE uint64_t stored_rarely(const struct vpmu_pmu *pmu, const struct reg *reg)
{
	if (reg->store == STORE_METRICS)
		return metrics_value(pmu);
	if (reg->store == STORE_LBR)
		return lbr_claim(pmu) ? pmu->single[reg->kind] : 0;
	return reg->store == STORE_INUSE ? in_use(pmu) : 0;
}

static inline uint64_t stored(const struct vpmu_pmu *pmu, const struct reg *reg,
                              counter_reader *value)
{
	if (reg->store == STORE_COUNTER)
		return value(pmu, reg->slot);
	if (reg->store == STORE_SELECTOR)
		return pmu->selector[reg->slot];
	if (reg->store == STORE_SINGLE)
		return pmu->single[reg->kind];
	return stored_rarely(pmu, reg);
}

/* How the profile answers for a number that is not a register of the model. */
static NOT_INLINE enum vpmu_status read_absent(const struct vpmu_pmu *pmu, uint32_t msr, bool host,
                                               uint64_t *value)
{
	if (lbr_read(pmu, msr, value))
		return VPMU_OK;
	return pmu->rules->read_absent(pmu, msr, host, value);
}

static NOT_INLINE enum vpmu_status write_absent(struct vpmu_pmu *pmu, uint32_t msr, bool host,
                                                uint64_t value)
{
	enum vpmu_status status;

	if (lbr_write(pmu, msr, value, host ? VPMU_REFUSED : VPMU_GP, &status))
		return status;
	return pmu->rules->write_absent(pmu, msr, host, value);
}

static inline enum vpmu_status read_register(const struct vpmu_pmu *pmu, const struct reg *reg,
                                             unsigned access, counter_reader *counter,
                                             enum vpmu_status refusal, uint64_t *value)
{
	if (access == VPMU_ACCESS_NONE)
		return refusal;
	*value = stored(pmu, reg, counter);
	return VPMU_OK;
}

enum vpmu_status vpmu_pmu_guest_read(const struct vpmu_pmu *pmu, uint32_t msr, uint64_t *value)
{
	const struct reg *reg;

	if (!pmu || !value)
		return VPMU_BAD_ARGUMENT;
	reg = decode(pmu, msr);
	if (!reg)
		return read_absent(pmu, msr, false, value);
	return read_register(pmu, reg, reg->guest, pmu->engine->guest_value, VPMU_GP, value);
}

enum vpmu_status vpmu_pmu_host_read(const struct vpmu_pmu *pmu, uint32_t msr, uint64_t *value)
{
	const struct reg *reg;

	if (!pmu || !value)
		return VPMU_BAD_ARGUMENT;
	reg = decode(pmu, msr);
	if (!reg)
		return read_absent(pmu, msr, true, value);
	return read_register(pmu, reg, reg->host, pmu->engine->value, VPMU_REFUSED, value);
}

static inline enum vpmu_status write_valid(struct vpmu_pmu *pmu, const struct reg *reg,
                                           const struct write_rule *rule, uint64_t writable,
                                           enum vpmu_status refusal, uint64_t value)
{
	return value & ~writable ? refusal : rule->set(pmu, reg, value);
}

/* The excess for registers that do not take every combination of bits: EXCESS_ADDRESS,
 * EXCESS_DEPTH. */
static NOT_INLINE uint64_t value_excess(const struct reg *reg, enum excess excess, uint64_t value)
{
	if (excess == EXCESS_ADDRESS)
		return address_excess(value, reg->address, reg->flags);
	return depth_excess(value, reg->writable);
}

/* There is an excess. With EXCESS_IN_CHANGE the register's present value can still be written,
 * since a register may hold bits that it no longer has. */
static NOT_INLINE enum vpmu_status write_excess(const struct vpmu_pmu *pmu, const struct reg *reg,
                                                enum vpmu_status refusal, uint64_t value)
{
	return value == stored(pmu, reg, pmu->engine->value) ? VPMU_OK : refusal;
}

static ALWAYS_INLINE enum vpmu_status write_register(struct vpmu_pmu *pmu, const struct reg *reg,
                                                     unsigned access,
                                                     const struct write_rule *rules,
                                                     uint64_t writable, enum vpmu_status refusal,
                                                     uint64_t value)
{
	const struct write_rule *rule = &rules[reg->kind];

	if (!access_writes(access))
		return access == VPMU_ACCESS_IGNORED ? VPMU_OK : refusal;
	pmu->kvm.in_use |= (uint32_t)rule->marks_in_use << reg->slot;
	if (rule->excess == EXCESS_TAKEN) /* counters, which are accessed most */
		return rule->set(pmu, reg, value);
	switch ((enum excess)rule->excess) {
	case EXCESS_FAULTS:
		return write_valid(pmu, reg, rule, writable, refusal, value);
	case EXCESS_IN_CHANGE:
		if (value & ~writable)
			return write_excess(pmu, reg, refusal, value);
		break;
	case EXCESS_DROPPED:
		return rule->set(pmu, reg, value & writable);
	case EXCESS_TAKEN: /* see above */
		break;
	case EXCESS_ADDRESS:
	case EXCESS_DEPTH:
		if (value_excess(reg, rule->excess, value))
			return refusal;
		break;
	}
	return rule->set(pmu, reg, value);
}

enum vpmu_status vpmu_pmu_guest_write(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value)
{
	const struct reg *reg;

	if (!pmu)
		return VPMU_BAD_ARGUMENT;
	reg = decode(pmu, msr);
	if (!reg)
		return write_absent(pmu, msr, false, value);
	return write_register(pmu, reg, reg->guest, pmu->rules->guest, reg->guest_writable, VPMU_GP,
	                      value);
}

/* A guest's write fails only because of an excess; no setter of the guest's rules refuses a
 * value. */
static enum vpmu_status can_write_register(const struct vpmu_pmu *pmu, const struct reg *reg,
                                           uint64_t value)
{
	if (!access_writes(reg->guest))
		return reg->guest == VPMU_ACCESS_IGNORED ? VPMU_OK : VPMU_GP;
	switch (pmu->rules->guest[reg->kind].excess) {
	case EXCESS_IN_CHANGE:
		if (value == stored(pmu, reg, pmu->engine->value))
			return VPMU_OK;
		break;
	case EXCESS_DROPPED:
	case EXCESS_TAKEN:
		return VPMU_OK;
	case EXCESS_ADDRESS:
	case EXCESS_DEPTH:
		return value_excess(reg, pmu->rules->guest[reg->kind].excess, value) ? VPMU_GP
		                                                                     : VPMU_OK;
	case EXCESS_FAULTS:
		break;
	}
	return value & ~reg->guest_writable ? VPMU_GP : VPMU_OK;
}

/* For a number that is not a register of the model, and for last branches that the host shares, the
 * write is tried on a copy of the machine. */
static NOT_INLINE enum vpmu_status can_write_copy(const struct vpmu_pmu *pmu, uint32_t msr,
                                                  uint64_t value)
{
	struct vpmu_pmu copy = *pmu;

	return vpmu_pmu_guest_write(&copy, msr, value);
}

enum vpmu_status vpmu_pmu_guest_can_write(const struct vpmu_pmu *pmu, uint32_t msr, uint64_t value)
{
	const struct reg *reg;

	if (!pmu)
		return VPMU_BAD_ARGUMENT;
	reg = decode(pmu, msr);
	if (reg && reg->store != STORE_LBR)
		return can_write_register(pmu, reg, value);
	return can_write_copy(pmu, msr, value);
}

enum vpmu_status vpmu_pmu_host_write(struct vpmu_pmu *pmu, uint32_t msr, uint64_t value)
{
	const struct reg *reg;

	if (!pmu)
		return VPMU_BAD_ARGUMENT;
	reg = decode(pmu, msr);
	if (!reg)
		return write_absent(pmu, msr, true, value);
	return write_register(pmu, reg, reg->host, pmu->rules->host, reg->writable, VPMU_REFUSED,
	                      value);
}

static enum reader reader_of(unsigned cpl, bool pce)
{
	if (!cpl)
		return READER_KERNEL;
	return pce ? READER_USER : READER_DENIED;
}

enum vpmu_status vpmu_pmu_rdpmc(const struct vpmu_pmu *pmu, uint32_t ecx, unsigned cpl, bool pce,
                                uint64_t *value)
{
	if (!pmu || !value)
		return VPMU_BAD_ARGUMENT;
	return pmu->rules->rdpmc(pmu, ecx, reader_of(cpl, pce), value);
}
