/* SPDX-License-Identifier: MIT */
/*
 * SYSCALL and SYSENTER, for which Unicorn only calls hooks (it does execute SYSRET and SYSEXIT),
 * and the MSRs that the CPU keeps itself because its own instructions use them.
 */
#include <arch/room.h>

#include "room_int.h"

enum {
	MSR_PRED_CMD = 0x49,
	MSR_SYSENTER_CS = 0x174,
	MSR_SYSENTER_ESP = 0x175,
	MSR_SYSENTER_EIP = 0x176,
};

enum { ADDRESS_BITS = 48 };

#define MSR_EFER           UINT32_C(0xc0000080)
#define MSR_STAR           UINT32_C(0xc0000081)
#define MSR_LSTAR          UINT32_C(0xc0000082)
#define MSR_CSTAR          UINT32_C(0xc0000083)
#define MSR_FMASK          UINT32_C(0xc0000084)
#define MSR_FS_BASE        UINT32_C(0xc0000100)
#define MSR_GS_BASE        UINT32_C(0xc0000101)
#define MSR_KERNEL_GS_BASE UINT32_C(0xc0000102)

/* Which values an MSR accepts. */
enum rule { ANY, CANONICAL, LOW_32 };

static const struct kept {
	uint32_t msr;
	enum rule rule;
} kept[] = {
	{MSR_SYSENTER_CS, LOW_32},     {MSR_SYSENTER_ESP, CANONICAL},
	{MSR_SYSENTER_EIP, CANONICAL}, {MSR_STAR, ANY},
	{MSR_LSTAR, CANONICAL},        {MSR_CSTAR, CANONICAL},
	{MSR_FMASK, LOW_32},           {MSR_FS_BASE, CANONICAL},
	{MSR_GS_BASE, CANONICAL},      {MSR_KERNEL_GS_BASE, CANONICAL},
};

_Static_assert(ARRAY_SIZE(kept) == SYSTEM_MSRS, "all of them are saved");

uint32_t system_msr(unsigned i)
{
	return kept[i].msr;
}

static const struct kept *find(uint32_t msr)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
		if (kept[i].msr == msr)
			return &kept[i];
	}
	return NULL;
}

static uint64_t get(struct cpu *cpu, uint32_t msr)
{
	uc_x86_msr access = {.rid = msr};

	uc_reg_read(cpu->uc, UC_X86_REG_MSR, &access);
	return access.value;
}

enum vpmu_status msr_of_cpu_read(struct cpu *cpu, uint32_t msr, uint64_t *value)
{
	if (msr == MSR_PRED_CMD)
		return VPMU_GP; /* write-only: a command */
	if (msr == MSR_EFER) {
		*value = cpu->state->efer;
		return VPMU_OK;
	}
	if (!find(msr))
		return VPMU_NO_REGISTER;
	*value = get(cpu, msr);
	return VPMU_OK;
}

static enum vpmu_status write_efer(struct cpu *cpu, uint64_t value)
{
	const uint64_t settable = EFER_SCE | EFER_LME | EFER_NXE;
	struct state *state = cpu->state;
	uint64_t cr3 = state->cr[3];

	if (value & ~(settable | EFER_LMA))
		return VPMU_GP;
	if ((state->cr[0] & CR0_PG) && ((value ^ state->efer) & EFER_LME))
		return VPMU_GP;
	state->efer = (state->efer & ~settable) | (value & settable);
	uc_reg_write(cpu->uc, UC_X86_REG_CR3, &cr3); /* flushes the TLB: paging has changed */
	return VPMU_OK;
}

enum vpmu_status msr_of_cpu_write(struct cpu *cpu, uint32_t msr, uint64_t value)
{
	const struct kept *row = find(msr);
	uc_x86_msr access = {.rid = msr, .value = value};

	if (msr == MSR_EFER)
		return write_efer(cpu, value);
	if (msr == MSR_PRED_CMD) {
		if (value & ~UINT64_C(1))
			return VPMU_GP;
		if (value)
			vpmu_timing_flush_predictor(cpu->timing);
		return VPMU_OK;
	}
	if (!row)
		return VPMU_NO_REGISTER;
	if ((row->rule == CANONICAL && canonical_address(value, ADDRESS_BITS) != value) ||
	    (row->rule == LOW_32 && value > UINT32_MAX))
		return VPMU_GP;
	uc_reg_write(cpu->uc, UC_X86_REG_MSR, &access);
	return VPMU_OK;
}

static void enter_kernel(struct cpu *cpu, uint16_t selector, uint64_t rip, const struct op *op)
{
	struct op branch = *op;
	uint64_t from = cpu->state->rip;

	branch.insn.flags |= VPMU_INSN_BRANCH | VPMU_INSN_FAR;
	segment_load_flat(cpu, SEG_CS, selector & 0xfffc, true, 0);
	segment_load_flat(cpu, SEG_SS, (uint16_t)((selector & 0xfffc) + 8), false, 0);
	cpu->state->rip = rip;
	budget_retire(cpu, &branch, from);
}

/* Intel SDM vol. 2B SYSCALL. */
void system_syscall(struct cpu *cpu, const struct op *op)
{
	struct state *state = cpu->state;
	uint64_t flags = state_flags(cpu->uc);

	if (!(state->efer & EFER_SCE) || !state_long(state) || !state_code64(state)) {
		exception_ud(cpu);
		return;
	}
	state->regs[GPR_RCX] = state->rip + op->length;
	state->regs[GPR_R11] = flags & ~(uint64_t)FLAG_RF;
	state_set_flags(state, flags & ~(get(cpu, MSR_FMASK) | FLAG_RF));
	enter_kernel(cpu, (uint16_t)(get(cpu, MSR_STAR) >> 32), get(cpu, MSR_LSTAR), op);
}

/* Intel SDM vol. 2B SYSENTER; the kernel's segment is a 64-bit one in long mode. */
void system_sysenter(struct cpu *cpu, const struct op *op)
{
	uint64_t selector = get(cpu, MSR_SYSENTER_CS);

	if (!(selector & 0xfffc) || !state_long(cpu->state)) {
		exception_gp(cpu);
		return;
	}
	state_set_flags(cpu->state, state_flags(cpu->uc) & ~(uint64_t)(FLAG_IF | FLAG_VM));
	cpu->state->regs[GPR_RSP] = get(cpu, MSR_SYSENTER_ESP);
	enter_kernel(cpu, (uint16_t)selector, get(cpu, MSR_SYSENTER_EIP), op);
}
