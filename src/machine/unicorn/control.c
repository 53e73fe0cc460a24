/* SPDX-License-Identifier: MIT */
/*
 * MOV to CR0 and CR4, of which Unicorn takes any value. What processors refuse is refused, so that
 * no guest gets into a mode that there is not, and that no saved machine can have.
 */
#include "room_int.h"

/* Intel SDM vol. 3A 4.1.2, 9.8.5: long mode is active when it is enabled and paging is on. */
bool mode_is_possible(uint64_t cr0, uint64_t cr4, uint64_t efer, uint64_t flags)
{
	bool active = (efer & EFER_LME) && (cr0 & CR0_PG);

	return active == !!(efer & EFER_LMA) && (!active || (cr4 & CR4_PAE)) &&
	       (!(cr0 & CR0_PG) || (cr0 & CR0_PE)) &&
	       (!(flags & FLAG_VM) || ((cr0 & CR0_PE) && !active));
}

/* Intel SDM vol. 2B, MOV to and from control registers: what is #GP of CR0. EFER follows. */
static bool takes_cr0(const struct state *state, uint64_t value)
{
	uint64_t efer = state->efer & ~(uint64_t)EFER_LMA;

	if (value > UINT32_MAX || ((value & CR0_NW) && !(value & CR0_CD)))
		return false;
	if (value & CR0_PG)
		efer |= efer & EFER_LME ? EFER_LMA : 0;
	else if (state_code64(state))
		return false;
	return mode_is_possible(value, state->cr[4], efer, state->eflags);
}

bool control_takes(const struct cpu *cpu, const struct op *op)
{
	const struct state *state = cpu->state;
	uint64_t value = cpu->state->regs[op->operand];

	if (!state_code64(state))
		value = (uint32_t)value;
	if (op->immediate == 0)
		return takes_cr0(state, value);
	return op->immediate != 4 ||
	       mode_is_possible(state->cr[0], value, state->efer, state->eflags);
}
