/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the CPU share. One struct cpu is one Unicorn engine; src/machine/cpu.h is all
 * that the board sees of it.
 *
 *   create.c     making, entering, destroying        state.c     Unicorn's own registers
 *   run.c        the outer loop, stops               budget.c    how far it may run
 *   hook.c       called from inside Unicorn          step.c      one instruction at a time
 *   exception.c  the guest's IDT                     segment.c   descriptors
 *   special.c    instructions that Unicorn leaves    system.c    SYSCALL and its like
 *   memory.c     page tables, own accesses           fault.c     host faults on RAM
 *   map.c        what Unicorn finds at an address    timed.c     feeding the timing model
 *   guard.c      Unicorn's own failures              control.c   MOV to CR0, CR4
 *   snapshot.c   saving, restoring, resetting        record.c    last branches
 *   pebs.c       PEBS records
 *
 * blocks/ has what is done with a block of instructions:
 *   block.c      decoded blocks                      decode.c    kinds of instructions
 *   cost.c       what an instruction costs           inline.c    blocks that pay themselves
 *   loop.c       blocks that repeat themselves       spin.c      such loops at full speed
 *   abandoned.c  blocks that Unicorn gives up        translation.c  Unicorn's translations of them
 */
#ifndef MACHINE_CPU_INT_H
#define MACHINE_CPU_INT_H

#include <unicorn/unicorn.h>

#include <base/room.h>
#include <machine/cpu.h>
#include <machine/pack.h>
#include <meter/room.h>

#include "block.h"
#include "state.h"

enum { MSR_TSC = 0x10 };

#define PAGE_BYTES UINT64_C(4096)
#define PAGE_MASK  (PAGE_BYTES - 1)

/* Vectors that have a meaning of their own here. */
enum {
	VECTOR_DB = 1,
	VECTOR_NMI = 2,
	VECTOR_BP = 3,
	VECTOR_OF = 4,
	VECTOR_UD = 6,
	VECTOR_NM = 7,
	VECTOR_DF = 8,
	VECTOR_TS = 10,
	VECTOR_NP = 11,
	VECTOR_SS = 12,
	VECTOR_GP = 13,
	VECTOR_PF = 14,
	VECTOR_AC = 17,
};

/* Why uc_emu_start() returned; set by whoever asked Unicorn to stop. */
enum leave {
	LEAVE_NONE,      /* nobody asked: Unicorn reports an error */
	LEAVE_BUDGET,    /* the block at cpu->at does not fit in what may be run */
	LEAVE_SPECIAL,   /* the instruction at cpu->at is ours to execute */
	LEAVE_AGAIN,     /* the block at cpu->at has to be translated anew */
	LEAVE_EXCEPTION, /* cpu->exception */
	LEAVE_SYNC,      /* a boundary that the outer loop must see */
	LEAVE_STALE,     /* the block's bytes have changed: its translation may be stale */
	LEAVE_SPIN,      /* the block at cpu->at is a long loop */
};

/* How one instruction is being executed. */
enum step {
	STEP_NONE,
	STEP_TRAP,  /* TF is ours: Unicorn raises #DB after it */
	STEP_BLOCK, /* it ends Unicorn's block: run that block */
};

struct exception {
	uint8_t vector;
	bool software;  /* INT n, INT3, INTO: a trap, so it has retired; DPL is checked */
	bool has_error; /* pushes an error code */
	uint32_t error;
	uint64_t cr2;
};

/*
 * A window: guest virtual addresses that Unicorn takes for physical ones, backed by host addresses
 * at which pages of guest RAM are mapped on first access.
 */
struct window {
	uint64_t guest;
	uint8_t *host;
	uint64_t bytes;
	unsigned mapped; /* pages */
};

/* A page that has had code, and its physical address when that was decoded. */
struct code_page {
	uint64_t address, physical; /* NO_ADDRESS: nowhere */
};

/* Addresses for which every access walks the page table. */
struct far {
	struct cpu *cpu;
	uint64_t guest, bytes;
};

enum {
	MAX_WINDOWS = 16,
	MAX_FARS = 1024,
	MAX_DIRTY = 64,       /* code pages written since the last look */
	PAGE_GIVEN_UP = 8,    /* after this many writes a code page is compared, not watched */
	CAREFUL_STEPS = 4096, /* steps to take in a page whose code has changed */
};

/* The MSRs that the CPU keeps itself, without EFER; and its segments: enum seg, LDT, TR, GDT,
 * IDT. */
enum { SYSTEM_MSRS = 10, CPU_SEGMENTS = SEGS + 4 };

/* The registers that instructions can see: snapshot.c. */
struct cpu_registers {
	uint64_t regs[16], rip, flags, cr[5], efer;
	uint8_t cpl;
	uint64_t dr[8], msrs[SYSTEM_MSRS];
	struct segment_cache segments[CPU_SEGMENTS];
	uint16_t fpu_control, fpu_status, fpu_tag;
	/* The last x87 instruction, as FXSAVE has it: opcode, its address, its operand's. */
	uint16_t fpu_op, fpu_cs, fpu_ds;
	uint64_t fpu_ip, fpu_dp;
	uint32_t mxcsr;
	uint64_t fpu[8 * 2], xmm[16 * 2];
};

/* What Unicorn's translations touch where they pay blocks themselves: inline.c. */
struct hot {
	struct cpu *cpu;
	uint32_t last; /* the block that was counted last: its number in the cache + 1; 0: none */
	/* What the meter lends to translations that pay themselves: instructions that they may
	 * still run, above LOAN_SHIFT bits with the branches among those that have run. 0 while
	 * nothing is lent; the meter is whole only then: use cpu_meter(). */
	int64_t loan;
	struct vpmu_meter meter;
};

struct cpu {
	/* What the block hook touches, kept together. */
	struct hot *hot;
	struct block *cache; /* BLOCK_SLOTS entries, by address */
	bool inlines;        /* inline.c may replace calls of the block hook */

	uc_engine *uc;
	struct state *state; /* Unicorn's registers, live */
	struct state_places places;
	struct cpu_config config;
	const struct cpu_board *calls;
	void *board;

	/* Where and why Unicorn was left. */
	enum leave leave;
	uint64_t at;
	uint32_t at_size; /* size of the block at that address */
	struct exception exception;
	uint64_t exception_at; /* instructions retired at the last exception, */
	unsigned exceptions;   /* and how many exceptions there were at that number */
	uint64_t software_rip; /* RIP of the INT n that raised the exception, or of the step */

	/* Between two instructions. */
	uint64_t rep;         /* the REP instruction that has not finished, or NO_ADDRESS; */
	uint64_t rep_rcx;     /* RCX up to which its iterations have been paid; */
	bool rep_begun;       /* whether there has been an iteration */
	uint64_t recorded_at; /* record.c: costs.slots at the last branch that was recorded, */
	bool recorded_timed;  /* if the meter has paid them since */
	uint8_t after;        /* enum op_after bits of the last block's last instruction */
	bool shadow;          /* STI or MOV SS has just retired: take no interrupt */
	bool nmi_blocked;     /* until IRET */
	bool halted;
	volatile enum step stepping;
	volatile bool step_begun;         /* whether the step's block has begun */
	uint64_t step_first, step_before; /* single-step while RIP is in this range */
	volatile bool spinning;           /* spin.c: no block hook runs */
	bool broken;                      /* Unicorn has failed: guard.c */
	bool ended;                       /* the run has ended for good; `end` says how */
	enum cpu_stop end;
	unsigned cpl;
	volatile bool stop;

	/* Counting. */
	bool counts_where_it_goes; /* what changes CPL counts at the new one (a model's rule) */
	uint64_t retired;
	uint64_t last; /* the last instruction to retire alone */
	struct vpmu_timing *timing;
	const struct block *open_branch; /* the timing model waits for this branch's target */
	bool memory_hooked;
	uc_hook memory_hook;
	uint64_t timed_until; /* keep the memory hooks until this instruction */

	/* Memory. */
	uint8_t *ram; /* the CPU's own mapping of guest RAM */
	struct window windows[MAX_WINDOWS];
	unsigned window_count;
	struct far fars[MAX_FARS];
	unsigned far_count;
	uint8_t *page_writes; /* by page of RAM: see fault.c */
	unsigned careful;     /* steps left in pages whose code has changed */
	uint64_t translated;  /* bytes in Unicorn's buffer, at most: translation.c */
	uint64_t translations_most;
	volatile bool suspect; /* the block's own bytes may have been written while it ran */
	uint64_t dirty[MAX_DIRTY];
	unsigned dirty_count; /* above MAX_DIRTY: too many, forget everything */
	bool device_touched;
	uint64_t lost; /* unmapped address in a window, or NO_ADDRESS */
	struct cpu *next_cpu;
	struct code_page *code; /* pages that have had code */
	size_t code_count, code_room;
	bool translates;       /* this Unicorn translates code addresses by the page table, too */
	uint64_t *hook_bounds; /* the block hook's bounds inside Unicorn; NULL: not found */
	uint64_t *hooked;      /* addresses with a code hook: hook.c */
	size_t hooked_slots, hooked_count;

	struct op scratch_ops[BLOCK_BYTES_MAX];
	uint8_t scratch_code[BLOCK_BYTES_MAX + BLOCK_BEHIND];
	uint8_t pmu_copy[VPMU_PMU_BYTES];
	struct cpu_registers power_up;
	struct cpu_registers fpu_copy; /* state before an instruction that loads MXCSR */
	char why[200];
};

#define NO_ADDRESS UINT64_MAX

static inline uint32_t block_number(const struct cpu *cpu, const struct block *block)
{
	return (uint32_t)(block - cpu->cache) + 1;
}

/* LOAN_MOST instructions have less than 1 << LOAN_SHIFT branches. */
enum { LOAN_SHIFT = 24, LOAN_MOST = (1 << LOAN_SHIFT) - 1 };

/* The meter, after what was lent and not used is back. */
static inline struct vpmu_meter *cpu_meter(const struct cpu *cpu)
{
	struct hot *hot = cpu->hot;

	if (hot->loan) {
		hot->meter.left += hot->loan >> LOAN_SHIFT;
		hot->meter.branches += (uint64_t)hot->loan & LOAN_MOST;
		hot->loan = 0;
	}
	return &hot->meter;
}

/* Lends the translations what may run, before one of them goes on. */
static inline void cpu_lend(const struct cpu *cpu)
{
	struct vpmu_meter *meter = cpu_meter(cpu);
	int64_t most = meter->left < LOAN_MOST ? meter->left : LOAN_MOST;

	if (most <= 0)
		return;
	meter->left -= most;
	cpu->hot->loan = most << LOAN_SHIFT;
}

/* The last block that was counted, or NULL. */
static inline struct block *cpu_block(const struct cpu *cpu)
{
	return cpu->hot->last ? &cpu->cache[cpu->hot->last - 1] : NULL;
}

static inline void cpu_has_block(struct cpu *cpu, const struct block *block)
{
	cpu->hot->last = block ? block_number(cpu, block) : 0;
}

static inline unsigned cpu_mode(const struct cpu *cpu)
{
	if (state_code64(cpu->state))
		return 64;
	return cpu->state->hflags & HF_CS32 ? 32 : 16;
}

/* --- Members of struct cpu_ops, in create.c, run.c and snapshot.c ---------------------- */

void unicorn_destroy(struct cpu *cpu);
void unicorn_reset(struct cpu *cpu);
void unicorn_stop_soon(struct cpu *cpu);
enum cpu_stop unicorn_run(struct cpu *cpu);
bool unicorn_save(struct cpu *cpu, struct pack *pack);
bool unicorn_restore(struct cpu *cpu, struct unpack *unpack);
bool unicorn_restores(struct unpack *unpack);
uint64_t unicorn_retired(const struct cpu *cpu);

/* --- run.c, step.c ------------------------------------------------------------------- */

/* Asks Unicorn to stop before the instruction at `at`. Only from a block, code or interrupt
 * hook. */
void cpu_leave(struct cpu *cpu, enum leave leave, uint64_t at);

/* Runs Unicorn once from RIP; afterwards RIP is at the next instruction. */
void cpu_go(struct cpu *cpu);

/* Handles an error that Unicorn returned at RIP. */
void cpu_go_error(struct cpu *cpu, uc_err error);

/* Executes exactly one instruction, or one iteration of a REP. */
void cpu_step(struct cpu *cpu);

/* The same for a decoded instruction, which Unicorn executes. */
void cpu_step_native(struct cpu *cpu, const struct op *op);

/* Ends the run: CPU_STOP_UNSUPPORTED, or CPU_STOP_TRIPLE_FAULT. */
void cpu_give_up(struct cpu *cpu, enum cpu_stop end, const char *what, uint64_t address);

/* --- budget.c ---------------------------------------------------------------------------- */

/* Makes the meter, and the timing model that feeds it. False: no memory. */
bool meter_make(struct cpu *cpu);

/* Accounts what was counted, at the current CPL, and delivers PMIs. */
void budget_settle(struct cpu *cpu);

/* The same, but PMIs are returned, not delivered. */
uint32_t budget_account(struct cpu *cpu);
void budget_deliver(struct cpu *cpu, uint32_t pmis);

/* Asks the PMU and the board anew how far the CPU may run. */
void budget_refresh(struct cpu *cpu);

/* Counts one instruction that did not go through the block hook. */
void budget_retire(struct cpu *cpu, const struct op *op, uint64_t address);

/* The same for the REP instruction of cpu->rep, which the hook has paid except for its
 * iterations. */
void budget_retire_rep(struct cpu *cpu);

/* Takes back what the hook counted of cpu_block() but did not execute; rip: where it stopped. */
void budget_rewind(struct cpu *cpu, uint64_t rip);

/* --- record.c: the stack of last branches ------------------------------------------------ */

/* Records a branch at `address` that has retired and gone to `target`. */
void record_branch(struct cpu *cpu, const struct op *op, uint64_t address, uint64_t target,
                   bool mispredicted);

/* Records that a loop of one block has gone back to its start this many times, as predicted. */
void record_loop(struct cpu *cpu, const struct block *block, uint64_t times);

/* Records an exception or interrupt that was delivered before the instruction at `from`. */
void record_exception(struct cpu *cpu, uint8_t vector, uint64_t from);

/* --- pebs.c ------------------------------------------------------------------------------ */

/* Writes the PEBS record that what was accounted has made due, and delivers its PMI. */
void pebs_settle(struct cpu *cpu);

/* --- timed.c: the timing model's part of the same ---------------------------------------- */

/* Whether branch targets must be followed. */
static inline bool follows_branches(const struct cpu *cpu)
{
	const struct vpmu_meter *meter = &cpu->hot->meter; /* these are not lent */

	return meter->timed || meter->records;
}

void timed_refresh(struct cpu *cpu);

/* Whether no counter can overflow in one more iteration of a REP. */
bool timed_fits_again(const struct cpu *cpu, const struct op *op);

/* At the start of a block; and when execution has gone on at `target`. */
void timed_begin(struct cpu *cpu, const struct block *block);
void timed_branched(struct cpu *cpu, uint64_t target);

/* Before a REP's first iteration; and when some iterations have been executed. */
void timed_rep_begin(struct cpu *cpu);
void timed_rep(struct cpu *cpu, const struct op *op);

/* One instruction has retired on its own; RIP is at the next. */
void timed_retire(struct cpu *cpu, const struct op *op, uint64_t address);

/* --- hook.c ------------------------------------------------------------------------------ */

/* False: Unicorn refuses. */
bool hooks_add(struct cpu *cpu);
bool hook_special(struct cpu *cpu, uint64_t address);

/* A block that the meter's fast path has not paid, where Unicorn begins it. back: where the hook
 * goes back to; NULL: it is not the hook that was called. */
void block_unpaid(struct cpu *cpu, uint64_t address, uint32_t size, uint8_t *back);

/* The block hook, as Unicorn calls it. */
void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *user);

/* --- blocks/inline.c --------------------------------------------------------------------- */

/* Makes what translations touch, near cpu->state. False: no memory. VPMU_TEST_WITHOUT_INLINE is
 * there for tests. */
bool hot_make(struct cpu *cpu);
void hot_end(struct cpu *cpu);

/* Has the translation that the block hook goes back to at `back` pay the block itself from now on,
 * where that is possible. */
void inline_block(struct cpu *cpu, struct block *block, uint8_t *back);

/* Whether that is worth trying: it has not failed. */
static inline bool block_inlines(const struct cpu *cpu, const struct block *block)
{
	return cpu->inlines && !(block->flags & BLOCK_CALLS);
}

/* --- blocks/abandoned.c ------------------------------------------------------------------ */

/* Whether cpu_block(), which was paid in full, was abandoned before the instruction at `address`,
 * where Unicorn now begins a block of `size` bytes. */
bool block_abandoned(struct cpu *cpu, uint64_t address, uint32_t size);

/* --- exception.c, segment.c ---------------------------------------------------------- */

/* Deliver through the guest's IDT, nested faults included. A triple fault ends the run. */
void exception_deliver(struct cpu *cpu, const struct exception *exception);
void interrupt_deliver(struct cpu *cpu, uint8_t vector);

/* Whether exceptions follow each other for ever, with no instruction retiring in between. */
bool exceptions_without_end(struct cpu *cpu);

/* Raise #GP(0) or #UD at RIP. */
void exception_gp(struct cpu *cpu);
void exception_ud(struct cpu *cpu);

/* Delivers cpu->exception. The instruction at RIP has had no effect. */
void exception_take(struct cpu *cpu);

/* A code or data segment's descriptor from the GDT or LDT. False: *fault says which exception. */
bool segment_fetch(struct cpu *cpu, uint16_t selector, struct segment_cache *cache,
                   struct exception *fault);

/* Loads a flat segment, as SYSCALL does. */
void segment_load_flat(struct cpu *cpu, unsigned seg, uint16_t selector, bool code, unsigned dpl);

/* --- control.c ------------------------------------------------------------ */

/* Whether a processor can be in this mode. */
bool mode_is_possible(uint64_t cr0, uint64_t cr4, uint64_t efer, uint64_t flags);

/* Whether MOV to CR takes its register's value; if not, it is #GP. */
bool control_takes(const struct cpu *cpu, const struct op *op);

/* --- special.c, system.c -------------------------------------------------- */

/* Executes the special instruction at RIP. */
void special_execute(struct cpu *cpu, const struct op *op);

void system_syscall(struct cpu *cpu, const struct op *op);
void system_sysenter(struct cpu *cpu, const struct op *op);

/* The number of the i-th of SYSTEM_MSRS. */
uint32_t system_msr(unsigned i);

enum vpmu_status msr_of_cpu_read(struct cpu *cpu, uint32_t msr, uint64_t *value);
enum vpmu_status msr_of_cpu_write(struct cpu *cpu, uint32_t msr, uint64_t value);

/* --- snapshot.c -------------------------------------------------------------------------- */

/* The bits that exist in MXCSR: Intel SDM vol. 1 10.2.3, with DAZ. */
#define MXCSR_BITS UINT32_C(0xffff)

/* Only the x87 and SSE registers. */
void fpu_get(struct cpu *cpu, struct cpu_registers *registers);
void fpu_set(struct cpu *cpu, const struct cpu_registers *registers);

void registers_get(struct cpu *cpu, struct cpu_registers *registers);
void registers_set(struct cpu *cpu, const struct cpu_registers *registers);

/* --- blocks/translation.c: Unicorn's translations of guest code --- */

/* Once, before the first. VPMU_TEST_TRANSLATIONS, in bytes, is there for tests. */
void translation_begin(struct cpu *cpu);

/* Tells that so many bytes of code are translated. */
void translation_made(struct cpu *cpu, uint64_t bytes);

/* Has the code translated again that lies in [from, to). It will take room once more. */
void translation_drop(struct cpu *cpu, uint64_t from, uint64_t to);

/* Drops all translations when their buffer may be full soon. Only while Unicorn does not run. */
void translation_keep_room(struct cpu *cpu);

/* --- memory.c, map.c, fault.c ----------------------------------------------------------------- */

bool memory_map(struct cpu *cpu);
void memory_unmap(struct cpu *cpu);

/* What a virtual address translates to. */
struct translation {
	uint64_t physical;
	uint64_t leaf_bytes; /* of the page */
	bool writable, user;
};

/* Walks the guest's page tables, with no side effect. */
bool memory_translate(struct cpu *cpu, uint64_t address, struct translation *out);

/* Reads code, whatever its permissions. */
bool memory_fetch(struct cpu *cpu, uint64_t address, void *to, unsigned bytes);

/* The processor's own reads and writes of descriptors and stacks, at CPL 0. False: *fault. */
bool memory_load(struct cpu *cpu, uint64_t address, void *to, unsigned bytes,
                 struct exception *fault);
bool memory_store(struct cpu *cpu, uint64_t address, const void *from, unsigned bytes,
                  struct exception *fault);

/* Writes RAM at a physical address, also known to Unicorn as `address`. */
void memory_poke(struct cpu *cpu, uint64_t physical, uint64_t address, const void *from,
                 unsigned bytes);

/* Drops every window's mappings: the guest's page tables may have changed. */
void windows_drop(struct cpu *cpu);

/* Maps something at an address where Unicorn has found nothing. False: there are too many
 * mappings. */
bool memory_open(struct cpu *cpu, uint64_t address);

/* Whether Unicorn accesses all of these bytes by itself: RAM, and not far memory. */
bool memory_is_plain(struct cpu *cpu, uint64_t address, unsigned bytes);

/*
 * Notes a page in which code is executed. If it is new, or has moved, Unicorn's cached translations
 * of it are dropped. So Unicorn executes the code that is decoded here, even if the guest has
 * changed a page table without a TLB flush. False: no memory, or the code must be translated anew.
 */
bool code_note(struct cpu *cpu, uint64_t address);

/* The guest has flushed its TLB: page tables may have changed. */
void code_look_again(struct cpu *cpu);

/* Makes Unicorn translate all code anew. */
void code_translate_anew(struct cpu *cpu);

/* Makes sure that a write to this code is noticed. False: it will not be. */
bool memory_watch(struct cpu *cpu, uint64_t address, uint32_t bytes);

/*
 * Code that changes other code in its page. After the first write to a page, Unicorn 2.1 forgets
 * that the page has code, so a block that writes there twice runs on as it was translated.
 * Therefore the instructions of such a page are single-stepped for a while.
 */
void code_has_changed(struct cpu *cpu, uint64_t address);
bool code_changes(struct cpu *cpu, uint64_t address);

/*
 * Between two instructions: drops blocks and translations in pages that were written. Unicorn
 * notices the writes of instructions, but not its own setting of accessed and dirty bits in page
 * tables, and a page table may be executed, too.
 */
void memory_forget_dirty(struct cpu *cpu);
void memory_note_write(struct cpu *cpu, uint64_t page);

bool faults_begin(struct cpu *cpu);
void faults_end(struct cpu *cpu);

#endif
