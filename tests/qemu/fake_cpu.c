/* SPDX-License-Identifier: MIT */
/* The fake's CPU: its instructions, and how a block of them is translated and run. */
#include "fake_inside.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct fake fake;

static struct qemu_plugin_tb block;
static unsigned rep_entry;
static bool alone; /* the next block has one instruction */

extern int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
                               char **argv);

/* --- The CPU ---------------------------------------------------------------------------------- */

/* The instructions of the fake. */
enum kind {
	NOP,
	LOAD,
	STORE,
	IRET,
	INT,
	JUMP,
	JZ,
	CPUID,
	RDMSR,
	WRMSR,
	RDPMC,
	REP,
	HLT,
	LIDT,
	VMRUN,
	KINDS
};

static const struct row {
	uint8_t bytes[3], length, kind, size; /* length: of the opcode; size: of the instruction */
	bool ends;
} rows[] = {
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

static const struct row *decode(uint64_t pc)
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!memcmp(fake_at(pc), rows[i].bytes, rows[i].length))
			return &rows[i];
	abort();
}

static void translate(uint64_t pc)
{
	const struct row *row;

	memset(&block, 0, sizeof(block));
	do {
		row = decode(pc);
		block.insn[block.count++] =
			(struct qemu_plugin_insn){.vaddr = pc, .length = row->size};
		pc += row->size;
	} while (!row->ends && !alone && !(row->kind == RDMSR && fake.ends_at_rdmsr) &&
	         block.count < INSNS);
	alone = false;
	inside.running = QEMU_CB_R_REGS;
	inside.on.translate(&block, NULL);
}

static unsigned ops_of(const struct qemu_plugin_tb *tb)
{
	unsigned count = tb->ops.count;

	for (unsigned i = 0; i < tb->count; i++)
		count += tb->insn[i].ops.count;
	return count;
}

static void perform(const struct ops *ops)
{
	for (unsigned i = 0; i < ops->count; i++) {
		const struct op *op = &ops->op[i];
		uint64_t *word = &inside.score[op->offset / sizeof(uint64_t)];

		inside.running = op->flags;
		if (op->kind == OP_CALL || (op->kind == OP_CALL_GE && *word >= op->immediate) ||
		    (op->kind == OP_CALL_EQ && *word == op->immediate) ||
		    (op->kind == OP_CALL_NE && *word != op->immediate))
			op->call(0, op->data);
		else if (op->kind == OP_ADD)
			*word += op->immediate;
		else if (op->kind == OP_STORE)
			*word = op->immediate;
	}
}

static void push(uint64_t value)
{
	fake.reg[FAKE_RSP] -= sizeof(value);
	memcpy(fake.memory + fake.reg[FAKE_RSP], &value, sizeof(value));
}

/* The frame of an event, and what QEMU calls for it. */
static void deliver_frame(uint64_t handler, uint64_t pc, uint64_t frame_pc, bool is_exception,
                          bool has_error)
{
	uint64_t sp = fake.reg[FAKE_RSP];

	inside.running = QEMU_CB_RW_REGS_PC;
	if (is_exception)
		inside.on.discon(0, QEMU_DISCON_EXCEPTION, pc, pc, NULL);
	fake.reg[FAKE_RSP] &= ~UINT64_C(15);
	push(fake.reg[FAKE_SS]);
	push(sp);
	push(fake.reg[FAKE_EFLAGS]);
	push(fake.reg[FAKE_CS]);
	push(frame_pc);
	if (has_error)
		push(0);
	fake.reg[FAKE_CS] = 8;
	inside.on.discon(0, QEMU_DISCON_INTERRUPT, pc, handler, NULL);
	fake.reg[FAKE_RIP] = handler;
}

static void deliver(uint64_t handler, uint64_t pc, bool is_exception, bool has_error)
{
	deliver_frame(handler, pc, pc, is_exception, has_error);
}

/* Takes a frame; where it leads to. */
static uint64_t pop_frame(void)
{
	uint64_t frame[4];

	memcpy(frame, fake.memory + fake.reg[FAKE_RSP], sizeof(frame));
	fake.reg[FAKE_CS] = frame[1];
	fake.reg[FAKE_RSP] = frame[3];
	return frame[0];
}

/* An interrupt's handler is nothing but an IRET that is not counted. */
static void interrupt(uint64_t pc)
{
	fake.interrupts = false;
	if (fake.taken < FAKE_INTERRUPTS)
		fake.taken_at[fake.taken++] = pc;
	deliver(0, pc, false, false);
	fake.reg[FAKE_RIP] = pop_frame();
}

/* This one's handler is executed. */
static void interrupt_by_timer(uint64_t pc)
{
	fake.timer = false;
	deliver(FAKE_HANDLER_TIMER, pc, false, false);
}

/* A guest's interrupts are its host's, which takes them at once. */
static void exit_by_interrupt(uint64_t pc)
{
	if (fake.taken < FAKE_INTERRUPTS)
		fake.taken_at[fake.taken++] = pc;
	fake.interrupts = fake.timer = false;
	fake_exit(0x60, pc);
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
	deliver(FAKE_HANDLER_PF, pc, true, true);
	return false;
}

static bool do_iret(uint64_t pc, uint64_t *next)
{
	if (!do_load(pc, next))
		return false;
	fake.timer |= take(&fake.timer_at_iret);
	*next = pop_frame();
	return true;
}

static bool do_interrupt(uint64_t pc, uint64_t *next)
{
	deliver_frame(FAKE_HANDLER_INT, pc, *next, true, false);
	fake.executed++;
	return false;
}

static bool do_store(uint64_t pc, uint64_t *next)
{
	if (!take(&fake.changes_itself))
		return true;
	alone = true;
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
		deliver(FAKE_HANDLER_GP, pc, true, true);
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
		deliver(FAKE_HANDLER_GP, pc, true, true);
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
		deliver(FAKE_HANDLER_UD, pc, true, false);
	return false;
}

static bool do_rep(uint64_t pc, uint64_t *next)
{
	if (++rep_entry < fake.rep_entries)
		*next = pc;
	else
		rep_entry = 0;
	fake.interrupts |= rep_entry && rep_entry == fake.interrupt_rep;
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

/* Executes an instruction; true: the block goes on behind it. */
static bool execute(const struct qemu_plugin_insn *insn, const struct row *row)
{
	uint64_t next = insn->vaddr + insn->length;

	if (steps[row->kind] && !steps[row->kind](insn->vaddr, &next))
		return false;
	fake.executed += row->kind != REP || !rep_entry;
	fake.reg[FAKE_RIP] = next;
	return true;
}

/* One block; false: it ended with a HLT. */
static bool run_block(void)
{
	uint64_t pc = fake.reg[FAKE_RIP];

	fake_reset_plugin();
	translate(pc);
	fake.blocks++;
	fake.ops = ops_of(&block);
	perform(&block.ops);
	for (unsigned i = 0; i < block.count; i++) {
		const struct qemu_plugin_insn *insn = &block.insn[i];
		const struct row *row = decode(insn->vaddr);

		perform(&insn->ops);
		if (row->kind == HLT && !fake.in_guest)
			return false;
		if (row->kind == HLT) {
			fake_exit(0x78, insn->vaddr);
			return true;
		}
		if (!execute(insn, row))
			return true;
	}
	return true;
}

void fake_run(void)
{
	fake.reg[FAKE_RIP] = FAKE_CODE;
	fake.executed = 0;
	setjmp(inside.left);
	do {
		if (inside.stop_soon) {
			inside.stop_soon = fake.idle_at_plant = false;
			fake_idle();
			memcpy(fake.memory_when_idle, fake.memory, FAKE_MEMORY);
			fake_resume();
		}
		if ((fake.interrupts || fake.timer) && fake.in_guest)
			exit_by_interrupt(fake.reg[FAKE_RIP]);
		else if (fake.interrupts)
			interrupt(fake.reg[FAKE_RIP]);
		else if (fake.timer)
			interrupt_by_timer(fake.reg[FAKE_RIP]);
	} while (run_block());
}

/* --- Standing still --------------------------------------------------------------------------- */

void fake_idle(void)
{
	inside.running = QEMU_CB_R_REGS;
	inside.on.idle(0, NULL);
}

void fake_resume(void)
{
	inside.running = QEMU_CB_R_REGS;
	inside.on.resume(0, NULL);
}

void fake_flush(void)
{
	inside.on.flush(NULL);
}

static void *load(void *unused)
{
	inside.on.flush(NULL);
	return NULL;
}

void fake_load(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, load, NULL) || pthread_join(thread, NULL))
		abort();
}

/* --- Beginning -------------------------------------------------------------------------------- */

void fake_write(uint64_t address, const void *code, unsigned bytes)
{
	memcpy(fake.memory + address, code, bytes);
}

static void write_gate(unsigned vector, uint64_t handler)
{
	uint64_t gate = handler & 0xffff;

	fake_write(FAKE_IDT + 16 * vector, &gate, sizeof(gate));
}

int fake_begin(int argc, char **argv)
{
	const struct qemu_info info = {
		.target_name = "x86_64", .system_emulation = true, .smp_vcpus = 1};
	int status;

	memset(&fake, 0, sizeof(fake));
	memset(&inside.on, 0, sizeof(inside.on));
	inside.reset = NULL;
	rep_entry = 0;
	alone = inside.stop_soon = false;
	fake.reg[FAKE_RSP] = FAKE_STACK;
	fake.reg[FAKE_CS] = 8;
	fake.reg[FAKE_SS] = 16;
	fake.reg[FAKE_CR0] = 1;
	fake.reg[FAKE_CR4] = 0x100;
	fake.reg[FAKE_EFER] = 0xd00;
	fake.lvtpc = 0x400;
	write_gate(6, FAKE_HANDLER_UD);
	write_gate(13, FAKE_HANDLER_GP);
	write_gate(14, FAKE_HANDLER_PF);
	memset(fake.memory + FAKE_HANDLER_UD, 0xf4, 0x500); /* handlers halt */
	fake_write(FAKE_HANDLER_TIMER, "\x90\xcf", 2);
	status = qemu_plugin_install(1, &info, argc, argv);
	if (!status)
		inside.on.vcpu(0, NULL);
	return status;
}

void fake_end(void)
{
	inside.on.flush(NULL);
	inside.on.exit(NULL);
}
