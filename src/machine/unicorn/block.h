/* SPDX-License-Identifier: MIT */
/*
 * Blocks: what Unicorn translates and runs in one go, decoded once so that the instructions and
 * branches in each are known. The cache is direct-mapped by address.
 */
#ifndef MACHINE_CPU_BLOCK_H
#define MACHINE_CPU_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <meter/room.h>

/* Instructions that Unicorn cannot or must not execute: special.c does. */
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
	SPECIAL_CR_WRITE,
	SPECIAL_DR_WRITE,
	SPECIAL_CLFLUSH,
	SPECIAL_SYSCALL,
	SPECIAL_SYSENTER,
	SPECIAL_MAPPING, /* may change address translation: Unicorn executes it, and we follow */
	SPECIAL_PREFIX,  /* a prefix without effect: the instruction follows */
	SPECIAL_BAD_REX, /* a misplaced REX prefix, which Unicorn obeys though processors do not */
	SPECIAL_INVALID, /* unknown to Zydis: #UD, whatever Unicorn would do */
	SPECIAL_HYPERCALL,
	SPECIAL_RING,  /* may change CPL, and counts at the new one: Unicorn executes it, alone */
	SPECIAL_MXCSR, /* loads MXCSR, in which Unicorn accepts any bit */
	SPECIAL_FLAGS, /* Unicorn changes the flags before it stores: executes it, alone */
	SPECIALS
};

/* op.flags */
enum {
	OP_MEMORY = 1 << 0,
	OP_PUSHF = 1 << 1,
};

/* op.after: what to check once the instruction has retired. */
enum {
	AFTER_LOOK = 1 << 0,   /* IF, CPL or the mode may have changed */
	AFTER_SHADOW = 1 << 1, /* no interrupt until one more instruction has retired */
	AFTER_IRET = 1 << 2,   /* NMIs are no longer blocked */
	AFTER_FLAGS = 1 << 3,  /* it may have loaded TF */
	AFTER_CLI = 1 << 4,    /* it has cleared IF: nothing to check, except after an STI */
};

struct op {
	uint16_t offset;
	uint8_t length;
	uint8_t flags, after;
	uint8_t special;       /* enum special */
	struct vpmu_insn insn; /* flag APART: a REP, which Unicorn re-enters for each iteration */
	uint8_t operand; /* SPECIAL_IN, SPECIAL_OUT: bytes; CR8, DR: the general register; REP: how
	                    many bytes of RCX count */
	int16_t immediate; /* IN, OUT: the port, or -1 for DX; CR, DR: its number; REP: accesses of
	                      an iteration */
};

/* block.flags */
enum {
	BLOCK_SLOW = 1 << 0,    /* the hook must not pay it by its fast path */
	BLOCK_COMPARE = 1 << 1, /* its memory is not watched: compare the bytes */
	BLOCK_DEVICE = 1 << 2,  /* has touched device memory: single-step it */
	BLOCK_HOOKED = 1 << 3,  /* the code hook on its special instruction is in place */
	BLOCK_CLI = 1 << 4,     /* interrupts are disabled at its end */
	BLOCK_ALONE = 1 << 6,   /* slow only as it is one branch that accesses memory */
	BLOCK_CALLS = 1 << 5,   /* a translation could not be made to pay it: it calls the hook */
};

struct block {
	uint64_t address;
	uint32_t size;
	uint16_t op_count;
	uint8_t flags;
	uint8_t mode;          /* address size in bits: 64, 32, 16 */
	struct vpmu_block pay; /* what Unicorn executes: all but a special one; need may be NEVER */
	struct op *ops;        /* all of them, the special one included, then the bytes */
	struct loop *loop;     /* loop.h; NULL: not a loop */
	struct inlined *inlined; /* inline.c; NULL: every translation calls the hook */
};

enum {
	BLOCK_SLOTS = 1 << 14,
	BLOCK_BYTES_MAX = 4096 + 16, /* Unicorn ends a block in the page after its first one */
	BLOCK_BEHIND = 3,            /* bytes of KVM's prefix after the UD2 that ends a block */
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

/* The places that the instruction at rip would read and write with the current registers, explicit
 * operands first. Returns how many. */
unsigned op_places(struct cpu *cpu, uint64_t rip, struct place places[OP_PLACES]);

/* Whether a block whose memory is not watched is cached with other bytes than it has now; it is
 * then dropped. */
bool block_changed(struct cpu *cpu, uint64_t address, uint32_t size);

/* The block at an address as Unicorn has just translated it, decoded unless it is known already.
 * NULL: no memory. */
struct block *block_at(struct cpu *cpu, uint64_t address, uint32_t size);

/* The block has touched device memory: from now on it is single-stepped. */
void block_has_device(struct block *block);

/* The index of the instruction that starts at rip, op_count past the end, -1: none does. */
int block_index(const struct block *block, uint64_t rip);

/* The special instruction that ends the block, or NULL. */
const struct op *block_special(const struct block *block);

/* Its last instruction. */
const struct op *block_last(const struct block *block);

/* Whether the block's bytes are still those that were decoded. */
bool block_holds(struct cpu *cpu, const struct block *block);

/* Whether the block may have overwritten its own bytes and yet run on with the old ones. */
bool block_ran_stale(struct cpu *cpu, const struct block *block);

/* Whether the block touches memory before its end, and so may overwrite its own rest. */
bool block_may_overwrite(const struct block *block);

/* Forget the blocks in a page, or all of them. True: the bytes of one have changed. */
bool blocks_forget_page(struct cpu *cpu, uint64_t address);
void blocks_forget(struct cpu *cpu);

/* Has all its translations call the block hook again: before it changes or is forgotten. */
void inline_take_out(struct block *block);

#endif
