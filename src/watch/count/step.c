/* SPDX-License-Identifier: MIT */
/*
 * One single-stepped instruction: what it is, whether it has retired, and what it pays. Also
 * removes the traces of stepping: the processor stores RFLAGS with our TF where PUSHF, an exception
 * or SYSCALL saves it.
 */
#include <string.h>

#include <watch/count.h>
#include "meter/room.h"

enum {
	TF = 1 << 8,
	EFER_LMA = 1 << 10,
	SLOTS_A_CYCLE = 4,
	PATH = 4,
	FRAME_WORDS =
		24, /* how far from RSP a handler's first instruction may have left its frame */
};

bool count_look(struct counting *c)
{
	if (!c->is_fresh)
		c->is_fresh = !real()->ioctl(c->fd, KVM_GET_REGS, &c->regs) &&
		              !real()->ioctl(c->fd, KVM_GET_SREGS, &c->sregs);
	return c->is_fresh;
}

bool count_set_regs(struct counting *c)
{
	c->is_fresh = false;
	return !real()->ioctl(c->fd, KVM_SET_REGS, &c->regs);
}

unsigned count_bits(const struct counting *c)
{
	if (c->sregs.efer & EFER_LMA && c->sregs.cs.l)
		return 64;
	return c->sregs.cs.db ? 32 : 16;
}

static uint64_t linear(const struct counting *c, const struct kvm_segment *segment, uint64_t at)
{
	return count_bits(c) == 64 ? at : (uint32_t)(segment->base + at);
}

struct guest_insn count_fetch(struct counting *c, uint64_t rip)
{
	uint8_t bytes[GUEST_INSN_BYTES];
	size_t got = count_read(c, linear(c, &c->sregs.cs, rip), bytes, sizeof(bytes));

	return guest_insn_decode(bytes, got, count_bits(c), rip);
}

void count_begin(struct counting *c)
{
	struct counted_vcpu *state = c->state;

	state->insn = count_fetch(c, c->regs.rip);
	state->rip = c->regs.rip;
	state->cpl = c->sregs.ss.dpl;
	state->cs = c->sregs.cs.selector;
	atomic_store(&state->in_flight, true);
}

/* --- What it pays ---------------------------------------------------------------------------- */

static const struct {
	uint8_t kind;
	uint64_t classes;
} pays[] = {
#define CLASS(name) VPMU_CLASS_BIT(VPMU_##name)
	{GUEST_CONDITIONAL, CLASS(BRANCHES) | CLASS(CONDITIONAL_BRANCHES)},
	{GUEST_JUMP, CLASS(BRANCHES) | CLASS(TAKEN_BRANCHES)},
	{GUEST_JUMP_INDIRECT, CLASS(BRANCHES) | CLASS(TAKEN_BRANCHES)},
	{GUEST_CALL, CLASS(BRANCHES) | CLASS(TAKEN_BRANCHES) | CLASS(NEAR_CALLS)},
	{GUEST_CALL_INDIRECT, CLASS(BRANCHES) | CLASS(TAKEN_BRANCHES) | CLASS(NEAR_CALLS)},
	{GUEST_RETURN, CLASS(BRANCHES) | CLASS(TAKEN_BRANCHES) | CLASS(NEAR_RETURNS)},
	{GUEST_FAR, CLASS(BRANCHES) | CLASS(FAR_BRANCHES)},
	/* the next access would fetch the line from memory again */
	{GUEST_FLUSH, CLASS(LLC_REFERENCES) | CLASS(LLC_MISSES)},
};

static uint64_t classes_of(const struct guest_insn *insn, bool taken)
{
	uint64_t classes = 0;

	for (size_t i = 0; insn && i < ARRAY_SIZE(pays); i++)
		if (pays[i].kind == insn->kind)
			classes = pays[i].classes;
	if (insn && insn->data & VPMU_DATA_LOAD)
		classes |= CLASS(LOADS);
	if (insn && insn->data & VPMU_DATA_STORE)
		classes |= CLASS(STORES);
	if (insn && insn->data)
		classes |= CLASS(MEMORY);
	if (insn && insn->data == (VPMU_DATA_LOAD | VPMU_DATA_STORE))
		classes |= CLASS(LOAD_STORES);
	if (!insn || insn->kind != GUEST_CONDITIONAL)
		return classes;
	return classes | (taken ? CLASS(TAKEN_BRANCHES) | CLASS(CONDITIONAL_TAKEN)
	                        : CLASS(CONDITIONAL_NOT_TAKEN));
}
#undef CLASS

/* An instruction costs one cycle. */
void count_retire(struct counting *c, const struct guest_insn *insn, unsigned cpl, bool taken)
{
	uint64_t classes = classes_of(insn, taken);
	struct vpmu_outcome outcome = {0};
	struct vpmu_amounts amounts = {
		.of = {[VPMU_INSTRUCTIONS] = 1,
	               [VPMU_CYCLES] = 1,
	               [VPMU_REF_CYCLES] = 1,
	               [VPMU_SLOTS] = SLOTS_A_CYCLE,
	               [VPMU_TOPDOWN_RETIRING] = 1,
	               [VPMU_TOPDOWN_BACKEND] = SLOTS_A_CYCLE - 1},
	};

	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		amounts.of[i] += classes >> i & 1;
	if (!vcpu_hold(c->object))
		return;
	if (c->object->as_vcpu.pmu)
		outcome = vpmu_pmu_account(c->object->as_vcpu.pmu, &amounts, cpl);
	vcpu_release(c->object);
	count_deliver(c, outcome);
}

/* --- Traces ---------------------------------------------------------------------------------- */

static void clear_trap_flag(struct counting *c, uint64_t at)
{
	uint16_t flags;

	if (count_read(c, at, &flags, sizeof(flags)) != sizeof(flags) || !(flags & TF))
		return;
	flags &= (uint16_t)~TF;
	count_write(c, at, &flags, sizeof(flags));
}

/* Clears TF in the frame of an exception or interrupt: RIP, CS and RFLAGS of the instruction in
 * flight. */
static void clear_in_frame(struct counting *c)
{
	uint64_t words[FRAME_WORDS];
	size_t got = count_read(c, c->regs.rsp, words, sizeof(words)) / sizeof(words[0]);

	if (count_bits(c) != 64)
		return;
	for (size_t i = 0; i + 2 < got; i++) {
		if (words[i] - c->state->rip > GUEST_INSN_BYTES || words[i + 1] != c->state->cs)
			continue;
		clear_trap_flag(c, c->regs.rsp + (i + 2) * sizeof(words[0]));
		return;
	}
}

static void clear_traces(struct counting *c, const struct guest_insn *insn)
{
	if (insn->kind == GUEST_PUSHF)
		clear_trap_flag(c, linear(c, &c->sregs.ss, c->regs.rsp));
	if (insn->kind == GUEST_FAR)
		clear_in_frame(c);
	if (!insn->syscall || !(c->regs.r11 & TF))
		return;
	c->regs.r11 &= ~(uint64_t)TF;
	count_set_regs(c);
}

/* --- What has become of it ------------------------------------------------------------------- */

static void retire(struct counting *c, const struct guest_insn *insn)
{
	count_retire(c, insn, c->state->cpl,
	             insn->target != insn->next && c->regs.rip != insn->next);
}

/*
 * How many instructions lead from the one in flight to RIP; 0: none do. There is more than one
 * after MOV SS, which no trap follows, and where KVM has emulated an instruction and lost the trap.
 */
static unsigned path(struct counting *c, struct guest_insn insns[PATH])
{
	insns[0] = c->state->insn;
	for (unsigned i = 0; i < PATH; i++) {
		const struct guest_insn *insn = &insns[i];

		if (guest_insn_leads_to(insn, c->regs.rip))
			return i + 1;
		if (!insn->length || i + 1 == PATH)
			return 0;
		insns[i + 1] = count_fetch(c, insn->kind == GUEST_JUMP || insn->kind == GUEST_CALL
		                                      ? insn->target
		                                      : insn->next);
	}
	return 0;
}

void count_settle(struct counting *c, bool trapped)
{
	struct counted_vcpu *state = c->state;
	struct guest_insn insns[PATH];
	unsigned count;

	if (!atomic_exchange(&state->in_flight, false))
		return;
	/* The instruction has not executed, or not completely. */
	if (c->regs.rip == state->rip &&
	    (!trapped || !guest_insn_leads_to(&state->insn, state->rip)))
		return;
	count = path(c, insns);
	state->was_sti = count && insns[count - 1].kind == GUEST_STI;
	for (unsigned i = 0; i < count; i++) {
		clear_traces(c, &insns[i]);
		retire(c, &insns[i]);
	}
	if (count)
		return;
	/* RIP is elsewhere: an exception's or interrupt's handler has been entered. */
	clear_in_frame(c);
	if (trapped)
		count_retire(c, NULL, c->sregs.ss.dpl, false);
}

void count_settle_write(struct counting *c)
{
	if (atomic_exchange(&c->state->in_flight, false))
		count_retire(c, &c->state->insn, c->state->cpl, false);
}
