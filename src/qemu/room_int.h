/* SPDX-License-Identifier: MIT */
/*
 * The plugin's state, and the interfaces between the files of src/qemu.
 *
 * A translated block adds to its ring's `run` as it goes, without a call. A block that could reach
 * the next overflow calls at_block() at its first instruction, when run >= RUN_LIMIT - instructions
 * + 1. at_block() pays the register machine, and everything else follows from there. Whatever must
 * happen "at the next block" sets RUN_KICK in `run`.
 *
 * Threads: each vCPU's thread owns its struct cpu. Shared are the blocks' memory (under a mutex)
 * and the planted jumps (plant.c).
 */
#ifndef QEMU_ROOM_INT_H
#define QEMU_ROOM_INT_H

#include <pthread.h>
#include <stdio.h>

#include <base/room.h>
#include <core/room.h>
#include <meter/room.h>
#include <timeline/room.h>
#include <qemu/api_v7.h>
#include <qemu/room.h>

enum { MAX_VCPUS = 288, INSN_BYTES = 15 };

/* --- decode.c: an instruction, by its bytes --- */

enum insn_kind {
	INSN_PLAIN,
	INSN_CPUID,
	INSN_RDMSR,
	INSN_WRMSR,
	INSN_RDPMC,
	INSN_LIDT,
	INSN_VMRUN
};

struct insn {
	uint8_t kind;         /* enum insn_kind */
	uint8_t branch;       /* enum qemu_branch */
	uint8_t flags;        /* of a branch: VPMU_INSN_… */
	uint8_t data;         /* VPMU_DATA_… */
	bool safe : 1;        /* can neither fault nor leave the block early */
	bool again : 1;       /* QEMU may execute it more than once: REP, LOCK */
	bool stores : 1;      /* writes to memory, and does not end a block by itself */
	bool far : 1;         /* may change the ring without an exception */
	bool jumps_short : 1; /* opcode EB, as the planted jump's */
	bool back : 1;        /* a branch that may lead to an address that is not higher */
};

/* `back` and `jumps_short` need exactly the instruction's bytes. */
struct insn insn_decode(const uint8_t *bytes, unsigned length);

/* --- The vCPU --- */

enum ring { RING_KERNEL, RING_USER, RINGS };

#define RUN_LIMIT (UINT64_C(1) << 62)
#define RUN_KICK  (UINT64_C(1) << 63)

/*
 * `run` has three fields, so that one addition counts all three: instructions, instructions that
 * load, and instructions that store. The budget is used up when `run` reaches RUN_LIMIT. The lower
 * two fields do not overflow within a budget.
 */
enum { RUN_FIELD = 20 };

#define RUN_STORE UINT64_C(1)
#define RUN_LOAD  (UINT64_C(1) << RUN_FIELD)
#define RUN_INSN  (UINT64_C(1) << 2 * RUN_FIELD)

/* What one instruction with these accesses to memory adds to `run`. */
static inline uint64_t run_of_insn(uint8_t data)
{
	return RUN_INSN + (data & VPMU_DATA_LOAD ? RUN_LOAD : 0) +
	       (data & VPMU_DATA_STORE ? RUN_STORE : 0);
}

static inline bool does_both(uint8_t data)
{
	return data == (VPMU_DATA_LOAD | VPMU_DATA_STORE);
}

/* What translated code touches: one entry of the scoreboard. */
struct hot {
	uint64_t run[RINGS];
	uint64_t branches[RINGS][QEMU_BRANCHES]; /* since the last account */
	uint64_t both[RINGS];      /* instructions that load and store; with SHAPE_MEMORY */
	uint64_t not_taken[RINGS]; /* of the conditional branches; with SHAPE_TAKEN */
	uint64_t open;             /* where an untaken conditional branch goes on: PLACE_OF, or 0 */
	uint64_t landed;           /* a planted jump has been executed: LANDED_… */
	uint64_t traced_ring;      /* with a timeline: RING_TRACED of the last block's */
	uint64_t timed_from;       /* with SHAPE_TIMED: the block whose branch was last, or 0 */
	uint64_t on_way; /* an instruction that changes the ring, not yet counted: ON_WAY_…, or 0 */
	uint64_t records;       /* whether branches are recorded; with SHAPE_RECORD */
	uint64_t recorded_from; /* the branch that has begun (record.c), or 0 */
};

/* Translated code multiplies by this to find its vCPU's entry. Of a power of two QEMU makes a
 * shift. */
enum { HOT_BYTES = 256 };

_Static_assert(sizeof(struct hot) <= HOT_BYTES, "room for it");

/* The answer to put into registers once QEMU has executed the instruction. */
enum pending_kind { PENDING_NOTHING, PENDING_CPUID, PENDING_RDMSR };
struct pending {
	uint8_t kind;
	uint32_t leaf, subleaf;
	uint64_t value;
};

/* An RDPMC on its way through #UD. */
struct rdpmc {
	bool waits;     /* executed, #UD not yet seen */
	bool delivered; /* the #UD's handler is about to begin */
	bool is_gp;
	uint8_t length;
	uint64_t value;
	uint64_t from; /* its linear address */
};

enum reg_name {
	REG_RAX,
	REG_RBX,
	REG_RCX,
	REG_RDX,
	REG_RSP,
	REG_RIP,
	REG_EFLAGS,
	REG_CS,
	REG_SS,
	REG_CR0,
	REG_CR2,
	REG_CR3,
	REG_CR4,
	REG_EFER,
	REGS
};

#define AGAIN_NONE UINT64_MAX

struct plant;
struct timed;

#define EFER_LMA  (UINT64_C(1) << 10)
#define EFER_NXE  (UINT64_C(1) << 11)
#define EFER_SVME (UINT64_C(1) << 12)

/* AMD's SVM. All members after `on` are zero outside a guest. */
struct svm {
	bool on;     /* EFER.SVME; QEMU keeps separate translations for it */
	bool guest;  /* in guest mode: between VMRUN and #VMEXIT */
	bool back;   /* has exited, which so far only a translation has noticed */
	bool nested; /* nested paging */
	uint32_t intercepts;
	uint64_t vmcb, nested_cr3;
	uint64_t rip, rsp, cr3; /* where #VMEXIT leads to; RAX is then the VMCB's address */
	uint64_t host_cr4, host_efer;
	uint64_t idt;     /* the host's */
	uint64_t retired; /* with VMRUN */
};

struct cpu_stat {
	uint64_t pmis, masked, skids, planted, undone, interrupted_reps, resets;
};

struct cpu {
	unsigned index;
	bool exists;
	bool idle;           /* halted or stopped: under keep.c's lock */
	uint64_t stood;      /* hash of its registers when it became idle */
	_Atomic bool loaded; /* another machine has been loaded, but not yet its PMU */
	pthread_t thread;
	struct vpmu_pmu *pmu;
	uint64_t start[RINGS];   /* run at the last account */
	uint64_t retired[RINGS]; /* up to the last account */
	uint64_t branched[RINGS];
	uint32_t pmi_due; /* PMIs raised by the register machine, not yet sent to the APIC */
	bool late;        /* the PMI that is due is late */
	uint64_t sent_at; /* instructions retired when the last PMI was sent */

	struct pending pending;
	struct rdpmc rdpmc;
	bool refusing;      /* RCX has been set to an MSR that QEMU refuses */
	uint64_t saved_rcx; /* RCX before that */
	bool exception;     /* the next discontinuity is an exception's delivery */

	uint64_t block_at; /* with hot.records: where the last block began */

	/* The last instruction that QEMU may execute again. */
	uint64_t again_at, again_count; /* physical; AGAIN_NONE */
	uint64_t rested;                /* instructions retired when shape_rest() last looked */
	_Atomic unsigned needs;         /* what its PMU needs of translations: SHAPE_… */
	enum ring again_ring;
	uint8_t again_data;

	struct timed *timed; /* timing=cache; or NULL */
	struct plant *plant; /* the jump that this vCPU has planted, or NULL */
	unsigned waited;     /* how often it has waited for another vCPU's jump to go */

	uint64_t apic_base;
	uint32_t apic_id;
	bool x2apic;
	uint32_t lvtpc; /* in x2APIC mode, where it cannot be read */
	uint64_t idt;   /* linear; 0: not yet loaded */
	struct svm svm;

	uint64_t overflowed;    /* not yet in the timeline */
	uint64_t overflowed_at; /* instructions retired at the first of them */
	uint32_t pmi_taken;     /* the message of a PMI that was sent and is not yet delivered */
	struct timeline_vcpu trace;
	struct cpu_stat stat;
	uint8_t memory[VPMU_PMU_BYTES] __attribute__((aligned(VPMU_PMU_ALIGN)));
};

struct plugin {
	struct qemu_options options;
	struct qemu_plugin_scoreboard *score;
	struct cpu *cpu[MAX_VCPUS];
	FILE *log, *stat, *timeline;
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t leaf_count;
	bool off;                /* the CPU is of another vendor */
	bool one_thread;         /* one thread executes all vCPUs */
	bool where_it_goes;      /* what changes the ring counts in the ring it leads to */
	unsigned singles;        /* blocks of one instruction seen, which tell one-insn-per-tb=on */
	_Atomic unsigned shape;  /* of translations: SHAPE_… */
	_Atomic unsigned wanted; /* their shape when they are next made anew */
	_Atomic bool spare;      /* they contain more than is needed */
	_Atomic bool begun;      /* a block has been translated */
	qemu_plugin_id_t id;
};

extern struct plugin plugin;

static inline struct hot *hot_of(const struct cpu *cpu)
{
	return qemu_plugin_scoreboard_find(plugin.score, cpu->index);
}

/* --- registers.c: the guest's registers and memory, as the calling vCPU sees them --- */

/* False when QEMU does not show a register that the plugin needs. */
bool registers_find(void);
uint64_t reg_get(enum reg_name name);
void reg_set(enum reg_name name, uint64_t value);
/* By linear address, as QEMU finds it. */
bool linear_get(uint64_t address, void *to, unsigned bytes);
bool linear_set(uint64_t address, const void *from, unsigned bytes);
/* By physical address; also reaches devices. */
bool physical_get(uint64_t address, void *to, unsigned bytes);
bool physical_set(uint64_t address, const void *from, unsigned bytes);
enum ring ring_now(void);

/* --- paging.c: the same, and also for a guest with nested paging --- */

/* The registers that say how linear addresses are translated. */
struct paging {
	uint64_t cr0, cr3, cr4, efer;
};

/* Goes through the nested tables of the vCPU's guest, if there are any. */
bool paging_translate(const struct cpu *cpu, const struct paging *paging, uint64_t linear,
                      uint64_t *physical);
bool linear_to_physical(uint64_t linear, uint64_t *physical);
bool memory_get(uint64_t address, void *to, unsigned bytes);
bool memory_set(uint64_t address, const void *from, unsigned bytes);

/* --- blocks/block.c: what is added to a block when QEMU translates it --- */

struct block {
	/* Of its first instruction, and of the next page. UINT64_MAX: not known, and not asked for
	 * where no PMI is near and nothing is exact. */
	uint64_t physical[2];
	uint16_t insns; /* without a planted jump at its end */
	uint16_t near;  /* calls at_block() when at most this many instructions are left */
	uint8_t ring;
	uint8_t branch; /* what its last instruction is: enum qemu_branch; */
	uint8_t flags;  /* and its VPMU_INSN_… */
	bool whole;     /* once begun, it always reaches its end */
	bool ends;      /* its last instruction, once begun, always completes */
	bool back;      /* its last instruction may lead to an address that is not higher */
	uint8_t insn[]; /* length and memory accesses of each instruction */
};

enum { BLOCK_LENGTH = 15, BLOCK_DATA_SHIFT = 4 };

static inline unsigned block_length(const struct block *block, unsigned i)
{
	return block->insn[i] & BLOCK_LENGTH;
}

static inline uint8_t block_data(const struct block *block, unsigned i)
{
	return block->insn[i] >> BLOCK_DATA_SHIFT;
}

/* An intercepted instruction, or one that may be executed again. */
struct site {
	uint64_t physical;
	uint8_t ring, length;
	uint8_t kind, data;
	bool is_first, is_last; /* of its block */
	bool counted;           /* its block counts it */
};

/* The physical address of the block's byte at this offset; UINT64_MAX: it is not known. */
uint64_t block_byte(const struct block *block, unsigned offset);
void block_translate(struct qemu_plugin_tb *tb, void *unused);

/* --- blocks/block_memory.c: memory that lives until QEMU drops its translations --- */

void *block_alloc(size_t bytes); /* NULL: there is none */
size_t block_memory(void);       /* bytes in use */
void block_flush(void *unused);

/* --- count.c: paying the register machine --- */

/* Instructions of the ring since the vCPU was made. */
uint64_t count_retired(const struct cpu *cpu, enum ring ring);
/* Pays what both rings have executed, plus `extra` instructions of `ring` that are about to be
 * counted. PMIs become due. */
void count_account(struct cpu *cpu, enum ring ring, unsigned extra);
/* The number of the block's instructions up to and including the one that overflows something; all
 * of them if nothing overflows before the end. Only valid right after an account. */
unsigned count_until_due(const struct cpu *cpu, const struct block *block);
/* Whether executing the block to its end overflows something. Only valid right after an account. */
bool count_reaches(const struct cpu *cpu, const struct block *block);
/* Pays the block before it is executed. */
void count_ahead(struct cpu *cpu, const struct block *block);
/* Gives both rings their budgets. `planted`: a jump is planted after this many instructions of this
 * ring; 0: none. Call it right after an account. */
void count_arm(struct cpu *cpu, enum ring ring, unsigned planted);
/* Takes back an instruction that was counted and did not retire. */
void count_take_back(struct cpu *cpu, enum ring ring, uint8_t data, enum qemu_branch branch);
/* Makes the next block call at_block(). */
void count_kick(struct cpu *cpu);
/* The same for the next block that looks. */
void count_remind(struct cpu *cpu);
void count_unkick(struct cpu *cpu);
/* Whether a ring's budget is used up. */
bool count_is_due(const struct cpu *cpu);

/* --- trigger.c --- */

/* At the first instruction of a block that may reach an overflow, or after a kick. */
void at_block(unsigned vcpu, void *block);
/* At an instruction that may change the ring, when it has used up its ring's budget. */
void at_used_up(unsigned vcpu, void *unused);

/* --- pmi.c: the local APIC --- */

void pmi_begin(struct cpu *cpu);
uint32_t pmi_lvtpc(struct cpu *cpu);
void pmi_set_lvtpc(struct cpu *cpu, uint32_t value);
/* Sends the PMIs that are due; true if there was one. */
bool pmi_send(struct cpu *cpu);
void pmi_apic_base(struct cpu *cpu, uint64_t value);

/* --- plant.c: jumps that end a block before a given instruction --- */

#define LANDED_SLOT(landed) ((unsigned)((landed)&0xffff) - 1)
#define LANDED_JUMP(landed) ((int8_t)((landed) >> 16)) /* its displacement */
#define LANDED(slot, jump)  ((uint64_t)(uint8_t)(jump) << 16 | ((slot) + 1))

enum planted { PLANTED, PLANT_WAIT, PLANT_IMPOSSIBLE };

/* Plants a jump before the block's index-th instruction. After PLANTED and PLANT_WAIT (another
 * vCPU's jump is in the way) the block must be entered anew. */
enum planted plant_set(struct cpu *cpu, const struct block *block, unsigned index, uint64_t rip);
/* Callback of a planted jump, which ends its block: sends the PMI that is due there. */
void at_jump(unsigned vcpu, void *unused);
/* Takes this vCPU's jump away. Returns whether there was one. */
bool plant_remove(struct cpu *cpu);
/* The slot of the jump planted at the address of a block's last instruction, or -1. Takes no
 * lock. */
int plant_find(uint64_t physical);
/* Another vCPU's jump still stands: waits a while, then takes it away. */
void plant_wait(struct cpu *cpu, unsigned slot);

/* --- arrive.c: instructions that change the ring, counted where they lead to --- */

#define ON_WAY_DATA(on_way)     ((on_way) >> 1 & 3)
#define ON_WAY_PHYSICAL(on_way) ((on_way) >> 3) /* the instruction's address */
#define ON_WAY(physical, data)  ((physical) << 3 | (uint64_t)(data) << 1 | 1)

/* Counts the instruction that is on its way, if any: execution has continued in this ring. */
void arrive(struct cpu *cpu, enum ring ring);
/* The same at a discontinuity whose frame names the linear address `from`. False: the instruction
 * itself has faulted, and is not counted. */
bool arrive_in_frame(struct cpu *cpu, uint64_t from);

/* --- record.c: the stack of last branches --- */

/* Add to a translation: a note if the instruction is a branch, and the call at the block's
 * start. */
void record_insn(struct qemu_plugin_insn *handle, const struct insn *insn, unsigned offset,
                 unsigned length);
void record_block(struct qemu_plugin_tb *tb, struct block *block);
/* Call when the register machine may have started or stopped recording. */
void record_follow(struct cpu *cpu);
/* At a block's start, which is the target of the branch before it. */
void at_record(unsigned vcpu, void *block);
void record_stand(struct cpu *cpu);
/* An exception or interrupt has been delivered. */
void record_discontinuity(struct cpu *cpu, uint64_t from, uint64_t to, bool exception);

/* --- blocks/shape.c: what translations contain only while an event needs it --- */

enum {
	SHAPE_TAKEN = 1,    /* whether conditional branches are taken */
	SHAPE_MEMORY = 2,   /* instructions that load and store */
	SHAPE_BRANCHES = 4, /* branches, by their kinds */
	SHAPE_EXACT = 8,    /* each instruction exactly once, even where a block is left early */
	SHAPE_COUNT = 16,   /* anything at all: without it a block has only interceptions */
	SHAPE_TIMED = 32,   /* memory accesses and branch targets, for timing=cache */
	SHAPE_RECORD = 64,  /* branch targets, for the stack of last branches */
	/* Each block looks whether its ring's budget is used up, or a kick came. Else only those do
	 * that may go back, which every loop has. */
	SHAPE_LOOK = 128,
};

/* An instruction's place, made of its physical address; 0 is no place. The starts of all pages
 * share the place 1. */
#define PLACE_OF(physical) ((physical)&0xfff ? (physical) : 1)

/* The shape of the first translations. */
void shape_begin(void);
/* Has everything translated anew if what the PMU now counts needs more. */
void shape_follow(struct cpu *cpu);
/* Makes sure that blocks check for a kick. */
void shape_look(void);
/* Has every block look if the next overflow is not further away than these instructions. */
void shape_approach(struct cpu *cpu, uint64_t room);
/* Has everything translated anew if translations have long contained more than is needed. */
void shape_rest(struct cpu *cpu);
/* Whether a WRMSR stands before this address. At a block there at_behind_write() has the vCPU wait
 * as long as translations lack what its PMU needs: another vCPU has asked for them, and goes first.
 */
bool shape_is_behind_write(uint64_t at);
void at_behind_write(unsigned vcpu, void *unused);
/* At the start of the block that follows a conditional branch in memory: it was not taken. */
void at_not_taken(unsigned vcpu, void *block);
/* The same where a discontinuity comes before that block; `from` is its linear address. */
void shape_settle(struct cpu *cpu, uint64_t from);
/* Registers all callbacks; called again after a reset of the plugin. */
void plugin_register(void *unused);
/* The vCPU that this thread executes; NULL: the thread is no vCPU's. */
struct cpu *cpu_here(void);

/* --- timed.c: timing=cache --- */

/* Gives the vCPU a timing model, if the options say so; false: out of memory. */
bool timed_begin(struct cpu *cpu);
void timed_end(struct cpu *cpu);
void timed_reset(struct cpu *cpu);
/* vpmu_pmu_account() with what the model has counted, and then timed_refresh(). */
struct vpmu_outcome timed_account(struct cpu *cpu, enum ring ring,
                                  const struct vpmu_amounts *amounts);
/* The PMU's counters have changed. */
void timed_refresh(struct cpu *cpu);
/* In how many instructions to look again when this much room is left for cycles and slots. */
uint64_t timed_room(const struct vpmu_amounts *room);
/* Whether what the model has counted overflows something. */
bool timed_is_due(const struct cpu *cpu);
/* At a discontinuity before the instruction at this linear address. */
void timed_settle(struct cpu *cpu, uint64_t at);
/* Called before the blocks' memory is freed. */
void timed_flush(void);
void timed_translate(struct qemu_plugin_tb *tb, const struct block *block);

/* --- intercept.c: CPUID, RDMSR, WRMSR; rdpmc.c; plugin.c --- */

void at_cpuid(unsigned vcpu, void *site);
void at_rdmsr(unsigned vcpu, void *site);
void at_wrmsr(unsigned vcpu, void *site);
void at_rdpmc(unsigned vcpu, void *site);
void at_lidt(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *site);
/* After one of these instructions, when QEMU has executed it. */
void after_intercepted(unsigned vcpu, void *unused);
void pending_settle(struct cpu *cpu);
void refusal_undo(struct cpu *cpu);
/* If this is the first instruction of the handler of an RDPMC's #UD, undoes the #UD, and then does
 * not return. */
void rdpmc_undo(struct cpu *cpu);
void at_reset(unsigned vcpu, void *unused);

/* --- svm.c: a hypervisor in the guest, and its guests --- */

/* Bits of the VMCB's intercept word at offset 0Ch. */
enum svm_intercept { SVM_RDPMC = 15, SVM_CPUID = 18, SVM_MSR = 28 };

/* Whether the instruction would cause a #VMEXIT now. */
bool svm_exits(const struct cpu *cpu, enum svm_intercept intercept);
bool svm_exits_msr(const struct cpu *cpu, uint32_t msr, bool write);
/* The vCPU is in no guest, and has this EFER. */
void svm_begin(struct cpu *cpu, uint64_t efer);
/* EFER has been written. */
void svm_efer(struct cpu *cpu, uint64_t efer);
void at_vmrun(unsigned vcpu, void *site);
/* When a block is translated: finds out whether the guest has exited. */
void svm_translate(struct cpu *cpu);
/* Whether a guest may exit to this address; after svm_translate(). */
bool svm_follows_vmrun(const struct cpu *cpu, uint64_t at);
void at_exit_of_guest(unsigned vcpu, void *unused);
/* An exception is delivered: the VMRUN itself may have raised it. */
void svm_exception(struct cpu *cpu, uint64_t from);

/* --- fault.c: discontinuities --- */

/* The frame that an exception or interrupt has pushed. */
struct frame {
	uint64_t address; /* of its first word, which is the error code if there is one */
	unsigned word;    /* bytes of a word: 8, 4, 2 */
	bool has_error;
	uint64_t error, ip, cs, flags, sp, ss; /* sp, ss: long mode, or from ring 3 */
};

/* Reads the frame at the top of the stack; from: the linear address that the frame should name.
 * False: no format of a frame fits. has_error and ip tell which one does. */
bool frame_read(uint64_t from, struct frame *frame);
/* The ring that was interrupted. */
enum ring frame_ring(const struct frame *frame);
enum { VECTOR_DB = 1, VECTOR_GP = 13 };

/* The linear address of a vector's handler; 0: it is not known. */
uint64_t handler_of(const struct cpu *cpu, unsigned vector);
void at_discontinuity(unsigned vcpu, enum qemu_discon type, uint64_t from, uint64_t to,
                      void *unused);
void at_again(unsigned vcpu, void *site);
/* Whether the block starts in the middle of a REP that has not ended. */
bool again_in_progress(const struct cpu *cpu, const struct block *block);

/* Whether the last instruction that QEMU may execute again is also the last one counted. */
bool again_since(const struct cpu *cpu);

/* --- keep.c: the PMUs' state beyond the life of a machine or of this QEMU --- */

/* Reads state-in= and creates state-out= for this many vCPUs; false after a message. */
bool keep_begin(unsigned vcpus);
/* A vCPU has been created: gives it what state-in= has. */
void keep_vcpu(struct cpu *cpu);
void at_idle(unsigned vcpu, void *unused);
void at_resume(unsigned vcpu, void *unused);
/* At the very first block; from_reset: it is at the reset vector. */
void keep_first(bool from_reset);
/* If a snapshot has been loaded, loads its PMU. */
void keep_load(struct cpu *cpu);
/* QEMU drops its translations, perhaps because it loads a snapshot. */
void keep_flush(void);
void keep_end(void);

/* --- timeline.c --- */

void trace_begin(FILE *stream);
void trace_vcpu(struct cpu *cpu);
/* A ring as kept in traced_ring, where 0 means no ring yet. */
#define RING_TRACED(ring) ((ring) + UINT64_C(1))

bool trace_is_on(void);
/* At the start of a block in another ring than the one before. */
void at_other_ring(unsigned vcpu, void *block);
void trace_overflow(struct cpu *cpu, uint64_t bits); /* of the status register */
void trace_write(struct cpu *cpu, const struct site *site, uint32_t msr, uint64_t value);
/* After an access, when its changes take effect. */
void trace_entry(struct cpu *cpu, const struct site *site);
/* An interrupt is taken before the instruction at `rip`. */
void trace_interrupt(struct cpu *cpu, uint64_t rip);
void trace_end(void);

/* --- log.c --- */

void log_access(struct cpu *cpu, const char *what, uint32_t number, uint64_t value, bool refused);
void log_event(struct cpu *cpu, const char *what, uint64_t value);
void stat_write(void);

#endif
