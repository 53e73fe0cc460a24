/* SPDX-License-Identifier: MIT */
/*
 * Blocks: what Unicorn translates and runs in one go, decoded once so that the instructions and
 * branches in it are known. The cache is direct-mapped by address.
 */
#ifndef MACHINE_CPU_BLOCK_H
#define MACHINE_CPU_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <meter/room.h>

/* Instructions that Unicorn cannot execute, or must not: special.c does. */
enum special {
	SPECIAL_NONE,
	SPECIAL_RDMSR,
	SPECIAL_WRMSR,
	SPECIAL_RDTSC,
	SPECIAL_RDTSCP,
	SPECIAL_RDPMC,
	SPECIAL_CPUID,
	SPECIAL_IN,
	SPECIAL_OUT,
	SPECIAL_HLT,
	SPECIAL_CR8_READ,
	SPECIAL_CR8_WRITE,
	SPECIAL_DR_WRITE,
	SPECIAL_CLFLUSH,
	SPECIAL_SYSCALL,
	SPECIAL_SYSENTER,
	SPECIAL_MAPPING, /* may change what an address stands for: Unicorn's to do, and ours to see
	                  */
	SPECIAL_PREFIX,  /* nothing: what follows is the instruction */
	SPECIAL_BAD_REX, /* a REX prefix between other prefixes, which Unicorn obeys */
	SPECIAL_INVALID, /* Zydis does not know it: #UD, whatever Unicorn makes of it */
	SPECIAL_HYPERCALL,
	SPECIAL_RING,  /* may change CPL, and counts where it goes: Unicorn's to do, alone */
	SPECIAL_MXCSR, /* loads MXCSR, in which Unicorn takes any bit */
	SPECIALS
};

/* op.flags */
enum {
	OP_MEMORY = 1 << 0,
	OP_PUSHF = 1 << 1,
};

/* op.after: what to look at when it has retired. */
enum {
	AFTER_LOOK = 1 << 0,   /* IF, CPL or the mode may have changed */
	AFTER_SHADOW = 1 << 1, /* no interrupt until one more instruction has retired */
	AFTER_IRET = 1 << 2,   /* NMIs are no longer blocked */
	AFTER_FLAGS = 1 << 3,  /* it has loaded TF */
	AFTER_CLI = 1 << 4,    /* it has cleared IF: nothing to look at, but for an STI */
};

struct op {
	uint16_t offset;
	uint8_t length;
	uint8_t flags, after;
	uint8_t special;       /* enum special */
	struct vpmu_insn insn; /* apart: a REP, which Unicorn comes back to for each iteration */
	uint8_t operand;   /* SPECIAL_IN, SPECIAL_OUT: bytes; CR8, DR: the general register; REP:
	                      bytes of RCX that count */
	int16_t immediate; /* IN, OUT: the port, or -1: it is in DX; DR: which; REP: accesses of
	                      an iteration */
};

/* block.flags */
enum {
	BLOCK_SLOW = 1 << 0,    /* never counted by the hook alone */
	BLOCK_COMPARE = 1 << 1, /* nobody watches its memory: compare the bytes */
	BLOCK_DEVICE = 1 << 2,  /* has touched device memory: step through it */
	BLOCK_HOOKED = 1 << 3,  /* the code hook on its special instruction is in place */
	BLOCK_CLI = 1 << 4,     /* interrupts are disabled at its end */
};

struct block {
	uint64_t address;
	uint32_t size;
	uint16_t op_count;
	uint8_t flags;
	uint8_t mode;          /* the bits of addresses: 64, 32, 16 */
	struct vpmu_block pay; /* what Unicorn executes: up to a special one; need may be NEVER */
	struct op *ops;        /* all of them, the special one included, then the bytes */
	struct loop *loop;     /* loop.h; NULL: it is none */
};

enum {
	BLOCK_SLOTS = 1 << 14,
	BLOCK_BYTES_MAX = 4096 + 16, /* Unicorn ends a block in the page after its first one */
	BLOCK_BEHIND = 3,            /* bytes of KVM's prefix behind the UD2 that ends a block */
};

static inline unsigned block_slot(uint64_t address)
{
	return (unsigned)(address ^ address >> 14) & (BLOCK_SLOTS - 1);
}

struct cpu;

/* cost.c: fills in insn.slots and insn.lines. */
struct ZydisDecodedInstruction_;
void timing_cost(const struct ZydisDecodedInstruction_ *insn, struct op *op);

/* Decodes one instruction of at most `bytes` bytes. mode: 64, 32, 16. False: not an instruction. */
bool decode_op(unsigned mode, const uint8_t *code, unsigned bytes, struct op *op);

/* Memory that an instruction reads or writes, the stack included. */
struct place {
	uint64_t address;
	unsigned bytes;
	bool store;
};

enum { OP_PLACES = 4 };

/* What the instruction at rip would read and write with the registers as they are, named operands
 * first. How many places these are. */
unsigned op_places(struct cpu *cpu, uint64_t rip, struct place places[OP_PLACES]);

/* Whether a block whose memory nobody watches is known with other bytes; it is not known then. */
bool block_changed(struct cpu *cpu, uint64_t address, uint32_t size);

/* The block at an address as Unicorn has just translated it, decoded unless it is known already.
 * NULL: no memory. */
struct block *block_at(struct cpu *cpu, uint64_t address, uint32_t size);

/* It has touched device memory: from now on it is stepped through. */
void block_has_device(struct block *block);

/* The index of the instruction that starts at rip, op_count past the end, -1: none does. */
int block_index(const struct block *block, uint64_t rip);

/* The special instruction that ends the block, or NULL. */
const struct op *block_special(const struct block *block);

/* Its last instruction. */
const struct op *block_last(const struct block *block);

/* Whether its bytes are still those that were decoded. */
bool block_holds(struct cpu *cpu, const struct block *block);

/* Whether its run may have gone on with bytes that it had overwritten itself. */
bool block_ran_stale(struct cpu *cpu, const struct block *block);

/* Whether it touches memory before its end: what comes then may be overwritten. */
bool block_may_overwrite(const struct block *block);

/* Forgets blocks: those that lie in a page, or all. True: the bytes of one have changed. */
bool blocks_forget_page(struct cpu *cpu, uint64_t address);
void blocks_forget(struct cpu *cpu);

#endif
