/* SPDX-License-Identifier: MIT */
/* The oracle's registers: one case each, with the bits that the manuals and KVM give it. */
#include "oracle.h"

static uint64_t width_bits(const struct oracle *oracle)
{
	return oracle_bit(oracle->model.width) - 1;
}

static uint64_t counter_bits(const struct oracle *oracle)
{
	return (oracle_bit(oracle->model.gp) - 1) | (oracle_bit(oracle->model.fixed) - 1) << 32;
}

/* SDM vol. 4 IA32_PERFEVTSELx; APM vol. 2 13.2.1, without HostOnly and GuestOnly where KVM has
 * them. */
static uint64_t selector_bits(const struct oracle *oracle, unsigned i)
{
	uint64_t bits = 0xffdfffff;

	if (oracle->model.amd)
		return oracle->model.mediated ? 0xfffd7ffff : 0x30fffd7ffff;
	if (oracle->model.any_thread)
		bits |= oracle_bit(21);
	if (oracle->model.tsx)
		bits |= oracle_bit(32) | (i == 2 ? oracle_bit(33) : 0);
	return bits;
}

/* Mediated: KVM's, or by a guest that reaches the register the processor's. */
static uint64_t status_bits(const struct oracle *oracle, bool host)
{
	bool processor = oracle_passes(oracle) && !host;

	if (oracle->model.amd)
		return counter_bits(oracle) |
		       (oracle->model.mediated && !processor ? 0 : oracle_bit(59));
	return counter_bits(oracle) | oracle_bit(62) | oracle_bit(63) |
	       (oracle->model.version >= 4 || processor ? oracle_bit(58) | oracle_bit(59) : 0);
}

static uint64_t fixed_ctrl(const struct oracle *oracle)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < ORACLE_FIXED_MOST; i++)
		value |= oracle->counter[ORACLE_GP_MOST + i].selector << 4 * i;
	return value;
}

/* --- Which register a number is --- */

enum what {
	NOTHING,
	COUNTER,
	FULL_WIDTH,
	SELECTOR,
	FIXED,
	FIXED_CTRL,
	STATUS,
	CTRL,
	CLEAR,
	SET,
	IN_USE,
	DEBUGCTL
};

static enum what indexed(enum what what, uint32_t index, unsigned limit, unsigned *i)
{
	*i = index + (what == FIXED ? ORACLE_GP_MOST : 0);
	return index < limit ? what : NOTHING;
}

static enum what intel_what(const struct oracle *oracle, uint32_t msr, unsigned *i)
{
	const struct oracle_model *model = &oracle->model;

	if (msr >= 0xc1 && msr < 0xc1 + 16)
		return indexed(COUNTER, msr - 0xc1, model->gp, i);
	if (msr >= 0x186 && msr < 0x186 + 16)
		return indexed(SELECTOR, msr - 0x186, model->gp, i);
	if (msr >= 0x4c1 && msr < 0x4c1 + 16)
		return indexed(FULL_WIDTH, msr - 0x4c1, model->full_width ? model->gp : 0, i);
	if (model->version < 2)
		return NOTHING;
	if (msr >= 0x309 && msr < 0x309 + 16)
		return indexed(FIXED, msr - 0x309, model->fixed, i);
	switch (msr) {
	case 0x1d9:
		return model->mediated ? NOTHING : DEBUGCTL;
	case 0x38d:
		return FIXED_CTRL;
	case 0x38e:
		return STATUS;
	case 0x38f:
		return CTRL;
	case 0x390:
		return CLEAR;
	case 0x391:
		return model->version >= 4 ? SET : NOTHING;
	case 0x392:
		return model->version >= 4 ? IN_USE : NOTHING;
	default:
		return NOTHING;
	}
}

static enum what amd_what(const struct oracle *oracle, uint32_t msr, unsigned *i)
{
	if (msr >= 0xc0010000 && msr < 0xc0010004)
		return indexed(SELECTOR, msr - 0xc0010000, oracle->model.gp, i);
	if (msr >= 0xc0010004 && msr < 0xc0010008)
		return indexed(COUNTER, msr - 0xc0010004, oracle->model.gp, i);
	if (msr >= 0xc0010200 && msr < 0xc0010220)
		return indexed(msr % 2 ? COUNTER : SELECTOR, (msr - 0xc0010200) / 2,
		               oracle->model.perfcore ? oracle->model.gp : 0, i);
	if (!oracle_has_global(oracle))
		return NOTHING;
	switch (msr) {
	case 0x1d9:
		return oracle->model.mediated ? NOTHING : DEBUGCTL;
	case 0xc0000300:
		return STATUS;
	case 0xc0000301:
		return CTRL;
	case 0xc0000302:
		return CLEAR;
	case 0xc0000303:
		return SET;
	default:
		return NOTHING;
	}
}

static enum what what_is(const struct oracle *oracle, uint32_t msr, unsigned *i)
{
	*i = 0;
	return oracle->model.amd ? amd_what(oracle, msr, i) : intel_what(oracle, msr, i);
}

/* --- RDMSR --- */

/* SDM vol. 4 IA32_PERF_GLOBAL_INUSE */
static uint64_t in_use(const struct oracle *oracle)
{
	uint64_t use = 0;

	for (unsigned i = 0; i < ORACLE_COUNTERS; i++) {
		uint64_t selector = oracle->counter[i].selector;
		bool gp = i < ORACLE_GP_MOST;

		if (selector & (gp ? 0xff : 3))
			use |= oracle_global_bit(i);
		if (selector >> (gp ? 20 : 3) & 1)
			use |= oracle_bit(63);
	}
	return use;
}

enum oracle_answer oracle_read(struct oracle *oracle, uint32_t msr, bool host, uint64_t *value)
{
	unsigned i;

	*value = 0;
	switch (what_is(oracle, msr, &i)) {
	case NOTHING:
		return ORACLE_NO_REGISTER;
	case COUNTER:
	case FULL_WIDTH:
	case FIXED:
		*value = oracle->counter[i].value & (host ? width_bits(oracle) : ~0ull);
		break;
	case SELECTOR:
		*value = oracle->counter[i].selector;
		break;
	case FIXED_CTRL:
		*value = fixed_ctrl(oracle);
		break;
	case STATUS:
		*value = oracle->status;
		break;
	case CTRL:
		*value = oracle->global_ctrl;
		break;
	case CLEAR:
	case SET:
		break;
	case IN_USE:
		*value = in_use(oracle);
		break;
	case DEBUGCTL:
		*value = oracle->debugctl;
		break;
	}
	return ORACLE_OK;
}

/* Intel's are of a kind; AMD's and KVM's are indexes of counters. */
enum oracle_answer oracle_rdpmc(struct oracle *oracle, uint32_t ecx, bool allowed, uint64_t *value)
{
	unsigned i = ecx;

	if (!oracle->model.amd && ecx >> 16 == 0x4000)
		i = (ecx & 0xffff) < ORACLE_FIXED_MOST ? ORACLE_GP_MOST + (ecx & 0xffff)
		                                       : ORACLE_COUNTERS;
	else if (ecx >= ORACLE_GP_MOST)
		i = ORACLE_COUNTERS;
	if (!allowed || i >= ORACLE_COUNTERS || !oracle_exists(oracle, i))
		return ORACLE_GP;
	*value = oracle->counter[i].value & width_bits(oracle);
	return ORACLE_OK;
}

/* --- WRMSR --- */

/* What becomes of bits that the register does not have. */
enum excess { FAULTS, DROPPED };

static enum excess excess_of(const struct oracle *oracle, enum what what, bool host)
{
	if (oracle->model.amd && what == DEBUGCTL)
		return FAULTS;
	if (!oracle->model.mediated)
		return oracle->model.amd && !host ? DROPPED : FAULTS;
	if (oracle->model.amd)
		return what == STATUS ? FAULTS : DROPPED;
	return (what == FIXED || what == COUNTER) && host ? DROPPED : FAULTS;
}

static uint64_t bits_of(const struct oracle *oracle, enum what what, unsigned i, bool host)
{
	uint64_t each = oracle->model.any_thread ? 0xf : 0xb, bits = 0;

	switch (what) {
	case COUNTER:
	case FULL_WIDTH:
	case FIXED:
		return host ? width_bits(oracle) : oracle_counted_bits(oracle);
	case SELECTOR:
		return selector_bits(oracle, i);
	case FIXED_CTRL:
		for (unsigned fixed = 0; fixed < oracle->model.fixed; fixed++)
			bits |= each << 4 * fixed;
		return bits;
	case STATUS:
	case CLEAR:
		return status_bits(oracle, host);
	case SET: /* CondChgd cannot be set */
		return status_bits(oracle, host) & ~oracle_bit(63);
	case CTRL:
		return counter_bits(oracle);
	case DEBUGCTL:
		return oracle->model.amd ? oracle_bit(12) : oracle_bit(12) | oracle_bit(11);
	default:
		return 0;
	}
}

static void set_selector(struct oracle *oracle, unsigned i, uint64_t value)
{
	bool same = oracle->counter[i].selector == value;

	oracle->counter[i].selector = value;
	if (!same)
		oracle_changed(oracle, i);
}

static void set_global(struct oracle *oracle, uint64_t *where, uint64_t value)
{
	uint64_t changed = *where ^ value;

	*where = value;
	for (unsigned i = 0; i < ORACLE_COUNTERS; i++)
		if (where == &oracle->status ? !oracle->model.mediated || changed & oracle_bit(59)
		                             : changed & oracle_global_bit(i))
			oracle_changed(oracle, i);
}

static void set(struct oracle *oracle, enum what what, unsigned i, bool host, uint64_t value)
{
	switch (what) {
	case COUNTER:
	case FULL_WIDTH:
	case FIXED:
		oracle->counter[i].value = value;
		break;
	case SELECTOR:
		set_selector(oracle, i, value);
		break;
	case FIXED_CTRL:
		for (unsigned fixed = 0; fixed < ORACLE_FIXED_MOST; fixed++)
			set_selector(oracle, ORACLE_GP_MOST + fixed, value >> 4 * fixed & 0xf);
		break;
	case STATUS:
		set_global(oracle, &oracle->status, value);
		break;
	case CTRL:
		set_global(oracle, &oracle->global_ctrl, value);
		break;
	case CLEAR: /* commands do nothing when a VMM restores a state */
		set_global(oracle, &oracle->status, oracle->status & ~(host ? 0 : value));
		break;
	case SET:
		set_global(oracle, &oracle->status, oracle->status | (host ? 0 : value));
		break;
	case DEBUGCTL:
		oracle->debugctl = value;
		break;
	default:
		break;
	}
}

enum oracle_answer oracle_write(struct oracle *oracle, uint32_t msr, bool host, uint64_t value)
{
	enum oracle_answer refusal = host ? ORACLE_REFUSED : ORACLE_GP;
	unsigned i;
	enum what what = what_is(oracle, msr, &i);
	uint64_t bits = bits_of(oracle, what, i, host);

	if (what == NOTHING)
		return ORACLE_NO_REGISTER;
	if (what == IN_USE)
		return refusal;
	if (what == STATUS && !host)
		return oracle->model.amd ? ORACLE_OK
		                         : ORACLE_GP; /* AMD's is not written, and does not fault */
	/* SDM vol. 3B 20.2.8: 32 bits, sign-extended. */
	if (what == COUNTER && !host && oracle->model.takes_all_bits)
		value &= bits;
	else if (what == COUNTER && !host && !oracle->model.amd)
		value = (uint64_t)(int64_t)(int32_t)(uint32_t)value & bits;
	if (value & ~bits && excess_of(oracle, what, host) == FAULTS)
		return refusal;
	set(oracle, what, i, host, value & bits);
	return ORACLE_OK;
}
