/* SPDX-License-Identifier: MIT */
/* The fake's instructions: their bytes, and what each of them does. */
#include "fake_inside.h"

#include <stdlib.h>
#include <string.h>

static const struct fake_row rows[] = {
	{{0x90}, 1, NOP, 1, false},
	{{0x48, 0xff, 0xc0}, 3, NOP, 3, false}, /* INC RAX, with no effect */
	{{0x89, 0xd8}, 2, NOP, 2, false},       /* MOV EAX, EBX, the same */
	{{0x8a, 0x07}, 2, LOAD, 2, false},
	{{0x88, 0x07}, 2, STORE, 2, false},
	{{0xcf}, 1, IRET, 1, true},
	{{0xcd}, 1, INT, 2, true},
	{{0x74}, 1, JZ, 2, true},
	{{0x01, 0x07}, 2, NOP, 2, false}, /* ADD [RDI], EAX, the same */
	{{0xeb}, 1, JUMP, 2, true},
	{{0x0f, 0xa2}, 2, CPUID, 2, false},
	{{0x0f, 0x32}, 2, RDMSR, 2, false},
	{{0x0f, 0x30}, 2, WRMSR, 2, true},
	{{0x0f, 0x33}, 2, RDPMC, 2, true},
	{{0xf3, 0xa4}, 2, REP, 2, true},
	{{0x0f, 0x01, 0x1f}, 3, LIDT, 3, true},
	{{0x0f, 0x01, 0xd8}, 3, VMRUN, 3, true},
	{{0xf4}, 1, HLT, 1, true},
};

const struct fake_row *fake_decode(uint64_t pc)
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!memcmp(fake_at(pc), rows[i].bytes, rows[i].length))
			return &rows[i];
	abort();
}

static bool refuses(uint32_t msr)
{
	return msr == 0x80e; /* no register of an x2APIC */
}

/* Whether it was asked for, which is so once. */
static bool take(bool *asked)
{
	bool was = *asked;

	*asked = false;
	return was;
}

/*
 * What each kind does. next: where it goes on, behind the instruction unless it says otherwise.
 * False: the CPU has gone on elsewhere, and has counted the instruction if it was one.
 */
typedef bool step_fn(uint64_t pc, uint64_t *next);

static bool do_load(uint64_t pc, uint64_t *next)
{
	if (!take(&fake.faults))
		return true;
	if (fake.in_guest) {
		fake_exit(0x400, pc);
		return false;
	}
	fake.reg[FAKE_CR2] = 0x123456;
	fake_deliver(FAKE_HANDLER_PF, pc, true, true);
	return false;
}

static bool do_iret(uint64_t pc, uint64_t *next)
{
	if (!do_load(pc, next))
		return false;
	fake.timer |= take(&fake.timer_at_iret);
	*next = fake_pop_frame();
	return true;
}

static bool do_interrupt(uint64_t pc, uint64_t *next)
{
	fake_deliver_frame(FAKE_HANDLER_INT, pc, *next, true, false);
	fake.executed++;
	return false;
}

static bool do_store(uint64_t pc, uint64_t *next)
{
	if (!take(&fake.changes_itself))
		return true;
	inside.alone = true;
	fake.reg[FAKE_RIP] = pc;
	return false;
}

static uint64_t target(uint64_t pc, uint64_t next)
{
	return next + (uint64_t)(int64_t)(int8_t)*fake_at(pc + 1);
}

static bool do_jump(uint64_t pc, uint64_t *next)
{
	fake.timer |= take(&fake.timer_at_jump);
	*next = target(pc, *next);
	return true;
}

static bool do_jz(uint64_t pc, uint64_t *next)
{
	fake.timer |= take(&fake.timer_at_jz);
	if (fake.zero)
		*next = target(pc, *next);
	return true;
}

static bool do_cpuid(uint64_t pc, uint64_t *next)
{
	uint64_t *reg = fake.reg;

	if (fake.in_guest) {
		fake_exit(0x72, pc);
		return false;
	}
	reg[FAKE_RAX] = reg[FAKE_RAX] ? 0 : 1;
	reg[FAKE_RBX] = 0x756e6547, reg[FAKE_RDX] = 0x49656e69, reg[FAKE_RCX] = 0x6c65746e;
	return true;
}

static bool access_msr(uint64_t pc, bool writes)
{
	uint32_t msr = (uint32_t)fake.reg[FAKE_RCX];

	if (fake.in_guest && fake_msr_exits(msr, writes, pc))
		return false;
	if (refuses(msr)) {
		fake_deliver(FAKE_HANDLER_GP, pc, true, true);
		return false;
	}
	fake.timer |= take(&fake.timer_at_rdmsr);
	return true;
}

static bool do_rdmsr(uint64_t pc, uint64_t *next)
{
	if (!access_msr(pc, false))
		return false;
	fake.reg[FAKE_RAX] = fake.reg[FAKE_RDX] = 0;
	return true;
}

static bool do_wrmsr(uint64_t pc, uint64_t *next)
{
	return access_msr(pc, true);
}

static bool do_vmrun(uint64_t pc, uint64_t *next)
{
	if (take(&fake.vmrun_faults)) {
		fake_deliver(FAKE_HANDLER_GP, pc, true, true);
		return false;
	}
	fake_vmrun(*next);
	fake.executed++;
	return false;
}

static bool do_rdpmc(uint64_t pc, uint64_t *next)
{
	if (fake.in_guest)
		fake_exit(fake.rdpmc_exits ? 0x6f : 0x46, pc);
	else
		fake_deliver(FAKE_HANDLER_UD, pc, true, false);
	return false;
}

static bool do_rep(uint64_t pc, uint64_t *next)
{
	if (++inside.rep_entry < fake.rep_entries)
		*next = pc;
	else
		inside.rep_entry = 0;
	fake.interrupts |= inside.rep_entry && inside.rep_entry == fake.interrupt_rep;
	return true;
}

static bool do_lidt(uint64_t pc, uint64_t *next)
{
	inside.lidt_cb(0, 0, 0, NULL);
	return true;
}

static step_fn *const steps[KINDS] = {
	[LOAD] = do_load,   [STORE] = do_store, [IRET] = do_iret,   [INT] = do_interrupt,
	[JUMP] = do_jump,   [JZ] = do_jz,       [CPUID] = do_cpuid, [RDMSR] = do_rdmsr,
	[WRMSR] = do_wrmsr, [RDPMC] = do_rdpmc, [VMRUN] = do_vmrun, [REP] = do_rep,
	[LIDT] = do_lidt,
};

bool fake_execute(const struct qemu_plugin_insn *insn, const struct fake_row *row)
{
	uint64_t next = insn->vaddr + insn->length;

	if (steps[row->kind] && !steps[row->kind](insn->vaddr, &next))
		return false;
	if (insn->access)
		insn->access(0, row->kind == STORE, fake.data, insn->access_data);
	fake.executed += row->kind != REP || !inside.rep_entry;
	fake.reg[FAKE_RIP] = next;
	return true;
}
